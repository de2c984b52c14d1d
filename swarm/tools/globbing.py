"""Globs as models write them: `*.py` at any depth, `src/**/*.ts`, `*.{js,ts}`, `[ab]?`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice

from swarm.tools.base import ToolRefused

_LONGEST = 300
_MOST_WRITTEN = 64  # globs that one with braces stands for
_BRACES = re.compile(r"\{([^{}]*)\}")


def glob_of(glob: str) -> Callable[[str], bool]:
    """Return what says whether a path matches. A glob without a slash is one for names, at any depth.

    The time that it takes grows with the length of path and glob, whatever stands in them. Raises ToolRefused for a glob
    that is too long.
    """
    if len(glob) > _LONGEST:
        raise ToolRefused(f"the glob has {len(glob):,} characters; give one of at most {_LONGEST}")
    written = glob.removeprefix("./").removeprefix("/")
    written = f"{written}**" if written.endswith("/") else written
    written = written if "/" in written else f"**/{written}"
    plain = list(islice(_written_out(written), _MOST_WRITTEN + 1))
    if len(plain) > _MOST_WRITTEN:
        raise ToolRefused(f"the glob stands for more than {_MOST_WRITTEN} others; give one with fewer braces")
    return partial(_matches_one, [_parts(one) for one in plain])


def _parts(glob: str) -> list[str]:
    parts = glob.split("/")
    return [*parts, "*"] if parts[-1] == "**" else parts  # all that is in a folder, not the folder


def _written_out(glob: str) -> Iterator[str]:
    """Yield the globs that one with braces stands for."""
    found = _BRACES.search(glob)
    if found is None:
        yield glob
        return
    for choice in found[1].split(","):
        yield from _written_out(glob[: found.start()] + choice + glob[found.end() :])


def _matches_one(patterns: Sequence[Sequence[str]], path: str) -> bool:
    parts = path.split("/")
    return any(_matches(parts, pattern) for pattern in patterns)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Say whether the parts of a path match those of a glob, keeping all the places in it that may have been reached."""
    reached = _with_skipped({0}, pattern)
    for part in parts:
        there = {at for at in reached if at < len(pattern)}
        stayed = {at for at in there if pattern[at] == "**"}
        moved = {at + 1 for at in there - stayed if fnmatchcase(part, pattern[at])}
        reached = _with_skipped(stayed | moved, pattern)
    return len(pattern) in reached


def _with_skipped(reached: set[int], pattern: Sequence[str]) -> set[int]:
    """Add what is behind each `**`, which may stand for nothing."""
    whole = set(reached)
    for at in sorted(reached):
        while at < len(pattern) and pattern[at] == "**":
            at += 1
            whole.add(at)
    return whole
