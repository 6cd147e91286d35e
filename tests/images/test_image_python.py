"""The agent and the trainers under the Python and the torch of the images, which are other ones than the lock file's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pipelines.images import images

ROOT = Path(__file__).parents[2]
TOOLS = ["pytest", "pytest-timeout", "hypothesis", "psutil"]
TESTS = [
    "tests/agent",
    "tests/training/test_xgboost.py",
    "tests/training/test_boosting.py",
    "tests/training/test_cnn.py",
    "tests/test_space.py",
]


@pytest.mark.containers
@pytest.mark.timeout(1200)
def test_the_agent_and_the_trainers_pass_their_tests_inside_the_trainer_image(tmp_path: Path) -> None:
    image = images()["trainer"]
    if (
        not shutil.which("docker")
        or subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode
    ):
        pytest.skip(f"no Docker engine with the image {image}; run make images")
    enter = ["docker", "run", "--rm", "--entrypoint", "", "--network", "none", "--volume", f"{ROOT}:/source:ro"]
    version = _said(
        [*enter, image, "python", "-c", "import sys; print('.'.join(map(str, sys.version_info[:2])))"]
    ).strip()
    packages = tmp_path / "packages"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    _said(
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--target",
            str(packages),
            "--python-version",
            version,
            "--only-binary",
            ":all:",
            *TOOLS,
        ]
    )
    environment = {
        "PYTHONPATH": "/source/components:/source:/packages",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",
        "OMP_NUM_THREADS": "1",
    }
    flags = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    call = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    print(_said([*enter, "--volume", f"{packages}:/packages:ro", "--workdir", "/source", *flags, image, *call])[-300:])


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout
