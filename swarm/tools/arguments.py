"""The arguments that a model wrote for a tool: read, brought to their types where that is plain, or told what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Self, cast

import msgspec

from swarm.errors import SwarmError
from swarm.messages import ToolSpec

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_WORDS = {"true": True, "false": False}


class ArgumentsUnfit(SwarmError):
    """What a model wrote calls no tool. Nothing was done; the words are for the model."""

    @classmethod
    def no_tool(cls, name: str, known: Collection[str]) -> Self:
        near = get_close_matches(name, known, n=1)
        told = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(sorted(known)[:40])}"
        return cls(f"there is no tool {name[:80]!r}{told}")


def plainly(arguments: str) -> str:
    """The same arguments in one form, whatever spaces and order they were written in; what is no JSON stays as it is."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return arguments


def read_arguments(arguments: str) -> Mapping[str, Any]:
    """The object that a model wrote; nothing at all is an empty one. Raises ArgumentsUnfit."""
    if not arguments.strip():
        return {}
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
        raise ArgumentsUnfit(f"the arguments are no JSON ({error}); write one JSON object") from error
    if not isinstance(found, dict):
        raise ArgumentsUnfit("the arguments are no JSON object; write one, with a key for each parameter")
    return cast("Mapping[str, Any]", found)


def fitted(arguments: Mapping[str, Any], spec: ToolSpec) -> Mapping[str, Any]:
    """The arguments as the tool takes them. Raises ArgumentsUnfit.

    Looked at are the names, the types and the choices of the parameters themselves: what is within a list or an object is
    the tool's matter. A number or a truth value in quotes is taken for what it says where no text may stand there.
    """
    known: Mapping[str, Any] = spec.parameters.get("properties", {})
    missing = [name for name in spec.parameters.get("required", ()) if name not in arguments]
    if missing:
        raise ArgumentsUnfit(f"{spec.name} needs {_listed(missing)}; {_told(spec)}")
    if spec.parameters.get("additionalProperties") is False:
        unknown = [name for name in arguments if name not in known]
        if unknown:
            raise ArgumentsUnfit(f"{spec.name} has no parameter {_listed(unknown)}; {_told(spec)}")
    return {name: _value(spec, name, value, known.get(name)) for name, value in arguments.items()}


def _value(spec: ToolSpec, name: str, value: Any, schema: object) -> Any:
    if not isinstance(schema, dict):
        return value
    form = cast("Mapping[str, Any]", schema)
    kinds = _kinds_of(form.get("type"))
    if kinds and not any(_is(value, kind) for kind in kinds):
        value = _plain(value, kinds)
        if not any(_is(value, kind) for kind in kinds):
            raise ArgumentsUnfit(f"{name} of {spec.name} is to be {' or '.join(kinds)}; {_told(spec)}")
    choices: Sequence[Any] | None = form.get("enum")
    if choices is not None and value not in choices:
        raise ArgumentsUnfit(f"{name} of {spec.name} is one of {_listed(choices)}")
    return value


def _kinds_of(wanted: str | Sequence[str] | None) -> tuple[str, ...]:
    """The types of a schema that names one or several."""
    return (wanted,) if isinstance(wanted, str) else tuple(wanted or ())


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS.get(kind, (object,)))


def _plain(value: Any, kinds: Collection[str]) -> Any:
    """What a text says, where a text may not stand there."""
    if not isinstance(value, str):
        return value
    if "boolean" in kinds and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    try:
        read = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return [value] if "array" in kinds else value
    return read if any(_is(read, kind) for kind in kinds) else value


def _told(spec: ToolSpec) -> str:
    """The parameters in one line."""
    required = set(spec.parameters.get("required", ()))
    names = [name if name in required else f"{name}?" for name in spec.parameters.get("properties", {})]
    return f"its parameters: {', '.join(names)}" if names else "it takes none"


def _listed(names: Collection[Any]) -> str:
    return ", ".join(repr(name) for name in list(names)[:20])
