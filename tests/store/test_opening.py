from __future__ import annotations

from pathlib import Path

import pytest
from minio.helpers import check_bucket_name
from tests.minio_server import MinioServer

from tunewright.errors import InputError, StoreRefused
from tunewright.store.directory import DirectoryStore
from tunewright.store.opening import open_store, split_bucket, split_study, study_store
from tunewright.store.s3 import S3Store


def test_a_path_or_file_address_opens_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for address in ("a b", "./a b", f"{tmp_path}/a b/", f"file://{tmp_path}/a%20b", f"file:{tmp_path}/a%20b", "~/a b"):
        store = open_store(address)
        assert isinstance(store, DirectoryStore)
        assert store.address == f"{tmp_path}/a b"


def test_a_store_is_opened_again_by_its_own_address(tmp_path: Path) -> None:
    open_store(str(tmp_path / "store")).create("a", b"1")
    address = open_store(str(tmp_path / "store")).address
    assert open_store(address).get("a").data == b"1"


def test_memory_is_one_store_in_this_process() -> None:
    assert open_store("memory:") is open_store("memory:")


@pytest.mark.parametrize("address", ["", "file:", "file://elsewhere/data", "file://[abc/x", "a\0b"])
def test_an_address_must_name_a_directory(address: str) -> None:
    with pytest.raises(InputError, match=r"must name a directory.*use a path"):
        open_store(address)


@pytest.mark.parametrize("address", ["gs://bucket", "https://me:hunter2@host/", "memory:other", "memory:/study"])
def test_an_unknown_scheme_is_refused_without_repeating_a_password(address: str) -> None:
    with pytest.raises(InputError, match="must be a directory, file:///path, s3://bucket/prefix or memory:") as caught:
        open_store(address)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "s3:",
        "s3://",
        "s3:bucket",
        "s3:///prefix",
        "s3://UPPER",
        "s3://a",
        "s3://-ab",
        "s3://a..b",
        "s3://a.-b",
        "s3://192.168.1.1",
    ],
)
def test_a_bucket_address_must_have_its_form(address: str) -> None:
    with pytest.raises(InputError, match="must be s3://bucket or s3://bucket/prefix"):
        open_store(address)


def test_credentials_in_an_address_are_refused_without_repeating_them() -> None:
    with pytest.raises(InputError, match="must hold no credentials") as caught:
        open_store("s3://me:hunter2@bucket/prefix")
    assert "hunter2" not in str(caught.value)


def test_a_bucket_of_an_address_is_one_that_the_client_takes() -> None:
    for name in ("a.b-c.d", "a--b", "192.168.1", "1.2.3.4.5"):
        assert split_bucket(f"s3://{name}") == (name, "")
        check_bucket_name(name, True)


def test_a_home_that_is_nobodys_is_refused() -> None:
    with pytest.raises(InputError, match="must name a user of this machine, got '~nosuchuser/x'"):
        open_store("~nosuchuser/x")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TUNEWRIGHT_S3_ENDPOINT", "https://mybucket.s3.amazonaws.com"), ("TUNEWRIGHT_S3_REGION", "-")],
)
def test_a_server_that_the_client_does_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    for name in ("TUNEWRIGHT_S3_ENDPOINT", "TUNEWRIGHT_S3_REGION", "TUNEWRIGHT_S3_CREDENTIALS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match="must name a server, not a bucket, and its region") as caught:
        open_store("s3://bucket")
    assert "hunter2" not in str(caught.value)


def test_bucket_and_prefix_are_split() -> None:
    assert split_bucket("s3://bucket") == ("bucket", "")
    assert split_bucket("s3://bucket/") == ("bucket", "")
    assert split_bucket("s3://bucket/a/b/") == ("bucket", "a/b")


def test_a_study_address_is_split_into_store_and_name() -> None:
    assert split_study("s3://bucket/some/prefix/my-study") == ("s3://bucket/some/prefix", "my-study")
    assert split_study("s3://bucket/my-study/") == ("s3://bucket", "my-study")
    assert split_study("/data/my-study") == ("/data", "my-study")
    assert split_study("/my-study") == ("/", "my-study")
    assert split_study("my-study") == (".", "my-study")
    assert split_study("file:///data/my-study") == ("file:///data", "my-study")
    assert split_study("memory:/my-study") == ("memory:", "my-study")


@pytest.mark.parametrize(
    "address", ["", "s3://bucket", "s3://bucket/", "/data/../x/..", "/data/Upper", "s3://bucket/a b", "x\n", "memory:"]
)
def test_a_study_address_needs_a_name(address: str) -> None:
    with pytest.raises(InputError, match=r"a study (name|address) must be"):
        split_study(address)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", "-a", "a" * 49, "a\n"])
def test_a_study_stays_below_its_own_name(name: str) -> None:
    with pytest.raises(InputError, match="a study name must be"):
        study_store(open_store("memory:"), name)


def test_a_study_store_is_opened_by_its_two_parts(tmp_path: Path) -> None:
    study = study_store(open_store(str(tmp_path)), "my-study")
    study.create("head.json", b"1")
    store, name = split_study(study.address)
    assert study_store(open_store(store), name).get("head.json").data == b"1"
    assert (tmp_path / "my-study" / "head.json").read_bytes() == b"1"


def test_a_prefix_of_a_bucket_is_a_store(s3_store: S3Store) -> None:
    store = open_store(f"{s3_store.address}/some/prefix/")
    store.create("head.json", b"1")
    assert store.address == f"{s3_store.address}/some/prefix"
    assert s3_store.get("some/prefix/head.json").data == b"1"


def test_missing_credentials_are_named(s3_environment: MinioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreRefused, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        open_store("s3://bucket")
