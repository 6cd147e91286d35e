"""A real MinIO for tests: one that is running, the program, or the container image; whatever this machine has."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
from minio import Minio

IMAGE = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
START_S = 60
STOP_S = 30
OK = 200
PR_SET_PDEATHSIG = 1


class NoServerError(Exception):
    """This machine has none; says what would give it one."""


@dataclass(frozen=True, kw_only=True)
class MinioServer:
    """Where it is and who may do everything there."""

    endpoint: str  #: http://host:port
    access_key: str
    secret_key: str = field(repr=False)
    own: bool  #: started for these tests and thrown away with all that is in it

    @property
    def host(self) -> str:
        return self.endpoint.split("//")[1]

    def client(self) -> Minio:
        return Minio(
            endpoint=self.host,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=self.endpoint.startswith("https"),
        )

    def environment(self) -> dict[str, str]:
        return {
            "TUNEWRIGHT_S3_ENDPOINT": self.endpoint,
            "TUNEWRIGHT_S3_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }


@contextmanager
def minio(data: Path) -> Iterator[MinioServer]:
    """A server that answers. Raises NoServerError."""
    address = os.environ.get("TUNEWRIGHT_TEST_S3")
    program = os.environ.get("TUNEWRIGHT_MINIO") or shutil.which("minio")
    if address:
        yield MinioServer(
            endpoint=address,
            access_key=os.environ["AWS_ACCESS_KEY_ID"],
            secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            own=False,
        )
    elif program:
        with _started(
            data, lambda server: [program, "server", "--address", server.host, str(data / "minio")]
        ) as server:
            yield server
    elif _docker_has_image():
        with _started(data, _container) as server:
            yield server
    else:
        raise NoServerError(
            "no MinIO: set TUNEWRIGHT_TEST_S3 to an address or TUNEWRIGHT_MINIO to the program, "
            f"or start Docker so that it can pull {IMAGE}"
        )


def _container(server: MinioServer) -> list[str]:
    """In the foreground, so that the signal that ends the client ends the container, which is then removed."""
    port = server.host.split(":")[1]
    command = ["docker", "run", "--rm", "--publish", f"127.0.0.1:{port}:9000"]
    return [*command, *(f"--env={name}" for name in _settings(server)), IMAGE, "server", "/data"]


def _docker_has_image() -> bool:
    if not shutil.which("docker"):
        return False
    tries = (["docker", "image", "inspect", IMAGE], ["docker", "pull", "--quiet", IMAGE])
    return any(subprocess.run(each, capture_output=True, timeout=240).returncode == 0 for each in tries)


def _settings(server: MinioServer) -> dict[str, str]:
    return {
        "MINIO_ROOT_USER": server.access_key,
        "MINIO_ROOT_PASSWORD": server.secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_CI_CD": "1",
    }


@contextmanager
def _started(data: Path, command: Callable[[MinioServer], list[str]]) -> Iterator[MinioServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = MinioServer(
        endpoint=f"http://127.0.0.1:{port}",
        access_key=f"test-{secrets.token_hex(4)}",
        secret_key=secrets.token_hex(16),
        own=True,
    )
    with (data / "minio.log").open("wb") as log:
        process = subprocess.Popen(
            command(server),
            env={**os.environ, **_settings(server)},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and no test has begun threads yet
        )
    try:
        _wait(server, process, data / "minio.log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    """Also when the tests are killed, nothing of theirs stays."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(server: MinioServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    with urllib3.PoolManager(retries=False, timeout=2) as http:
        while time.monotonic() < end and process.poll() is None:
            try:
                if http.request("GET", f"{server.endpoint}/minio/health/live").status == OK:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
    raise RuntimeError(f"MinIO did not start:\n{log.read_text()[-2000:]}")
