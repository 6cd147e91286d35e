"""``tunewright doctor``: is everything there that a study needs?"""

from __future__ import annotations

import importlib.metadata
import platform

import click

from ..errors import InputError
from ..parts import PARTS, missing
from . import options


@click.command()
@options.store
@click.option("--create-bucket", is_flag=True, help="Make the bucket of an s3:// store when it is missing.")
@click.option("--gpu", is_flag=True, help="Also ask torch for a GPU (takes some seconds).")
def command(store: str, create_bucket: bool, gpu: bool) -> int:
    """Check packages and the store: readable, writable, and really atomic under racing writers."""
    from ..store.opening import open_store
    from ..store.probe import ensure_bucket, probe

    click.echo(
        f"tunewright {importlib.metadata.version('tunewright')}, Python {platform.python_version()}, {platform.platform()}"
    )
    good = True
    for part in PARTS:
        absent = missing(part)
        good &= not absent
        _line(
            f"packages of tunewright[{part}]",
            not absent,
            f"missing {', '.join(absent)}; pip install 'tunewright[{part}]'" if absent else "installed",
        )
    if gpu:
        _gpu()
    if create_bucket and not store.startswith("s3://"):
        raise InputError(f"--create-bucket needs a store s3://BUCKET, got {store}; name it with --store")
    if create_bucket and ensure_bucket(store):
        click.echo(f"made the bucket of {store}")
    for check in probe(open_store(store)):
        good &= check.ok
        _line(check.name, check.ok, check.detail)
    click.echo(f"{store} can be used" if good else "something is missing; see above")
    return 0 if good else 2


def _line(name: str, ok: bool, detail: str) -> None:
    click.echo(f"  {'ok  ' if ok else 'FAIL'} {name}{f': {detail}' if detail else ''}")


def _gpu() -> None:
    import torch

    found = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none; trials run on CPU"
    click.echo(f"  gpu: {found}")
