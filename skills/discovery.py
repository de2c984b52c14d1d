"""Looks through a folder for skills: bounded, in the order of the names, without following symlinks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from skills.files import open_folder
from skills.reading import Read, read_skill
from skills.skill import Finding, Place

MOST_FOLDERS, MOST_DEPTH = 2_000, 5
"""Of one place; behind that nothing is looked at, and that is said."""

_SKIPPED = (".git", "node_modules", "__pycache__")


class Search(msgspec.Struct):
    """What was found in a place so far."""

    place: Place
    root: Path
    reads: list[Read]
    findings: list[Finding]

    def warn(self, path: Path, message: str, hint: str = "") -> None:
        self.findings.append(Finding(path=str(path), message=message, hint=hint))


def search(place: Place) -> Search:
    """Read the catalogue lines of all skills below a place that need not be there. Nothing is raised: what is odd is said."""
    root = Path(os.path.realpath(place.path))
    found = Search(place, root, [], [])
    if place.origin == "project" and not root.is_relative_to(os.path.realpath(place.path.parent.parent)):
        found.warn(place.path, "the folder is a symlink that leaves the project; no skill is taken from it")
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


def _look_at(folder: Path, depth: int, found: Search) -> list[Path]:
    """Take the skill that lies in a folder; return the folders to look at where there is none."""
    try:
        with open_folder(folder) as top:
            if depth and (read := read_skill(folder, found.place, top)):
                found.reads.append(read)
                return []
            inner = sorted(_folders_in(top, folder, found))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        found.warn(folder, f"the folder cannot be read: {(error.strerror or str(error)).lower()}")
        return []
    if inner and depth == MOST_DEPTH:
        found.warn(folder, f"skills lie at most {MOST_DEPTH} folders deep; nothing is looked at below this one")
        return []
    return inner


def _folders_in(top: int, folder: Path, found: Search) -> Iterator[Path]:
    with os.scandir(top) as entries:
        for entry in entries:
            if entry.name in _SKIPPED:
                continue
            if entry.is_symlink():
                _say_where_it_leads(folder / entry.name, found)
            elif entry.is_dir(follow_symlinks=False):
                yield folder / entry.name


def _say_where_it_leads(link: Path, found: Search) -> None:
    """A link inside of the place needs no word: what it leads to is found by itself."""
    target = Path(os.path.realpath(link))
    if target.is_dir() and not target.is_relative_to(found.root):
        hint = "copy the skill here, or move it"
        found.warn(link, "the symlink leaves the folder of the skills and is not followed", hint)
