"""A judged page as one line of JSON and back, without loss: between processes, and in the cache.

Types drive the reading: what does not have the shape of a `Checked` raises `Damaged`, whatever it
is, and no text of it is ever run. The source is not written: whoever reads has the page.
(`outcome_json` is the form for others, with a schema and without offsets.)
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast

from derivcheck.checked import Checked
from derivcheck.source import Source

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
_T = TypeVar("_T")
_ELSEWHERE = {"source", "cached"}


class Damaged(ValueError):
    """Text that is no transcript."""


def dumps(checked: Checked) -> str:
    """The outcome on one line."""
    content = _plain_fields(checked, leave_out=_ELSEWHERE)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def loads(text: str, source: Source) -> Checked:
    """The outcome for the page it was made of; raises `Damaged`."""
    try:
        content: object = json.loads(text)
    except ValueError as error:
        raise Damaged(str(error)) from None
    return _built_from_fields(Checked, content, {"source": source})


def plain(value: object) -> Json:
    """Data of dataclasses, enumerations, tuples and mappings as JSON; defaults are left out."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Enum):
        return cast("str", value.value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {key: plain(each) for key, each in mapping.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in cast("tuple[object, ...]", value)]
    if is_dataclass(value):
        return _plain_fields(value)
    raise TypeError(f"a transcript has no {type(value).__name__}")


def built(kind: type[_T], content: object) -> _T:
    """The value of a type whose `plain` form is `content`; raises `Damaged`."""
    return cast("_T", _built(kind, content))


def _plain_fields(value: object, leave_out: typing.Collection[str] = ()) -> dict[str, Json]:
    content: dict[str, Json] = {}
    for field in _fields(type(value)):
        if field.name not in leave_out:
            found: object = getattr(value, field.name)
            if field.default is MISSING or found != field.default:
                content[field.name] = plain(found)
    return content


@cache
def _fields(kind: type) -> tuple[Field[Any], ...]:
    return tuple(field for field in fields(kind) if field.init)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _built(kind: Any, content: object) -> object:
    arguments: tuple[Any, ...] = typing.get_args(kind)
    match typing.get_origin(kind):
        case None:
            return _built_plain(kind, content)
        case types.UnionType | typing.Union:
            if content is None and types.NoneType in arguments:
                return None
            (inner,) = (each for each in arguments if each is not types.NoneType)
            return _built(inner, content)
        case origin if origin is tuple:
            items = _list(content)
            if arguments[-1] is Ellipsis:
                return tuple(_built(arguments[0], each) for each in items)
            if len(items) != len(arguments):
                raise Damaged(f"{len(arguments)} items were expected, not {len(items)}")
            return tuple(map(_built, arguments, items))
        case _:  # a mapping from text
            mapping = _object(content)
            return {key: _built(arguments[1], each) for key, each in mapping.items()}


def _built_plain(kind: Any, content: object) -> object:
    if kind is object:  # nested lists of text, as they stand
        return content
    if kind is float and type(content) is int:
        return float(content)
    if kind in (str, int, float, bool):
        if type(content) is not kind:
            raise Damaged(f"{kind.__name__} was expected, not {type(content).__name__}")
        return content
    if issubclass(kind, Enum):
        try:
            return kind(content)
        except ValueError as error:
            raise Damaged(str(error)) from None
    return _built_from_fields(kind, content, {})


def _built_from_fields(kind: type[_T], content: object, given: dict[str, object]) -> _T:
    values, hints = _object(content), _hints(kind)
    known = {field.name for field in _fields(kind)} - set(given)
    if not values.keys() <= known:
        raise Damaged(f"{kind.__name__} has no {', '.join(values.keys() - known)}")
    try:
        return kind(**given, **{name: _built(hints[name], each) for name, each in values.items()})
    except TypeError as error:  # a field that is missing
        raise Damaged(str(error)) from None


def _object(content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise Damaged(f"an object was expected, not {type(content).__name__}")
    return cast("dict[str, object]", content)


def _list(content: object) -> list[object]:
    if not isinstance(content, list):
        raise Damaged(f"a list was expected, not {type(content).__name__}")
    return cast("list[object]", content)
