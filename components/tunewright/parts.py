"""The optional parts of the package, and what each needs: a command line alone needs none of them."""

from __future__ import annotations

import importlib.util

from .errors import InputError

PARTS = {
    "agent": ("torch", "gpytorch", "scipy", "safetensors"),
    "trainer": ("xgboost", "sklearn", "pandas", "pyarrow", "torch", "safetensors", "kubernetes"),
    "report": ("altair", "vl_convert", "jinja2"),
}
"""Modules by the name of the extra that installs them."""


def missing(part: str) -> list[str]:
    """Modules of a part that are not installed."""
    return [module for module in PARTS[part] if importlib.util.find_spec(module) is None]


def require(*parts: str) -> None:
    """Raises InputError when a part is not installed whole."""
    absent = {part: modules for part in parts if (modules := missing(part))}
    if absent:
        whole = f"tunewright[{','.join(absent)}]"
        names = ", ".join(dict.fromkeys(name for modules in absent.values() for name in modules))
        raise InputError(f"this needs {whole}, of which {names} is not installed; pip install '{whole}'")


def part_of(module: str | None) -> str | None:
    """The part that a module belongs to, None for one of no part."""
    top = (module or "").partition(".")[0]
    return next((part for part, modules in PARTS.items() if top in modules), None)
