"""Study files: YAML or JSON text to a `Study`; every mistake is answered at once, with its line.

YAML is 1.2: ``yes`` and ``no`` are text, ``1e-3`` is a number. Anchors and merge keys work, tags and several documents
do not.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .diagnosis import diagnose, dotted, nearest_line, shown
from .errors import DataInvalid, Problem, StudyInvalid
from .parameter import Parameter
from .rules import Mistake, Place
from .study import Study, parse_parameters

#: like `rules.cross_problems`: what is wrong with a study that may be wrong elsewhere, from its plain data and its sound parameters
Check: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Parameter]], list[Mistake]]

MAX_BYTES = 2**17  #: some 10,000 lines; the parser takes seconds for them
MAX_BITS = 1024  #: of a whole number, as many as a float can hold
MAX_NODES = 100_000  #: after aliases are followed, so that ten short lines cannot become a billion values
MAX_DEPTH = 32
MAX_BRACKETS = 250

UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
"""What YAML does not take, or not as it is."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = {"null", "bool", "int", "float"}  #: scalars that are not text
_TEXT = {"str", "timestamp", "value", "merge"}  #: a study knows no dates and no default keys; a quoted "<<" is text
_KNOWN = {*_PLAIN, *_TEXT, "map", "seq"}


def load_study(path: Path, checks: Sequence[Check] = ()) -> Study:
    """Read a study file. Raises StudyInvalid with every mistake in it, also when it cannot be read.

    Args:
        path: the file.
        checks: rules that the vocabulary does not know, such as a trainer's own parameters.
    """
    return parse_study(study_text(path), str(path), checks)


def parse_study(text: str, file: str, checks: Sequence[Check] = ()) -> Study:
    """The study in a text. ``file`` is its name in messages. Raises StudyInvalid with every mistake, sorted by line."""
    raw, tree = _read(text, file)
    return _judge(raw, tree.lines, tree.problems, file, checks)


def study_from(data: Mapping[str, Any], checks: Sequence[Check] = ()) -> Study:
    """The study in plain data, with the checks and messages of a file (see `load_study`). Raises StudyInvalid."""
    return _judge(_plain(data), {}, [], None, checks)


@contextmanager
def placed(path: Path) -> Iterator[None]:
    """Around what is done with the study of a file: its mistakes that show there are told with file and line, as StudyInvalid."""
    try:
        yield
    except (StudyInvalid, DataInvalid) as error:
        lines = _read(study_text(path), str(path))[1].lines
        raise StudyInvalid(
            _sorted(replace(one, file=str(path), line=nearest_line(_place(one.field), lines)) for one in error.problems)
        ) from error


def quoted(value: Any) -> str:
    """JSON that YAML reads as the same value, whatever its texts spell; letters stay as they are."""
    return UNPRINTED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _plain(value: Any, depth: int = 0) -> Any:
    """Data as a file would hold it: dictionaries, lists, scalars. Raises StudyInvalid when it is too deep."""
    if depth > MAX_DEPTH:
        raise _refusal(f"lists and mappings must be at most {MAX_DEPTH} deep; remove some", None)
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | range | np.ndarray):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line or 0)


def _place(field: str) -> Place:
    return tuple(int(key) if key.isdigit() else key for key in field.split("."))


def _refusal(message: str, file: str | None, line: int | None = None) -> StudyInvalid:
    return StudyInvalid([Problem(field="study", message=message, file=file, line=line)])


def study_text(path: Path) -> str:
    """The text of a study file. Raises StudyInvalid when it cannot be read or is not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refusal(f"the file must be readable, got {error.strerror}; check the path", str(path)) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the file must be UTF-8, got byte {data[error.start]:#04x}; save it as UTF-8"
        raise _refusal(message, str(path), line) from None


def _read(text: str, file: str) -> tuple[dict[str, Any], _Tree]:
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise _refusal(f"the file must be at most 128 KiB, got {len(text)} characters; a study holds no data", file)
    node, tree = _compose(text, file), _Tree(file)
    raw = tree.read(node)
    if not isinstance(raw, dict):
        line = node.start_mark.line + 1
        raise _refusal(f"the file must be a mapping, got {shown(raw)}; begin with 'name: my-study'", file, line)
    return raw, tree


def _judge(
    raw: dict[str, Any],
    lines: Mapping[Place, int],
    problems: list[Problem],
    file: str | None,
    checks: Sequence[Check] = (),
) -> Study:
    study, mistakes = diagnose(raw)
    parameters = study.space if study else parse_parameters(raw.get("space"))
    mistakes += [mistake for check in checks for mistake in check(raw, parameters)]
    known = {problem.field for problem in problems}
    problems = problems + [
        Problem(field=dotted(place), message=message, file=file, line=nearest_line(place, lines))
        for place, message in mistakes
        if dotted(place) not in known
    ]
    if problems or study is None:
        raise StudyInvalid(_sorted(problems))
    return study


def _compose(text: str, file: str) -> Node:
    if _unclosed(text) > MAX_BRACKETS:  # the parser would need time quadratic in the depth to say so
        raise _refusal(f"brackets must be at most {MAX_DEPTH} deep; remove some", file)
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            node: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        unfinished = "stream end" in str(error.problem) or "end of stream" in str(error.problem)
        mark = error.context_mark if unfinished and error.context_mark else error.problem_mark or error.context_mark
        raise _refusal(_syntax(error), file, mark.line + 1 if mark else None) from error
    except YAMLError as error:
        message = f"the file must be YAML, got {str(error).splitlines()[0]}; remove the character"
        raise _refusal(message, file) from error
    except RecursionError:
        raise _refusal(f"lists and mappings must be at most {MAX_DEPTH} deep; remove brackets", file) from None
    if node is None:
        raise _refusal("the file must hold a study, got an empty file; 'tunewright init' writes one", file)
    return node


def _unclosed(text: str) -> int:
    """Most brackets that are open at once, those in quotes counted too."""
    depth = most = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        most = max(most, depth)
    return most


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    if "another document" in problem:
        return "the file must hold one study, got a second document; remove everything after '---'"
    if r"'\t'" in problem:
        return "the file must be YAML, got a tab in the indentation; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "the file must be YAML, got ':' inside a value or wrong indentation; quote the text or align the line"
    context = f" {error.context}" if error.context and error.problem else ""
    return f"the file must be YAML, got this{context}: {problem}; check brackets, quotes and indentation"


class _Tree:
    """Plain data from YAML nodes, with the line of every place. Collects what is wrong with the text itself."""

    def __init__(self, file: str) -> None:
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []
        self._file = file
        self._nodes = 0
        self._construct = YAML(typ="safe", pure=True).constructor.construct_object

    def read(self, node: Node, place: Place = ()) -> Any:
        """The value of a node. Raises StudyInvalid when it is too deep or, aliases followed, too large."""
        self._nodes += 1
        if self._nodes > MAX_NODES or len(place) > MAX_DEPTH:
            rule = f"a study must have at most {MAX_NODES} values, {MAX_DEPTH} deep, aliases followed; remove aliases"
            raise _refusal(rule, self._file, node.start_mark.line + 1)
        if _kind(node) not in _KNOWN:
            message = f"tags are not used in a study, got {node.tag!r:.80}; remove it"
            self._problem(place, message, node.start_mark.line + 1)
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                self.lines[*place, index] = item.start_mark.line + 1
            return [self.read(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own: dict[str, int] = {}
        for key_node, value_node, merged in _pairs(node):
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if merged and key in found:
                continue
            if not isinstance(key_node, ScalarNode) or _kind(key_node) in _PLAIN:
                shown = key if isinstance(key_node, ScalarNode) else "a list or mapping"
                self._problem((*place, key), f"keys must be text, got {shown:.80}; put it in quotes", line)
                continue
            if key in own:
                message = f"keys must differ, got {key!r} here and in line {own[key]}; remove one"
                self._problem((*place, key), message, line)
                continue
            if not merged:
                own[key] = line
            self.lines[*place, key] = line
            found[key] = self.read(value_node, (*place, key))
        return found

    def _scalar(self, node: Node, place: Place) -> Any:
        kind, line = _kind(node), node.start_mark.line + 1
        if kind in _TEXT:
            return str(node.value)
        try:
            value = self._construct(node)
            if isinstance(value, int) and value.bit_length() > MAX_BITS:
                raise OverflowError
        except (ValueError, ArithmeticError, YAMLError):
            self._problem(place, f"must be a {kind}, got {node.value!r:.80}; write a shorter one", line)
            return None
        return value

    def _problem(self, place: Place, message: str, line: int) -> None:
        self.problems.append(Problem(field=dotted(place), message=message, file=self._file, line=line))


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _pairs(node: MappingNode, depth: int = 0, seen: set[int] | None = None) -> Iterator[tuple[Node, Node, bool]]:
    """Key and value nodes, the mapping's own before those it merges (``<<: *anchor``), each mapping once: what comes again adds nothing."""
    seen = {id(node)} if seen is None else seen
    merges = [value for key, value in node.value if _kind(key) == "merge"]
    yield from ((key, value, depth > 0) for key, value in node.value if _kind(key) != "merge")
    for merge in merges:
        for source in merge.value if isinstance(merge, SequenceNode) else [merge]:
            if isinstance(source, MappingNode) and depth < MAX_DEPTH and id(source) not in seen:
                seen.add(id(source))
                yield from _pairs(source, depth + 1, seen)
