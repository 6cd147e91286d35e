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

IMAGE = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
START_S = 30
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
        with _program(program, data) as server:
            yield server
    elif _docker_answers():
        with _container() as server:
            yield server
    else:
        raise NoServerError(
            "no MinIO: set TUNEWRIGHT_TEST_S3 to an address, TUNEWRIGHT_MINIO to the program or start Docker"
        )


def _new(port: int) -> MinioServer:
    return MinioServer(
        endpoint=f"http://127.0.0.1:{port}",
        access_key=f"test-{secrets.token_hex(4)}",
        secret_key=secrets.token_hex(16),
        own=True,
    )


def _root(server: MinioServer) -> dict[str, str]:
    return {
        "MINIO_ROOT_USER": server.access_key,
        "MINIO_ROOT_PASSWORD": server.secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_CI_CD": "1",
    }


@contextmanager
def _program(program: str, data: Path) -> Iterator[MinioServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = _new(free.getsockname()[1])
    with (data / "minio.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "server", "--address", server.host, "--quiet", str(data / "minio")],
            env={**os.environ, **_root(server)},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and no test has begun threads yet
        )
    try:
        _wait(server, lambda: process.poll() is None, data / "minio.log")
        yield server
    finally:
        process.kill()
        process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=60).returncode == 0


@contextmanager
def _container() -> Iterator[MinioServer]:
    name = f"tunewright-test-minio-{secrets.token_hex(4)}"
    root = _root(_new(0))
    command = ["docker", "run", "--detach", "--rm", "--name", name, "--publish", "127.0.0.1::9000"]
    for variable in root:
        command += ["--env", variable]
    started = subprocess.run(
        [*command, IMAGE, "server", "/data"], env={**os.environ, **root}, capture_output=True, text=True
    )
    if started.returncode:
        raise NoServerError(f"no MinIO: docker run {IMAGE} failed: {started.stderr.strip()}")
    try:
        shown = subprocess.run(["docker", "port", name, "9000/tcp"], capture_output=True, text=True, check=True).stdout
        server = MinioServer(
            endpoint=f"http://127.0.0.1:{shown.split(':')[-1].strip()}",
            access_key=root["MINIO_ROOT_USER"],
            secret_key=root["MINIO_ROOT_PASSWORD"],
            own=True,
        )
        _wait(server, lambda: True, None)
        yield server
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True)


def _wait(server: MinioServer, alive: Callable[[], bool], log: Path | None) -> None:
    end = time.monotonic() + START_S
    with urllib3.PoolManager(retries=False, timeout=2) as http:
        while time.monotonic() < end and alive():
            try:
                if http.request("GET", f"{server.endpoint}/minio/health/live").status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
    raise RuntimeError(f"MinIO did not start:\n{log.read_text()[-2000:] if log else ''}")
