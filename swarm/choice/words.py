"""What the words of a task are, and which phrases stand in them. Pure, the same for every language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

import msgspec

MOST_CHARACTERS = 8_000
"""What is read of a prompt: behind that stands what it is about, no longer what is to be done."""

_GAP_MOST = 8  # words that a `*` of a phrase stands for at most
_NO_SPACES = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Han, Hangul: each character is taken for a word
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+")
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]+\"|“[^”\n]+”|„[^“”\n]+[“”]|«[^»\n]+»|「[^」\n]+」", re.DOTALL
)
_PASSAGE = 14  # characters from which something in quotes is no name any more
_PHRASE_WORD = re.compile(rf"(?:[{_NO_SPACES}]|[^\W{_NO_SPACES}]+)\*?|\*")
_is_plain = re.compile(r"[a-z0-9_* ]+").fullmatch
_SENTENCE_END = re.compile(r"[.!?:;](?:\s|$)|[。！？：；\n]")
_CLAUSE_END = re.compile(r"[.!?:;,](?:\s|$)|[。！？：；、，\n]")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s", re.MULTILINE)
_QUESTION = re.compile(r"[?？](?:\s|$|[」』\"])|[?？]$")

Words = tuple[str, ...]


class Reading(msgspec.Struct, frozen=True):
    """A text as the rules see it. What it quotes, code or a passage, is what the work is about and left out."""

    words: Words
    leads: frozenset[int]  # places of the words with which a sentence begins
    clauses: int  # parts between commas, stops and ends of lines that hold a word
    items: int  # of lists
    questions: int


class Phrases:
    """Phrases by their first word, so that a text is gone through once, however many there are."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        """Take phrases with the name that each of them stands for. `ab*` begins a word, `*` is up to eight words."""
        self._by_word: dict[str, list[tuple[Words, str]]] = {}
        self._by_stem: dict[str, list[tuple[Words, str]]] = {}
        for phrase, name in phrases:
            first, *rest = words_of_phrase(phrase)
            kept, key = (self._by_stem, first[:-1]) if first.endswith("*") else (self._by_word, first)
            kept.setdefault(key, []).append((tuple(rest), name))
        self._stem_sizes = sorted({len(stem) for stem in self._by_stem})

    def found(self, reading: Reading, leading: Collection[str]) -> dict[str, list[str]]:
        """Return for each name the phrases that stand in the text, as they stand there, in its order, nothing twice.

        A name of `leading` counts only where a sentence begins with it.
        """
        found: dict[str, list[str]] = {}
        for place, word in enumerate(reading.words):
            for rest, name in self._beginning_with(word):
                if name in leading and place not in reading.leads:
                    continue
                end = _end_of(rest, reading.words, place + 1) if rest else place + 1
                if end and (said := " ".join(reading.words[place:end])) not in found.setdefault(name, []):
                    found[name].append(said)
        return found

    def _beginning_with(self, word: str) -> Iterator[tuple[Words, str]]:
        yield from self._by_word.get(word, ())
        for size in self._stem_sizes:
            if size > len(word):
                break
            yield from self._by_stem.get(word[:size], ())


def read(text: str, *, fillers: Collection[str] = ()) -> Reading:
    """Read a text. `fillers` are words that may stand before the one with which a sentence begins in earnest.

    >>> read("Please fix it. Is it slow?", fillers=["please"])
    Reading(words=('please', 'fix', 'it', 'is', 'it', 'slow'), leads=frozenset({1, 3}), clauses=2, items=0, questions=1)
    """
    text = folded(_QUOTED.sub(_unquoted, text[:MOST_CHARACTERS]))
    words: list[str] = []
    leads: set[int] = set()
    clauses, end, begins = 0, 0, True
    for match in _WORD.finditer(text):
        word, between = match.group(), text[end : match.start()]
        if between != " ":  # which it is nearly always
            begins = begins or _SENTENCE_END.search(between) is not None
            clauses += not words or _CLAUSE_END.search(between) is not None
        if begins and word not in fillers:
            leads.add(len(words))
            begins = False
        words.append(word)
        end = match.end()
    return Reading(tuple(words), frozenset(leads), clauses, len(_ITEM.findall(text)), len(_QUESTION.findall(text)))


def folded(text: str) -> str:
    """Return a text without case and accents: people leave them out."""
    if text.isascii():
        return text.lower()
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text.casefold()))


def _unquoted(quoted: re.Match[str]) -> str:
    """A name stays in its sentence, a passage does not."""
    said = quoted.group()
    return said if len(said) < _PASSAGE else " ¤ "


def words_of_phrase(phrase: str) -> Words:
    """Return the words of a phrase, folded. Raises ValueError with a sentence where it is none.

    >>> words_of_phrase("Unit test*"), words_of_phrase("turn * into")
    (('unit', 'test*'), ('turn', '*', 'into'))
    """
    parts = tuple(phrase.split()) if _is_plain(phrase) else tuple(_PHRASE_WORD.findall(folded(phrase)))
    if not parts or parts[0] == "*" or parts[-1] == "*":
        raise ValueError(f'"{phrase}" is no phrase; write words such as "unit test*" or "turn * into"')
    return parts


def _end_of(parts: Words, words: Words, place: int) -> int:
    """Where a phrase ends that begins at a place; 0 where it does not stand there."""
    for number, part in enumerate(parts):
        if part == "*":
            rest = parts[number + 1 :]
            places = range(place, min(place + _GAP_MOST + 1, len(words)))
            return next((end for start in places if (end := _end_of(rest, words, start))), 0)
        if place >= len(words):
            return 0
        if not (words[place].startswith(part[:-1]) if part.endswith("*") else words[place] == part):
            return 0
        place += 1
    return place
