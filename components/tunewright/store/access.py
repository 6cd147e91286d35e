"""How to reach an S3 server: endpoint, region and credentials, from the environment or a mounted Secret.

::

    TUNEWRIGHT_S3_ENDPOINT            http://127.0.0.1:9000; default https://s3.amazonaws.com
    TUNEWRIGHT_S3_REGION              default us-east-1
    TUNEWRIGHT_S3_CREDENTIALS_DIR     folder with files access-key, secret-key and, if there is one, session-token; read anew for
                                      every request, so that they may change meanwhile
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN    used when no such folder is named
    AWS_CA_BUNDLE, SSL_CERT_FILE      certificates to trust instead of the system's
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError, StoreRefused

ENDPOINT = "https://s3.amazonaws.com"
REGION = "us-east-1"
FOLDER = "TUNEWRIGHT_S3_CREDENTIALS_DIR"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Endpoint, region, credentials. Its text holds no secret."""

    host: str  #: name or address, with the port if there is one
    secure: bool
    region: str = REGION
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None  #: path of a PEM file; None trusts what the system trusts
    folder: str | None = None  #: where the credentials lie as files; None: they stay as they are

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Access:
        """Read the variables above.

        Raises:
            InputError: a variable breaks its form.
            StoreRefused: there are no credentials.
        """
        host, secure = _endpoint(environ.get("TUNEWRIGHT_S3_ENDPOINT") or ENDPOINT)
        access_key, secret_key, session_token = _credentials(environ)
        return cls(
            host=host,
            secure=secure,
            region=_region(environ.get("TUNEWRIGHT_S3_REGION") or REGION),
            access_key=access_key,
            secret_key=secret_key,
            session_token=session_token,
            ca_bundle=_ca_bundle(environ),
            folder=environ.get(FOLDER) or None,
        )

    def renewed(self) -> Access:
        """With the credentials that lie in the folder now. Raises StoreRefused when there are none."""
        if self.folder is None:
            return self
        read, again = _credentials({FOLDER: self.folder}), None
        while read != again:  # not the old one of a pair that is being replaced
            read, again = _credentials({FOLDER: self.folder}), read
        access_key, secret_key, session_token = read
        return replace(self, access_key=access_key, secret_key=secret_key, session_token=session_token)


def _endpoint(endpoint: str) -> tuple[str, bool]:
    if "@" in endpoint:  # never repeat what may be a password
        raise InputError(
            "TUNEWRIGHT_S3_ENDPOINT must hold no credentials; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
        )
    try:
        parts = urlsplit(endpoint)
        extra = parts.path.strip("/") or parts.query
        sound = parts.port != 0 and parts.scheme in ("http", "https") and bool(parts.hostname) and not extra
    except ValueError:
        sound = False
    if not sound:
        raise InputError(
            f"TUNEWRIGHT_S3_ENDPOINT must be http(s)://host or http(s)://host:port, got {endpoint!r}; "
            "write it such as http://127.0.0.1:9000"
        )
    return parts.netloc, parts.scheme == "https"


def _region(region: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", region):
        raise InputError(
            f"TUNEWRIGHT_S3_REGION must be letters, digits, - and _, got {region!r}; for MinIO leave it unset"
        )
    return region


def _credentials(environ: Mapping[str, str]) -> tuple[str, str, str | None]:
    folder = environ.get(FOLDER)
    if folder:
        given = [(f"{folder}/{name}", _secret(folder, name)) for name in ("access-key", "secret-key", "session-token")]
    else:  # stripped as those of files are: a Secret often ends with a newline
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        given = [(name, environ.get(name, "").strip()) for name in names]
    for where, value in given:
        if value and not (value.isascii() and value.isprintable()):  # never repeat it; http.client would
            raise StoreRefused(f"{where} must be printable ASCII in one line, and is not; correct it")
    access_key, secret_key, session_token = (value for _, value in given)
    if not access_key or not secret_key:
        where = (
            f"files access-key and secret-key in {folder}" if folder else "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
        raise StoreRefused(
            f"an s3:// store needs credentials, got none from {where}; "
            "set these or TUNEWRIGHT_S3_CREDENTIALS_DIR, the folder of a mounted Secret"
        )
    return access_key, secret_key, session_token or None


def _secret(folder: str, name: str) -> str | None:
    try:
        return (Path(folder) / name).read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreRefused(
            f"{folder}/{name} must be a readable text file ({type(error).__name__}); fix its mode or content"
        ) from None


def _ca_bundle(environ: Mapping[str, str]) -> str | None:
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        path = environ.get(name)
        if path:
            if not Path(path).is_file():
                raise InputError(f"{name} must name a PEM file, got {path!r} which is not there; fix or unset it")
            return path
    return None
