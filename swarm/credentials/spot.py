"""All credentials of a text, whatever gives them away."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence

from swarm.credentials import blocks, named, prefixes
from swarm.credentials.found import Found

KINDS = frozenset({blocks.KIND, *prefixes.KINDS, *named.KINDS})

_SHORTEST = 15  # characters of the shortest key with a prefix
_CUT = 24  # characters at a text's end in which a key that is cut there may be shorter than that
_RUN = b"a" * _SHORTEST
_IN_KEYS = string.ascii_letters + string.digits + "_.+/=-"
_SIGNS = bytes(ord("a") if chr(code) in _IN_KEYS else ord(" ") for code in range(256))
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def spot(text: str) -> Sequence[Found]:
    """Return where credentials stand in the text, in order and apart; no mark [secret:...] is in any of them."""
    found = [*blocks.private_keys(text), *prefixes.by_prefix(text, _long_runs(text)), *named.in_urls(text)]
    lower = text.lower()
    if len(lower) != len(text):  # some signs have two for their small letter
        lower = text.translate(_SMALL)
    found += named.by_name(text, lower)
    return _apart(found) if found else ()


def _long_runs(text: str) -> str:
    """Return the parts of a text in which a key can be, by far less than the whole: a key is long, without blanks, and no word.

    Looking for each prefix in the whole text would cost ten times as much.
    """
    signs = text.encode("ascii", "replace").translate(_SIGNS)  # sign for sign
    parts = [text[-_CUT:]]
    at = signs.find(_RUN)
    while at >= 0:
        end = signs.find(b" ", at)
        run = text[at - 1 if at else 0 : end if end >= 0 else len(text)]  # with the colon before a Telegram token
        if not (run.islower() or run.isupper()) or not run.isascii() or any(map(run.__contains__, "0123456789")):
            parts.append(run)
        at = signs.find(_RUN, end) if end >= 0 else -1
    return "\n".join(parts)


def _apart(found: Iterable[Found]) -> list[Found]:
    """Return what was found without overlaps: of those that overlap, one over them all, of the first one's kind."""
    apart: list[Found] = []
    for one in sorted(found, key=lambda each: each.start):
        if apart and one.start < apart[-1].end:
            last = apart[-1]
            apart[-1] = last._replace(end=max(last.end, one.end))
        else:
            apart.append(one)
    return apart
