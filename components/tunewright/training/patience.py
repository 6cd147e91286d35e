"""Patience with an API server or a store that is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ..errors import StoreRefused, TransientError

T = TypeVar("T")

AWAY = (TransientError, StoreRefused)
"""What they say while they are; see `errors.STORE_AWAY`."""
AWAY_SECONDS = 300.0  #: that they may be away
PAUSE_SECONDS = 0.5


def patiently(act: Callable[[], T], between: Callable[[], None] = lambda: None) -> T:
    """What ``act`` returns, tried again for `AWAY_SECONDS`; ``between`` is called before each further try. Raises what the last try did."""
    end = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return act()
        except AWAY:
            if time.monotonic() > end:
                raise
        between()
        time.sleep(PAUSE_SECONDS)
