"""The child process that tries a pattern or a JSON Schema on a draft, so that one that takes for ever can be ended.

Run as `python -P -m swarm.roles.matcher`. It imports nothing of ours. Stdin is one JSON object: `text`, `seconds` and
either `pattern` and `flags` or `schema`. Stdout gets a JSON string: what is wrong with the text, empty where nothing is.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from importlib import import_module
from typing import Any, NoReturn


def main() -> int:
    order: dict[str, Any] = json.load(sys.stdin)
    seconds: int = order["seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # it ends even if its parent was killed
    wrong = _by_schema(order) if "schema" in order else _by_pattern(order)
    json.dump(wrong, sys.stdout)
    return 0


def _by_pattern(order: dict[str, Any]) -> str:
    return "" if re.search(order["pattern"], order["text"], order["flags"]) else "nothing in it matches"


def _by_schema(order: dict[str, Any]) -> str:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    exceptions: Any = import_module("jsonschema.exceptions")
    try:
        document = json.loads(order["text"], parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    schema = order["schema"]
    validator = validator_for(schema, default=Draft202012Validator)
    try:
        # an empty registry: a schema from the net would be fetched without anybody knowing
        found = exceptions.best_match(validator(schema, registry=Registry()).iter_errors(document))
    except Unresolvable as error:
        return f"the schema refers to {error.ref!r}, which is not in it"
    except RecursionError:
        return "the schema refers to itself without an end, or the result is nested too deeply"
    return f"{found.json_path}: {found.message}" if found is not None else ""


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


if __name__ == "__main__":
    sys.exit(main())
