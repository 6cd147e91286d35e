"""Headless Chromium: opens a page and tells what became of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("TUNEWRIGHT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=30000",
)  # fmt: skip


def needs_chromium() -> str:
    if not CHROMIUM:
        pytest.skip("no chromium on PATH and TUNEWRIGHT_CHROMIUM is not set")
    return CHROMIUM


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A page after its scripts have run."""

    dom: str
    body: dict[str, str]  #: attributes of <body>
    drawn: set[str]  #: identifiers of pictures that became SVG
    console: list[str]

    @property
    def errors(self) -> list[Any]:
        return list(json.loads(self.body.get("data-errors", "[]")))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.body: dict[str, str] = {}
        self.drawn: set[str] = set()
        self._place = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "body":
            self.body = given
        if given.get("id", "").startswith("chart-"):
            self._place = given["id"]
        if tag == "svg" and self._place:
            self.drawn.add(self._place)


def _run(folder: Path, html: str, *flags: str) -> subprocess.CompletedProcess[str]:
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    command = [needs_chromium(), *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, encoding="utf-8")


def open_page(folder: Path, html: str, *flags: str) -> Opened:
    """Open a page, let its scripts run, read what it has become."""
    ended = _run(folder, html, "--dump-dom", *flags)
    reader = _Reader()
    reader.feed(ended.stdout)
    console = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    return Opened(dom=ended.stdout, body=reader.body, drawn=reader.drawn, console=console)


def picture(folder: Path, html: str, width: int, height: int, *flags: str) -> bytes:
    """A page as PNG."""
    target = folder / "page.png"
    _run(folder, html, f"--window-size={width},{height}", f"--screenshot={target}", *flags)
    return target.read_bytes()


def with_script(html: str, script: str) -> str:
    """The page without its policy, so that ``script`` may act on it once it is ready, and hostile text has every chance."""
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    assert bare != html
    end = bare.rindex("</body>")
    wait = "while (!document.body.dataset.ready) await new Promise((go) => setTimeout(go, 20));"
    return f"{bare[:end]}<script>(async () => {{ {wait} {script} }})()</script>{bare[end:]}"
