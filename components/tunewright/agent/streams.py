"""Random streams from one seed: every purpose has its own, so that a change in one place does not shift the others."""

from __future__ import annotations

import zlib

import numpy as np
import torch


def rng(seed: int, purpose: str) -> np.random.Generator:
    """A numpy generator for one purpose."""
    return np.random.default_rng(_sequence(seed, purpose))


def generator(seed: int, purpose: str) -> torch.Generator:
    """A torch generator for one purpose; torch's global one is never touched."""
    state = int(_sequence(seed, purpose).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state >> 1)


def _sequence(seed: int, purpose: str) -> np.random.SeedSequence:
    return np.random.SeedSequence([abs(seed), zlib.crc32(purpose.encode())])
