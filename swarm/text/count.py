"""How many tokens a text has by the vocabulary o200k_base: exactly, or of a very long one about.

The first count loads the vocabulary (`swarm/text/vocabulary.py`); on an event loop, await its `load` before. Other families of
models count otherwise: `swarm/text/families.py`.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from swarm.messages import Message, ToolSpec
from swarm.text.tokens import RequestTokens, request_tokens, weight
from swarm.text.vocabulary import o200k

MOST_TOGETHER = 50_000
"""Characters that tiktoken is given at once: its pattern takes time that grows faster than a run of one character, and overflows its
stack at some 700,000 spaces."""

SAMPLED_FROM = 200_000
"""Characters from which on `about` looks at samples; an exact count takes some 20 ms there."""

WINDOWS, WINDOW = 64, 600
"""Samples of a text, and the characters of each. On 22 texts of .2 to 1 MB (Python, logs, JSON, Wikipedia) the count that is made of
them was off by .7 % in the mean and by 2.0 % at most, in 7 ms; other numbers of the same sum did no better."""

MOST_KEPT = 8_192  # counts, of about 200 bytes each; none on the disk, since a megabyte is counted anew in .1 s

_GOLDEN = 0.6180339887  # steps of it never come near where they were before: no rhythm of the text is met
_EDGE = re.compile(r"(?<=\S)[ \t]|(?<=\n)(?=[^\s/])")
"""Where no token goes across, by the pattern of o200k_base: before a blank behind a letter or sign, and at a line's beginning."""


class Counted(NamedTuple):
    tokens: int
    exact: bool  # False: made of samples


class Kept:
    """Counts by the hash of their text, the least recently used one given up first. Threads may share it."""

    def __init__(self, most: int) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def get(self, key: bytes) -> int | None:
        with self._lock:
            if key in self._counts:
                self._counts.move_to_end(key)
            return self._counts.get(key)

    def put(self, key: bytes, count: int) -> None:
        with self._lock:
            self._counts[key] = count
            if len(self._counts) > self._most:
                self._counts.popitem(last=False)

    def __len__(self) -> int:
        return len(self._counts)


_kept = Kept(MOST_KEPT)


def count(text: str) -> int:
    """How many tokens a text has. What looks like a special token, such as `<|endoftext|>`, is ordinary text.

    Counts are kept by the text's hash while the process lives. Raises VocabularyBroken.
    """
    key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    known = _kept.get(key)
    if known is None:
        known = sum(_count(part) for part in parts_of(text))
        _kept.put(key, known)
    return known


def about(text: str) -> Counted:
    """How many tokens a text has; of one with SAMPLED_FROM characters and more about how many.

    Raises VocabularyBroken.
    """
    if len(text) < SAMPLED_FROM:
        return Counted(count(text), True)
    windows = [*_windows(text)]
    sampled = sum(map(_count, windows)) / sum(map(_weight, windows))
    return Counted(round(sampled * _weight(text)), False)


def count_request(
    messages: Iterable[Message], answer_schema: Mapping[str, Any] | None = None, tools: Sequence[ToolSpec] = ()
) -> RequestTokens:
    """How many input tokens a request has: its texts exactly, what frames them as it is in the middle of the common families.

    Raises VocabularyBroken.
    """
    return request_tokens(messages, answer_schema, tools, tokens_of=count)


def parts_of(text: str, most: int = MOST_TOGETHER) -> Iterator[str]:
    """Cut a text into parts of up to `most` characters that have together as many tokens as the whole.

    Where so many characters hold no place that no token goes across, such as in a run of one character, it is cut at the last of
    them: each such cut can make some tokens more, or one less.
    """
    start = 0
    while len(text) - start > most:
        end = _last_edge(text, start, start + most)
        yield text[start:end]
        start = end
    yield text[start:]


def _last_edge(text: str, start: int, end: int) -> int:
    """The last place behind `start` and up to `end` where the text can be cut, `end` where there is none."""
    for width in (1_000, end - start):  # most have one near
        edges = [edge.start() for edge in _EDGE.finditer(text, max(start + 1, end - width), end + 1)]
        if edges:
            return edges[-1]
    return end


def _windows(text: str) -> Iterator[str]:
    """Samples from all over the text, from a blank or the beginning of a line to a blank where they hold both."""
    stride = len(text) / WINDOWS
    for number in range(WINDOWS):
        start = int(number * stride + (number + 1) * _GOLDEN % 1 * (stride - WINDOW))
        window = text[start : start + WINDOW]
        first, last = _EDGE.search(window), window.rfind(" ")
        yield window[first.start() : last] if first and first.start() < last else window


def _weight(text: str) -> float:
    return weight(text.encode("utf-8", "replace"))


def _count(text: str) -> int:
    return len(o200k().encode_ordinary(text))
