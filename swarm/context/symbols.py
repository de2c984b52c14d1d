"""Who defines what among some files: of a block the blocks that it needs to be understood. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import basename, splitext
from typing import NamedTuple

from swarm.context.blocks import File
from swarm.context.python import references, words_in

_MOST_MEANT = 2
"""Definitions of a name that are still taken to be meant, where the imports do not say which: more are a name like `run`."""

_SHORTEST = 3  # characters of a name: shorter ones stand for something else in each place


class Place(NamedTuple):
    """A block of one of the files, by the numbers of both."""

    file: int
    block: int


class Symbols:
    """An index of the names that the blocks of some files define."""

    def __init__(self, files: Sequence[File]) -> None:
        self._files = files
        self._places: dict[str, list[Place]] = {}
        for number, file in enumerate(files):
            for at, block in enumerate(file.blocks):
                for name in block.names:
                    for known in {name, name.rpartition(".")[2]}:
                        self._places.setdefault(known, []).append(Place(number, at))

    def needed(self, place: Place) -> Iterator[Place]:
        """The blocks with what a block is inside of, then those that define what it uses, those of its own file first."""
        file = self._files[place.file]
        inside = file.blocks[place.block].inside
        if inside >= 0:
            yield Place(place.file, inside)
        text = file.said(place.block)
        names, attributes = references(text) if file.is_python else (words_in(text), frozenset[str]())
        found = {each for name in names for each in self._meant(name, place)}
        found |= {each for name in attributes for each in self._meant(name, place, surely=True)}
        yield from sorted(found - {place}, key=lambda each: (each.file != place.file, each))

    def _meant(self, name: str, place: Place, *, surely: bool = False) -> Sequence[Place]:
        """Where a name is defined that is used in a place; none where too many places could be meant."""
        known = self._places.get(name, ()) if len(name) >= _SHORTEST else ()
        if not known or place in known:
            return ()
        own = [each for each in known if each.file == place.file]
        found = own or [each for each in known if self._imports(place.file, each.file)] or known
        return found if len(found) <= (1 if surely else _MOST_MEANT) else ()

    def _imports(self, user: int, definer: int) -> bool:
        """Whether the lines of a file that import something name another one."""
        return splitext(basename(self._files[definer].name))[0] in self._files[user].imported
