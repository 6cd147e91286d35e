"""Vega-Lite charts over the rows of `tables.Tables`. They hold no rows themselves: the page gives all of them the same."""

from __future__ import annotations

from ..tables import Tables
from . import agent, curves, parameters, progress
from .picture import Palette, Picture


def draw(tables: Tables, palette: Palette) -> dict[str, list[Picture]]:
    """Pictures by section of the page; a section without enough to show has none."""
    facts, data = tables.facts, tables.data
    valued = [trial for trial in facts.trials if trial.objective is not None]
    sections: dict[str, list[Picture]] = {
        "progress": [
            progress.over_trials(tables, palette),
            progress.over_time(tables, palette),
            progress.over_cost(tables, palette),
        ]
        if valued
        else [],
        "curves": [curves.curves(tables, palette)] if data["curves"] else [],
        "parameters": [parameters.parallel(tables, palette)] if sum(map(bool, _grouped(tables))) > 1 else [],
        "importance": [parameters.importance(tables, palette)] if tables.ranking.importances else [],
        "slices": [parameters.slice_(name, tables, palette) for name in tables.slice_names] if len(valued) > 1 else [],
        "trust": [],
        "origins": [agent.origins(tables, palette)] if data["origins"] else [],
        "cost": [agent.costs(tables, palette)] if data["costs"] else [],
    }
    if data["kl"]:
        sections["trust"].append(agent.kl(tables, palette))
    if any(row["r2"] is not None for row in data["trust"]):
        sections["trust"].append(agent.r2(tables, palette))
    if data["updates"]:
        sections["trust"].append(agent.updates(tables, palette))
    return sections


def _grouped(tables: Tables) -> list[bool]:
    return [row["group"] is not None for row in tables.data["trials"]]
