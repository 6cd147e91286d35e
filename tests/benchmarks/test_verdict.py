"""Who wins: the rule, ranks, corrections and regret on cases that can be worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from tests.benchmarks.contest.schedule import CONTESTS, cheapest, others
from tests.benchmarks.rivals.methods import ENTRANT, METHODS, OURS
from tests.benchmarks.tasks.listing import of_role
from tests.benchmarks.verdict import figures, ranks, regret, wins
from tests.benchmarks.verdict.__main__ import chosen, plain
from tests.benchmarks.verdict.agreement import duels, ranks_of
from tests.benchmarks.verdict.field import Field, blocks
from tests.benchmarks.verdict.objectives import compared
from tests.benchmarks.verdict.page import render
from tests.benchmarks.verdict.printed import words
from tests.benchmarks.verdict.summary import CLAIM, at, earlier, summary, verdict

ROWS = np.array([100.0, 100.0, 1000.0])


def test_a_method_within_half_a_row_of_the_best_wins_too():
    means = np.array([[0.900, 0.905, 0.899], [0.5, 0.4, 0.3], [0.900, 0.9005, 0.899]])
    assert wins.wins(means, ROWS).tolist() == [[True, True, False], [True, False, False], [True, True, False]]


def test_half_a_row_is_a_tie_in_the_single_precision_of_committed_runs():
    """With two seeds one row more in one of them is a gap of exactly half a row."""
    rows = 750
    single = (np.arange(rows + 1) / rows).astype(np.float32).astype(np.float64)
    means = np.stack([(single[1:] + single[:-1]) / 2, single[:-1]], axis=1)
    assert wins.wins(means, np.full(rows, float(rows))).all()
    assert (wins.ahead(means, np.full(rows, float(rows))) == 0).all()


def test_a_win_that_is_shared_is_not_a_strict_one():
    means = np.array([[0.900, 0.905, 0.899], [0.5, 0.4, 0.3], [0.900, 0.9006, 0.899]])
    assert wins.strict_wins(means, ROWS).tolist() == [[False] * 3, [True, False, False], [False, True, False]]


def test_everybody_wins_where_nothing_differs():
    assert wins.wins(np.full((3, 4), 0.9), ROWS).all()
    assert not wins.strict_wins(np.full((3, 4), 0.9), ROWS).any()


def test_duels_count_every_task_once_and_mirror_each_other():
    means = np.array([[0.9, 0.8], [0.9, 0.903], [0.9, 0.9006]])
    found = wins.duels(means, ROWS)
    assert found[0, 1].tolist() == [1, 1, 1]
    assert found[1, 0].tolist() == found[0, 1].tolist()[::-1]
    assert found.sum(axis=-1).tolist() == [[3, 3], [3, 3]]


def test_the_best_has_rank_one_and_equals_share():
    assert ranks.mean_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.9, 0.6]])).tolist() == [1.5, 1.75, 2.75]


def test_sums_in_another_order_are_equal():
    first, second = np.mean([0.1, 0.2, 0.3]), np.mean([0.3, 0.2, 0.1])
    assert ranks.mean_ranks(np.array([[first, second]])).tolist() == [1.5, 1.5]
    assert ranks.signed_rank(np.array([first]), np.array([second])) == 1.0


def test_holm_multiplies_step_by_step_and_never_falls():
    assert ranks.holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert ranks.holm(np.array([0.5, 0.6])).tolist() == [1.0, 1.0]
    assert ranks.holm(np.array([0.02])).tolist() == [0.02]


def test_the_signed_rank_test_is_scipys_with_zeros_kept_in_the_ranking():
    rng = np.random.default_rng(0)
    first, second = rng.random(20), rng.random(20)
    second[:5] = first[:5]
    expected = wilcoxon(first - second, zero_method="pratt", method="approx").pvalue
    assert ranks.signed_rank(first, second) == pytest.approx(expected)


def test_friedman_sees_a_method_that_always_wins_and_none_where_all_are_equal():
    rng = np.random.default_rng(0)
    means = rng.random((20, 4))
    assert ranks.friedman(means) > 0.05
    assert ranks.friedman(means + np.array([1.0, 0, 0, 0])) < 0.001
    assert ranks.friedman(np.ones((20, 4))) == 1.0


def test_cliques_join_what_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    means = rng.random((40, 4)) * 0.01 + np.array([0.5, 0.5, 0.1, 0.1])
    assert [set(group) for group in ranks.cliques(means, ["a", "b", "c", "d"])] == [{"a", "b"}, {"c", "d"}]


def field(**curves) -> Field:
    """Two tasks, two methods, one seed, three rounds."""
    best = np.array([[[[0.5, 0.6, 0.8]], [[0.5, 0.7, 0.7]]], [[[0.4, 0.4, 0.4]], [[0.4, 0.4, 0.4]]]])
    cost = np.broadcast_to(np.array([4.0, 8.0, 100.0]), best.shape)
    others = {
        "held_out": best,
        "expected": best,
        "cost": cost,
        "optimiser": np.broadcast_to(np.array([0.0, 4.0, 8.0]), best.shape),
    }
    return Field(
        tasks=["keel-iris", "keel-wine"],
        methods=["without knowledge", "random"],
        seeds=[0],
        curves={"best": best, **others, **curves},
        rows=np.array([112.0, 133.0]),
        typical=np.array([[0.6], [0.4]]),
        seconds=np.array([1.0, 1.0]),
    )


def test_regret_is_zero_at_the_best_known_and_one_at_the_median_and_unknown_where_nothing_matters():
    found = regret.regret(field())
    assert found[0, :, 0].round(9).tolist() == [[1.5, 1.0, 0.0], [1.5, 0.5, 0.5]]
    assert np.isnan(found[1]).all()


def test_regret_over_cost_steps_when_a_round_is_paid():
    grid, found = regret.over_cost(field())
    assert found[0, 0, np.searchsorted(grid, 0.06)] == pytest.approx(1.5)
    assert found[0, 0, np.searchsorted(grid, 0.5)] == pytest.approx(1.0)
    assert found[0, 0, -1] == pytest.approx(0.0)


def test_trials_count_until_the_mean_is_where_the_best_rival_ends():
    trials, seconds = regret.reached(field(), "without knowledge")
    assert trials.tolist() == [12.0, 4.0]
    assert seconds.tolist() == [100.0, 4.0]
    assert np.isnan(
        regret.reached(
            field(best=field().curves["best"] * 0 + [[[[0.1]], [[0.9]]]] * np.ones((2, 2, 1, 3))), "without knowledge"
        )[0]
    ).all()


def test_an_interval_holds_its_mean_and_leaves_out_what_is_unknown():
    mean, low, high = regret.interval(np.array([0.1, 0.2, 0.3, np.nan]))
    assert mean == pytest.approx(0.2)
    assert low < mean < high


def made_of(methods, failures) -> pd.DataFrame:
    """Finished runs without curves, of releases that are not the present ones."""
    keys = {"task": "keel-iris", "seed": 0, "kind": "table", "budget": "count", "objective": "accuracy", "trials": 8}
    rows = [
        {"id": "old", **keys, "method": method, "failure": failure, "finished": "2026-11-24T10:00:00", "machine": None}
        for method, failure in zip(methods, failures, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.filterwarnings("ignore:Unknown category")
def test_the_page_and_the_file_hold_what_was_counted():
    found = made_of(["without knowledge", "random"], ["", "broken"])
    made = [(field(), summary(field(), found))]
    told = plain(verdict("dev", "table", "count", "accuracy", made, found))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["win_share"], told["tasks"], told["seeds"], told["rivals"], told["kind"]) == (
        1.0,
        2,
        1,
        ["random"],
        "table",
    )
    content = told["blocks"][0]
    assert content["flat_tasks"] == ["keel-wine"]
    assert (content["completed"], content["failed"]) == (
        {"without knowledge": 1, "random": 0},
        {"without knowledge": 0, "random": 1},
    )
    assert content["overhead"]["without knowledge"] == pytest.approx(1.0)
    page = render(told, made)
    assert "tunewright without knowledge is best or within half a row of the best on 2 of 2 tasks" in page
    assert "Earlier releases" not in page
    assert page.count("<svg") == 5
    assert "<script" not in page


def test_variants_share_no_rank_with_the_rivals_and_win_in_the_place_of_the_entrant():
    best = np.array([0.8, 0.7, 0.9, 0.75])[None, :, None, None] * np.ones((2, 4, 1, 3))
    four = replace(
        field(**dict.fromkeys(("best", "held_out", "expected", "cost", "optimiser"), best)),
        methods=["without knowledge", "random", "tunewright", "TPE"],
    )
    there = summary(four, made_of(four.methods, [""] * 4))["marks"]["12"]
    ranked = {group: {name: row["rank"] for name, row in there[group].items()} for group in ("entrants", "variants")}
    assert ranked == {
        "entrants": {"without knowledge": 1.0, "random": 3.0, "TPE": 2.0},
        "variants": {"without knowledge": 2.0, "tunewright": 1.0},
    }
    assert [there["variants"][name]["wins"] for name in ("without knowledge", "tunewright")] == [2, 2]
    assert there["cliques"] == [["without knowledge", "TPE", "random"]]


def test_the_claim_is_rounded_up_and_told_only_where_every_rival_that_played_is_met():
    content = summary(field(), made_of(["without knowledge", "random"], ["", ""]))
    assert "87 of the 101 test tasks by real runs; of 2 that would be 2: they are reached here" in words(content)[1]
    other = summary(field(), made_of(["without knowledge", "random", "HEBO"], ["", "", ""]))
    assert not any("87 of the 101" in sentence for sentence in words(other))
    assert math.ceil(CLAIM * 20) == 18


def test_earlier_releases_that_met_the_tasks_are_disclosed():
    found = made_of(["without knowledge", "random", "tunewright"], ["", "", ""])
    assert earlier(found) == {"runs": 2, "tasks": 1, "last": "2026-11-24"}
    told = plain(
        verdict("test", "real", "count", "accuracy", [(field(), summary(field(), found))], found, "the first 2")
    )
    assert "HEBO" in told["not_played"]
    assert "Hyperband" not in told["not_played"]
    page = render(told, [(field(), summary(field(), found))])
    assert "<h1>Benchmark: test tasks (the first 2), real runs" in page
    assert "Earlier releases of the agent have met 1 of these tasks in 2 runs, the last on 2026-11-24" in page


def test_a_smaller_field_of_the_same_tasks_is_not_shown_again():
    found = runs_of(["keel-iris"], ["without knowledge", "random", "HEBO"], [0, 1])
    (one,) = blocks(found, ["keel-iris"])
    assert one.methods == ["without knowledge", "random", "HEBO"]


def test_under_the_budget_of_cost_a_run_is_read_each_time_that_four_median_trials_are_paid():
    from tests.benchmarks.contest.runs import CURVES
    from tests.benchmarks.verdict.field import _curves

    row = {"budget": "cost", "trials": 16, **{name: [0.1, 0.2, 0.3] for name in CURVES}, "cost": [5.0, 9.0, 30.0]}
    found = _curves(row, 1.0)
    assert found["best"].tolist() == [0.1, 0.1, 0.2, 0.2]
    assert found["cost"].tolist() == [4.0, 8.0, 12.0, 16.0]


def runs_of(tasks, methods, seeds, best=0.5, kind="table"):
    import pandas as pd
    from tests.benchmarks.contest.runs import CURVES

    return pd.DataFrame(
        [
            {
                "task": task, "method": method, "seed": seed, "kind": kind, "count": 8, "budget": "count",
                "objective": "accuracy", "trials": 8, "failure": "",
                **{name: [best, best] for name in CURVES},
            }
            for task in tasks
            for method in methods
            for seed in seeds
        ]
    )  # fmt: skip


def test_a_block_is_complete_and_keeps_most_runs():
    import pandas as pd
    from tests.benchmarks.verdict.field import block, blocks

    tasks = [task.name for task in of_role("test")[:5]]
    quick = runs_of(tasks, ["tunewright", "random"], [0, 1, 2])
    slow = runs_of(tasks[:3], ["HEBO"], [0, 1])
    found = pd.concat([quick, slow])
    fast, every = blocks(found, tasks)
    assert (every.tasks, every.methods, every.seeds) == (tasks[:3], ["tunewright", "random", "HEBO"], [0, 1])
    assert (fast.tasks, fast.seeds, fast.curves["best"].shape) == (tasks, [0, 1, 2], (5, 2, 3, 2))
    assert block(found[found["method"] == "HEBO"], tasks, ["HEBO", "TPE"]) is None


def test_tasks_of_fewer_seeds_can_be_left_out():
    from tests.benchmarks.verdict.__main__ import told_by

    tasks = [task.name for task in of_role("test")[:5]]
    methods = ["without knowledge", "random"]
    found = pd.concat([runs_of(tasks, methods, [1]), runs_of(tasks[:3], methods, [2])], ignore_index=True)
    (all_tasks,), (two_seeds,) = blocks(found, tasks), blocks(found, tasks, 2)
    assert (all_tasks.tasks, all_tasks.seeds) == (tasks, [1])
    assert (two_seeds.tasks, two_seeds.seeds) == (tasks[:3], [1, 2])
    assert (told_by("first", 1), told_by("every", 2)) == ([], ["every", "2-seeds"])


def test_a_method_that_has_hardly_begun_does_not_hide_the_others():
    tasks = [task.name for task in of_role("test")[:12]]
    quick, slow = runs_of(tasks, ["without knowledge", "random"], [1]), runs_of(tasks[:7], ["Optuna GP"], [1])
    found = pd.concat([quick, slow, runs_of(tasks[:1], ["HEBO"], [1])])
    told = [(len(field.tasks), field.rivals) for field in blocks(found, tasks)]
    assert told == [(12, ["random"]), (7, ["random", "Optuna GP"])]


def test_a_failed_run_takes_its_seed_out_of_the_block_and_is_counted():
    from tests.benchmarks.verdict.field import blocks, completed

    found = runs_of(["keel-iris"], ["tunewright", "random"], [0, 1])
    found.loc[0, "failure"] = "ValueError"
    assert len(completed(found)) == 3
    assert blocks(found, ["keel-iris"])[0].seeds == [1]


def test_real_runs_are_measured_against_what_random_search_tried():
    from tests.benchmarks.verdict.field import block

    found = runs_of(["keel-iris"], ["tunewright", "random"], [1, 2], kind="real")
    found.loc[found["method"] == "random", "mean"] = found.loc[found["method"] == "random", "mean"].map(
        lambda _: [0.2, 0.4]
    )
    found.loc[found["method"] == "random", "cost"] = found.loc[found["method"] == "random", "cost"].map(
        lambda _: [4.0, 16.0]
    )
    (measured,) = [block(found, ["keel-iris"], ["tunewright", "random"])]
    assert measured.typical == pytest.approx(np.full((1, 2), 0.3))
    assert measured.seconds == pytest.approx([2.0])
    without = block(found[found["method"] != "random"], ["keel-iris"], ["tunewright"])
    assert np.isnan(without.typical).all()


def test_of_a_loss_the_smaller_one_wins_and_it_is_told_as_it_is():
    found = pd.concat([runs_of(["keel-iris"], [name], [0], best) for name, best in ((ENTRANT, 0.3), ("random", 0.5))])
    (measured,) = blocks(found.assign(objective="log_loss"), ["keel-iris"])
    there = at(measured, 8)["entrants"]
    assert "mean log-loss is 0.3000" in " ".join(words({**summary(measured, found), "marks": {"8": at(measured, 8)}}))
    assert [there[name]["wins"] for name in (ENTRANT, "random")] == [1, 0]
    assert [there[name]["rank_held_out"] for name in (ENTRANT, "random")] == [1.0, 2.0]
    assert there[ENTRANT]["held_out"] == pytest.approx(0.3)


def test_who_has_no_held_out_loss_has_not_the_least():
    mine, other = runs_of(["keel-iris"], [ENTRANT], [0], 0.3), runs_of(["keel-iris"], ["random"], [0], 0.5)
    found = pd.concat([mine.assign(held_out=[[math.nan] * 2]), other])
    (measured,) = blocks(found.assign(objective="log_loss"), ["keel-iris"])
    there = at(measured, 8)["entrants"]
    assert [there[name]["rank_held_out"] for name in (ENTRANT, "random")] == [1.5, 1.5]
    assert there[ENTRANT]["held_out"] == pytest.approx(0.5)


def test_in_real_runs_every_seed_is_a_function_of_its_own():
    two = {name: np.concatenate([values, values - 0.3], axis=2) for name, values in field().curves.items()}
    typical = np.array([[0.6, 0.3], [0.4, 0.1]])
    real = replace(field(), seeds=[1, 2], curves=two, typical=typical, kind="real")
    found = regret.regret(real)
    assert found[0, :, 0] == pytest.approx(found[0, :, 1])
    shared = regret.regret(replace(real, kind="table"))
    assert (shared[0, :, 1, -1] > shared[0, :, 0, -1] + 0.2).all()  # what the other split allows is out of reach
    assert np.isnan(regret.over_seeds(found)[1]).all()


def test_a_part_of_the_agent_that_has_not_played_everything_is_left_out_of_the_block():
    import pandas as pd
    from tests.benchmarks.verdict.field import blocks

    tasks = ["keel-iris", "keel-wine"]
    found = pd.concat(
        [runs_of(tasks, ["without knowledge", "without model", "TPE"], [0, 1]), runs_of(tasks, ["paper"], [0])]
    )
    (one,) = blocks(found, tasks)
    assert (one.methods, one.seeds) == (["without knowledge", "without model", "TPE"], [0, 1])


def test_more_tasks_come_before_more_seeds():
    import pandas as pd
    from tests.benchmarks.verdict.field import blocks

    found = pd.concat(
        [runs_of(["keel-iris", "keel-wine"], ["TPE", "random"], [0]), runs_of(["keel-iris"], ["TPE", "random"], [1, 2])]
    )
    (one,) = blocks(found, ["keel-iris", "keel-wine"])
    assert (one.tasks, one.seeds) == (["keel-iris", "keel-wine"], [0])


def told(*means) -> Field:
    """A field of methods on tasks of a hundred rows, by the means in which they end."""
    best = np.array(means)[:, :, None, None]
    base = field()
    return replace(
        base,
        tasks=[f"task {number}" for number in range(len(means))],
        methods=["a", "b"],
        curves={"best": best},
        rows=np.full(len(means), 100.0),
    )


def test_a_duel_is_told_where_tables_and_real_runs_decide_it_differently():
    table = told((0.9, 0.8), (0.9, 0.8), (0.9, 0.8), (0.9, 0.9), (0.9, 0.9))
    real = told((0.7, 0.6), (0.6, 0.7), (0.7, 0.696), (0.6, 0.7), (0.7, 0.697))
    assert [duel.outcome for duel in duels(table, real)] == [
        "agree",
        "disagree",
        "decided by tables only",
        "decided by real runs only",
        "decided by neither",
    ]
    assert (duels(table, real)[1].table, duels(table, real)[1].real) == pytest.approx((0.1, -0.1))


def test_ranks_over_choices_of_seeds_are_those_of_so_many_seeds():
    best = np.array([[[1.0, 0.0, 0.0], [0.5, 0.4, 0.4]]])[..., None]  # ahead on one seed of three
    both = replace(field(best=best), tasks=["keel-iris"], seeds=[0, 1, 2])
    assert ranks_of(both, 1) == {"without knowledge": pytest.approx(5 / 3), "random": pytest.approx(4 / 3)}
    assert ranks_of(both, 3) == {"without knowledge": 2.0, "random": 1.0}, "the means are .33 and .43"


def test_every_method_of_a_contest_has_a_look_of_its_own():
    names = [name for name, method in METHODS.items() if not method.study]
    drawn = [figures.looks([name]) for name in names]
    parts = [[each[part].to_dict()["scale"]["range"][0] for part in ("color", "strokeDash")] for each in drawn]
    assert len({(colour, *dash) for colour, dash in parts}) == len(names) > len(figures.COLOURS)


def test_real_runs_of_test_tasks_are_told_apart_whole_and_once():
    parts = [chosen("test", "real", part) for part in ("first", "second", "fresh")]
    assert [len(part) for part in parts] == [20, 22, 59]
    every = chosen("test", "real", "every")
    assert sorted(name for part in parts for name in part) == sorted(every)
    assert sorted(every) == sorted(task.name for task in of_role("test"))
    assert {task.name for task in others()} == {*parts[1], *parts[2]}
    assert {task.name for task in others()[-3:]} == {"digits", "mnist5k", "fashion-mnist"}
    assert chosen("test", "real", "families") == [f"families-{task.name}" for task in cheapest("test", 20)]


def test_ten_minutes_are_enough_for_rivals_and_for_the_parts_of_the_agent():
    played = {request.method for request in CONTESTS["quick"]()}
    assert {OURS, ENTRANT, "without knowledge, policy", "without knowledge, model", "TPE", "random"} <= played


def test_objectives_are_compared_by_held_out_accuracy_on_what_was_played_under_both():
    tasks = ["keel-iris", "keel-wine"]
    accuracy = runs_of(tasks, ["TPE"], [1, 2], 0.8)
    loss = runs_of([*tasks, "keel-tae"], ["TPE"], [1], 0.3).assign(held_out_accuracy=[0.9, 0.8 + 1e-8, 0.1])
    (row,) = compared(accuracy, loss)
    assert (row.method, row.tasks, row.better, row.worse) == ("TPE", 2, 1, 0)
    assert (row.accuracy, row.log_loss) == pytest.approx((0.8, 0.85))


def test_nothing_is_said_where_the_entrant_of_the_present_release_has_not_played(monkeypatch):
    import tests.benchmarks.verdict.__main__ as command

    played = pd.DataFrame({"task": ["keel-iris"], "method": ["TPE"], "trials": [100]})
    monkeypatch.setattr(command.runs, "read", lambda _: played)
    monkeypatch.setattr(command, "present", lambda every: every)
    monkeypatch.setattr("sys.argv", ["verdict", "--role", "test", "--kind", "real", "--part", "every"])
    with pytest.raises(SystemExit, match="must have played, got no run; play a contest first"):
        command.main()
