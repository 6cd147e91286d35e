"""A contest: budgets, incumbents, costs, and going on after a kill."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.contest import client, runner, runs
from tests.benchmarks.contest.client import Client, MethodFailedError
from tests.benchmarks.contest.play import Record, play
from tests.benchmarks.contest.request import (
    BATCH,
    FIRST_TRAINED_BY,
    TRIALS,
    Request,
    initial,
    locked,
    problem,
    real_function,
)
from tests.benchmarks.evaluation.trial import SHARES, Answer, Score, space
from tests.benchmarks.rivals.chance import Chance
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.rivals.port import Observed, Parameter, Problem, space_from
from tests.benchmarks.tasks.listing import named
from tests.benchmarks.tasks.prepared import digests

REQUEST = Request(task="keel-banana", method="random", seed=0, kind="table")


def answer(configuration) -> Answer:
    """Deeper trees are better and cost more."""
    depth = configuration["max_depth"] / 25
    curve = tuple(
        Score(share=share, accuracy=depth * share, log_loss=1 - depth * share, seconds=10 * depth * share)
        for share in SHARES
    )
    return Answer(curve=curve, held_out_accuracy=depth / 2, held_out_log_loss=1.0, seconds=11 * depth, expected=depth)


class Scripted:
    """A method that proposes one configuration in growing shares; remembers what it was told."""

    def __init__(self, share: float = 1.0) -> None:
        self.share, self.told = share, []

    def start(self, method, problem, settings=None):
        self.space = space_from(problem["space"])

    def ask(self, count):
        given = {parameter.name: parameter.value(0.5) for parameter in self.space}
        return [{"configuration": given, "share": self.share}] * count, 0.5

    def tell(self, observed):
        self.told.append(observed)
        return 0.25


def test_all_methods_begin_with_the_same_round_which_differs_between_tasks_and_seeds():
    banana, ring = named(["keel-banana", "keel-ring"])
    assert initial(banana, 0) == initial(banana, 0)
    assert len({json.dumps(initial(task, seed)) for task, seed in [(banana, 0), (banana, 1), (ring, 0)]}) == 3


def test_a_run_of_equal_count_is_25_rounds_of_4():
    record = play(REQUEST, Scripted(), answer, np.inf)
    assert (record.count, record.rounds) == (100, [BATCH * (r + 1) for r in range(25)])
    assert record.optimiser == [0.25, *[0.75] * 24]


def test_a_run_of_equal_cost_ends_when_the_seconds_are_spent():
    record = play(replace(REQUEST, budget="cost"), Scripted(), answer, 60.0)
    assert record.cost >= 60.0
    assert record.cost - sum(record.trials["cost"][-BATCH:]) < 60.0


def test_partial_training_costs_its_part_and_going_on_costs_the_rest():
    player = Scripted(share=1 / 3)
    record = play(replace(REQUEST, budget="cost"), player, answer, 1.0)
    assert record.trials["share"][:BATCH] == [1.0] * BATCH
    partial = play(replace(REQUEST, budget="cost"), Growing(), answer, 60.0)
    costs = partial.trials["cost"][BATCH : BATCH + 3]
    full = answer({parameter.name: parameter.value(0.5) for parameter in space_of_banana()}).curve[-1].seconds
    assert costs[0] == pytest.approx(full / 9)
    assert costs[0] + costs[1] + costs[2] == pytest.approx(full)


def space_of_banana():
    return space_from(problem(REQUEST)["space"])


class Growing(Scripted):
    """Trains one configuration for a ninth, a third, the whole."""

    def ask(self, count):
        proposals, seconds = super().ask(3)
        return [
            {**proposal, "share": share} for proposal, share in zip(proposals, (1 / 9, 1 / 3, 1.0), strict=True)
        ], seconds


def test_what_a_method_is_told_is_a_loss_of_the_objective():
    told = {}
    for objective in ("accuracy", "log_loss"):
        player = Scripted()
        play(replace(REQUEST, objective=objective), player, answer, np.inf)
        told[objective] = [entry["loss"] for entry in player.told[0]]
    assert told["accuracy"] == pytest.approx(
        [1 - answer(given).final.accuracy for given in initial(named(["keel-banana"])[0], 0)]
    )
    assert told["log_loss"] == pytest.approx(told["accuracy"])


def test_what_is_kept_of_held_out_rows_is_the_objective_too():
    for objective, expected in (("accuracy", 0.5), ("log_loss", 1.0)):
        record = play(replace(REQUEST, objective=objective), Scripted(), lambda _: hurried({}), np.inf)
        assert set(record.trials["held_out"]) == {expected}
        assert runs.curves(vars(record), objective)["held_out_accuracy"] == 0.5


def test_infeasible_configurations_are_told_as_such_and_never_the_incumbent():
    player = Scripted()
    nothing = Answer(curve=(), held_out_accuracy=None, held_out_log_loss=None, seconds=0.0, reason="too small")
    record = play(REQUEST, player, lambda given: nothing if given["max_depth"] > 12 else answer(given), np.inf)
    losses = [entry["loss"] for entry in player.told[0]]
    assert None in losses
    found = runs.curves(vars(record), "accuracy")
    assert found["best"][0] == pytest.approx(max(1 - loss for loss in losses if loss is not None))


def test_only_whole_training_makes_an_incumbent_and_the_first_of_equals_stays():
    record = Record()
    record.trials = {
        "accuracy": [0.5, 0.9, 0.7, 0.7],
        "log_loss": [1.0, 0.1, 0.4, 0.3],
        "held_out": [0.1, None, 0.3, 0.4],
        "expected": [None] * 4,
        "cost": [1.0] * 4,
        "share": [1.0, 1 / 3, 1.0, 1.0],
    }
    record.rounds, record.optimiser = [2, 4], [0.1, 0.2]
    found = runs.curves(vars(record), "accuracy")
    assert (found["best"], found["held_out"], found["cost"]) == ([0.5, 0.7], [0.1, 0.3], [2.0, 4.0])
    assert found["mean"] == pytest.approx([0.5, 0.7])
    assert found["held_out_accuracy"] == 0.3, "of a run that kept no other measure"
    assert runs.curves(vars(record), "log_loss")["best"] == [1.0, 0.3]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(runs, "finished", lambda wanted: FINISHED(wanted, tmp_path / "none"))
    return tmp_path / "tunewright-benchmark" / "runs" / "table-count-accuracy.jsonl"


FINISHED = runs.finished


def test_a_contest_that_was_killed_plays_only_what_is_missing(home, capsys):
    first = [replace(REQUEST, seed=seed) for seed in range(2)]
    record = play(REQUEST, Scripted(), answer, np.inf)
    runs.add(first[0], runs.line_of(first[0], record))
    with home.open("a") as lines:
        lines.write(json.dumps(runs.line_of(first[1], record))[:200])  # killed while it wrote
    assert runs.finished(first) == {first[0].id()}
    runner.run(first[:1], 1, 1.0)
    assert "1 of 1 runs are finished" in capsys.readouterr().out


def test_a_task_whose_table_is_too_thin_is_left_out_by_name(home, capsys, monkeypatch):
    read = runner.store.read
    monkeypatch.setattr(runner.store, "read", lambda task: read(task)[:5])
    runner._is_thin.cache_clear()
    runner.run([REQUEST], workers=1, minutes=1)
    runner._is_thin.cache_clear()
    assert "tables are too thin (make benchmark-tables): keel-banana" in capsys.readouterr().out


def test_finished_runs_are_committed_once_and_read_from_there_when_the_cache_is_gone(home, tmp_path):
    record = play(REQUEST, Scripted(), answer, np.inf)
    runs.add(REQUEST, runs.line_of(REQUEST, record))
    failed = replace(REQUEST, seed=1)
    runs.add(failed, runs.line_of(failed, None, "ValueError: broken"))
    for _ in range(2):
        runs.commit(["table-count-accuracy"], tmp_path)
    home.unlink()
    found = runs.read("table-count-accuracy", tmp_path)
    assert found["failure"].tolist() == ["", "ValueError: broken"]
    assert found["count"].tolist() == [100, 0]
    assert len(found["best"][0]) == TRIALS // BATCH
    assert FINISHED([REQUEST, failed], tmp_path) == {REQUEST.id(), failed.id()}


def test_another_release_or_another_function_is_another_run(monkeypatch):
    name = REQUEST.id()
    monkeypatch.setattr("tests.benchmarks.contest.request.release", lambda method, curves: "2")
    assert REQUEST.id() != name
    monkeypatch.undo()
    monkeypatch.setattr("tests.benchmarks.contest.request.table_digest", lambda task: "grown")
    assert REQUEST.id() != name


def test_real_runs_of_another_xgboost_are_other_runs_and_the_first_keep_their_function():
    (task,) = named(["keel-banana"])
    first = real_function(task, FIRST_TRAINED_BY["xgboost"])
    assert first == digests()["keel-banana"].content[:16]
    assert len({first, real_function(task, "9.0"), real_function(task, "9.1")}) == 3


def test_every_rival_has_a_release_in_the_lock():
    assert {method.package: locked(method.package) for method in METHODS.values() if method.package}[
        "optuna"
    ] == "5.0.0"


def test_the_agent_speaks_through_a_process_of_its_own():
    with Client("project") as player:
        player.start("without model", problem(REQUEST))
        record = play_rounds(player, 3)
    assert record == [4, 4, 4]


def play_rounds(player, rounds):
    counts = []
    for _ in range(rounds):
        proposals, seconds = player.ask(4)
        assert seconds >= 0
        counts.append(len(proposals))
        player.tell([{**proposal, "loss": 0.5} for proposal in proposals])
    return counts


def test_an_error_of_a_method_is_told_with_its_place():
    with Client("project") as player, pytest.raises(MethodFailedError, match="KeyError: 'nobody'"):
        player.start("nobody", problem(REQUEST))


def test_a_process_that_ends_is_noticed(monkeypatch, tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(client, "RIVALS", program)
    with Client("rivals") as player, pytest.raises(MethodFailedError, match="ended with 3"):
        player.start("TPE", problem(REQUEST))


def test_without_the_rivals_environment_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(client, "RIVALS", Path("nowhere"))
    with pytest.raises(FileNotFoundError, match="make benchmark-setup"):
        Client("rivals")


@pytest.mark.parametrize("value", [0.0, 0.3, 0.999, 1.0])
def test_unit_coordinates_and_values_agree_with_the_products(value):
    ours = space("xgboost")
    for (name, parameter), theirs in zip(ours, space_of_banana(), strict=True):
        assert theirs.value(value) == pytest.approx(parameter.value(value)), name
        assert theirs.unit(parameter.value(value)) == pytest.approx(parameter.unit(parameter.value(value)))


def space_of_families():
    return space_from(problem(replace(REQUEST, task="families-keel-banana"))["space"])


@pytest.mark.parametrize("value", [0.0, 0.3, 0.7, 0.999, 1.0])
def test_scales_and_conditions_agree_with_the_products(value):
    ours, theirs = space("families"), space_of_families()
    for parameter in theirs:
        known = ours.parameters[parameter.name]
        assert parameter.value(value) == pytest.approx(known.value(value)), parameter.name
        assert parameter.unit(known.value(value)) == pytest.approx(known.unit(known.value(value)))
    given = Problem(space=theirs, seed=0, trials=8, batch=4)
    whole = {parameter.name: parameter.value(value) for parameter in theirs}
    active, decoded = given.active(whole), ours.decode(np.full(len(ours), value))
    assert list(active) == list(decoded)
    ours.check(active)
    assert given.filled({"family": "forest"}).keys() == ours.parameters.keys()


def test_every_method_begins_and_goes_on_with_configurations_that_the_space_of_families_has():
    families, given = space("families"), replace(REQUEST, task="families-keel-banana", kind="real")
    with Client("project") as player:
        player.start("without knowledge", problem(given))
        player.tell([{"configuration": one, "loss": 0.5} for one in initial(named([given.task])[0], 1)])
        asked = [proposal["configuration"] for proposal in player.ask(4)[0]]
    chance = Chance(Problem(space=space_of_families(), seed=1, trials=8, batch=4)).ask(50)
    for configuration in [*asked, *(proposal.configuration for proposal in chance)]:
        families.check(configuration)


def test_a_release_that_is_alike_keeps_the_runs(monkeypatch):
    from tests.benchmarks.contest import request

    trees = replace(REQUEST, method="without knowledge")
    monkeypatch.setattr(request, "ALIKE", {})
    before = trees.version()
    monkeypatch.setattr(request, "agent_release", lambda: "a later one")
    assert trees.version() != before
    monkeypatch.undo()
    monkeypatch.setattr(request, "ALIKE", {"a later one": request.agent_release()})
    monkeypatch.setattr(request, "agent_release", lambda: "a later one")
    assert trees.version() == before


def test_a_replay_tells_where_it_parts_from_a_finished_run(monkeypatch):
    from tests.benchmarks.contest import replay

    record = play(REQUEST, Scripted(), answer, np.inf)
    row = runs.row(runs.line_of(REQUEST, record))
    monkeypatch.setattr(replay, "client_of", lambda environment: Scripted())
    monkeypatch.setattr(replay, "objective", lambda request: answer)
    monkeypatch.setattr(replay, "budget", lambda request: np.inf)
    assert replay.differs(row) == ""
    row["best"] = [*row["best"][:3], 0.25, *row["best"][4:]]
    assert "best after round 4 is 0.25" in replay.differs(row)


def test_choices_have_cells_of_equal_width():
    kind = Parameter(name="pool", type="categorical", choices=("max", "average"))
    assert [kind.value(u) for u in (0.0, 0.49, 0.5, 1.0)] == ["max", "max", "average", "average"]
    assert kind.unit("average") == 0.75


def test_chance_is_seeded():
    given = Problem(space=space_of_banana(), seed=3, trials=8, batch=4)
    assert Chance(given).ask(4) == Chance(given).ask(4)
    Chance(given).tell([Observed(configuration={}, loss=None)])


def hurried(configuration) -> Answer:
    """Best after a third of its training."""
    curve = tuple(Score(share=s, accuracy=0.9 - abs(s - 1 / 3), log_loss=1.0, seconds=s) for s in SHARES)
    return Answer(curve=curve, held_out_accuracy=0.5, held_out_log_loss=1.0, seconds=1.0)


@pytest.mark.parametrize(("kind", "points"), [("real", len(SHARES) - 1), ("table", 0)])
def test_curves_of_real_runs_are_told_and_those_of_tables_are_not(kind, points):
    player = Scripted()
    play(replace(REQUEST, kind=kind), player, hurried, np.inf)
    assert {len(entry["curve"]) for entry in player.told[0]} == {points}


def test_for_a_follower_the_runner_tries_what_a_curve_has_shown_and_tells_it_as_not_asked_for():
    asked = []

    def ask(configuration):
        asked.append(configuration)
        known = {**configuration, "n_estimators": 0}
        short = [given for given in asked[:BATCH] if {**given, "n_estimators": 0} == known]
        first = short[0]["n_estimators"] if short else 1000
        third = round(first / 3) == configuration["n_estimators"]
        return (
            replace(hurried(configuration), curve=[Score(share=1.0, accuracy=0.9, log_loss=1.0, seconds=1.0)])
            if third
            else hurried(configuration)
        )

    player = Scripted()
    record = play(replace(REQUEST, kind="real", method="random, curves"), player, ask, np.inf)
    assert record.count == 100
    assert [len(told) for told in player.told[:4]] == [4, 3, 1, 4], "three were asked for, and one was not"
    first = asked[:BATCH]
    [followed] = [
        given for given in asked[BATCH : 2 * BATCH] if given["n_estimators"] < 1000 and given != asked[2 * BATCH]
    ]
    assert any({**given, "n_estimators": followed["n_estimators"]} == followed for given in first)
    assert player.told[2][0]["loss"] == pytest.approx(0.1)
    assert record.trials["accuracy"][BATCH] == pytest.approx(0.9)
