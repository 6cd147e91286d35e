"""Answers of an S3 server that are errors, as errors of this project.

Messages hold the error's code and the object's address, never a pre-signed address or a credential.
"""

from __future__ import annotations

from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, SSLError

from ..errors import AlreadyExists, Conflict, NotFound, StoreRefused, StoreUnavailable, TunewrightError

#: What a request to an S3 server may raise; ParseError is an answer cut in its middle.
Failure = MinioException | HTTPError | ParseError
FAILURES = (MinioException, HTTPError, ParseError)

_PRECONDITION_FAILED = 412
_TRANSIENT = {
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "TooManyRequests",
}
_CREDENTIALS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN or the mounted Secret"
_REGION = "set TUNEWRIGHT_S3_REGION and TUNEWRIGHT_S3_ENDPOINT to the bucket's own"
_REMEDIES = {
    "AccessDenied": "let these credentials get, put, delete and list objects of the bucket, and check the clock",
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "InvalidTokenId": _CREDENTIALS,
    "NoSuchBucket": "make it with `tunewright doctor --store s3://BUCKET --create-bucket` or correct the address",
    "NotImplemented": "the store needs conditional PUT; use MinIO or another S3 server that has it",
    "PermanentRedirect": _REGION,
    "Redirect": _REGION,
    "RequestTimeTooSkewed": "set this machine's clock",
    "SignatureDoesNotMatch": _CREDENTIALS,
    "TemporaryRedirect": _REGION,
}


def status_error(response: BaseHTTPResponse) -> MinioException:
    """The error that an answer of another status than 200 stands for."""
    content_type = response.headers.get("content-type")
    if response.data and "xml" in (content_type or ""):
        return S3Error.fromxml(response)
    if response.status == _PRECONDITION_FAILED:  # some servers send no body with it
        return S3Error(response, "PreconditionFailed", None, None, None, None)
    return InvalidResponseError(response.status, content_type, None)


def translate(error: Failure, where: str) -> TunewrightError:
    """The error of this tree; StoreUnavailable is worth another try.

    Args:
        error: what the request raised.
        where: address of the object and of the server.
    """
    if isinstance(error, S3Error):
        return _answered(error, where)
    if isinstance(error, SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return StoreRefused(
            f"{where}: the server must speak TLS, but does not; write http:// in TUNEWRIGHT_S3_ENDPOINT"
        )
    if isinstance(error, SSLError):
        return StoreRefused(
            f"{where}: its certificate must be trusted, got {_reason(error)}; set AWS_CA_BUNDLE to its authority's PEM file"
            " (on a cluster: ConfigMap tunewright-store-ca, see manifests/installs/argo-existing)"
        )
    if isinstance(error, HTTPError):
        return StoreUnavailable(
            f"{where}: no answer ({_reason(error)}); check that the server runs and TUNEWRIGHT_S3_ENDPOINT is right"
        )
    if isinstance(error, ServerError):
        return StoreUnavailable(f"{where}: the server failed with status {error.status_code}; try again")
    return StoreUnavailable(
        f"{where}: the answer was not S3's ({_first_line(error)}); check TUNEWRIGHT_S3_ENDPOINT and what lies between"
    )


def _answered(error: S3Error, where: str) -> TunewrightError:
    code, status = error.code or "", error.response.status
    misses: dict[str, type[TunewrightError]] = {
        "NoSuchKey": NotFound,
        "PreconditionFailed": Conflict,
        "BucketAlreadyOwnedByYou": AlreadyExists,
    }
    if code in misses:
        return misses[code](where)
    if "StorageFull" in code or "QuotaExceeded" in code:
        return StoreUnavailable(f"{where}: no space left ({code}); free space or raise the quota, then run again")
    if code in _TRANSIENT or (status >= 500 and code not in _REMEDIES):
        return StoreUnavailable(f"{where}: the server failed with {code} (status {status}); try again")
    remedy = _REMEDIES.get(code, "see the server's log")
    return StoreRefused(f"{where}: the server refused with {code} ({error.message or f'status {status}'}); {remedy}")


def _reason(error: HTTPError) -> str:
    """Kind of the error and what the system said, if it did."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"{type(error).__name__}: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120]
