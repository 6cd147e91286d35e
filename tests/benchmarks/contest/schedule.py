"""The contests that the project plays: which tasks, methods and seeds, of which kind. Written before they were played.

Slow methods, more than 0.2 s a suggestion, play on fewer tasks and seeds; how many runs each completed is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.contest.request import Request
from tests.benchmarks.rivals.methods import BLIND, CERTAIN, ENTRANT, FOLLOWERS, METHODS, OURS, curves_alone
from tests.benchmarks.tables.grow import effort
from tests.benchmarks.tasks.listing import Role, Task, families, named, of_role
from tests.benchmarks.tasks.prepared import digests

FAST = [
    name
    for name, method in METHODS.items()
    if not (method.slow or method.partial or method.study or curves_alone(method))
]
SLOW = [name for name, method in METHODS.items() if method.slow and not curves_alone(method)]
REAL = [OURS, ENTRANT, BLIND, CERTAIN, "without curves", "without curves, policy", "without curves, model"]
REAL += ["TPE", "Optuna GP", "HEBO", "random", "CMA-ES", *FOLLOWERS]
QUICK = [OURS, ENTRANT, "without knowledge, policy", "without knowledge, model", "TPE", "CMA-ES", "random"]
FRESH = [ENTRANT, BLIND, "TPE", "Optuna GP", "HEBO", "random"]
FIRST = 20  #: cheapest two-class test tasks, on which most releases of the agent have met rivals
MET = 42  #: cheapest two-class test tasks, on which earlier releases have met rivals
BY_LOSS = [OURS, ENTRANT, BLIND, "TPE", "Optuna GP", "HEBO", "random", "TPE, curves", "Optuna GP, curves"]
BY_COST = [OURS, ENTRANT, BLIND, "TPE", "Hyperband", "random"]

BY_FAMILY = [ENTRANT, "TPE", "Optuna GP", "SMAC3", "random"]
TUNED_BY_FAMILY = [ENTRANT, "TPE", "random"]

VARYING = (
    "keel-monk-2", "mass-birthwt", "mass-crabs", "hsaur-respiratory", "cardata-womenlf", "vcdextra-icu", "keel-banana", "keel-yeast1",
    "openintro-births14", "survival-colon", "islr-smarket", "keel-ring",
)  # fmt: skip
"""Development tasks on which configurations matter, cheap ones first."""
CHECKED_TASKS = VARYING[:8]  #: where what tables say is checked against real runs
CHECKED = [ENTRANT, BLIND, CERTAIN, "TPE", "CMA-ES", "random"]
QUICK_TASKS = ("keel-monk-2", "keel-banana", "mass-birthwt", "keel-yeast1", "ecdat-cracker", "keel-led7digit")


def cheapest(role: Role, count: int) -> list[Task]:
    """Two-class tables of a role, those of few rows first."""
    tables = (task for task in of_role(role) if task.model == "xgboost" and digests()[task.name].classes == 2)
    return sorted(tables, key=effort)[:count]


def others() -> list[Task]:
    """Tasks of the test role that are not the first ones, those of least effort first: tables of two classes and more, then the networks."""
    first = cheapest("test", FIRST)
    return [task for task in sorted(of_role("test"), key=effort) if task not in first]


def requests(tasks: Sequence[Task], methods: Sequence[str], seeds: Sequence[int], **kind: str | int) -> list[Request]:
    """All runs of some tasks, methods and seeds; seeds outermost, so that an unfinished contest covers all tasks."""
    return [
        Request(task=task.name, method=method, seed=seed, **kind)  # type: ignore[arg-type]
        for seed in seeds
        for task in tasks
        for method in methods
    ]


def dev() -> list[Request]:
    """Development, for tuning the agent: 30 tasks × 5 seeds; the slow methods on 10 × 3."""
    slow = requests(named(VARYING[:10]), SLOW, range(3), kind="table")
    return [*requests(of_role("dev"), FAST, range(5), kind="table"), *slow]


def test() -> list[Request]:
    """Test, once the default is frozen: 101 tasks × 5 seeds; the slow methods on 30 × 3."""
    slow = requests(of_role("test")[::3][:30], SLOW, range(3), kind="table")
    return [*requests(of_role("test"), FAST, range(5), kind="table"), *slow]


def real() -> list[Request]:
    """Test by real runs, which decide: the 20 two-class tasks of least effort × 3 seeds. Seed 0 is that of the tables, so it is not used."""
    return requests(cheapest("test", FIRST), REAL, range(1, 4), kind="real")


def fresh() -> list[Request]:
    """Test by real runs once more, on all other tasks, cheap ones first, × 3 seeds."""
    return requests(others(), FRESH, range(1, 4), kind="real")


def cost() -> list[Request]:
    """Test by equal cost: 10 tasks × 3 seeds, real runs."""
    return requests(cheapest("test", 10), BY_COST, range(1, 4), kind="real", budget="cost")


def loss() -> list[Request]:
    """Test by the other objective, log-loss: all tasks, those of `real` first, × 3 seeds, real runs."""
    return requests([*cheapest("test", FIRST), *others()], BY_LOSS, range(1, 4), kind="real", objective="log_loss")


def family() -> list[Request]:
    """Spaces with unordered choices and conditions: families of classifiers, × 2 seeds, real runs, by log-loss, which knows no ties.

    First on development tasks, on which the agent was tuned for such spaces, then on the data of `real`.
    """
    dev = requests(families(named(VARYING)), TUNED_BY_FAMILY, range(1, 3), kind="real", objective="log_loss")
    test = requests(families(cheapest("test", FIRST)), BY_FAMILY, range(1, 3), kind="real", objective="log_loss")
    return [*dev, *test]


def check() -> list[Request]:
    """Whether tables say what real runs say: the methods that answer at once on 8 development tasks × 2 seeds, real runs."""
    return requests(named(CHECKED_TASKS), CHECKED, range(1, 3), kind="real")


def quick() -> list[Request]:
    """What ten minutes allow: six development tasks, the methods that answer at once, one seed."""
    return requests(named(QUICK_TASKS), QUICK, [0], kind="table")


CONTESTS = {
    "dev": dev,
    "test": test,
    "real": real,
    "fresh": fresh,
    "cost": cost,
    "loss": loss,
    "families": family,
    "check": check,
    "quick": quick,
}
