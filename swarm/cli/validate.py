"""`swarm validate FILE...`: says of each task file what it holds, or everything that is wrong with it. Runs nothing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm.cli.output import Output, counted
from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.task import TaskFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a task file")


def run(args: argparse.Namespace) -> int:
    from swarm.taskfile.read import load_task_file  # brings the YAML reader

    output: Output = args.output
    found: list[dict[str, Any]] = []
    for path in args.files:
        try:
            file = load_task_file(path)
        except UsageError as error:
            found.append({"path": str(path), "ok": False, "problems": _problems(error)})
            output.problem(f"error: {str(error).removeprefix('error: ')}")
        else:
            found.append({"path": str(path), "ok": True, **_content(file), "problems": []})
            if not output.json:
                output.line(f"{path}: {_summary(file)}")
    if output.json:
        output.document("swarm.validate/1", {"files": found})
    return 0 if all(entry["ok"] for entry in found) else UsageError.exit_code


def _content(file: TaskFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "tasks": [task.id for task in file.tasks],
        "checks": sum(len(task.checks) for task in file.tasks),
        "commands": list(file.commands),
    }


def _summary(file: TaskFile) -> str:
    checks, commands = sum(len(task.checks) for task in file.tasks), len(file.commands)
    # commands are what somebody has to confirm before they run, so they are counted even where there are none
    return f"ok, {counted(len(file.tasks), 'task')}, {counted(checks, 'check')}, {counted(commands, 'command')}"


def _problems(error: UsageError) -> list[dict[str, Any]]:
    """Return what is wrong as data: with line and column where the error has them."""
    import msgspec

    listed = getattr(error, "problems", ())
    return [msgspec.to_builtins(problem) for problem in listed] or [{"message": str(error)}]
