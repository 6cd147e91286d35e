"""Fixtures for every test: a MinIO server, a store in a bucket of its own there, and a small disk."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.memory_disk import mounted
from tests.minio_server import MinioServer, NoServerError, minio

from tunewright.store.s3 import S3Store

# Examples are bounded by number; how long one takes says more about what else the machine does than about the code.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A MinIO server with nothing of this test in it."""
    try:
        with minio(tmp_path_factory.mktemp("minio")) as server:
            yield server
    except NoServerError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def s3_environment(minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch) -> MinioServer:
    """The server, with the environment set so that ``s3://`` addresses lead there."""
    for name in ("AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "TUNEWRIGHT_S3_CREDENTIALS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in minio_server.environment().items():
        monkeypatch.setenv(name, value)
    return minio_server


@pytest.fixture
def bucket(s3_environment: MinioServer) -> Iterator[str]:
    """The name of a bucket that is not there; what the test makes of it is removed from a server that lives on."""
    name = f"test-{secrets.token_hex(8)}"
    yield name
    client = s3_environment.client()
    if not s3_environment.own and client.bucket_exists(bucket_name=name):
        for found in client.list_objects(bucket_name=name, recursive=True):
            client.remove_object(bucket_name=name, object_name=found.object_name)
        client.remove_bucket(bucket_name=name)


@pytest.fixture
def s3_store(bucket: str) -> S3Store:
    """A store in a new bucket; ``open_store(s3_store.address)`` opens it again."""
    store = S3Store(bucket)
    store.make_bucket()
    return store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk"):
        yield tmp_path / "disk"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for a MinIO is marked so."""
    for item in items:
        if "minio_server" in getattr(item, "fixturenames", ()):
            item.add_marker("s3")


_SKIPPED: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _SKIPPED.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where skips are forbidden, a skip is a failure: a test that never runs cannot fail."""
    if os.environ.get("TUNEWRIGHT_FORBID_SKIPS") == "1" and _SKIPPED:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\n{len(_SKIPPED)} skipped although skips are forbidden here: {', '.join(_SKIPPED)}")
