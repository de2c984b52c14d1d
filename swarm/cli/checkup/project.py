"""What lies in the project or belongs to it, and was left behind or has become old: copies, the schema, a log that git would take."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
from anyio import to_thread

from swarm.cli.checkup.finding import Finding
from swarm.cli.output import counted
from swarm.paths import runs_folder

_PATIENCE_S = 10
_GLOB = re.compile(r"([\\*?\[\] ])")


def look_at_project(log: str, root: Path) -> Iterator[Finding]:
    """Yield what is not as it should be of the project at `root`, and of a log that lies in a repository."""
    for found in (_copies(root), _schema(root), _taken_by_git(Path(log).expanduser()) if log != "memory:" else None):
        if found is not None:
            yield found


def _copies(root: Path) -> Finding | None:
    """Work copies of processes that were killed; a run removes them, too."""
    from swarm.tools.workcopy import left_copies, sweep

    left = left_copies(root)
    if not left:
        return None

    async def mend() -> str:
        await to_thread.run_sync(sweep, root)
        return f"{len(left)} of {len(left)} removed" if not left_copies(root) else "some of them were removed"

    many = "work copies of projects were" if len(left) > 1 else "work copy of a project was"
    said = f"{len(left)} {many} left in {left[0].parent} by a process that was killed"
    return Finding(name="work copies", state="warn", said=said, remedy="swarm doctor --fix removes them", mend=mend)


def _schema(root: Path) -> Finding | None:
    """The schema by which editors check task files, where it is that of another version."""
    from swarm.cli.schema import PLACE, schema_text, write_schema

    try:
        kept = (root / PLACE).read_text("utf-8", "replace")
    except OSError:
        return None
    if kept == schema_text():
        return None

    async def mend() -> str:
        write_schema(root)
        return f"{PLACE} is that of this version"

    said = f"{PLACE}, by which your editor checks task files, is not that of this version"
    return Finding(name="schema", state="warn", said=said, remedy="swarm schema --write", mend=mend)


def _taken_by_git(log: Path) -> Finding | None:
    """A log in a repository that does not ignore it: the next commit of everything would publish prompts and answers."""
    if not log.exists() or not _git(log.parent, "ls-files", "--others", "--exclude-standard", "--", log.name):
        return None
    root = Path(_git(log.parent, "rev-parse", "--show-toplevel").strip())
    runs = runs_folder(str(log.resolve()))
    lines = [f"{_pattern(log.resolve(), root)}*", f"{_pattern(runs, root)}/"]

    async def mend() -> str:
        place = anyio.Path(root / ".gitignore")
        before = await place.read_text("utf-8") if await place.exists() else ""
        gap = "\n" if before and not before.endswith("\n") else ""
        await place.write_text(before + gap + "\n".join(lines) + "\n", "utf-8")
        return f"{root / '.gitignore'} has {counted(len(lines), 'line')} more, so that git leaves the log alone"

    said = f"{log} lies in a git repository that does not ignore it: a commit would take your prompts and answers along"
    return Finding(name="git", state="warn", said=said, remedy=f"add {' and '.join(lines)} to .gitignore", mend=mend)


def _pattern(path: Path, root: Path) -> str:
    return "/" + _GLOB.sub(r"\\\1", path.relative_to(root.resolve()).as_posix())


def _git(folder: Path, *words: str) -> str:
    """What git says in a folder; "" where it says nothing, or there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""
