from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.errors import InputError, StoreRefused
from tunewright.store.access import Access

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hunter2"}


def test_without_an_endpoint_it_is_amazon() -> None:
    access = Access.from_environment(KEYS)
    assert (access.host, access.secure, access.region) == ("s3.amazonaws.com", True, "us-east-1")
    assert (access.access_key, access.secret_key, access.session_token) == ("me", "hunter2", None)


def test_every_variable_is_read(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    access = Access.from_environment(
        {
            **KEYS,
            "TUNEWRIGHT_S3_ENDPOINT": "http://minio.minio.svc:9000/",
            "TUNEWRIGHT_S3_REGION": "eu-1",
            "AWS_SESSION_TOKEN": "token",
            "SSL_CERT_FILE": str(bundle),
        }
    )
    assert (access.host, access.secure, access.region) == ("minio.minio.svc:9000", False, "eu-1")
    assert (access.session_token, access.ca_bundle) == ("token", str(bundle))


def test_the_text_of_access_holds_no_secret() -> None:
    access = Access.from_environment({**KEYS, "AWS_SESSION_TOKEN": "a-token"})
    assert "hunter2" not in repr(access)
    assert "a-token" not in repr(access)


def test_a_mounted_secret_is_read_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "access-key").write_text("mounted\n")
    (tmp_path / "secret-key").write_text("secret\n")
    access = Access.from_environment({**KEYS, "TUNEWRIGHT_S3_CREDENTIALS_DIR": str(tmp_path)})
    assert (access.access_key, access.secret_key, access.session_token) == ("mounted", "secret", None)
    (tmp_path / "session-token").write_text("token")
    access = Access.from_environment({"TUNEWRIGHT_S3_CREDENTIALS_DIR": str(tmp_path)})
    assert access.session_token == "token"


def test_an_incomplete_mounted_secret_is_refused_although_the_environment_has_keys(tmp_path: Path) -> None:
    (tmp_path / "access-key").write_text("mounted")
    with pytest.raises(StoreRefused, match=f"files access-key and secret-key in {tmp_path}"):
        Access.from_environment({**KEYS, "TUNEWRIGHT_S3_CREDENTIALS_DIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_newline_at_the_end_of_a_variable_does_not_count_and_one_within_is_refused_without_repeating_it(
    name: str,
) -> None:
    keys = {**KEYS, "AWS_SESSION_TOKEN": "token"}
    assert Access.from_environment({**keys, name: f"{keys[name]}\n"}) == Access.from_environment(keys)
    for value in ("s3cr3t\nmore", "s3cr3t\u00fc"):
        with pytest.raises(StoreRefused, match=f"{name} must be printable ASCII in one line") as caught:
            Access.from_environment({**keys, name: value})
        assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:9000",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host/path",
        "http://host?a=1",
        "http://[::1:9000",
    ],
)
def test_an_endpoint_must_have_its_form(endpoint: str) -> None:
    with pytest.raises(InputError, match=r"TUNEWRIGHT_S3_ENDPOINT must be http\(s\)://host"):
        Access.from_environment({**KEYS, "TUNEWRIGHT_S3_ENDPOINT": endpoint})


def test_credentials_in_an_endpoint_are_refused_without_repeating_them() -> None:
    with pytest.raises(InputError, match="must hold no credentials") as caught:
        Access.from_environment({**KEYS, "TUNEWRIGHT_S3_ENDPOINT": "http://me:hunter2@host:9000"})
    assert "hunter2" not in str(caught.value)


def test_a_region_must_have_its_form() -> None:
    with pytest.raises(InputError, match="TUNEWRIGHT_S3_REGION must be"):
        Access.from_environment({**KEYS, "TUNEWRIGHT_S3_REGION": "eu west"})


def test_a_certificate_bundle_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="AWS_CA_BUNDLE must name a PEM file"):
        Access.from_environment({**KEYS, "AWS_CA_BUNDLE": str(tmp_path / "absent.pem")})
