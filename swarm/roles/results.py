"""What a task's answer is made of: the text of each of its files, or one text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from swarm.errors import SwarmError
from swarm.roles.answers import one_line, read_object
from swarm.task import Output, Task
from swarm.text.fence import unfenced


class NotInForm(SwarmError):
    """An answer does not have the form that its task asks for. The words say what is wrong, for the next attempt."""


def normal_form(task: Task, answer: str) -> str:
    """Return the answer as it is kept: of several files one JSON object without words around it, where it is one."""
    if task.outputs:
        found = read_object(answer, dict[str, Any])
        return answer if found is None else msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    return unfenced(answer) if _is_bare(task) else answer


def _is_bare(task: Task) -> bool:
    """Whether a code fence around the whole result is wrapping and no part of it."""
    return (task.output is not None and task.output.format != "markdown") or any(
        check.schema is not None for check in task.checks
    )


def file_texts(task: Task, draft: str) -> dict[str, str]:
    """Return the text of each of the task's files by its path, none where it has none. Raises NotInForm."""
    if task.output is not None:
        if task.output.format == "json":
            _decoded(draft)
        return {task.output.path: draft}
    named = texts_by_name(task, draft)
    return {output.path: named[name] for name, output in task.outputs.items()}


def delivered_texts(task: Task, result: str) -> dict[str, str]:
    """Return what is written for an accepted result, by path. A person may have accepted what has not the form: as it is."""
    try:
        return file_texts(task, result)
    except NotInForm:
        if task.output is None:
            raise
        return {task.output.path: result}


def texts_by_name(task: Task, draft: str) -> dict[str, str]:
    """Return the text of each of several files by its name. Raises NotInForm."""
    if not task.outputs:
        return {}
    found = _decoded(draft)
    if not isinstance(found, dict):
        raise NotInForm(f"the answer is no JSON object with the keys {_listed(task.outputs)}")
    given = cast("dict[str, Any]", found)
    missing = [name for name in task.outputs if name not in given]
    extra = [name for name in given if name not in task.outputs]
    if missing or extra:
        what = [f"the answer lacks {_listed(missing)}"] if missing else []
        what += [f"holds {_listed(extra)}, which nobody asked for"] if extra else []
        raise NotInForm(f"{' and '.join(what)}; its keys are {_listed(task.outputs)}")
    return {name: _text_of(name, output, given[name]) for name, output in task.outputs.items()}


def _text_of(name: str, output: Output, value: Any) -> str:
    if output.format == "json":
        value = _decoded(value, f"the value of {name!r}") if isinstance(value, str) else value
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if not isinstance(value, str):
        raise NotInForm(f"the value of {name!r} is no text")
    if not value.strip():
        raise NotInForm(f"the value of {name!r} is empty")
    if "\0" in value:
        raise NotInForm(f"the value of {name!r} holds a NUL character, which no text file may")
    return value


def _decoded(text: str, what: str = "the answer") -> Any:
    try:
        return msgspec.json.decode(unfenced(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise NotInForm(f"{what} is no JSON: {one_line(str(error))}") from error


def _listed(names: Mapping[str, Any] | list[str]) -> str:
    return ", ".join(repr(one_line(name, 60)) for name in names)


def shown_draft(task: Task, draft: str) -> str:
    """Return a draft as it is shown to a judge: several files one behind the other, each under its name."""
    named = texts_by_name(task, draft)
    return "\n\n".join(f"[{name}: {task.outputs[name].path}]\n{text}" for name, text in named.items()) or draft


def answer_schema(task: Task) -> Mapping[str, Any] | None:
    """Return the JSON Schema that an answer is to have, None where none can be asked for.

    Providers that keep to a schema want an object of which every key is named and required, all the way down; what is asked
    for in another way is only checked.
    """
    if task.output is not None:
        schema = task.output.schema
        return schema if isinstance(schema, Mapping) and schema.get("type") == "object" and _is_strict(schema) else None
    if not task.outputs:
        return None
    parts = {name: _part(output) for name, output in task.outputs.items()}
    if not all(_is_strict(part) for part in parts.values()):
        return None
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


def _part(output: Output) -> Any:
    return output.schema if output.format == "json" else {"type": "string"}


_PLAIN = frozenset(("type", "description", "enum", "properties", "required", "additionalProperties", "items"))


def _is_strict(schema: Any) -> bool:
    """Whether a schema, which is one, says no more than providers that keep to one understand, and leaves no key open."""
    if not isinstance(schema, Mapping):
        return False
    said = cast("Mapping[str, Any]", schema)
    if said.keys() - _PLAIN or not isinstance(said.get("type"), str):
        return False
    if said["type"] == "object":
        properties: dict[str, Any] = said.get("properties", {})
        required: list[str] = said.get("required", [])
        closed = said.get("additionalProperties") is False and sorted(required) == sorted(properties)
        return closed and all(_is_strict(part) for part in properties.values())
    return said["type"] != "array" or _is_strict(said.get("items"))
