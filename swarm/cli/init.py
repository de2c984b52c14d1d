"""`swarm init`: writes a task file to begin with, and the schema by which an editor completes and checks it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, cast

from swarm.cli.schema import PLACE, write_schema
from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

TEMPLATES: Mapping[str, str] = {
    "hello": "one task with a check",
    "project": "several tasks that need each other",
    "each": "one task for each of several items",
}
SETTINGS = ".vscode/settings.json"
_ENDINGS = (".yaml", ".yml")


class FileIsThere(UsageError):
    """A file would be overwritten. Nothing was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already; name another file, or replace it with `--force`")


class NotWritten(UsageError):
    """A file cannot be written."""

    def __init__(self, error: OSError, path: Path) -> None:
        why = (error.strerror or str(error)).lower()
        super().__init__(f"{error.filename or path} cannot be written: {why}; correct that, or name another place")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, default=Path("task.yaml"), help="default: task.yaml"
    )
    told = "; ".join(f"{name}: {what}" for name, what in TEMPLATES.items())
    parser.add_argument("--template", choices=list(TEMPLATES), default="hello", help=f"{told}; default: hello")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--vscode", action="store_true", help=f"tell VS Code of the schema in {SETTINGS}, too")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    path: Path = args.file
    _require_place(path, force=args.force)
    settings = _settings_with(Path(SETTINGS), path) if args.vscode else None
    write_schema(Path.cwd())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{_modeline(path)}\n{_template(args.template)}", "utf-8")
        if settings is not None:
            Path(SETTINGS).parent.mkdir(exist_ok=True)
            Path(SETTINGS).write_text(settings, "utf-8")
    except OSError as error:
        raise NotWritten(error, path) from error
    _tell(path, vscode=args.vscode, output=output)
    return 0


def _require_place(path: Path, *, force: bool) -> None:
    """Raises UsageError where no task file can be put."""
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError(f"{path} does not end like a task file; name it {path.name.rstrip('.') or 'task'}.yaml")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if os.path.lexists(path) and not force:
        raise FileIsThere(path)


def _modeline(path: Path) -> str:
    """The line by which editors find the schema, as seen from the task file."""
    schema = os.path.relpath(PLACE, path.parent)
    return f"# yaml-language-server: $schema={schema}"


def _template(name: str) -> str:
    return resources.files("swarm.cli").joinpath("templates", f"{name}.yaml").read_text("utf-8")


def _settings_with(place: Path, path: Path) -> str:
    """Return the settings of VS Code with the task file under the schema. Raises UsageError where they are not plain JSON."""
    entry = f'"yaml.schemas": {{"{PLACE}": ["{path.as_posix()}"]}}'
    known: dict[str, Any] = {}
    try:
        if place.exists():
            known = cast("dict[str, Any]", json.loads(place.read_text("utf-8") or "{}"))
        schemas = known.setdefault("yaml.schemas", {})
        files = schemas.setdefault(PLACE, [])
        files = [files] if isinstance(files, str) else files
        schemas[PLACE] = [*files, *([] if path.as_posix() in files else [path.as_posix()])]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{place} is no plain JSON, so it is left as it is; add to it: {entry}") from error
    return json.dumps(known, indent=2, ensure_ascii=False) + "\n"


def _tell(path: Path, *, vscode: bool, output: Output) -> None:
    shown = quote(f"./{path}" if str(path).startswith("-") else str(path))
    following = [f"swarm validate {shown}", f"swarm plan {shown}", f"swarm run {shown}"]
    if output.json:
        written = [str(path), PLACE, *([SETTINGS] if vscode else [])]
        output.document("swarm.init/1", {"written": written, "next": following})
        return
    output.line(f"wrote {path}, and {PLACE} for your editor" + (f", named in {SETTINGS}" if vscode else ""))
    output.line(f"next: {' && '.join(following[1:])}")
    output.note(f"without a key, on a small model of your own machine: swarm run --local {shown}")
