"""What a trial printed, in bounded memory: its beginning and its end."""

from __future__ import annotations

from collections import deque

TAIL_BYTES = 4096
TAIL_LINES = 30


class CappedLog:
    """Keeps the first tenth and the last nine tenths of ``limit`` bytes of a stream of any length."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit // 10
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.left_out = 0  #: bytes between head and tail that were dropped

    def write(self, chunk: bytes) -> None:
        room = self._head_limit - len(self._head)
        self._head += chunk[:room]
        rest = chunk[room:]
        if not rest:
            return
        self._tail.append(rest)
        self._tail_size += len(rest)
        while self._tail_size > self._tail_limit:
            excess = self._tail_size - self._tail_limit
            first = self._tail.popleft()
            if len(first) > excess:
                self._tail.appendleft(first[excess:])
            dropped = min(excess, len(first))
            self._tail_size -= dropped
            self.left_out += dropped

    @property
    def size(self) -> int:
        """Bytes that were written, kept or not."""
        return len(self._head) + self._tail_size + self.left_out

    def content(self) -> bytes:
        """All that was kept, with a line in between that says how much was not."""
        tail = b"".join(self._tail)
        if not self.left_out:
            return bytes(self._head) + tail
        return bytes(self._head) + f"\n... {self.left_out} bytes left out ...\n".encode() + tail

    def last_lines(self) -> str:
        """The end as text, at most 30 lines and 4 KiB; what a terminal would obey is made visible."""
        text = self.content()[-TAIL_BYTES:].decode("utf-8", errors="replace")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")[-TAIL_LINES:]
        return "\n".join("".join(c if c.isprintable() or c == "\t" else "�" for c in line) for line in lines)
