"""Who may import whom: ``pipelines → cli → embedded → steps → {agent, stopping, store, training, report} → vocabulary``."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "components" / "tunewright"

VOCABULARY = {
    "errors", "parameter", "constraint", "space", "rules", "preset", "early", "quantity", "pod", "container", "study", "trial",
    "diagnosis", "study_file", "schema", "parts",
}  # fmt: skip
SCREEN = {"progress", "display", "termination"}  #: what a person sees and how a process ends

#: part → parts it may import besides itself and the vocabulary
ALLOWED: dict[str, set[str]] = {
    "vocabulary": set(),
    "progress": set(),
    "termination": set(),
    "display": {"progress"},
    "trial_script": set(),
    "agent": set(),
    "stopping": set(),
    "store": set(),
    "training": {"store", "termination"},
    "report": set(),
    "steps": {"agent", "stopping", "store", "training", "report", *SCREEN},
    "embedded": {"steps", "agent", "stopping", "store", "training", "report", *SCREEN},
    "cli": {"tunewright", "embedded", "steps", "agent", "stopping", "store", "training", "report", *SCREEN},
    "__main__": {"cli"},
    "tunewright": {"embedded", "steps", "training", "report", *SCREEN},
}
#: one file that may do more, and why
EXCEPTIONS = {
    ("steps/search.py", "embedded"): "the whole loop as one step",
}
PIPELINE_SDKS = {"kfp", "hera", "kubernetes"}
JOB_RUNNER = "training/job"  #: files that begin so may import kubernetes inside functions
HEAVY = ["torch", "xgboost", "pandas", "sklearn", "altair", "gpytorch", "scipy"]


class Import(NamedTuple):
    file: str  #: relative to the package
    part: str
    target: str  #: dotted, absolute
    lazy: bool  #: inside a function


def part_of(names: list[str]) -> str:
    """The part that a module below the package belongs to."""
    head = names[0] if names and not names[0].isupper() else "tunewright"  # which has constants of its own
    return "vocabulary" if head in VOCABULARY else head


def imports(root: Path = PACKAGE) -> Iterator[Import]:
    """Every import of every module, absolute; those for type checkers only are none."""
    for path in sorted(root.rglob("*.py")):
        names = list(path.relative_to(root).with_suffix("").parts)
        package = ["tunewright", *names[:-1]]
        part = part_of([] if names == ["__init__"] else names)
        for node, lazy in _statements(ast.parse(path.read_text(encoding="utf-8")), lazy=False):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif node.level:
                base = package[: len(package) - node.level + 1]
                targets = [".".join([*base, *(node.module or alias.name).split(".")]) for alias in node.names]
            else:
                targets = [node.module or ""]
            for target in dict.fromkeys(targets):
                yield Import(path.relative_to(root).as_posix(), part, target, lazy)


def _statements(node: ast.AST, *, lazy: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, lazy
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        else:
            yield from _statements(
                child, lazy=lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            )


ALL = list(imports())


def test_the_scan_sees_the_package():
    assert {entry.part for entry in ALL} >= {"vocabulary", "agent", "store", "training", "steps"}
    assert ("study.py", "tunewright.space") in {(entry.file, entry.target) for entry in ALL}
    assert ("store/layout.py", "tunewright.errors") in {(entry.file, entry.target) for entry in ALL}
    assert any(entry.lazy for entry in ALL)


def test_every_part_of_the_package_has_its_place():
    assert {entry.part for entry in ALL} <= ALLOWED.keys(), "add the new part to ALLOWED"


def test_imports_go_in_one_direction():
    wrong = []
    for entry in ALL:
        head, *names = entry.target.split(".")
        if head != "tunewright":
            continue
        target = part_of(names)
        allowed = {entry.part, "vocabulary", *ALLOWED[entry.part]}
        if target not in allowed and (entry.file, target) not in EXCEPTIONS:
            wrong.append(f"{entry.file} imports {entry.target}: {entry.part} may import {', '.join(sorted(allowed))}")
    assert wrong == []


def test_exceptions_are_in_use():
    used = {
        (entry.file, part_of(entry.target.split(".")[1:])) for entry in ALL if entry.target.startswith("tunewright.")
    }
    assert set(EXCEPTIONS) <= used


def test_what_runs_in_containers_imports_no_pipeline_sdk():
    wrong = [
        entry
        for entry in ALL
        if entry.target.split(".")[0] in PIPELINE_SDKS
        and not (entry.file.startswith(JOB_RUNNER) and entry.lazy and entry.target.split(".")[0] == "kubernetes")
    ]
    assert wrong == []
    assert not [entry for entry in ALL if entry.target.split(".")[0] in ("pipelines", "tests")]


@pytest.mark.parametrize("part", ["agent", "stopping"])
def test_what_decides_does_no_input_or_output_and_reads_no_clock(part: str):
    banned = {
        "os",
        "io",
        "pathlib",
        "shutil",
        "tempfile",
        "socket",
        "subprocess",
        "urllib",
        "time",
        "datetime",
        "random",
        "secrets",
        "uuid",
    }
    seen = [entry for entry in ALL if entry.part == part]
    assert seen
    assert [entry for entry in seen if entry.target.split(".")[0] in banned] == []


def test_the_agent_touches_no_global_seed():
    """Randomness is an argument: generators, never ``torch.manual_seed`` or ``numpy.random.seed``."""
    wrong = []
    for path in (PACKAGE / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "torch.manual_seed", "torch.random.manual_seed", "np.random.seed", "torch.seed", "torch.use_deterministic_algorithms",
            ):  # fmt: skip
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert wrong == []


@pytest.mark.parametrize("module", ["tunewright", "tunewright.study", "tunewright.study_file", "tunewright.cli"])
def test_the_vocabulary_and_the_command_line_load_nothing_heavy(module):
    program = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / "components"
    )
    assert result.stdout.strip() == ""


def test_the_check_for_heavy_modules_can_fail():
    program = "import sys, tunewright.space; print('numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / "components"
    )
    assert result.stdout.strip() == "True"
