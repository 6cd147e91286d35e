from __future__ import annotations

import logging
import secrets
import socket
import ssl
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme
import urllib3
from minio import MinioAdmin
from minio.credentials import AssumeRoleProvider, StaticProvider
from tests.minio_server import MinioServer

from tunewright.errors import AlreadyExists, Conflict, StoreRefused, StoreUnavailable, TunewrightError
from tunewright.store import Store, s3
from tunewright.store.access import FOLDER, Access
from tunewright.store.s3 import S3Store

QUICK = (0.01, 0.02)


class Proxy:
    """Stands between client and server and cuts the connection when the server has answered.

    A real answer is lost, after a real write: that is the case that a client cannot tell from a write that never came.
    """

    def __init__(self, server: str) -> None:
        host, port = server.split(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.answers_to_lose = 0  #: of the next answers, so many do not arrive
        self.lost = 0
        self.on_lost: Callable[[], None] = lambda: None  #: what happens before the client tries again
        self.rate = 0.0  #: bytes that arrive at the server in a second; 0: as many as are sent
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._server)
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(65536):
                if answers and self.answers_to_lose:
                    self.answers_to_lose -= 1
                    self.lost += 1
                    self.on_lost()
                    break
                target.sendall(data)
                if self.rate and not answers:
                    time.sleep(len(data) / self.rate)
            for each in (source, target):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(store: S3Store, access: Access, server: str) -> Iterator[tuple[S3Store, Proxy]]:
    proxy = Proxy(server)
    try:
        bucket = store.address.removeprefix("s3://")
        yield S3Store(bucket, access=replace(access, host=proxy.host), delays_s=QUICK), proxy
    finally:
        proxy.close()


@pytest.fixture
def access(s3_environment: MinioServer) -> Access:
    return Access.from_environment(s3_environment.environment())


@pytest.fixture
def lossy(s3_store: S3Store, access: Access) -> Iterator[tuple[S3Store, Proxy]]:
    """The store as seen through a connection that loses answers."""
    with proxied(s3_store, access, access.host) as found:
        yield found


def every_verb(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.get("a"),
        lambda: store.create("a", b"1"),
        lambda: store.swap("a", b"1", "0" * 32),
        lambda: store.put("a", b"1"),
        lambda: list(store.list()),
        lambda: store.delete("a"),
    ]


def test_a_create_whose_answer_was_lost_is_a_success(lossy: tuple[S3Store, Proxy], s3_store: S3Store) -> None:
    store, proxy = lossy
    proxy.answers_to_lose = 1
    etag = store.create("plan.json", b"mine")
    assert proxy.lost == 1
    assert s3_store.get("plan.json").data == b"mine"
    assert s3_store.get("plan.json").etag == etag
    with pytest.raises(AlreadyExists):
        store.create("plan.json", b"mine")


def test_a_swap_whose_answer_was_lost_is_a_success(lossy: tuple[S3Store, Proxy], s3_store: S3Store) -> None:
    store, proxy = lossy
    etag = store.create("head.json", b"1")
    proxy.answers_to_lose = 1
    second = store.swap("head.json", b"2", etag)
    assert proxy.lost == 1
    assert s3_store.get("head.json").data == b"2"
    assert s3_store.swap("head.json", b"3", second)


def test_an_answer_that_told_of_a_lost_race_is_still_a_lost_race(
    lossy: tuple[S3Store, Proxy], s3_store: S3Store
) -> None:
    store, proxy = lossy
    etag = s3_store.create("head.json", b"theirs")
    proxy.answers_to_lose = 1
    with pytest.raises(AlreadyExists):
        store.create("head.json", b"mine")
    proxy.answers_to_lose = 1
    s3_store.swap("head.json", b"theirs again", etag)
    with pytest.raises(Conflict):
        store.swap("head.json", b"mine", etag)
    assert proxy.lost == 2
    assert s3_store.get("head.json").data == b"theirs again"


def test_a_swap_that_was_overtaken_while_its_answer_was_lost_conflicts(
    lossy: tuple[S3Store, Proxy], s3_store: S3Store
) -> None:
    store, proxy = lossy
    etag = store.create("head.json", b"1")
    proxy.on_lost = lambda: [s3_store.put("head.json", b"overtaken"), None][1]
    proxy.answers_to_lose = 1
    with pytest.raises(Conflict):
        store.swap("head.json", b"2", etag)
    assert s3_store.get("head.json").data == b"overtaken"


def test_a_create_whose_object_is_gone_when_it_tries_again_is_made_again(
    lossy: tuple[S3Store, Proxy], s3_store: S3Store
) -> None:
    store, proxy = lossy
    proxy.on_lost = lambda: s3_store.delete("plan.json")
    proxy.answers_to_lose = 1
    store.create("plan.json", b"mine")
    assert s3_store.get("plan.json").data == b"mine"


def test_reads_and_puts_are_repeated_when_an_answer_is_lost(lossy: tuple[S3Store, Proxy]) -> None:
    store, proxy = lossy
    store.create("a", b"1")
    for verb in (
        lambda: store.get("a"),
        lambda: list(store.list()),
        lambda: store.put("a", b"2"),
        lambda: store.delete("a"),
    ):
        proxy.answers_to_lose = 1
        verb()
    assert proxy.lost == 4
    assert list(store.list()) == []


def test_an_upload_goes_on_for_as_long_as_its_bytes_flow(
    s3_store: S3Store, access: Access, s3_environment: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "TIMEOUT", urllib3.Timeout(connect=1, read=60))
    data = secrets.token_bytes(2**25)
    with proxied(s3_store, access, s3_environment.host) as (store, proxy):
        proxy.rate = 2**23
        begun = time.monotonic()
        store.put("large", data)
        assert time.monotonic() - begun > 2
    assert s3_store.get("large").data == data


def test_a_large_object_is_held_once(s3_store: S3Store) -> None:
    size = 2**25
    s3_store.put("large", bytes(size))
    tracemalloc.start()
    try:
        assert len(s3_store.get("large").data) == size
        assert tracemalloc.get_traced_memory()[1] < 1.25 * size
    finally:
        tracemalloc.stop()


def test_keys_that_are_changed_in_their_folder_are_the_ones_that_are_used(
    s3_store: S3Store, s3_environment: MinioServer, tmp_path: Path
) -> None:
    s3_store.put("a", b"1")
    (tmp_path / "access-key").write_text(s3_environment.access_key)
    (tmp_path / "secret-key").write_text("of yesterday")
    environment = {**s3_environment.environment(), FOLDER: str(tmp_path)}
    store = S3Store(s3_store.address.removeprefix("s3://"), access=Access.from_environment(environment))
    with pytest.raises(StoreRefused):
        store.get("a")
    (tmp_path / "secret-key").write_text(s3_environment.secret_key)
    assert store.get("a").data == b"1"
    (tmp_path / "secret-key").unlink()  # it is being replaced
    assert store.get("a").data == b"1"


def test_answers_that_stay_lost_are_worth_a_later_retry(lossy: tuple[S3Store, Proxy]) -> None:
    store, proxy = lossy
    for verb in every_verb(store):
        proxy.answers_to_lose = 1 + len(QUICK)
        with pytest.raises(StoreUnavailable, match=r"no answer \(ProtocolError.*check that the server runs"):
            verb()


def test_a_server_that_is_down_is_told_soon(access: Access) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there
        down = replace(access, host=f"127.0.0.1:{taken.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(
            StoreUnavailable, match=rf"^s3://some-bucket/a at {down.host}: no answer .*TUNEWRIGHT_S3_ENDPOINT"
        ):
            S3Store("some-bucket", access=down).create("a", b"1")
        assert 1 < time.monotonic() - begin < 10, "a few tries, and no waiting for minutes"
        for verb in every_verb(S3Store("some-bucket", access=down, delays_s=())):
            with pytest.raises(StoreUnavailable):
                verb()


def test_a_server_that_is_not_s3_is_told(access: Access, tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<hr/>") as host:
        for verb in every_verb(S3Store("some-bucket", access=replace(access, host=host), delays_s=QUICK)):
            with pytest.raises(StoreUnavailable, match=r"the answer was not S3's .*502"):
                verb()


def test_a_server_without_conditional_writes_is_refused(access: Access) -> None:
    body = b"<Error><Code>NotImplemented</Code><Message>A header is not implemented</Message></Error>"
    head = b"HTTP/1.1 501 Not Implemented\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
    with answering(head % len(body) + body) as host:
        store = S3Store("some-bucket", access=replace(access, host=host), delays_s=QUICK)
        with pytest.raises(StoreRefused, match="needs conditional PUT"):
            store.create("a", b"1")


def test_a_failed_precondition_without_a_body_is_understood(access: Access) -> None:
    with answering(b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n") as host:
        store = S3Store("some-bucket", access=replace(access, host=host), delays_s=QUICK)
        with pytest.raises(AlreadyExists):
            store.create("a", b"1")
        with pytest.raises(Conflict):
            store.swap("a", b"1", "tag")


def test_a_conflict_of_simultaneous_requests_is_tried_again(access: Access) -> None:
    body = b"<Error><Code>ConditionalRequestConflict</Code></Error>"
    head = b"HTTP/1.1 409 Conflict\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
    good = b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nContent-Length: 0\r\n\r\n'
    with answering(head % len(body) + body, good) as host:
        store = S3Store("some-bucket", access=replace(access, host=host), delays_s=QUICK)
        assert store.create("a", b"1") == "tag"


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A server that gives these answers in turn, the last one for ever."""
    left = list(answers)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client = listener.accept()[0]
                with client, client.makefile("rb") as request:
                    lines = list(iter(request.readline, b"\r\n"))
                    lengths = [int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length:")]
                    request.read(sum(lengths))  # closing with bytes unread would reset the connection
                    answer = left.pop(0) if len(left) > 1 else left[0]
                    # told, or the client might begin its next request on a connection that is about to close
                    client.sendall(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def test_a_missing_bucket_is_refused_with_its_remedy(bucket: str, access: Access) -> None:
    store = S3Store(bucket, access=access)
    for verb in every_verb(store):
        with pytest.raises(StoreRefused, match=r"NoSuchBucket.*tunewright doctor --store s3://BUCKET --create-bucket"):
            verb()


def test_a_bucket_is_made_once(bucket: str, access: Access) -> None:
    store = S3Store(bucket, access=access)
    assert store.make_bucket()
    assert not store.make_bucket()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secret_key": "hunter2-hunter2"}, "SignatureDoesNotMatch"),
        ({"access_key": "nobody"}, "InvalidAccessKeyId"),
        ({"session_token": "hunter2-token"}, "InvalidTokenId"),
    ],
)
def test_wrong_credentials_are_refused_without_repeating_them(
    s3_store: S3Store, access: Access, wrong: dict[str, str], code: str
) -> None:
    store = S3Store(s3_store.address.removeprefix("s3://"), access=replace(access, **wrong))
    for verb in every_verb(store):
        with pytest.raises(StoreRefused, match=rf"{code}.*check AWS_ACCESS_KEY_ID") as caught:
            verb()
        assert_holds_no_secret("".join(traceback.format_exception(caught.value)), access)
    with pytest.raises(StoreRefused, match="AccessDenied"):  # a question of one line has no room for the reason
        store.make_bucket()


def assert_holds_no_secret(text: str, access: Access) -> None:
    for secret in ("hunter2", "X-Amz-", "Signature=", access.secret_key):
        assert secret not in text


def test_an_account_that_may_only_read_is_refused_to_write(
    s3_store: S3Store, access: Access, s3_environment: MinioServer
) -> None:
    account = reader(s3_environment)
    s3_store.create("a", b"1")
    store = S3Store(s3_store.address.removeprefix("s3://"), access=replace(access, **account))
    assert store.get("a").data == b"1"
    for write in (lambda: store.put("a", b"2"), lambda: store.create("b", b"2"), lambda: store.delete("a")):
        with pytest.raises(StoreRefused, match=r"AccessDenied.*let these credentials get, put, delete and list"):
            write()
    with pytest.raises(StoreRefused, match="AccessDenied"):
        S3Store(f"test-{secrets.token_hex(8)}", access=replace(access, **account)).make_bucket()


def reader(server: MinioServer, policy: str = "readonly") -> dict[str, str]:
    """Credentials of a new account of the server."""
    if not server.own:
        pytest.skip("makes an account, which is only done on a server that was started for the tests")
    name, password = f"account-{secrets.token_hex(4)}", secrets.token_hex(16)
    owner = StaticProvider(server.access_key, server.secret_key)
    admin = MinioAdmin(endpoint=server.host, credentials=owner, secure=False)
    admin.user_add(name, password)
    admin.policy_set(policy, user=name)
    return {"access_key": name, "secret_key": password}


def test_temporary_credentials_do_everything_a_store_does(
    s3_store: S3Store, access: Access, s3_environment: MinioServer
) -> None:
    account = reader(s3_environment, policy="readwrite")
    issued = AssumeRoleProvider(sts_endpoint=s3_environment.endpoint, **account).retrieve()
    temporary = replace(
        access, access_key=issued.access_key, secret_key=issued.secret_key, session_token=issued.session_token
    )
    store = S3Store(s3_store.address.removeprefix("s3://"), access=temporary)
    etag = store.create("head.json", b"1")
    store.swap("head.json", b"2", etag)
    with pytest.raises(AlreadyExists):
        store.create("head.json", b"3")
    assert store.get("head.json").data == b"2"
    store.delete("head.json")


def test_what_is_written_is_an_ordinary_object(s3_store: S3Store, s3_environment: MinioServer) -> None:
    etag = s3_store.create("a", b"1")
    found = s3_environment.client().stat_object(bucket_name=s3_store.address.removeprefix("s3://"), object_name="a")
    assert found.etag == etag
    assert not [name for name in found.metadata if name.lower().startswith("x-amz-meta")]


def test_a_signed_address_is_never_logged(
    lossy: tuple[S3Store, Proxy], access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store, proxy = lossy
    proxy.answers_to_lose = 1
    store.create("plan.json", b"1")
    store.get("plan.json")
    assert "PUT /" in caplog.text
    assert "plan.json?(signed)" in caplog.text
    assert_holds_no_secret(caplog.text, access)


def test_many_threads_need_no_more_connections_than_are_kept(
    s3_store: S3Store, caplog: pytest.LogCaptureFixture
) -> None:
    threads = [threading.Thread(target=s3_store.put, args=(f"a{number}", b"1")) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "pool is full" not in caplog.text
    assert len(list(s3_store.list())) == 32


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def of_an_unknown_authority(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server of HTTPS whose authority nobody knows: its address and the authority's certificate."""
    authority, certificate = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = HTTPServer(("127.0.0.1", 0), _Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", certificate
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_whose_certificate_is_not_trusted_is_told_nothing(
    of_an_unknown_authority: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    host, certificate = of_an_unknown_authority
    keys = {"host": host, "secure": True, "access_key": "key", "secret_key": "secret"}
    for verb in (lambda store: store.get("a"), lambda store: store.put("a", b"1")):
        with pytest.raises(StoreRefused, match="its certificate must be trusted"):
            verb(S3Store("bucket", access=Access(**keys), delays_s=()))
        with pytest.raises(TunewrightError) as trusted:
            verb(S3Store("bucket", access=Access(**keys, ca_bundle=str(certificate)), delays_s=()))
        assert "certificate" not in str(trusted.value)
