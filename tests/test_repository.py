"""The repository itself: what stands where, and what must not be in it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tunewright.parts import PARTS

ROOT = Path(__file__).parents[1]
COMPONENTS = ROOT / "components" / "tunewright"

PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}

AT_THE_TOP = {
    "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "pyproject.toml", "uv.lock", ".ci", ".gitignore", ".dockerignore",
    "components", "pipelines", "images", "manifests", "tests",
}  # fmt: skip
MAX_BYTES = 2**20
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}

# Spelled apart, so that this file does not find itself.
FORBIDDEN = [
    ("a path of somebody's machine", r"/(root|home/\w+|Users/\w+)/(?!\.cache)|(?<![\w.{}$/])/" + r"work/"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIV" + "ATE KEY-----"),
    ("a token", r"\b(ghp|gho|glpat|AKIA)" + r"[_A-Za-z0-9-]{16,}"),
    ("an unfinished merge", r"^(<{7}|>{7}) "),
    ("a note to do", r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"),
]


def tracked() -> list[Path]:
    """Files of the repository: what git knows, or, in an archive without git, what is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        files = [
            path
            for path in ROOT.rglob("*")
            if path.is_file() and ".venv" not in path.parts and "__pycache__" not in path.parts
        ]
    return [path for path in files if path.is_file()]


FILES = tracked()
MODULES = sorted(path for path in FILES if path.suffix == ".py")


def text_of(path: Path) -> str:
    """Nothing for a file that is no text: compressed bytes hold every short word sooner or later."""
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


def names(paths) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_the_scan_sees_the_repository():
    assert {"components/tunewright/study.py", "pyproject.toml", "README.md"} <= set(names(FILES))


def test_only_what_the_layout_names_stands_at_the_top():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} <= AT_THE_TOP


def test_no_file_is_larger_than_one_mebibyte():
    assert names(path for path in FILES if path.stat().st_size > MAX_BYTES) == []


@pytest.mark.parametrize(("what", "pattern"), FORBIDDEN, ids=[what for what, _ in FORBIDDEN])
def test_no_file_holds_what_belongs_elsewhere(what, pattern):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in FILES
        if path.name not in ("uv.lock", "LICENSE") and path.suffix != ".lock"
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == [], what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see /" + "work/main", "a path of somebody's machine"),
        ("/" + "root/x", "a path of somebody's machine"),
        ("/home/" + "ann/x", "a path of somebody's machine"),
        ("# TO" + "DO later", "a note to do"),
        ("<<<<" + "<<< HEAD", "an unfinished merge"),
    ],
)
def test_the_patterns_find_what_they_are_for(text, what):
    assert re.search(dict(FORBIDDEN)[what], text)


def test_every_module_of_the_product_says_what_it_is_for():
    product = [path for path in MODULES if path.relative_to(ROOT).parts[0] in ("components", "pipelines")]
    assert product
    assert names(path for path in product if not ast.get_docstring(ast.parse(text_of(path)))) == []


def test_modules_are_named_by_what_they_hold():
    assert names(path for path in MODULES if {path.stem, path.parent.name} & EMPTY_NAMES) == []


def test_nothing_in_the_product_runs_data_as_code():
    """No pickle, no ``eval``, no ``torch.load``: formats are JSON, safetensors, UBJ and Parquet."""
    found = []
    for path in MODULES:
        if COMPONENTS in path.parents:
            found += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in executed(text_of(path))]
    assert found == []


def executed(source: str) -> list[tuple[int, str]]:
    """Line and name of everything in a module that runs data as code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [(node.lineno, name) for name in modules if name.split(".")[0] in PICKLES]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            unsafe = name in {
                "eval",
                "exec",
                "compile",
                "__import__",
                "torch.load",
                "torch.save",
                "yaml.unsafe_load",
                "os.system",
            }
            pickled = any(
                keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False" for keyword in node.keywords
            )
            shell = any(keyword.arg == "shell" and ast.unparse(keyword.value) != "False" for keyword in node.keywords)
            if unsafe or pickled or shell:
                found.append((node.lineno, name))
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(x)",
        "torch.load(x)",
        "np.load(x, allow_pickle=True)",
        "subprocess.run(x, shell=True)",
    ],
)
def test_what_runs_data_as_code_is_found(source):
    assert executed(source)


def test_what_only_looks_like_it_is_not():
    assert executed("network.eval()\nsafetensors.torch.load(x)\nnp.load(x, allow_pickle=False)\nre.compile(x)") == []


def test_every_optional_distribution_is_looked_for_by_its_part():
    modules = {"scikit-learn": "sklearn", "vl-convert-python": "vl_convert"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for part, looked_for in PARTS.items():
        named = [re.match(r"[\w-]+", line)[0] for line in extras[part]]
        assert {modules.get(name, name.replace("-", "_")) for name in named} == set(looked_for)


def test_setup_takes_the_python_that_the_package_takes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = re.findall(r"3\.(\d+)", project["requires-python"])
    assert f"(3, {low}) <= sys.version_info[:2] < (3, {high})" in (ROOT / "Makefile").read_text()
