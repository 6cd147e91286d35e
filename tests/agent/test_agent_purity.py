"""The agent does no I/O, reads no clock, and touches no global seed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.agent.spaces import observed, unit

import tunewright.agent
from tunewright.agent.verbs import fit, propose, update
from tunewright.preset import AgentSettings

ROOT = Path(tunewright.agent.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
ALLOWED = {
    *(
        "__future__",
        "collections",
        "dataclasses",
        "functools",
        "hashlib",
        "itertools",
        "json",
        "math",
        "typing",
        "warnings",
        "zlib",
    ),
    *("numpy", "torch", "gpytorch", "scipy", "safetensors"),
}
VOCABULARY = {"space", "preset", "errors", "trial"}


def imports(file: Path) -> set[str]:
    """Modules that a file imports: absolute by their top name, relative ones outside the agent with a leading dot."""
    depth = len(file.relative_to(ROOT).parts)
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level > depth:
            found |= {f".{node.module}" if node.module else f".{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_imports_mathematics_and_the_vocabulary_alone(file: Path) -> None:
    assert imports(file) <= ALLOWED | {f".{name}" for name in VOCABULARY}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_calls_neither_files_nor_global_seeds(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    forbidden = {
        "open",
        "print",
        "input",
        "eval",
        "exec",
        "torch.manual_seed",
        "np.random.seed",
        "torch.load",
        "torch.save",
    }
    assert not calls & forbidden


def test_the_package_itself_loads_no_torch() -> None:
    code = "import sys, tunewright.agent; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_round_loads_neither_the_compiler_of_torch_nor_sympy() -> None:
    code = """
import sys
from tunewright.agent.verbs import Observation, fit, propose, update
from tunewright.preset import AgentSettings
from tunewright.space import FloatParameter, Space
state = {"space": Space({"x": FloatParameter(type="float", low=0, high=1)}), "settings": AgentSettings(initial_trials=3), "seed": 1}
history = [Observation(configuration={"x": index / 9}, reward=-float(index), round=0) for index in range(9)]
fitted = fit(**state, history=history, previous=None)
new = update(**state, history=history, batch=history, policy=None, surrogate=fitted.weights, fitted=True, r2=1.0)
propose(**state, history=history, pending=[], policy=new.weights, surrogate=fitted.weights, count=2)
sys.exit(", ".join({"torch._dynamo", "sympy", "sklearn"} & sys.modules.keys()) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_round_leaves_the_global_generator_and_the_threads_alone() -> None:
    state = {"space": unit(count=2), "settings": AgentSettings(initial_trials=2), "seed": 3}
    history = observed(unit(count=2), lambda configuration: -float(configuration["x0"]), 6)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fitted = fit(**state, history=history, previous=None)
        new = update(
            **state, history=history, batch=history, policy=None, surrogate=fitted.weights, fitted=True, r2=1.0
        )
        propose(**state, history=history, pending=[], policy=new.weights, surrogate=fitted.weights, count=2)
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), before)
    finally:
        torch.set_num_threads(threads)
