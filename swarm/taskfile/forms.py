"""The forms in which people may write a task, and what each becomes."""

from __future__ import annotations

import posixpath
import re
import warnings
from typing import Any

from swarm.messages import TIERS
from swarm.task import (
    MOST_ATTEMPTS,
    ROLES,
    Budget,
    Check,
    Format,
    Input,
    Limits,
    Output,
    RoleConfig,
    Task,
    parse_budget,
)
from swarm.taskfile import yamltree
from swarm.taskfile.problems import Wrong
from swarm.taskfile.values import (
    At,
    Reader,
    amount,
    any_text,
    exactly_one,
    fields,
    items_in,
    kind,
    named,
    names_in,
    one_of,
    prose,
    text,
    truth,
    whole,
)
from swarm.taskfile.yamltree import Node, Scalar
from swarm.units import parse_seconds, parse_tokens, parse_usd, shortened

_RELATIVE = "write a path relative to the project's folder, without '..'"

_FORMATS: dict[str, Format] = {".md": "markdown", ".json": "json", ".patch": "patch", ".diff": "patch"}


def _path(node: Node, at: At) -> str:
    """Read a path or glob inside of the project."""
    written = prose(node, at)
    is_glob = any(sign in written for sign in "*?[")
    parts = written.split("/")
    if written.startswith(("/", "~")):
        raise Wrong(node.place, f"{at.where} is {shortened(written)}, a path outside of the project", _RELATIVE)
    if ".." in parts and (is_glob or posixpath.normpath(written).split("/")[0] == ".."):
        raise Wrong(node.place, f"{at.where} is {shortened(written)}, which leads out of the project", _RELATIVE)
    return posixpath.normpath(written)


def _output_path(node: Node, at: At) -> str:
    path = _path(node, at)
    if path == "." or text(node, at).strip().endswith("/"):
        raise Wrong(node.place, f"{at.where} is a folder", "name the file that is written")
    if ".git" in path.lower().split("/"):
        raise Wrong(node.place, f"{at.where} is inside of .git", "write to another folder")
    return path


def _regex(node: Node, at: At) -> str:
    pattern = text(node, at)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(
            node.place,
            f"{at.where} is no regular expression: {error}",
            "look at the brackets; in single quotes, YAML leaves backslashes alone",
        ) from None
    return pattern


def _schema(node: Node, at: At) -> dict[str, Any] | str:
    if isinstance(node, yamltree.Mapping):
        return dict[str, Any](yamltree.value(node))
    return _path(node, at)


def budget(node: Node, at: At) -> Budget:
    """Read `$0.05`, `20k`, or {tokens, usd, on_exceed}."""
    if isinstance(node, Scalar):
        one: Budget = _ONE_AMOUNT(node, at)
        return one
    found = fields(node, at, _BUDGET)
    if not found.keys() & {"tokens", "usd_nanos"}:
        raise Wrong(node.place, f"{at.where} caps nothing", "add 'tokens' or 'usd', such as {usd: 0.05}")
    return Budget(**found)


def _limits(node: Node, at: At) -> Limits:
    return Limits(**fields(node, at, _LIMITS))


def _input(node: Node, at: At) -> Input:
    if isinstance(node, Scalar):
        return Input(files=(_path(node, at),))
    found = fields(node, at, _INPUT)
    exactly_one(node, at, found, ("files", "text", "from"))
    if "load" in found and "files" not in found:
        raise Wrong(node.place, f"'load' in {at.where} goes with 'files' only", "take it out")
    return Input(**found)


def _source(node: Node, at: At) -> str:
    """Read the task whose result is taken; `survey.output` is the same as `survey`."""
    return text(node, at).removesuffix(".output")


def _output(node: Node, at: At) -> Output:
    if isinstance(node, Scalar):
        path = _output_path(node, at)
        return Output(path=path, format=_format_of(path))
    found = fields(node, at, _OUTPUT, later=("schema",))
    if "path" not in found:
        raise Wrong(node.place, f"{at.where} has no 'path'", "name the file that is written: {path: out/result.md}")
    return Output(path=found["path"], format=found.get("format") or _format_of(found["path"]))


def _format_of(path: str) -> Format:
    return _FORMATS.get(posixpath.splitext(path)[1].lower(), "text")


def _check(node: Node, at: At) -> Check:
    if isinstance(node, Scalar):
        return Check(run=text(node, at))
    found = fields(node, at, _CHECK)
    gate = exactly_one(node, at, found, tuple(_GATES))
    if "ignore_case" in found and gate not in ("contains", "not_contains", "regex"):
        raise Wrong(node.place, f"'ignore_case' in {at.where} does not go with {gate!r}", "take it out")
    if "timeout_s" in found and gate != "run":
        raise Wrong(node.place, f"'timeout' in {at.where} goes with 'run' only", "take it out")
    return Check(**found)


def _role(node: Node, at: At) -> RoleConfig:
    return RoleConfig(**fields(node, at, _ROLE))


def _roles(node: Node, at: At) -> dict[str, RoleConfig]:
    if not isinstance(node, yamltree.Mapping):
        hint = "write it as {worker: {tiers: free}}; to leave the explorer out, write `explore: false`"
        raise Wrong(node.place, f"{at.where} is {kind(node)}, but must be roles with what is asked of them", hint)
    return fields(node, at, dict.fromkeys(ROLES, _role))


def task_of(found: dict[str, Any], *, task_id: str, node: Node, at: At) -> Task:
    """Make a task of the fields that were found in `node`."""
    if "prompt" not in found:
        raise Wrong(node.place, f"{at.where} has no 'prompt'", "say what is to be done: `prompt: ...`")
    return Task(id=task_id, **found)


_TIERS = names_in(one_of(*TIERS))

_TOKENS = amount(parse_tokens)
_SECONDS = amount(parse_seconds)
_USD = amount(parse_usd)
_ONE_AMOUNT = amount(parse_budget)

_BUDGET: dict[str, Reader] = {
    "tokens": _TOKENS,
    "usd": _USD,
    "on_exceed": one_of("fail", later=("summarise", "ask")),
}

_LIMITS: dict[str, Reader] = {
    "time": _SECONDS,
    "attempts": whole(1, MOST_ATTEMPTS),
    "turns": whole(1, 1000),
}

_INPUT: dict[str, Reader] = {
    "files": items_in(_path),
    "text": text,
    "from": _source,
    "max_tokens": _TOKENS,
    "load": one_of("full", "name", later=("outline", "relevant")),
}

_OUTPUT: dict[str, Reader] = {"path": _output_path, "format": one_of("text", "markdown", "json", "patch")}

_GATES: dict[str, Reader] = {
    "run": text,
    "schema": _schema,
    "contains": text,
    "not_contains": text,
    "regex": _regex,
    "file": _path,
}

_CHECK: dict[str, Reader] = {
    **_GATES,
    "name": text,
    "required": truth,
    "timeout": _SECONDS,
    "feedback": prose,
    "ignore_case": truth,
}

_ROLE: dict[str, Reader] = {"tiers": _TIERS, "models": names_in(text), "prompt": prose}

_ENV = named(re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch, "use letters, digits and '_'", any_text)

TASK: dict[str, Reader] = {
    "prompt": prose,
    "title": prose,
    "needs": names_in(text),
    "input": items_in(_input),
    "output": _output,
    "check": items_in(_check),
    "accept": items_in(prose),
    "roles": _roles,
    "tiers": _TIERS,
    "budget": budget,
    "limits": _limits,
    "judge": one_of("free", "paid"),
    "explore": truth,
    "env": _ENV,
}
"""The keys of a task, in the order in which they are told."""
