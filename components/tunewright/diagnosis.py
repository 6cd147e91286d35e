"""What is wrong with a study: pydantic's findings and the rules across fields, in the words of the study file.

A `Place` is the way to a value in the raw data, e.g. ``("space", "learning_rate", "low")``; the labels that pydantic
puts between for members of unions are left out.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import nearest
from .rules import Mistake, Place, bool_remedy, cross_problems
from .study import Study, parse_parameters

TAGS = ("type", "kind", "rule")  #: fields that tell the members of a union apart


def diagnose(raw: Mapping[str, Any]) -> tuple[Study | None, list[Mistake]]:
    """The study in plain data, or every mistake found in it."""
    try:
        return Study.model_validate(raw, strict=True), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    found = [(detail, finding) for detail in details if (finding := _find(detail["loc"], raw))]
    unknown = [at for detail, at in found if detail["type"] == "extra_forbidden"]
    misspelt = {(*at.place[:-1], guess) for at in unknown if (guess := _guess(at))}
    mistakes = [
        mistake
        for detail, at in found
        for mistake in _translate(detail, at)
        if detail["loc"] and not (detail["type"] == "missing" and at.place in misspelt)  # one mistake, not two
    ]
    mistakes += cross_problems(raw, parse_parameters(raw.get("space")))
    return None, list(dict.fromkeys(mistakes))


def dotted(place: Place) -> str:
    """A place as people write it, e.g. ``space.learning_rate.low``."""
    return ".".join(str(key) for key in place) or "study"


def nearest_line(place: Place, lines: Mapping[Place, int]) -> int | None:
    """Line of a place, or of what holds it when it is not there."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, min(lines.values(), default=None))


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """Where a pydantic error belongs."""

    place: Place
    owner: type[BaseModel] | None  #: model whose field the place is
    members: tuple[Any, ...]  #: types that are allowed there


def _find(loc: tuple[int | str, ...], raw: Any) -> _Finding | None:
    """Walk the models along pydantic's location. None when it tells of a member of a union that was not meant."""
    place: Place = ()
    owner: type[BaseModel] | None = None
    members: tuple[Any, ...] = (Study,)
    for element in loc:
        if len(members) > 1:
            meant = _meant(members, raw)
            if not any(_label_of(member, element) for member in meant):
                return None
            members = meant if len(meant) == 1 else members
            continue
        place, owner = (*place, element), _model(members[0])
        raw = _step(raw, element)
        members = _below(members[0], element)
    return _Finding(place=place, owner=owner, members=members)


def _step(raw: Any, element: int | str) -> Any:
    if isinstance(raw, Mapping):
        return raw.get(element)
    return raw[element] if isinstance(raw, list) and isinstance(element, int) and element < len(raw) else None


def _model(member: Any) -> type[BaseModel] | None:
    return member if isinstance(member, type) and issubclass(member, BaseModel) else None


def _below(member: Any, element: int | str) -> tuple[Any, ...]:
    model = _model(member)
    if model:
        field = model.model_fields.get(str(element))
        return tuple(_alternatives(field.annotation)) if field else ()
    arguments = get_args(member)
    return tuple(_alternatives(arguments[-1])) if arguments and get_origin(member) in (list, dict) else ()


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Members of a union, without None."""
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    elif annotation is not types.NoneType:
        yield annotation


def _tags(member: Any) -> list[str]:
    """Values of the field that tells the members of a union apart."""
    model = _model(member)
    fields = model.model_fields if model else {}
    return [str(tag) for key in TAGS if key in fields for tag in get_args(fields[key].annotation)]


def _label_of(member: Any, element: int | str) -> bool:
    if get_origin(member) is list:
        return str(element).startswith("list[")
    return element == getattr(member, "__name__", None) or element in _tags(member)


def _meant(members: tuple[Any, ...], raw: Any) -> tuple[Any, ...]:
    """Members of a union that the writer can have had in mind."""
    models = [model for member in members if (model := _model(member))]
    if models and isinstance(raw, Mapping):
        tagged = [model for model in models if any(raw.get(key) in _tags(model) for key in TAGS)]
        return tuple(tagged or [max(models, key=lambda model: _likeness(model, raw))])
    lists = [member for member in members if get_origin(member) is list]
    if lists and isinstance(raw, list):
        return tuple(lists)
    return tuple(member for member in members if member not in lists)


def _likeness(model: type[BaseModel], raw: Mapping[str, Any]) -> int:
    """How many keys are the model's, give or take a typing error."""
    return sum(bool(difflib.get_close_matches(str(key), list(model.model_fields), n=1)) for key in raw)


def _translate(detail: ErrorDetails, at: _Finding) -> list[Mistake]:
    """A pydantic error as rule, value and remedy; a model that broke several rules gives several."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        known = [tag for member in at.members for tag in _tags(member)]
        return [((*at.place, context["discriminator"].strip("'")), one_of(context.get("tag"), known))]
    if kind == "value_error":
        messages = getattr(context["error"], "messages", [str(context["error"])])
        return [(_spoken_of(at.place, value, message), message) for message in messages]
    return [(at.place, _message(detail, at))]


def _spoken_of(place: Place, value: Any, message: str) -> Place:
    """The field that a model's own message begins with, if it is there."""
    field = message.split(" ", 1)[0]
    return (*place, field) if isinstance(value, Mapping) and field in value else place


def _message(detail: ErrorDetails, at: _Finding) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return f"is required, got nothing; add '{at.place[-1]}: ...'{_description(at)}"
    if kind == "extra_forbidden":
        return _unknown(at)
    if kind == "string_pattern_mismatch":
        return f"must match {detail['ctx']['pattern']}, got {shown(value)}; change it{_description(at)}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, got {value}; write a number"
    if len(at.members) > 1 and not any(_tags(member) for member in at.members):
        nouns = dict.fromkeys(_noun(member) for member in at.members)
        return f"must be {', '.join(nouns)}, got {shown(value)}; write one of these"
    rule = _RULES.get(kind)
    return rule(value, detail.get("ctx", {})) if rule else f"{detail['msg']}, got {shown(value)}; change it"


def shown(value: Any) -> str:
    """A value in a message: short, and ``nothing`` for what was left empty."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _description(at: _Finding) -> str:
    field = at.owner.model_fields.get(str(at.place[-1])) if at.owner else None
    sentence = " ".join(field.description.split()).split(". ")[0] if field and field.description else ""
    return f" ({sentence.removesuffix('.')}.)" if sentence else ""


def _noun(member: Any) -> str:
    model = _model(member)
    if model:
        required = (name for name, field in model.model_fields.items() if field.is_required())
        return "{" + ", ".join(f"{name}: ..." for name in required) + "}"
    return {bool: "true, false", int: "a number", float: "a number", str: "a text"}.get(member, "a list")


def _guess(at: _Finding) -> str | None:
    """The known key that an unknown one is nearest to."""
    return next(iter(difflib.get_close_matches(str(at.place[-1]), _fields(at.owner), n=1)), None)


def _unknown(at: _Finding) -> str:
    key = str(at.place[-1])
    homes = [name for name, field in Study.model_fields.items() if key in _fields(field.annotation)]
    remedy = f"indent it below {homes[0]!r}" if at.owner is Study and homes else nearest(key, _fields(at.owner))
    return f"must be a known key, got {key!r}; {remedy}"


def _fields(member: Any) -> list[str]:
    model = _model(member)
    return list(model.model_fields) if model else []


def one_of(value: Any, known: list[str]) -> str:
    """What is said of a value that is none of those known."""
    remedy = nearest(value, known)
    return f"must be one of {', '.join(known)}, got {shown(value)}; {'write one of these' if remedy.startswith('known') else remedy}"


def _literal(value: Any, context: Mapping[str, Any]) -> str:
    return one_of(value, context["expected"].replace("'", "").replace(" or ", ", ").split(", "))


def _bool(value: Any, _: Mapping[str, Any]) -> str:
    return f"must be true or false, got {shown(value)}; {bool_remedy(value)}"


def _entries(value: Any, context: Mapping[str, Any]) -> str:
    if "min_length" in context:
        return f"must have at least {context['min_length']} entries, got {len(value)}; add some"
    return f"must have at most {context['max_length']} entries, got {len(value)}; remove some"


_Rule: TypeAlias = Callable[[Any, Mapping[str, Any]], str]


def _type(noun: str, remedy: str) -> _Rule:
    return lambda value, _: f"must be {noun}, got {shown(value)}; {remedy}"


def _bound(sign: str, key: str, remedy: str) -> _Rule:
    return lambda value, context: f"must be {sign} {context[key]}, got {shown(value)}; {remedy}"


_MAPPING = _type("a mapping", "write 'key: value' lines below it, indented")
_WHOLE = _type("a whole number", "write it without quotes and fraction")

_RULES: dict[str, _Rule] = {
    "string_type": _type("a text", "put it in quotes"),
    "string_unicode": _type("a text of valid Unicode", "remove the lone surrogate"),
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _type("a number", "write it without quotes"),
    "bool_type": _bool,
    "list_type": _type("a list", "write [a, b] or one '- item' a line"),
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "literal_error": _literal,
    "greater_than": _bound(">", "gt", "use a larger value"),
    "greater_than_equal": _bound(">=", "ge", "use a larger value"),
    "less_than": _bound("<", "lt", "use a smaller value"),
    "less_than_equal": _bound("<=", "le", "use a smaller value"),
    "string_too_short": lambda value, context: (
        f"must have at least {context['min_length']} characters, got {shown(value)}; add some"
    ),
    "string_too_long": lambda value, context: (
        f"must have at most {context['max_length']} characters, got {len(value)}; shorten it"
    ),
    "too_short": _entries,
    "too_long": _entries,
}
