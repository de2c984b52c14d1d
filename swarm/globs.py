"""Files by name: which ones of the project a path or a glob means."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from swarm.errors import UsageError
from swarm.paths import confined

CACHES = frozenset(
    ("__pycache__", "node_modules", "venv", "site-packages")  # those with a dot are hidden, and skipped as such
)
"""Folders that a glob does not enter unless it names them before its first wildcard."""

_MOST_NAMES = 20_000  # looked at to find the one that was meant


class InputUnusable(UsageError):
    """An input cannot be given to a model. Nothing was called."""

    def __init__(self, name: str, why: str, remedy: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"the input {name!r} {why}; {remedy}")


def files_named(patterns: Sequence[str], root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the place of every file that a pattern names: pattern by pattern, sorted by name."""
    for pattern in map(posixpath.normpath, patterns):
        if os.path.lexists(root / pattern):  # a name may hold what is a wildcard elsewhere: app/[id]/page.tsx
            if (root / pattern).is_dir():
                raise InputUnusable(
                    pattern, "is a folder", f"write {posixpath.normpath(f'{pattern}/**')} for its files"
                )
            yield pattern, confined(root, pattern)
            continue
        names = sorted(_matching(pattern, root))
        if not names:
            raise InputUnusable(pattern, f"matches no file{_nearest(pattern, root)}", "mend the path or the glob")
        for name in names:
            yield name, confined(root, name)


def _matching(pattern: str, root: Path) -> Iterator[str]:
    parts = tuple(pattern.split("/"))
    fixed = next((n for n, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts) - 1)
    start = "/".join(parts[:fixed])
    if fixed:
        confined(root, start)
    hidden = any(part.startswith(".") for part in parts)
    for name in _walk(root, start, hidden=hidden):
        if matches(tuple(name.split("/")), parts):
            yield name


def _walk(root: Path, start: str = "", *, hidden: bool = False) -> Iterator[str]:
    """Yield the path of each file below `start`; folders that are caches, symlinks, git's, or hidden are not entered."""
    for folder, folders, files in os.walk(root / start, onerror=_unreadable):
        folders[:] = sorted(
            one for one in folders if one not in CACHES and one != ".git" and (hidden or not one.startswith("."))
        )
        beneath = Path(folder).relative_to(root).as_posix()
        prefix = "" if beneath == "." else f"{beneath}/"
        yield from (prefix + file for file in files)


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # where nothing is, nothing matches
        raise InputUnusable(str(error.filename), f"cannot be read: {error.strerror}", "mend that") from error


def matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Say whether a path matches; `**` stands for any folders, and only a pattern with a dot matches a hidden name."""
    if not pattern:
        return not parts
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        shown = next((n for n, part in enumerate(parts) if part.startswith(".")), len(parts))
        if not rest:
            return bool(parts) and shown == len(parts)
        return any(matches(parts[n:], rest) for n in range(shown + 1))
    return (
        bool(parts)
        and fnmatchcase(parts[0], first)
        and (first.startswith(".") or not parts[0].startswith("."))
        and matches(parts[1:], rest)
    )


def _nearest(pattern: str, root: Path) -> str:
    """Return what asks for the nearest file at the end of a sentence, or nothing where none is near."""

    from difflib import get_close_matches  # only an error needs it

    names = {name.lower(): name for name in islice(_walk(root), _MOST_NAMES)}
    ends = {name.rpartition("/")[2]: whole for name, whole in names.items()}
    wanted = pattern.lower()
    near = [names[name] for name in get_close_matches(wanted, names, n=1, cutoff=0.7)]
    near = near or [ends[name] for name in get_close_matches(wanted.rpartition("/")[2], ends, n=1, cutoff=0.8)]
    return f" \u2013 did you mean {near[0]!r}?" if near else ""
