"""Looks through a folder for skills: bounded, in the order of the names, without following symlinks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from skills.reading import Read, read_skill
from skills.skill import Finding, Place

MOST_FOLDERS, MOST_DEPTH = 2_000, 5
"""Of one place; behind that nothing is looked at, and that is said."""

_SKIPPED = (".git", "node_modules", "__pycache__")


class Search(msgspec.Struct):
    """What was found in a place so far."""

    place: Place
    root: str  # every symlink followed
    reads: list[Read]
    findings: list[Finding]

    def warn(self, path: str, message: str, hint: str = "") -> None:
        self.findings.append(Finding(path=path, message=message, hint=hint))


def search(place: Place) -> Search:
    """Read the catalogue lines of all skills below a place that need not be there. Nothing is raised: what is odd is said."""
    root = os.path.realpath(place.path)
    found = Search(place, root, [], [])
    if place.origin == "project" and not _is_below(root, os.path.realpath(place.path.parent.parent)):
        found.warn(str(place.path), "the folder is a symlink that leaves the project; no skill is taken from it")
        return found
    queue = deque([(root, 0)])
    seen = 0
    while queue:
        folder, depth = queue.popleft()
        seen += 1
        if seen > MOST_FOLDERS + 1:  # the place itself is none
            found.warn(folder, f"{root} holds more than {MOST_FOLDERS:,} folders; nothing is looked at from here on")
            break
        queue.extend((inner, depth + 1) for inner in _look_at(folder, depth, found))
    return found


def _look_at(folder: str, depth: int, found: Search) -> list[str]:
    """Take the skill that lies in a folder; return the folders to look at where there is none."""
    if depth and (read := read_skill(folder, found.place)):
        found.reads.append(read)
        return []
    try:
        inner = sorted(_folders_in(folder, found))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        found.warn(folder, f"the folder cannot be read: {(error.strerror or str(error)).lower()}")
        return []
    if inner and depth == MOST_DEPTH:
        found.warn(folder, f"skills lie at most {MOST_DEPTH} folders deep; nothing is looked at below this one")
        return []
    return inner


def _folders_in(folder: str, found: Search) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in _SKIPPED:
                continue
            if entry.is_symlink():
                _say_where_it_leads(entry.path, found)
            elif entry.is_dir(follow_symlinks=False):
                yield entry.path


def _say_where_it_leads(link: str, found: Search) -> None:
    """A link inside of the place needs no word: what it leads to is found by itself."""
    target = os.path.realpath(link)
    if Path(target).is_dir() and not _is_below(target, found.root):
        hint = "copy the skill here, or move it"
        found.warn(link, "the symlink leaves the folder of the skills and is not followed", hint)


def _is_below(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)
