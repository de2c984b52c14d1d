"""The catalogue as a model sees it: so many lines as a number of tokens holds, and how many more skills there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from skills.levels import Offer, choose_levels, told
from skills.skill import Skill

FIND = "find_skill"
"""The tool that looks for the others."""


class Listing(msgspec.Struct, frozen=True):
    """Lines of skills, and what they leave out."""

    text: str  # empty where nothing is listed
    shown: tuple[str, ...] = ()  # the names of those that have a line
    left_out: tuple[str, ...] = ()


def listing(skills: Sequence[Skill], left_out: Sequence[str], *, tokens: int, count: Callable[[str], int]) -> Listing:
    """List skills in at most `tokens`: the best first, where there is little room by their names alone.

    The last line says how many more there are, of those given and of `left_out`. Empty where not even a name has room.
    """
    texts = {each.name: told(each) for each in skills}
    tail = count(f"\n{_more(len(skills) + len(left_out))}")
    offers = [
        Offer(name, {level: count(f"{text}\n") for level, text in known.items()}) for name, known in texts.items()
    ]
    chosen = choose_levels(offers, tokens - tail)
    lines = [texts[name][level] for name, (level, _) in chosen.items()]
    others = (*(name for name in texts if name not in chosen), *left_out)
    if not lines:
        return Listing("", (), others)
    return Listing("\n".join([*lines, _more(len(others))] if others else lines), tuple(chosen), others)


def _more(number: int) -> str:
    return f"and {number:,} more: `{FIND}`"
