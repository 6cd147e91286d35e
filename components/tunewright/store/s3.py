"""A store in a bucket of MinIO, or of any S3 server whose conditional PUT is atomic.

The public calls of the minio client have no conditional PUT: ``put_object(metadata={"If-None-Match": "*"})`` stores
user metadata and overwrites. So writes go to a pre-signed address with the header beside it. Such an address is a
secret for as long as it lives; it is neither logged nor part of any message.

An answer can be lost after the server has written. The write is then sent again and is told "precondition failed" by
its own work, so the stored bytes are read back: equal ones are success.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TypeVar

import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider

from ..errors import AlreadyExists, Conflict, InputError, NotFound, ObjectTooLarge, StoreRefused, StoreUnavailable
from .access import Access
from .layout import begins_keys, check_key
from .port import MOST_BYTES, Entry, Stored
from .s3_errors import FAILURES, status_error, translate

T = TypeVar("T")

#: waits between tries of one request; what takes longer is left to the step's own retry
DELAYS_S = (0.1, 0.3, 1.0, 2.0)
#: urllib3 lets every block of a body that is sent take as long as a connection may
TIMEOUT = urllib3.Timeout(connect=10, read=60)
BLOCK = 2**16  #: bytes that are sent at once: a slow upload goes on for as long as its bytes flow
PIECE = 2**20  #: bytes that are read at once
CONNECTIONS = 32  #: kept open; more are made when more threads ask
SIGNED_FOR = timedelta(minutes=15)  #: life of a pre-signed address, as long as the skew of clocks that S3 bears
PAGE = 1000  #: objects of one list request
OK = 200


class S3Store:
    """Objects of one bucket.

    Args:
        bucket: its name; it must be there (see `make_bucket`).
        access: endpoint and credentials; None reads them from the environment.
        delays_s: waits between tries of one request.

    Raises:
        InputError, StoreRefused: as `Access.from_environment`.
    """

    def __init__(self, bucket: str, *, access: Access | None = None, delays_s: Sequence[float] = DELAYS_S) -> None:
        access = access or Access.from_environment(os.environ)
        self.address = f"s3://{bucket}"
        self._bucket = bucket
        self._delays_s = tuple(delays_s)
        self._endpoint = access.host
        # No retries here: urllib3 would print the pre-signed address in its warnings.
        self._http = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            timeout=TIMEOUT,
            retries=False,
            blocksize=BLOCK,
            cert_reqs="CERT_REQUIRED",
            ca_certs=access.ca_bundle,
        )
        try:
            self._client = Minio(
                endpoint=access.host,
                credentials=_Credentials(access),
                secure=access.secure,
                region=access.region,
                http_client=self._http,
            )
        except ValueError as error:  # of host or region alone
            raise InputError(
                f"TUNEWRIGHT_S3_ENDPOINT and TUNEWRIGHT_S3_REGION must name a server, not a bucket, and its region, got {access.host!r} and "
                f"{access.region!r} ({error}); for AWS leave the endpoint unset"
            ) from None

    def get(self, key: str) -> Stored:
        check_key(key)

        def read() -> Stored:
            response = self._client.get_object(bucket_name=self._bucket, object_name=key)
            try:
                size = int(response.headers.get("Content-Length", 0))
                if size > MOST_BYTES:
                    raise ObjectTooLarge(
                        f"{self.address}/{key}: must have at most {MOST_BYTES / 2**30:g} GiB, which is held in memory, got {size / 2**30:.1f} GiB; "
                        "make it smaller"
                    )
                return Stored(data=_body(response, size), etag=_tag(response))
            finally:
                response.close()
                response.release_conn()

        return self._tried(key, read)

    def create(self, key: str, data: bytes) -> str:
        try:
            return self._write(key, data, {"If-None-Match": "*"})
        except Conflict:
            raise AlreadyExists(key) from None

    def swap(self, key: str, data: bytes, etag: str) -> str:
        try:
            return self._write(key, data, {"If-Match": f'"{etag}"'})
        except NotFound:
            raise Conflict(key) from None

    def put(self, key: str, data: bytes) -> str:
        return self._write(key, data, {})

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        last = after or None
        while begins_keys(prefix):
            page = self._page(prefix, last)
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1].key

    def delete(self, key: str) -> None:
        check_key(key)
        self._tried(key, lambda: self._client.remove_object(bucket_name=self._bucket, object_name=key))

    def make_bucket(self) -> bool:
        """Make the bucket unless it is there; True when it was made. Raises StoreRefused when that is not allowed."""
        if self._tried("", lambda: self._client.bucket_exists(bucket_name=self._bucket)):
            return False
        try:
            self._tried("", lambda: self._client.make_bucket(bucket_name=self._bucket))
        except AlreadyExists:
            return False
        return True

    def _page(self, prefix: str, last: str | None) -> Sequence[Entry]:
        def read() -> Sequence[Entry]:
            found = self._client.list_objects(bucket_name=self._bucket, prefix=prefix, recursive=True, start_after=last)
            return [
                Entry(key=each.object_name, size=each.size or 0, modified=each.last_modified.timestamp())
                for each in islice(found, PAGE)
            ]

        return self._tried(prefix, read)

    def _write(self, key: str, data: bytes, condition: dict[str, str]) -> str:
        """Send one object; its tag. Raises Conflict when a condition fails, NotFound when If-Match meets no object."""
        check_key(key)
        digest = hashlib.md5(data, usedforsecurity=False).digest()  # S3 checks what arrives against it
        headers = {**condition, "Content-MD5": base64.b64encode(digest).decode(), "Content-Length": str(len(data))}
        tries = 0

        def send() -> str:
            nonlocal tries
            tries += 1
            address = self._client.presigned_put_object(bucket_name=self._bucket, object_name=key, expires=SIGNED_FOR)
            response = self._http.request("PUT", address, body=io.BytesIO(data), headers=headers)
            if response.status != OK:
                raise status_error(response)
            return _tag(response)

        try:
            return self._tried(key, send)
        except Conflict:
            if tries > 1:  # an earlier try may have been written although its answer was lost
                stored = self.get(key)
                if stored.data == data:
                    return stored.etag
            raise

    def _tried(self, key: str, request: Callable[[], T]) -> T:
        """The request's answer, asked for again while that may help."""
        for delay_s in self._delays_s:
            with suppress(StoreUnavailable):
                return self._answer(key, request)
            time.sleep(delay_s)
        return self._answer(key, request)

    def _answer(self, key: str, request: Callable[[], T]) -> T:
        try:
            return request()
        except FAILURES as error:
            raise translate(error, f"{self.address}/{key} at {self._endpoint}") from error


def _body(response: urllib3.BaseHTTPResponse, size: int) -> bytes:
    """All of an answer, held once: what reads to the end in one call holds the largest object and half of it again.

    Args:
        size: bytes that are announced; 0 when it is not known.
    """
    held = io.BytesIO()
    if size:
        held.seek(size - 1)
        held.write(b"\0")
        held.seek(0)
    for piece in response.stream(PIECE):
        held.write(piece)
    held.truncate()
    return held.getvalue()


class _Credentials(Provider):
    """The keys of an access; those of a mounted folder as they are now, for what mounts them may change them while a trial runs."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def retrieve(self) -> Credentials:
        with suppress(StoreRefused):  # while they are being written; the server says what it thinks of those before
            self._access = self._access.renewed()
        now = self._access
        return Credentials(access_key=now.access_key, secret_key=now.secret_key, session_token=now.session_token)


def _tag(response: urllib3.BaseHTTPResponse) -> str:
    return response.headers.get("etag", "").strip('"')


class _Redaction(logging.Filter):
    """Takes the signature out of the lines that urllib3 writes at level DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _SIGNED.sub("?(signed)", each) if isinstance(each, str) else each for each in record.args
            )
        return True


_SIGNED = re.compile(r"\?\S*X-Amz-\S*")
logging.getLogger("urllib3.connectionpool").addFilter(_Redaction())
