"""Which device a built-in trainer uses."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ..errors import InputError
from .runner import GPU

Device = Literal["cpu", "cuda"]


def cuda_devices() -> int:
    """Number of GPUs that the CUDA driver shows to this process; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def choose(
    requested: Literal["auto", "cpu", "cuda"], *, built: bool, devices: Callable[[], int] = cuda_devices
) -> Device:
    """The device to use.

    Args:
        requested: the study's wish.
        built: whether the library was built with CUDA, for a driver that is there if it asks one itself.
        devices: counts GPUs.

    Raises:
        InputError: cuda is demanded and cannot be had.
    """
    if requested == "cpu":
        return "cpu"
    if built and devices() > 0:
        return "cuda"
    if requested == "cuda":
        found = "no GPU" if built else "a build without CUDA or for a newer driver"
        raise InputError(f"trial.device: cuda needs a GPU and a library built for it, got {found}; use device: auto")
    return "cpu"


def note(device: Device, output: Path) -> None:
    """Leave word beside the output that a GPU is used: a trial that is ended from outside has no other way to say so."""
    if device == "cuda":
        (output.parent / GPU).touch()
