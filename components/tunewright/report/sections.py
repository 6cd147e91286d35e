"""What the page's sections say around their pictures: leads, tables, notes, and why there is nothing to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..trial import Status
from . import words
from .importance import LEAST_TRIALS
from .record import StudyHistory
from .tables import Tables


@dataclass(frozen=True, kw_only=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()  #: positions of the columns that are set flush right
    folded: bool = False
    beside: bool = False  #: stands beside the picture when there is room


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page. ``empty`` says why there is nothing to show."""

    id: str
    title: str
    lead: str = ""
    empty: str = ""
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


def sections(history: StudyHistory, tables: Tables) -> list[Section]:
    """The parts of the page in order; none while no trial is planned, and only the trials until one has ended."""
    trials = tables.facts.trials
    if not any(trial.result for trial in trials):
        return [_trials(tables)] if trials else []
    return [
        _best(tables), _over(tables), *_curves(tables), _parameters(tables), _importance(tables), _slices(tables), _trust(history, tables),
        _origins(tables), _trials(tables), _cost(tables),
    ]  # fmt: skip


def _best(tables: Tables) -> Section:
    winner = tables.facts.best
    lead = f"Trial {winner.number}, from {winner.origin}, round {winner.round}." if winner else ""
    return Section(
        id="best",
        title="Best configuration",
        lead=lead,
        empty="" if winner else "There is none until a trial is complete.",
    )


def _over(tables: Tables) -> Section:
    empty = "" if any(trial.objective is not None for trial in tables.facts.trials) else "No trial has a value yet."
    return Section(id="progress", title="Progress", empty=empty, notes=_thinned(tables))


def _curves(tables: Tables) -> list[Section]:
    """Left out when no trial streams its metric."""
    drawn, known = tables.data["curves"], sum(len(trial.curve) > 1 for trial in tables.facts.trials)
    if not drawn:
        return []
    shown = len({row["number"] for row in drawn})
    notes = (
        [] if shown == known else [f"{shown} of {known:,} curves are drawn: the best, those that run, and the latest."]
    )
    return [Section(id="curves", title="Learning curves", notes=notes)]


def _parameters(tables: Tables) -> Section:
    few = sum(row["group"] is not None for row in tables.data["trials"]) < 2
    return Section(id="parameters", title="Parameters", empty="Needs at least two complete trials." if few else "")


def _importance(tables: Tables) -> Section:
    method = (
        "Measured by functional ANOVA: the ranks of the trials are explained by a smooth effect of each parameter, all fitted "
        "together; importance is the variance of an effect over the parameter's whole range. Failed and infeasible trials share "
        f"the worst rank. The effects predict {words.share(tables.ranking.explained)} of the variance in trials left out; "
        "the rest is chance, or parameters that act only together."
    )
    ranked = [row.parameter for row in tables.ranking.importances]
    missing = [name for name in tables.space.names if name not in ranked]
    notes = []
    stopped = sum(t.status is Status.STOPPED and t.objective is not None and not t.resumed for t in tables.facts.trials)
    if ranked and stopped:
        notes.append(
            f"{words.count(stopped, 'trial')} of {len(tables.facts.trials):,} {'was' if stopped == 1 else 'were'} stopped early and "
            "ranked by what had been reached by then, so that a parameter also matters that makes training quicker."
        )
    if ranked and missing:
        notes.append(f"Left out, because active in fewer than {LEAST_TRIALS} trials: {', '.join(missing)}.")
    if len(ranked) > 20:
        notes.append(f"The 20 most important of {len(ranked)} are drawn.")
    return Section(
        id="importance", title="Importance", lead=method if ranked else "", notes=notes,
        empty="" if ranked else f"Nothing to tell yet: at least {LEAST_TRIALS} trials with a value, and outcomes that differ, are needed.",
    )  # fmt: skip


def _slices(tables: Tables) -> Section:
    if sum(trial.objective is not None for trial in tables.facts.trials) < 2:
        return Section(id="slices", title="Along each parameter", empty="Needs at least two trials with a value.")
    lead = "Points are trials, fainter the earlier; the ring is the trial that the slice runs through, the best one."
    if tables.slices.points:
        lead += (
            " The dark line is what the reward model expects when only this parameter changes, the band one standard deviation around it; beyond the "
            "axis there is no line."
        )
    elif tables.slices.silent:
        lead += " No belief is drawn: most trials end alike, and the reward model is fitted to look for what differs, not to what it is worth."
    else:
        lead += " There is no reward model yet, so that no belief is drawn."
    hidden = len(tables.space) - len(tables.slice_names)
    notes = (
        [f"The {len(tables.slice_names)} most important of {len(tables.space)} parameters are drawn."] if hidden else []
    )
    return Section(id="slices", title="Along each parameter", lead=lead, notes=notes)


def _trust(history: StudyHistory, tables: Tables) -> Section:
    agent, data = history.session.agent, tables.data
    if agent.reward_model == "none":
        lead = "This session uses no reward model: the policy learns from real rewards only."
    else:
        asked = "" if agent.r2_limit is None else f" and its held-out R² is at least {agent.r2_limit:g}"
        lead = (
            f"The reward model ({agent.reward_model}) may pay the policy predicted rewards while the policy's KL divergence "
            f"from the one it was fitted for is at most {agent.kl_limit:g}{asked}."
        )
    if not data["updates"]:
        return Section(
            id="trust", title="Trust in the reward model", lead=lead, empty="No round has updated the policy yet."
        )
    rows = [
        (str(row["round"]), row["model"] or "–", str(row["observations"]), "–" if row["r2"] is None else f"{row['r2']:.3f}",
         str(updates.get((row["round"], "predicted"), "–")), str(updates.get((row["round"], "real"), "–")),
         "–" if row["kl"] is None else f"{row['kl']:.3f}", row["horizon"] or "–")
        for updates in [{(u["round"], u["rewards"]): u["updates"] for u in data["updates"]}]
        for row in reversed(data["trust"])
    ]  # fmt: skip
    columns = (
        "Round",
        "Model",
        "Trials known",
        "Held-out R²",
        "Updates, predicted",
        "Updates, real",
        "Largest KL",
        "Why its use ended",
    )
    table = Table(
        title="Every round, and why the use of the model ended",
        columns=columns,
        rows=rows,
        numbers=(0, 2, 3, 4, 5, 6),
        folded=True,
    )
    return Section(
        id="trust", title="Trust in the reward model", lead=lead, tables=[table], notes=_cut(history, tables)
    )


def _origins(tables: Tables) -> Section:
    facts = tables.facts.origins
    if not facts:
        return Section(id="origins", title="Origins", empty="No trial has been planned yet.")
    rows = [
        (
            each.origin,
            str(each.trials),
            words.share(each.trials / len(tables.facts.trials)),
            str(each.complete),
            str(each.improvements),
            words.metric(each.best),
        )
        for each in facts
    ]
    columns = ("Origin", "Trials", "Share", "Complete", "Improvements", f"Best {tables.objective.metric}")
    table = Table(
        title="What each origin brought, over the whole study",
        columns=columns,
        rows=rows,
        numbers=(1, 2, 3, 4, 5),
        beside=True,
    )
    return Section(id="origins", title="Origins", tables=[table])


def _trials(tables: Tables) -> Section:
    empty = "" if tables.facts.trials else "No trial has been planned yet."
    failures = _failures(tables)
    lead = "" if empty else "Order by a column's name; open a row for its reason, its metrics and the end of its log."
    return Section(id="trials", title="Every trial", lead=lead, empty=empty, tables=failures, notes=_thinned(tables))


def _failures(tables: Tables) -> list[Table]:
    """The reasons for which trials have no value, the most frequent first."""
    trials: dict[tuple[str, str], list[int]] = {}
    for trial in tables.facts.trials:
        if trial.result and trial.objective is None:
            first = words.plain_text(trial.result.reason).strip().split("\n", 1)[0]
            trials.setdefault((trial.result.ending, first[:200] or "no reason given"), []).append(trial.number)
    ordered = sorted(trials.items(), key=lambda item: -len(item[1]))
    rows = [
        (str(len(numbers)), status, reason, ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else ""))
        for (status, reason), numbers in ordered[:10]
    ]
    title = "Why trials have no value" + (
        f": the 10 most frequent of {len(ordered)} reasons" if len(ordered) > 10 else ""
    )
    return (
        [Table(title=title, columns=("Trials", "Status", "Reason", "Which"), rows=rows, numbers=(0,))] if rows else []
    )


def _cost(tables: Tables) -> Section:
    facts = tables.facts
    if not any(trial.result for trial in facts.trials):
        return Section(id="cost", title="Cost", empty="No trial has ended yet.")
    scopes = [("This session", facts.session_cost)]
    if facts.sessions > 1:
        scopes.append(("The study", facts.cost))
    rows = [
        (name, words.duration(c.train), words.duration(c.evaluate), words.duration(c.gpu), words.duration(c.total),
         f"{words.duration(c.wasted)} ({words.share(c.wasted_share)})", f"{words.duration(c.repeated)} in {c.repeats}", words.duration(c.stopped))
        for name, c in scopes
    ]  # fmt: skip
    columns = (
        "",
        "Training",
        "Evaluation",
        "GPUs, each counted",
        "Together",
        "In trials without a value",
        "In attempts that were repeated",
        "In trials stopped early",
    )
    table = Table(
        title="Time of all trials added up; trials that run side by side count each",
        columns=columns,
        rows=rows,
        numbers=(1, 2, 3, 4, 5, 6, 7),
    )
    return Section(id="cost", title="Cost", tables=[table])


def _thinned(tables: Tables) -> list[str]:
    shown, trials = len(tables.shown), len(tables.facts.trials)
    if shown == trials:
        return []
    return [
        f"{shown:,} of {trials:,} trials are drawn and listed: every improvement, the latest, and an even selection. Numbers in the text are of all."
    ]


def _cut(history: StudyHistory, tables: Tables) -> list[str]:
    drawn, whole = len(tables.rounds), len(history.rounds)
    return [] if drawn == whole else [f"The latest {drawn} of {whole} rounds are drawn."]
