"""The JSON Schema of a check: read, and found to be one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from swarm.errors import UsageError
from swarm.paths import confined
from swarm.task import Check, Output, Task

_MOST_BYTES = 1 << 20


class SchemaUnusable(UsageError):
    """A schema cannot judge anything. Nothing was called."""

    def __init__(self, name: str, why: str, remedy: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"the schema {name} {why}; {remedy}")


class SchemaSupportMissing(UsageError):
    """A task has a schema check, and the package that judges by it is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "a check with `schema:` needs the package jsonschema; install it with the extra: pheroswarm[schema]"
        )


def require_jsonschema() -> None:
    """Raise SchemaSupportMissing where the package is not installed."""
    try:
        import_module("jsonschema")
    except ImportError as error:
        raise SchemaSupportMissing from error


def read_schema(schema: Mapping[str, Any] | str, root: Path) -> Any:
    """Return a schema as values: as it is, or from the file below `root` that it names. Raises UsageError."""
    if not isinstance(schema, str):
        return dict(schema)
    try:
        with confined(root, schema).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise SchemaUnusable(repr(schema), why, "mend the path in `schema:`") from error
    if len(raw) > _MOST_BYTES:
        raise SchemaUnusable(repr(schema), f"has more than {_MOST_BYTES:,} bytes", "name a smaller one")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SchemaUnusable(repr(schema), f"is no JSON: {error}", "write the schema as JSON") from error


def with_schemas(task: Task, root: Path) -> Task:
    """Return the task with the schemas of its outputs as values: what a worker is asked for, and what is checked, is one.

    Raises UsageError where one cannot be read.
    """
    read: dict[str, Any] = {}
    for output in task.written:
        if isinstance(output.schema, str) and output.schema not in read:
            read[output.schema] = read_schema(output.schema, root)
    values: dict[str, Any] = {path: schema for path, schema in read.items() if isinstance(schema, dict)}
    if not values:
        return task

    def changed(part: Output | Check) -> Any:
        if not isinstance(part.schema, str) or part.schema not in values:
            return part
        schema = values[part.schema]
        if isinstance(part, Check):
            return msgspec.structs.replace(part, schema=schema, name=part.name or f"schema {part.schema}")
        return msgspec.structs.replace(part, schema=schema)

    return msgspec.structs.replace(
        task,
        output=changed(task.output) if task.output is not None else None,
        outputs={name: changed(output) for name, output in task.outputs.items()},
        checks=tuple(changed(check) for check in task.checks),
    )


def check_schema(schema: Any, name: str) -> None:
    """Raise SchemaUnusable where `schema` is no JSON Schema; `name` is how people know it."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    if type(schema) not in (dict, bool):
        raise SchemaUnusable(name, "is no JSON Schema: it is neither an object nor true or false", "write an object")
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        why = f"is no JSON Schema: {error.json_path}: {error.message[:200]}"
        raise SchemaUnusable(name, why, "see json-schema.org for what may stand there") from error
    except RecursionError as error:
        raise SchemaUnusable(name, "is nested too deeply", "make it flatter") from error
