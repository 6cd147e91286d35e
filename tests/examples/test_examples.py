"""The example scripts run as trials of their studies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tunewright.space import Configuration
from tunewright.study_file import load_study
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job
from tunewright.training.stream import last_values

EXAMPLES = Path(__file__).parent
ROOT = EXAMPLES.parents[1]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a reader would be: at the root, with the environment's own python first and the package importable."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "components"))


def run(name: str, configuration: Configuration, directory: Path) -> Finished:
    study = load_study(EXAMPLES / name)
    study.search_space().check(configuration)
    job = Job(study=study, configuration=configuration, seed=1, directory=directory, trial="0" * 16, attempt=1)
    # as `tunewright run` does with the folder of a study file
    return LocalRunner(folder=str(EXAMPLES)).run(job, lambda: None)


def test_a_shell_script_is_a_trial(tmp_path: Path) -> None:
    finished = run("shell.yaml", {"x": 3.141592653589793, "y": 2.275}, tmp_path)
    assert finished.metrics == {"branin": pytest.approx(0.397887, abs=1e-6)}, finished


def test_a_scikit_learn_script_is_a_trial(tmp_path: Path) -> None:
    finished = run("sklearn.yaml", {"n_estimators": 10, "max_depth": 3, "criterion": "gini"}, tmp_path)
    assert finished.state == "TRAINED", finished
    assert finished.metrics["accuracy"] > 0.9
    assert (tmp_path / "output/model.pkl").is_file()


def test_a_pytorch_script_streams_its_curve(tmp_path: Path) -> None:
    finished = run("pytorch.yaml", {"learning_rate": 0.05, "hidden": 64, "heads": 2}, tmp_path)
    assert finished.state == "TRAINED", finished
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 30
    assert last_values(tmp_path / "metrics.jsonl")["accuracy"] == pytest.approx(finished.metrics["accuracy"])


def test_a_script_can_say_that_values_cannot_be_trained(tmp_path: Path) -> None:
    finished = run("pytorch.yaml", {"learning_rate": 0.05, "hidden": 8, "heads": 3}, tmp_path)
    assert (finished.state, finished.reason) == ("INFEASIBLE", "hidden must be a multiple of heads, got 8 and 3")


def test_the_helper_needs_nothing_but_python() -> None:
    source = (ROOT / "components/tunewright/trial_script.py").read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names
