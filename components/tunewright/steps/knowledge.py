"""What the product ships of earlier tasks, as bytes for the agent, which reads no files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ..preset import AgentSettings


def knowledge_for(settings: AgentSettings) -> bytes | None:
    """What the settings want the agent to begin with."""
    return shipped() if settings.knowledge_trials else None


@cache
def shipped() -> bytes:
    """Made by ``python -m tests.benchmarks.knowledge`` from the benchmark's development tasks."""
    return (files("tunewright.agent") / "knowledge.safetensors").read_bytes()
