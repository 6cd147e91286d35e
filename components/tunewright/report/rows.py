"""Rows of trials, parameters and rounds for the pictures.

The value of a user's parameter stands in the column ``p_NAME``, so that no name can clash with a column of the report; its height
on the parallel axis at position ``i`` in ``u_i``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias, TypeGuard

from ..parameter import distinct
from ..space import Configuration, FloatParameter, IntParameter, Parameter, Space, Value
from ..study import Objective
from ..trial import Status
from .configuration import text_of
from .facts import Facts
from .importance import Importance
from .record import RoundHistory
from .slices import Slices
from .trials import PENDING, Trial, scored
from .words import shorten

Row: TypeAlias = dict[str, Any]

ABSENT = -0.14  #: height on a parallel axis of trials in which the parameter was not active
MOST_BARS = 20  #: importances that are drawn
MOST_OTHERS = 300  #: lines of trials that are not among the best quarter
MOST_CURVES = 100  #: learning curves that are drawn
MOST_KL = 3000  #: updates whose KL is drawn
MOST = sys.float_info.max / 4
"""That an axis reaches, so that its length is finite: some programs return the largest number as a penalty."""


def short(value: float) -> float:
    """A number without the digits that no picture shows; ten, because some metrics are large and differ by little."""
    return float(f"{min(max(value, -MOST), MOST):.10g}")


def apart(values: Sequence[float], digits: int) -> list[str]:
    """Different numbers as different texts: with ``digits`` where that does, with more where not."""
    texts: list[str] = []
    for more in range(digits, 18):
        texts = [f"{value:.{more}g}" for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def numeric(parameter: Parameter) -> TypeGuard[FloatParameter | IntParameter]:
    """True when its values lie on a number line."""
    return isinstance(parameter, FloatParameter | IntParameter)


def cell(parameter: Parameter, value: Value | None) -> Value | None:
    """What the pictures are given of a value: numbers of a number line as they are, all else as its label."""
    if value is None or not numeric(parameter):
        return None if value is None else text_of(parameter, value)
    return short(value) if isinstance(value, float) else value


def trial_rows(
    shown: Sequence[Trial],
    trials: Sequence[Trial],
    space: Space,
    axes: Sequence[str],
    objective: Objective,
    second: float,
    coin: float,
) -> list[Row]:
    """One row a trial, elapsed time in units of ``second`` seconds, cost in units of ``coin`` seconds. The objective keeps all its digits."""
    groups = _groups(trials, objective)
    heights = _heights(trials, objective)
    by_time, spent = _incumbents_over_time(trials, objective), _spent(trials)
    rows: list[Row] = []
    for trial in shown:
        row: Row = {
            "number": trial.number, "trial": trial.id, "round": trial.round, "session": trial.session,
            "origin": trial.origin, "status": trial.status or PENDING, "objective": trial.objective,
            "incumbent": trial.incumbent, "improved": trial.improved,
            "elapsed": None if trial.elapsed is None else round(trial.elapsed / second, 4), "incumbent_then": by_time.get(trial.id),
            "spent": round(spent[trial.id] / coin, 4) if trial.id in spent else None,
            "seconds": round(trial.seconds, 3) if trial.result else None, "group": groups.get(trial.id),
        }  # fmt: skip
        for name, parameter in space:
            row[f"p_{name}"] = cell(parameter, trial.configuration.get(name))
        if trial.id in groups:
            row.update(_units(space, axes, trial.configuration), **{f"u_{len(axes)}": heights[trial.id]})
        rows.append(row)
    return rows


def _units(space: Space, axes: Sequence[str], configuration: Configuration) -> Row:
    return {
        f"u_{i}": round(space.parameters[name].unit(configuration[name]), 4) if name in configuration else ABSENT
        for i, name in enumerate(axes)
    }


GROUPS = ("best 10%", "next 15%", "other")


def _groups(trials: Sequence[Trial], objective: Objective) -> dict[str, str]:
    """Which part of the scored trials each line belongs to, ties together. Of many others, some by rank. Where all are alike, none is among the
    best; otherwise at least one is."""
    ranked = sorted(scored(trials), key=lambda trial: -objective.reward(trial.objective or 0.0))
    places: dict[float | None, int] = {}
    for index, trial in enumerate(ranked):
        places.setdefault(trial.objective, index)
    first, second = max(round(len(ranked) * 0.1), 1), max(round(len(ranked) * 0.25), 2)
    every = (len(ranked) - second) // MOST_OTHERS + 1
    return {
        trial.id: GROUPS[(place >= first) + (place >= second)] if len(places) > 1 else GROUPS[-1]
        for index, trial in enumerate(ranked)
        for place in [places[trial.objective]]
        if index < second or index % every == 0
    }


def _heights(trials: Sequence[Trial], objective: Objective) -> dict[str, float]:
    """Height of each scored trial on the axis of the objective: better is higher, within `domain`."""
    low, high = domain(trials, objective)
    heights = {}
    for trial in scored(trials):
        u = (min(max(trial.objective or 0.0, low), high) - low) / (high - low)
        heights[trial.id] = round(u if objective.direction == "maximize" else 1 - u, 4)
    return heights


def domain(trials: Sequence[Trial], objective: Objective) -> tuple[float, float]:
    """Ends of the objective's axis: all values, unless a few are so bad that nothing else could be told apart.

    Values that are worse than the best by more than three times what the worst quarter is lie beyond the end.
    """
    return _ends([trial.objective for trial in trials if trial.objective is not None], objective)


def curve_domain(curves: Sequence[Row], trials: Sequence[Trial], objective: Objective) -> tuple[float, float]:
    """The same of learning curves: of all values, and of the later half of every curve, which shows how it came there."""
    by_trial: dict[int, list[float]] = {}
    for row in curves:
        by_trial.setdefault(row["number"], []).append(row["value"])
    later = [value for values in by_trial.values() for value in values[len(values) // 2 :]]
    return _ends([*later, *(trial.objective for trial in trials if trial.objective is not None)], objective)


def _ends(found: Sequence[float], objective: Objective) -> tuple[float, float]:
    if not found:
        return 0.0, 1.0
    within_reach = (min(max(value, -MOST), MOST) for value in found)
    values = sorted(within_reach, key=objective.reward, reverse=True)
    top, worst = values[0], values[-1]
    if len(values) >= 8:
        reach = 3 * abs(values[3 * len(values) // 4] - top)
        within = [value for value in values if abs(value - top) <= reach]
        worst = within[-1] if reach > 0 else worst
    pad = 0.06 * abs(worst - top) or abs(top) * 0.05 or 1.0
    return min(top, worst) - pad, max(top, worst) + pad


def _incumbents_over_time(trials: Sequence[Trial], objective: Objective) -> dict[str, float]:
    """Best objective of all trials that had ended by the end of each, by trial id."""
    incumbent: float | None = None
    then: dict[str, float] = {}
    for trial in sorted((t for t in trials if t.elapsed is not None), key=lambda t: t.elapsed or 0.0):
        value = trial.objective if trial.status is Status.COMPLETE else None
        if value is not None and (incumbent is None or objective.reward(value) > objective.reward(incumbent)):
            incumbent = value
        if incumbent is not None:
            then[trial.id] = incumbent
    return then


def _spent(trials: Sequence[Trial]) -> dict[str, float]:
    """Seconds that all trials had cost when each ended, its own among them, by trial id."""
    total, then = 0.0, {}
    for trial in sorted((t for t in trials if t.elapsed is not None), key=lambda t: t.elapsed or 0.0):
        total += trial.seconds
        then[trial.id] = total
    return then


def curve_rows(trials: Sequence[Trial], objective: Objective, shrink: float) -> list[Row]:
    """One row a point of a learning curve; of many trials the best, those that run, and the latest."""
    known = [trial for trial in trials if len(trial.curve) > 1]
    most = max(1, int(MOST_CURVES * shrink))
    best = sorted(scored(known), key=lambda trial: -objective.reward(trial.objective or 0.0))[: most // 4]
    chosen = {trial.id for trial in best} | {trial.id for trial in known if trial.result is None}
    latest = [trial for trial in reversed(known) if trial.id not in chosen][: max(0, most - len(chosen))]
    chosen |= {trial.id for trial in latest}
    return [
        {"number": trial.number, "status": trial.status or PENDING, "step": step, "value": short(value),
         "end": trial.result is not None and index == len(trial.curve) - 1}
        for trial in known if trial.id in chosen
        for index, (step, value) in enumerate(trial.curve)
    ]  # fmt: skip


def session_rows(shown: Sequence[Trial]) -> list[Row]:
    """Where each session but the first begins, between two trials."""
    return [{"begins": b.number - 0.5, "session": b.session} for a, b in pairwise(shown) if a.session != b.session]


def level_rows(facts: Facts, objective: Objective) -> list[Row]:
    """Values worth a line across the picture: the goal and the default configuration, when they are within the axis."""
    low, high = domain(facts.trials, objective)
    default = facts.default.objective if facts.default and facts.default.status is Status.COMPLETE else None
    levels = [("goal", objective.goal), ("default", default)]
    return [{"label": name, "value": value} for name, value in levels if value is not None and low <= value <= high]


def tick_rows(space: Space, axes: Sequence[str], trials: Sequence[Trial], objective: Objective) -> list[Row]:
    """Labels along the parallel axes; the objective's stand on the last."""
    rows: list[Row] = []
    for position, name in enumerate(axes):
        parameter = space.parameters[name]
        count = parameter.cardinality
        heights = [i / 200 for i in range(201)] if count is not None and count <= 7 else [0.0, 0.5, 1.0]
        values = distinct(map(parameter.value, heights))
        numbers = [value for value in values if isinstance(value, float)]
        texts = (
            apart(numbers, 3)
            if len(numbers) == len(values)
            else [shorten(text_of(parameter, value), 12) for value in values]
        )
        for value, text in zip(values, texts, strict=True):
            rows.append({"axis": position, "u": round(parameter.unit(value), 4), "label": text})
        if parameter.when:
            rows.append({"axis": position, "u": ABSENT, "label": "not active"})
    low, high = domain(trials, objective)
    ends = (low, high) if objective.direction == "maximize" else (high, low)
    heights = [0.0, 0.5, 1.0]
    texts = apart([ends[0] + u * (ends[1] - ends[0]) for u in heights], 4)
    return rows + [{"axis": len(axes), "u": u, "label": text} for u, text in zip(heights, texts, strict=True)]


def importance_rows(ranked: Sequence[Importance]) -> list[Row]:
    return [
        {"parameter": row.parameter, "share": round(row.share, 4), "low": round(row.low, 4), "high": round(row.high, 4),
         "chance": round(row.chance, 4), "reading": "matters" if row.clear else "may be chance"}
        for row in ranked[:MOST_BARS]
    ]  # fmt: skip


def belief_rows(slices: Slices, space: Space, names: Sequence[str]) -> list[Row]:
    """The belief, by the position of its slice in ``names``."""
    rows = []
    for point in slices.points:
        mean, std = point.mean, point.std
        rows.append(
            {"slice": names.index(point.parameter), "value": cell(space.parameters[point.parameter], point.value),
             "mean": short(mean), "low": short(mean - std), "high": short(mean + std)}
        )  # fmt: skip
    return rows


def round_rows(rounds: Sequence[RoundHistory], trials: Sequence[Trial]) -> dict[str, list[Row]]:
    """Rows of the rounds: trust (one a round), kl (one an update), updates, origins and costs (one a round and kind)."""
    data: dict[str, list[Row]] = {"trust": [], "kl": [], "updates": [], "origins": [], "costs": []}
    of_round: dict[int, list[Trial]] = {}
    for trial in trials:
        of_round.setdefault(trial.round, []).append(trial)
    for round_ in rounds:
        r = round_.plan.round
        policy, surrogate = round_.policy, round_.surrogate
        data["trust"].append(
            {"round": r, "r2": surrogate.r2 if surrogate else None, "fitted": bool(surrogate and surrogate.fitted),
             "observations": surrogate.observations if surrogate else 0, "kl": max(policy.kl, default=None) if policy else None,
             "horizon": policy.horizon if policy else "", "model": surrogate.model if surrogate else ""}
        )  # fmt: skip
        if policy:
            data["kl"] += _kl_rows(r, policy.kl, MOST_KL // len(rounds))
            data["updates"] += [
                {"round": r, "rewards": "predicted", "updates": policy.predicted_updates},
                {"round": r, "rewards": "real", "updates": policy.real_updates},
            ]
        data["origins"] += _origin_rows(r, of_round.get(r, []))
        data["costs"] += _cost_rows(r, of_round.get(r, []))
    return data


def _kl_rows(round_: int, kl: Sequence[float], most: int) -> list[Row]:
    """The trace of one round, drawn within the first four fifths of its column; of a long one, even steps and the last."""
    every = len(kl) // most + 1
    return [
        {"round": round_, "update": i + 1, "x": round(round_ + (i + 1) / len(kl) * 0.8, 3), "kl": float(f"{value:.4g}")}
        for i, value in enumerate(kl)
        if i % every == 0 or i == len(kl) - 1
    ]


def _origin_rows(round_: int, trials: Sequence[Trial]) -> list[Row]:
    origins = [trial.origin for trial in trials]
    return [{"round": round_, "origin": o, "trials": origins.count(o)} for o in dict.fromkeys(origins)]


COST_KINDS = ("training", "evaluation", "without a value")


def _cost_rows(round_: int, trials: Sequence[Trial]) -> list[Row]:
    seconds = dict.fromkeys(COST_KINDS, 0.0)
    for trial in trials:
        if trial.result is None:
            continue
        cost = trial.result.cost
        if trial.status in (Status.FAILED, Status.INFEASIBLE, Status.LOST):
            seconds["without a value"] += cost.train_seconds + cost.evaluate_seconds
        else:
            seconds["training"] += cost.train_seconds
            seconds["evaluation"] += cost.evaluate_seconds
    return [{"round": round_, "kind": kind, "seconds": round(value, 3)} for kind, value in seconds.items() if value > 0]
