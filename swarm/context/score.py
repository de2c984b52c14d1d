"""How well each block of some files fits what is asked: by its words, by the names that it defines, and by what it means. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from typing import TYPE_CHECKING

from swarm.context.blocks import Block, File
from swarm.text.rank import BEGINNING_WEIGHT, FIELDS, K1, B, asked, terms

if TYPE_CHECKING:
    from swarm.text.embed import Embedder

LIKE_FROM, LIKE_WEIGHT = 0.25, 10.0
"""From which likeness on the meaning of a block counts, and how much: as for tools and skills (`swarm.text.ranking`)."""

MOST_EMBEDDED = 400
"""Blocks of which the meaning is looked at, those first whose words fit best: they take 20 ms."""

_EMBEDDED_CHARS = 600  # of a block: a vector is a mean, which says less the longer the text is
_IDENTIFIER = re.compile(r"`([^`\s]{2,80})`|([^\W\d][\w.]*)(\()?")
_PARTS = re.compile(r"[^\W_]+")


def scores(files: Sequence[File], sought: str, embedder: Embedder | None = None) -> list[float]:
    """Return a score for each block of all files, in their order: 0 where nothing speaks for it, more is better.

    Raises EmbedderBroken.
    """
    looked_for = [frozenset(terms(part)) for part in asked(sought)]
    found = _by_words(files, looked_for)
    if embedder is not None:
        found = _with_meaning(files, sought, found, embedder)
    named = identifiers(sought)
    if not named:
        return found
    most = max(found, default=0.0) or 1.0
    blocks = [block for file in files for block in file.blocks]
    return [score + (most if defines(block, named) else 0.0) for score, block in zip(found, blocks, strict=True)]


def defines(block: Block, names: Iterable[str]) -> bool:
    """Whether a block defines one of the names: `Cart.add` is meant by `add`, too."""
    return any(own == name or own.endswith(f".{name}") for own in block.names for name in names)


def identifiers(text: str) -> frozenset[str]:
    """The words of a text that are names of something in code: in backticks, before a bracket, or `spelled_so` or `spelledSo`."""
    found: set[str] = set()
    for quoted, word, called in _IDENTIFIER.findall(text):
        name = (quoted or word).removesuffix("()").strip(".")
        if quoted or called or "_" in name.strip("_") or (len(terms(name)) and _is_humped(name)):
            found.add(name)
    return frozenset(found)


def _is_humped(name: str) -> bool:
    return any(before.islower() and after.isupper() for before, after in pairwise(name))


@lru_cache(maxsize=1 << 16)
def _terms_of(word: str) -> tuple[str, ...]:
    return tuple(terms(word))


def _by_words(files: Sequence[File], looked_for: Sequence[frozenset[str]]) -> list[float]:
    """BM25F, as `swarm.text.rank.rank` has it, where a word that no block shares with what is asked costs nothing."""
    held = [counts for file in files for counts in _held(file, looked_for[0])]
    frequent = Counter(term for counts in held for term in counts)
    rarity = {
        term: (BEGINNING_WEIGHT if term[-1] == "*" else 1.0)
        * math.log(1 + (len(held) - holding + 0.5) / (holding + 0.5))
        for term, holding in frequent.items()
    }
    found: list[float] = []
    for counts in held:
        adds = {term: rarity[term] * often * (K1 + 1) / (often + K1) for term, often in counts.items()}
        whole, *parts = (sum(adds[term] for term in sorted(adds.keys() & part)) for part in looked_for)
        found.append(whole + max(parts, default=0.0))
    return found


def _held(file: File, looked_for: frozenset[str]) -> list[dict[str, float]]:
    """For each block how often the terms stand in it, in what it defines and in the file's name; in a long block less."""
    by_word = {word: found for word in file.vocabulary if (found := [t for t in _terms_of(word) if t in looked_for])}
    sizes = [words.total() for words in file.words]
    average = sum(sizes) / max(1, len(sizes)) or 1.0
    path = _counted(_PARTS.findall(file.name), looked_for)
    held: list[dict[str, float]] = []
    for number, (block, words) in enumerate(zip(file.blocks, file.words, strict=True)):
        weight = 1 / (1 - B + B * sizes[number] / average)
        often = {term: float(times) for term, times in path.items()} if words else {}
        for word in sorted(words.keys() & by_word.keys()):
            for term in by_word[word]:
                often[term] = often.get(term, 0.0) + weight * words[word]
        for word in _PARTS.findall(" ".join(block.names) or file.headline(number)):
            for term in by_word.get(word, ()):
                often[term] = often.get(term, 0.0) + FIELDS["name"]
        held.append(often)
    return held


def _counted(words: Iterable[str], looked_for: frozenset[str]) -> Mapping[str, int]:
    return Counter(term for word in words for term in _terms_of(word) if term in looked_for)


def _with_meaning(files: Sequence[File], sought: str, found: list[float], embedder: Embedder) -> list[float]:
    places = [(file, number) for file in files for number in range(len(file.blocks))]
    first = sorted(nlargest(MOST_EMBEDDED, range(len(places)), key=lambda place: (found[place], -place)))
    texts = [places[place][0].said(places[place][1])[:_EMBEDDED_CHARS] for place in first]
    vectors = embedder.embed([asked(sought)[0], *texts])
    likeness = (vectors[1:] @ vectors[0]).tolist()
    raised = list(found)
    for place, like in zip(first, likeness, strict=True):
        raised[place] += LIKE_WEIGHT * max(0.0, round(like, 5) - LIKE_FROM)
    return raised
