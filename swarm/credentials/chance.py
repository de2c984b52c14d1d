"""Whether a value was drawn by chance, as keys are, or written by somebody, as names and words are."""

from __future__ import annotations

import re
from itertools import pairwise

from swarm.credentials.found import compiled

_JUDGED = 64  # characters; what is longer is judged by its beginning
_PLACEHOLDER = (
    r"example|sample|dummy|fake|change.?me|your[_-]?|placeholder|redacted|replace|insert|todo|x{4}|\*{3}|\.{3}"
    r"|12345678|abcdefgh|qwerty|://|process\.env|environ|getenv|undefined|localhost"
)
_LETTERS = r"[A-Z]?[a-z]+|[A-Z]+"
_HEX = r"[0-9a-f]+|[0-9A-F]+"
_CLASSES = str.maketrans(
    {
        **dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a"),
        **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A"),
        **dict.fromkeys("0123456789", "0"),
    }
)
# the pairs of letters of which two thirds of English text, and of the names in programs, are made; of letters drawn
# by chance they are one in seven
_COMMON = (
    "thheineranreonatenndtiesorteofedisitalarsttontngsehaasouiolevecomedehiriroicneearacelichllbemasiomurusctecac"
    "ellalonopeemkeeyamutpatrssgeadodolagidaietigunuppoopottsexowilie"
)
_PAIRS = frozenset(_COMMON[at : at + 2] for at in range(0, len(_COMMON), 2))


def is_random(value: str, *, least: int) -> bool:
    """Say whether a value of at least `least` characters looks drawn by chance: no word, name, path, number or placeholder."""
    if len(value) < least:
        return False
    value = value[:_JUDGED]
    if len(set(value)) < 7:
        return False
    digits = sum(map(value.count, "0123456789"))
    if compiled(_HEX).fullmatch(value):
        return 2 <= digits < len(value) and not compiled(_PLACEHOLDER, re.IGNORECASE).search(value)
    turns = _turns(value)
    enough = len(value) // 4 if digits else len(value) // 3
    return (
        turns >= enough
        and digits < len(value)
        and not _is_wordy(value)
        and not compiled(_PLACEHOLDER, re.IGNORECASE).search(value)
    )


def is_varied(value: str) -> bool:
    """Say whether a value behind a certain prefix is one, and not a row of the same few characters that stands for one."""
    return len(set(value[:_JUDGED])) >= 6 and not compiled(_PLACEHOLDER, re.IGNORECASE).search(value[:_JUDGED])


def _turns(value: str) -> int:
    """Return how often small letters, capitals, digits and other signs follow each other."""
    classes = value.translate(_CLASSES)
    return sum(left != right for left, right in pairwise(classes))


def _is_wordy(value: str) -> bool:
    pairs = [word[at : at + 2] for word in compiled(_LETTERS).findall(value) for at in range(len(word) - 1)]
    known = sum(pair.lower() in _PAIRS for pair in pairs)
    return len(pairs) >= 4 and known * 5 > len(pairs) * 2
