"""The sentences of a text that answer a question, or without one those that say most of it; in their order.

A sentence is found by its own words with those of its title, by its paragraph, by leading that, by a date or a name where one
is asked for, and by words that those found first have; where vectors are installed also by what it means.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from swarm.compress.guards import guarded, stands_in
from swarm.compress.room import CUT, Count, Shortened, cut, line_starts, lines_at, pack
from swarm.compress.sentences import Divided, divided
from swarm.text.rank import BEGINNING_WEIGHT, K1, B, terms

if TYPE_CHECKING:
    from swarm.text.embed import Embedder

# Beside 1 for the sentence's own words. Round values, chosen on every other of the questions of NQ-20 and HotpotQA that bench/compression.py
# reads, and looked at on the others: a half or twice as much of one changes the share of answers kept by 1 to 2 of 100.
PARAGRAPH, LEAD, EXPECTED, ECHO = 0.5, 0.3, 0.2, 0.3
MEANING, PARAGRAPH_MEANING = 0.5, 0.25

MOST_SOUGHT = 4_000
"""Characters that are read of what is sought."""

_ECHOED_FROM, _ECHOED_WORDS = (
    5,
    10,
)  # first sentences whose words count as if they were asked for, and how many of these
_WHEN = re.compile(r"\b(?:when|year|date|since)\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow (?:many|much|old|long|often|far|tall|high|large|big)\b|\bnumber of\b", re.IGNORECASE)
_WHO = re.compile(r"\b(?:who|whose|whom)\b", re.IGNORECASE)
_YEAR, _NUMBER = (
    re.compile(r"\b[12]\d{3}\b"),
    re.compile(r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve)\b"),
)
_PERSON = re.compile(r"\b[A-Z][\w'’.-]+(?: (?:of|the|de|van|von|and) )?(?: [A-Z][\w'’.-]+)+")  # noqa: RUF001
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")  # kana, Han, Hangul
_GAP = f" {CUT} "
_NO_TITLE = (0, 0)


def select(
    text: str,
    *,
    limit: int,
    count: Count,
    sought: str = "",
    keep: Sequence[str] = (),
    embedder: Embedder | None = None,
) -> Shortened:
    """Return the sentences of a text that fit what is sought best, in their order and in `limit` tokens.

    Over those of a paragraph stands its title, unless they name it. First come sentences that hold what is to be kept, then one for
    each number or name that is asked for. Where not one sentence fits, it is the beginning of the best. Raises EmbedderBroken.
    """
    return selection(text, count=count, sought=sought, keep=keep, embedder=embedder)(limit)


def selection(
    text: str, *, count: Count, sought: str = "", keep: Sequence[str] = (), embedder: Embedder | None = None
) -> Callable[[int], Shortened]:
    """Return `select` for a text that is divided and judged once, as a function of the limit."""
    parts = divided(text)
    said = [text[each.start : each.end] for each in parts.sentences]
    words = [_terms(sentence) for sentence in said]
    named = _named(text, parts, words)
    worth = _worth(text, parts, words, sought, embedder)
    telling = [number for number, sentence in enumerate(said) if any(map(str.isalnum, sentence))]
    best = sorted(telling or range(len(said)), key=lambda each: (-worth[each], each))
    titled = [f"{_title(text, parts, number)}\n{sentence}" for number, sentence in enumerate(said)]
    order = list(dict.fromkeys([*_holding(titled, best, keep), *_holding(titled, best, guarded(sought)), *best]))
    costs: dict[int, int] = {}

    def cost(number: int) -> int:
        if number not in costs:
            over = "" if named[number] else _title(text, parts, number)
            costs[number] = count(said[number]) + (count(f"{over}\n") if over else 0) + 1
        return costs[number]

    def write(numbers: Iterable[int]) -> str:
        return _written(text, parts, sorted(numbers), named)

    def within(limit: int) -> Shortened:
        taken = sorted(pack(order, cost, write, limit, count))
        shown = f"{len(taken):,} of {len(said):,} sentences"
        if taken or not order:
            spans = [(parts.sentences[each].start, parts.sentences[each].end) for each in taken]
            return Shortened(write(taken), lines_at(line_starts(text), spans), shown)
        clipped, start = cut(said[order[0]], limit, count), parts.sentences[order[0]].start
        spans = [(start, start + len(clipped) - 1)] if clipped else []
        return Shortened(clipped, lines_at(line_starts(text), spans), shown)

    return within


def _holding(said: Sequence[str], best: Sequence[int], items: Sequence[str]) -> Iterator[int]:
    """The best sentence with each of the items, in it or in its title."""
    for item in items:
        found = next((number for number in best if stands_in(item, said[number])), None)
        if found is not None:
            yield found


def _title(text: str, parts: Divided, number: int) -> str:
    return text[slice(*parts.paragraphs[parts.sentences[number].paragraph].title)]


def _named(text: str, parts: Divided, words: Sequence[Sequence[str]]) -> list[bool]:
    """Whether a sentence has all the words of its title."""
    of = {each.title: frozenset(_terms(text[slice(*each.title)])) for each in parts.paragraphs}
    titles = [of[parts.paragraphs[each.paragraph].title] for each in parts.sentences]
    return [title.issubset(own) for title, own in zip(titles, words, strict=True)]


def _written(text: str, parts: Divided, numbers: Sequence[int], named: Sequence[bool]) -> str:
    """Sentences in their order: as they stand in the text where nothing is left out between them."""
    written: list[str] = []
    last, told = -1, _NO_TITLE
    for number in numbers:
        sentence = parts.sentences[number]
        title = parts.paragraphs[sentence.paragraph].title
        if last >= 0 and parts.sentences[last].paragraph == sentence.paragraph:
            written.append(_between(text, parts.sentences[last].end, sentence.start, near=number == last + 1))
        else:
            written.append("\n\n" if written else "")
            written.append("" if title == told or named[number] else f"{text[slice(*title)]}\n")
        written.append(text[sentence.start : sentence.end])
        last, told = number, title
    return "".join(written)


def _between(text: str, end: int, start: int, *, near: bool) -> str:
    """What is written between two sentences of a paragraph: what stands there, or a mark for what is left out."""
    if near:
        return text[end:start]
    lines_of_their_own = text[end : end + 1] == "\n" and not text[text.rfind("\n", 0, start) + 1 : start].strip()
    return "\n" if lines_of_their_own else _GAP


def _terms(text: str) -> list[str]:
    """The words of a text and how they begin; where no spaces are written each two letters."""
    found = terms(text)
    if text.isascii():
        return found
    for run in _NO_SPACES.findall(text):
        found += map("".join, pairwise(run)) if len(run) > 1 else [run]
    return found


def _worth(
    text: str, parts: Divided, said: Sequence[Sequence[str]], sought: str, embedder: Embedder | None
) -> list[float]:
    titles = [Counter(_terms(text[slice(*paragraph.title)])) for paragraph in parts.paragraphs]
    own = [Counter(words) for words in said]
    paragraphs = [Counter(title) for title in titles]
    for sentence, words in zip(parts.sentences, own, strict=True):
        paragraphs[sentence.paragraph].update(words)
    asked = dict.fromkeys(_terms(sought[:MOST_SOUGHT]))
    if not asked:
        return _central(parts, own)
    titled = [words + titles[sentence.paragraph] for sentence, words in zip(parts.sentences, own, strict=True)]
    by_words = _scaled(_bm25({term: _weight(term) for term in asked}, titled))
    by_paragraph = _scaled(_bm25({term: _weight(term) for term in asked}, paragraphs))
    worth = [
        score + PARAGRAPH * by_paragraph[sentence.paragraph] + LEAD * sentence.leads
        for sentence, score in zip(parts.sentences, by_words, strict=True)
    ]
    for added in (_meant(text, parts, sought, embedder), _expected(text, parts, sought)):
        worth = [score + more for score, more in zip(worth, added, strict=True)]
    echo = _scaled(_bm25(_echoed(worth, titled, own, asked), own))
    return [score + ECHO * more for score, more in zip(worth, echo, strict=True)]


def _weight(term: str) -> float:
    return BEGINNING_WEIGHT if term[-1] == "*" else 1.0


def _bm25(asked: Mapping[str, float], documents: Sequence[Counter[str]]) -> list[float]:
    """As `swarm.text.rank.bm25`, of words that are counted, and with weights."""
    sizes = [count.total() for count in documents]
    average = sum(sizes) / len(sizes) if any(sizes) else 1.0
    scores = [0.0] * len(documents)
    holders: dict[str, list[int]] = {}
    for number, count in enumerate(documents):
        for term in asked.keys() & count.keys():
            holders.setdefault(term, []).append(number)
    for term, weight in asked.items():
        holding = holders.get(term, [])
        rarity = _rarity(len(holding), len(documents))
        for number in holding:
            often = documents[number][term]
            scores[number] += weight * rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * sizes[number] / average))
    return scores


def _rarity(holding: int, documents: int) -> float:
    return math.log(1 + (documents - holding + 0.5) / (holding + 0.5))


def _scaled(scores: Sequence[float]) -> list[float]:
    most = max(scores, default=0.0)
    return [score / most for score in scores] if most > 0 else [0.0] * len(scores)


def _meant(text: str, parts: Divided, sought: str, embedder: Embedder | None) -> list[float]:
    if embedder is None:
        return [0.0] * len(parts.sentences)
    sentences = [text[each.start : each.end] for each in parts.sentences]
    paragraphs = [f"{text[slice(*each.title)]} {text[each.start : each.end]}" for each in parts.paragraphs]
    vectors = embedder.embed([sought, *sentences, *paragraphs])
    likeness = [
        round(max(0.0, float(like)), 5) for like in vectors[1:] @ vectors[0]
    ]  # further digits depend on the machine
    own, around = _scaled(likeness[: len(sentences)]), _scaled(likeness[len(sentences) :])
    return [
        MEANING * like + PARAGRAPH_MEANING * around[sentence.paragraph]
        for sentence, like in zip(parts.sentences, own, strict=True)
    ]


def _expected(text: str, parts: Divided, sought: str) -> list[float]:
    """What speaks for a sentence that holds a date, a number or another name where such is asked for."""
    sign = _YEAR if _WHEN.search(sought) else _NUMBER if _HOW_MANY.search(sought) else None
    if sign:
        return [EXPECTED * (sign.search(text, each.start, each.end) is not None) for each in parts.sentences]
    if _WHO.search(sought):
        asked = frozenset(terms(sought))
        return [EXPECTED * _names_another(text[each.start : each.end], asked) for each in parts.sentences]
    return [0.0] * len(parts.sentences)


def _names_another(sentence: str, asked: frozenset[str]) -> bool:
    return any(not asked.issuperset(terms(name.group())) for name in _PERSON.finditer(sentence))


def _echoed(
    worth: Sequence[float], titled: Sequence[Counter[str]], own: Sequence[Counter[str]], asked: Mapping[str, None]
) -> dict[str, float]:
    """Words of the best sentences that are not asked for, the more telling of them: as pseudo-relevance feedback has it."""
    holding = Counter(term for words in own for term in words)
    sums: dict[str, float] = {}
    for number in sorted(range(len(worth)), key=lambda each: (-worth[each], each))[:_ECHOED_FROM]:
        for term in titled[number]:
            if term not in asked and term[-1] != "*":
                sums[term] = sums.get(term, 0.0) + worth[number] * _rarity(holding[term], len(own))
    return dict.fromkeys(sorted(sums, key=lambda term: (-sums[term], term))[:_ECHOED_WORDS], 1.0)


def _central(parts: Divided, own: Sequence[Counter[str]]) -> list[float]:
    """Without a question: how near a sentence is to what the whole text speaks of, and whether it leads."""
    holding = Counter(term for words in own for term in words)
    weights = {term: often * _rarity(often, len(own)) for term, often in holding.items() if often > 1}
    sums = [sum(weights.get(term, 0.0) for term in words) / math.sqrt(len(words) + 1) for words in own]
    last = len(parts.paragraphs) - 1
    return [
        score + LEAD * sentence.leads + LEAD * (sentence.paragraph in (0, last)) * sentence.leads
        for sentence, score in zip(parts.sentences, _scaled(sums), strict=True)
    ]
