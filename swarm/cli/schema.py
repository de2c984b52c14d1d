"""`swarm schema`: the JSON Schema of the task file, with which editors complete and check it while it is written."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

PLACE = ".swarm/task.schema.json"
"""Where a project keeps it, from the project's folder."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--write", action="store_true", help=f"write it to {PLACE}, where `swarm init` puts it, too")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    if not args.write:
        output.line(schema_text().rstrip("\n"))
        return 0
    path = write_schema(Path.cwd())
    if output.json:
        output.document("swarm.schema/1", {"path": str(path)})
    else:
        output.line(f"wrote {PLACE}")
    return 0


def write_schema(folder: Path) -> Path:
    """Write the schema where a project keeps it; one of another version is replaced. Raises UsageError."""
    path = folder / PLACE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(schema_text(), "utf-8")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"{path} cannot be written: {why}; correct that and say `swarm schema --write`") from error
    return path


def schema_text() -> str:
    return json.dumps(task_schema(), indent=2, ensure_ascii=False) + "\n"


def task_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what may stand in a task file, made of the keys that are read.

    What a schema cannot say (needs in a circle, a path out of the project, an unknown variable) `swarm validate` finds.
    """
    from swarm.taskfile.forms import EXACTLY_ONE, FORMS, TASK
    from swarm.taskfile.read import FILE
    from swarm.taskfile.values import mapping_schema

    forms = {name: mapping_schema(keys) for name, keys in FORMS.items()}
    for name, keys in EXACTLY_ONE.items():
        forms[name] |= {"oneOf": [{"required": [key]} for key in keys]}
    forms["agent"] |= {"required": ["prompt"]}
    has_prompt = {"oneOf": [{"required": ["prompt"]}, {"required": ["prompt_file"]}]}
    forms["task"] |= has_prompt
    of_file = {name: key for name, key in FILE.items() if name not in ("tasks", "defaults")}
    return {
        "$schema": _DIALECT,
        "title": "Task file of swarm",
        "description": "One task (`prompt`), or several (`tasks`).",
        "type": "object",
        "if": {"required": ["tasks"]},
        "then": {"$ref": "#/$defs/several"},
        "else": {"$ref": "#/$defs/single"},
        "$defs": {
            "several": mapping_schema(FILE, required=("tasks",)),
            "single": mapping_schema({**of_file, **TASK}) | has_prompt,
            **forms,
        },
    }
