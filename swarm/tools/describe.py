"""Tools in few words: what is sent with each request of one, the line that names it, and all that is known of it on demand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from swarm.messages import ToolSpec
from swarm.text.rank import words

BRIEF = 120
"""Characters of whole sentences that are kept of what a tool says of itself; its first sentence is."""

HINT = 100
"""Characters that are kept of the first sentence of a parameter's description: the values that it may have often stand at its end."""

_LONGEST = 240  # characters of a first sentence
_LONGEST_DEFAULT, _LONGEST_TYPE = 40, 120
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z\s])|\s*\n\s*")
_REFERENCE = re.compile(r'"\$(?:ref|dynamicRef|recursiveRef)"')

# of JSON Schema 2020-12 and draft 7
_SAY_NOTHING = frozenset(["$schema", "$comment", "title", "examples", "default", "deprecated", "readOnly", "writeOnly"])
_PLAIN_BOUNDS = (("minimum", 0), ("minimum", 1), ("exclusiveMinimum", 0), ("additionalProperties", False))
"""What any reader takes for granted: there is no line 0, nothing is waited for less than no time, and what is not named is not there."""

_SCHEMAS_BY_NAME = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
_SCHEMAS = frozenset(
    (
        *("items", "prefixItems", "additionalItems", "contains", "unevaluatedItems", "allOf", "anyOf", "oneOf", "not"),
        *("additionalProperties", "propertyNames", "unevaluatedProperties", "if", "then", "else"),
    )
)


def in_brief(spec: ToolSpec) -> ToolSpec:
    """Return the tool as a request tells of it: a line or two, and the smallest schema that allows the same arguments.

    What is left out of the schema checks nothing; of the parameters' descriptions stays what their names do not say.
    """
    description = brief(spec.description)
    known = frozenset(words(f"{spec.name} {description}"))
    parameters = _smallest(spec.parameters, known)
    if not _REFERENCE.search(_json(spec.parameters)):
        parameters = {name: value for name, value in parameters.items() if name not in ("$defs", "definitions")}
    return msgspec.structs.replace(spec, description=description, parameters=parameters)


def in_least(spec: ToolSpec) -> ToolSpec:
    """Return a tool that is told in brief without bounds that go without saying. A use of it is held against all of them anyway."""
    return msgspec.structs.replace(spec, parameters=_unbounded(spec.parameters))


def one_line(spec: ToolSpec) -> str:
    """Return the tool with its parameters and what it does in brief, as a catalogue has it."""
    return f"{signature(spec)}: {brief(spec.description)}" if spec.description.strip() else signature(spec)


def in_full(spec: ToolSpec) -> str:
    """Return all that the tool says of itself and of its parameters."""
    lines = [signature(spec), spec.description.strip()]
    for name, schema in properties_of(spec).items():
        if isinstance(said := schema.get("description"), str):
            lines.append(f"- {name}: {said.strip()}")
    return "\n".join(line for line in lines if line)


def signature(spec: ToolSpec) -> str:
    """Return name and parameters: `read(path: string, lines?: integer=200, as?: "text"|"base64")`, `?` for what may be left out."""
    required = _list(spec.parameters.get("required"))
    parts = [
        f"{name}{'' if name in required else '?'}: {_kind(schema)}" for name, schema in properties_of(spec).items()
    ]
    return f"{spec.name}({', '.join(parts)})"


def properties_of(spec: ToolSpec) -> dict[str, dict[str, Any]]:
    """Return the schemas of its parameters by their names. What is no schema is as good as an empty one."""
    return {name: _dict(schema) for name, schema in _dict(spec.parameters.get("properties")).items()}


def _dict(value: Any) -> dict[str, Any]:
    return dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return [*cast(Sequence[Any], value)] if isinstance(value, (list, tuple)) else []


def _kind(schema: Mapping[str, Any]) -> str:
    """What a parameter may be, and what it is where nothing is said."""
    kind, default = _cut(_type(schema), _LONGEST_TYPE), schema.get("default")
    return kind if default in (None, [], {}) else f"{kind}={_cut(_json(default), _LONGEST_DEFAULT)}"


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if values := _list(schema.get("enum")) or ([schema["const"]] if "const" in schema else []):
        return "|".join(_json(value) for value in values)
    if choices := _list(schema.get("anyOf")) or _list(schema.get("oneOf")):
        return "|".join(dict.fromkeys(_type(_dict(each)) for each in choices))
    if kind == "array" and (items := _dict(schema.get("items"))):
        return f"{_type(items)}[]"
    if kind == "object" and (fields := _dict(schema.get("properties"))):
        return f"{{{', '.join(fields)}}}"
    return kind if isinstance(kind, str) else "|".join(map(str, _list(kind))) or "any"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def brief(text: str) -> str:
    """Return the first sentence of a text and those behind it that fit into BRIEF characters."""
    first, *others = _SENTENCE_END.split(text.strip())
    kept = _cut(first, _LONGEST)
    for sentence in others:
        if len(kept) + 1 + len(sentence) > BRIEF:
            break
        kept += f" {sentence}"
    return kept


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 4].rsplit(" ", 1)[0] + " ..."


def _smallest(schema: Mapping[str, Any], known: frozenset[str], name: str = "") -> dict[str, Any]:
    """The schema without what checks nothing. `name` is that of the parameter that it is of, `known` what was said before."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "description":
            if hint := _hint(value, known, name):
                kept[key] = hint
        elif key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            kept[key] = {each: _within(part, known, each) for each, part in _dict(value).items()}
        elif key in _SCHEMAS:
            kept[key] = _within(value, known, name)
        elif key not in _SAY_NOTHING and (key != "required" or value):
            kept[key] = value
    return kept


def _unbounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without bounds that go without saying. A parameter may be called like one of them."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if (key, value) in _PLAIN_BOUNDS:
            continue
        if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            kept[key] = {name: _unbounded_within(part) for name, part in _dict(value).items()}
        else:
            kept[key] = _unbounded_within(value) if key in _SCHEMAS else value
    return kept


def _unbounded_within(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _unbounded(_dict(value))
    return [_unbounded_within(part) for part in _list(value)] if isinstance(value, (list, tuple)) else value


def _within(value: Any, known: frozenset[str], name: str) -> Any:
    if isinstance(value, Mapping):
        return _smallest(_dict(value), known, name)
    return [_within(part, known, name) for part in _list(value)] if isinstance(value, (list, tuple)) else value


def _hint(value: Any, known: frozenset[str], name: str) -> str:
    """What a description says in few words; nothing where tool and parameter say it by their names."""
    if not name or not isinstance(value, str):
        return ""
    text = _cut(_SENTENCE_END.split(value.strip(), maxsplit=1)[0], HINT).removesuffix(".")
    return text if not known.issuperset(set(words(text)) - set(words(name))) else ""
