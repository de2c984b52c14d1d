"""`swarm validate FILE...`: says of each task file what it holds, or everything that is wrong with it. Runs nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm.cli.given import overrides_of, read_given
from swarm.cli.output import Output, counted
from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.task import TaskFile
    from swarm.taskfile.problems import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a task file, or - for one from a pipe")
    parser.add_argument(
        "--set", metavar="K=V", action="append", default=[], help="give a variable of the files a value; repeatable"
    )
    parser.add_argument("--strict", action="store_true", help="let a warning count as an error")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    overrides = overrides_of(args.set)
    found = [_looked_at(path, overrides, output) for path in args.files]
    if output.json:
        output.document("swarm.validate/1", {"files": found})
    is_right = all(entry["ok"] and not (args.strict and entry["warnings"]) for entry in found)
    return 0 if is_right else UsageError.exit_code


def read_named(path: Path, overrides: Mapping[str, str]) -> tuple[TaskFile, str]:
    """Return the task file that a command line names, - for one from a pipe, and its text. Raises UsageError."""
    if str(path) != "-":
        from swarm.taskfile.read import load_task_file  # brings the YAML reader

        return load_task_file(path, overrides=overrides), path.read_text("utf-8", "replace")
    given = read_given("-", overrides=overrides, commands=())
    if given.type == "direct":
        raise UsageError("stdin holds a prompt and no task file; `swarm run -` would run it as one task")
    return given.file, given.source


def _looked_at(path: Path, overrides: Mapping[str, str], output: Output) -> dict[str, Any]:
    """Read one file, tell what is wrong or doubtful with it, and return what it holds."""
    from swarm.cli.doubts import doubts

    try:
        file, text = read_named(path, overrides)
    except UsageError as error:
        output.problem(f"error: {str(error).removeprefix('error: ')}")
        return {"path": str(path), "ok": False, "problems": _problems(error), "warnings": []}
    doubtful = doubts(file, text, Path.cwd())
    for problem in doubtful:
        output.problem(problem.show(str(path)).replace("error:", "warning:", 1), "yellow")
    if not output.json:
        output.line(f"{path}: {_summary(file, doubtful)}")
    warnings = [_fields(problem) for problem in doubtful]
    return {"path": str(path), "ok": True, **_content(file), "problems": [], "warnings": warnings}


def _content(file: TaskFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "tasks": [task.id for task in file.tasks],
        "checks": sum(len(task.checks) for task in file.tasks),
        "commands": list(file.commands),
    }


def _summary(file: TaskFile, doubtful: Sequence[Problem]) -> str:
    checks, commands = sum(len(task.checks) for task in file.tasks), len(file.commands)
    doubt = f", {counted(len(doubtful), 'warning')}" if doubtful else ""
    # commands are what somebody has to confirm before they run, so they are counted even where there are none
    return f"ok, {counted(len(file.tasks), 'task')}, {counted(checks, 'check')}, {counted(commands, 'command')}{doubt}"


def _problems(error: UsageError) -> list[dict[str, Any]]:
    """Return what is wrong as data: with line and column where the error has them."""
    listed = getattr(error, "problems", ())
    return [_fields(problem) for problem in listed] or [{"message": str(error)}]


def _fields(problem: Problem) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.structs.asdict(problem))
