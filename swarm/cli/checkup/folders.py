"""Who may look into the folders that are ours alone: the data folder, and what runs in the background say."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

import anyio

from swarm.cli.checkup.finding import Finding
from swarm.paths import runs_folder


def look_at_folders(log: str, data: Path) -> Iterator[Finding]:
    """Yield those that others may look into; `data` is where the log lies unless settings say otherwise."""
    if found := _open_to_others("data folder", data, "your logs and answers lie"):
        yield found
    if log != "memory:" and (found := _open_to_others("what runs said", runs_folder(log), "runs write their results")):
        yield found


def _open_to_others(name: str, folder: Path, why: str) -> Finding | None:
    open_to = _modes([folder])  # nobody comes by a folder that is closed to what is in it
    if not open_to:
        return None
    writable = any(mode & 0o022 for _, mode in open_to)

    async def mend() -> str:
        for path, mode in open_to:
            await anyio.Path(path).chmod(mode & ~0o077)
        return f"{folder} is yours alone now"

    said = f"others may {'write to' if writable else 'look into'} {folder}, where {why}"
    remedy = f"chmod go-rwx {quote(str(folder))}"
    return Finding(name=name, state="fail" if writable else "warn", said=said, remedy=remedy, mend=mend)


def _modes(paths: Sequence[Path]) -> list[tuple[Path, int]]:
    """Those of the paths that others may do something with, and their modes. A path that is not there is left out."""
    found: list[tuple[Path, int]] = []
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            found.append((path, mode))
    return found
