"""Constraints: boolean expressions over parameters, e.g. ``max_depth * n_estimators <= 4000``.

A small language with Python's syntax and precedence: numbers, texts, names of parameters, ``+ - * / // % **``, comparisons,
``in [...]``, ``and or not``, ``a if b else c`` and a few functions. It is compiled from the syntax tree to closures; what is not
in the language is refused when the study is read, and nothing in it can take long or grow large.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .parameter import Value

MAX_LENGTH = 500  #: characters
MAX_DEPTH = 40  #: nested operations
MAX_BITS = 1024  #: of a whole power; larger ones are computed as floats, which overflow at once
_ASSIGNED = re.compile(r"(?<![<>=!])=(?![=>])")

_Evaluate: TypeAlias = Callable[[Mapping[str, Value]], Any]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs, "min": min, "max": max, "log": math.log, "sqrt": math.sqrt, "floor": math.floor, "ceil": math.ceil,
}  # fmt: skip


class Constraint:
    """A boolean expression over parameter names.

    Raises:
        ValueError: it is not in the language; the message says the rule, the value and the remedy.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        tree = _parse(expression)
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.names = frozenset(
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
        )
        if not self.names:
            raise ValueError(f"must name parameters, got {expression!r}; compare one, e.g. 'depth <= 8'")
        if isinstance(tree, ast.BinOp | ast.List | ast.Tuple | ast.Call):
            message = f"must be true or false, got {expression!r}; compare it, e.g. '{expression} <= 100'"
            raise ValueError(message)  # noqa: TRY004  # every refusal of an expression is a ValueError
        self._evaluate = _Compiler(expression).compile(tree)

    def holds(self, configuration: Mapping[str, Value]) -> bool:
        """True when satisfied. One that names an inactive parameter does not bind; one that cannot be evaluated is broken."""
        if not self.names <= configuration.keys():
            return True
        try:
            return bool(self._evaluate(configuration))
        except (ArithmeticError, TypeError, ValueError):
            return False

    def failure(self, configuration: Mapping[str, Value]) -> str | None:
        """Why it cannot be evaluated here; None when it can."""
        try:
            self._evaluate(configuration)
        except KeyError:
            return None
        except (ArithmeticError, TypeError, ValueError) as error:
            return str(error)
        return None


def _parse(expression: str) -> ast.expr:
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"must have at most {MAX_LENGTH} characters, got {len(expression)}; split it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in texts
            return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested" if not str(error) else str(error)
        raise ValueError(
            f"must be an expression such as 'a * b <= 100', got {expression!r} ({reason}); {_remedy(expression)}"
        ) from None


def _remedy(expression: str) -> str:
    """What to do about an expression that is none."""
    if re.search("=[<>]", expression):
        return "write <= and >="
    return "use == to compare" if _ASSIGNED.search(expression) else "complete it, check operators and brackets"


def _number(value: Any) -> Any:
    if not isinstance(value, int | float):
        raise TypeError(f"texts have no arithmetic, got {value!r}")
    return value


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: function(_number(a), _number(b))


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and b >= 0 and a.bit_length() * b <= MAX_BITS:
        return a**b
    result = float(a) ** float(b)
    if isinstance(result, complex):
        raise ValueError(f"{a} ** {b} is not a real number")  # noqa: TRY004  # the domain is wrong, not the type
    return result


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _arithmetic(operator.add), ast.Sub: _arithmetic(operator.sub), ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv), ast.FloorDiv: _arithmetic(operator.floordiv), ast.Mod: _arithmetic(operator.mod),
    ast.Pow: _arithmetic(_power),
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_, ast.USub: lambda a: -_number(a), ast.UAdd: _number,
}  # fmt: skip


class _Compiler:
    """From a syntax tree to a closure."""

    def __init__(self, expression: str) -> None:
        self._expression = expression.strip()
        self._depth = 0

    def compile(self, node: ast.expr) -> _Evaluate:
        """Raises ValueError for what is not in the language."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"must nest at most {MAX_DEPTH} operations, got {self._expression!r}; split it")
        try:
            return self._node(node)
        finally:
            self._depth -= 1

    def _node(self, node: ast.expr) -> _Evaluate:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return lambda _: value
            case ast.Name(id=name):
                return lambda configuration: configuration[name]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _apply(_UNARY[type(op)], [self.compile(operand)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _apply(_BINARY[type(op)], [self.compile(left), self.compile(right)])
            case ast.BoolOp(op=op, values=values):
                return _any_or_all(any if isinstance(op, ast.Or) else all, [self.compile(value) for value in values])
            case ast.Compare():
                return self._comparison(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return _choose(self.compile(test), self.compile(body), self.compile(orelse))
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as args, keywords=[]) if name in FUNCTIONS:
                return _apply(_numeric(FUNCTIONS[name]), [self.compile(arg) for arg in args])
        raise self._refusal(node)

    def _comparison(self, node: ast.Compare) -> _Evaluate:
        operands = [self.compile(node.left)]
        for op, right in zip(node.ops, node.comparators, strict=True):
            listed = isinstance(right, ast.List | ast.Tuple)
            if type(op) not in _COMPARE or listed != isinstance(op, ast.In | ast.NotIn):
                raise self._refusal(node)
            operands.append(self._items(right) if isinstance(right, ast.List | ast.Tuple) else self.compile(right))
        return _chain([_COMPARE[type(op)] for op in node.ops], operands)

    def _items(self, node: ast.List | ast.Tuple) -> _Evaluate:
        items = [self.compile(item) for item in node.elts]
        return lambda configuration: [item(configuration) for item in items]

    def _refusal(self, node: ast.expr) -> ValueError:
        part = ast.get_source_segment(self._expression, node) or self._expression
        return ValueError(
            f"may use numbers, texts, parameters, arithmetic, comparisons, 'in [...]', and, or, not, if-else and"
            f" {', '.join(FUNCTIONS)}, got {part!r}; rewrite it"
        )


def _apply(function: Callable[..., Any], operands: list[_Evaluate]) -> _Evaluate:
    return lambda configuration: function(*[operand(configuration) for operand in operands])


def _numeric(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: function(*map(_number, arguments))


def _any_or_all(function: Callable[..., bool], operands: list[_Evaluate]) -> _Evaluate:
    return lambda configuration: function(operand(configuration) for operand in operands)


def _choose(test: _Evaluate, body: _Evaluate, orelse: _Evaluate) -> _Evaluate:
    return lambda configuration: body(configuration) if test(configuration) else orelse(configuration)


def _chain(compare: list[Callable[[Any, Any], bool]], operands: list[_Evaluate]) -> _Evaluate:
    def evaluate(configuration: Mapping[str, Value]) -> bool:
        left = operands[0](configuration)
        for function, operand in zip(compare, operands[1:], strict=True):
            right = operand(configuration)
            if not function(left, right):
                return False
            left = right
        return True

    return evaluate
