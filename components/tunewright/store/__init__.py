"""Where state lives: the port (`port`), its implementations, and the layout of keys and formats."""

from .port import Entry, Store, Stored

__all__ = ["Entry", "Store", "Stored"]
