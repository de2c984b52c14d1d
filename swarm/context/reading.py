"""What somebody asks for who was given a part of a text: what it is made of, what a name in it defines, what fits a question. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from swarm.context.blocks import File, file_of
from swarm.context.pack import relevant
from swarm.context.score import defines

_HEADLINE_CHARS = 100


class Reading:
    """The parts of texts, as `swarm.context.blocks` divides them."""

    def contents(self, name: str, text: str) -> Sequence[str]:
        """A line for each part, with the numbers of its lines and what it begins with."""
        file = file_of(name, text)
        return [
            f"{block.first}-{block.last} {_headline(file, number)}"
            for number, block in enumerate(file.blocks)
            if file.is_plain or block.at or block.names
        ]

    def defined(self, name: str, text: str, symbol: str) -> Sequence[tuple[int, int]]:
        """The first and the last line of each definition of a name, with what is in it; or of what stands under that heading."""
        file = file_of(name, text)
        wanted = symbol.removesuffix("()").lstrip("#").strip()
        found = [number for number, block in enumerate(file.blocks) if defines(block, [wanted])]
        if not found:
            said = wanted.lower()
            found = [n for n in range(len(file.blocks)) if file.headline(n).lstrip("#").strip().lower() == said]
        spans: list[tuple[int, int]] = []
        for number in found:
            first, last = file.blocks[number].first, file.blocks[_end(file, number)].last
            if not spans or first > spans[-1][1]:
                spans.append((first, last))
        return spans

    def fitting(self, name: str, text: str, about: str, most: int) -> str:
        """The parts that fit a question best, in at most so many bytes; "" where not even one has room."""
        return relevant([(name, text)], about, most)[0]


def _headline(file: File, number: int) -> str:
    said = file.headline(number) or next((line for line in file.said(number).splitlines() if line.strip()), "")
    depth = 0
    inside = file.blocks[number].inside
    while inside >= 0:
        depth, inside = depth + 1, file.blocks[inside].inside
    return f"{'  ' * depth}{said.strip()[:_HEADLINE_CHARS]}"


def _end(file: File, number: int) -> int:
    """The last block of those that are inside of one."""
    last = number
    while last + 1 < len(file.blocks) and number <= file.blocks[last + 1].inside <= last:
        last += 1
    return last
