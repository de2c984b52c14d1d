"""What the words of a task are, and which phrases stand in them. Pure, the same for every language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

MOST_CHARACTERS = 8_000
"""What is read of a prompt: behind that stands what it is about, no longer what is to be done."""

_MOST_GAPS, _GAP_MOST = 2, 8  # `*` in a phrase, and words that each stands for
_NO_SPACES = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Han, Hangul: each character is taken for a word
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+")
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]+\"|“[^”\n]+”|„[^“”\n]+[“”]|«[^»\n]+»|「[^」\n]+」", re.DOTALL
)
_PASSAGE = 14  # characters from which something in quotes is no name any more
_PHRASE_WORD = re.compile(rf"(?:[{_NO_SPACES}]|[^\W{_NO_SPACES}]+)\*?|\*")
_SENTENCE_END = re.compile(r"[.!?:;][^\w\s]*\s|[\u3002\n]")
_CLAUSE_END = re.compile(r"[.!?:;,][^\w\s]*\s|[\u3001\u3002\n]")
_STOP, _ANY_STOP = re.compile(r"[.!?:;\u3002\n]"), re.compile(r"[.!?:;,\u3001\u3002\n]")  # where no spaces are written
_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s", re.MULTILINE)
_QUESTION = re.compile(r"\?(?![a-z0-9_=&])")

Words = tuple[str, ...]


class Reading(msgspec.Struct, frozen=True):
    """A text as the rules see it. What it quotes, code or a passage, is what the work is about and left out."""

    words: Words
    leads: frozenset[int]  # places of the words with which a sentence begins
    clauses: int  # parts between commas, stops and ends of lines that hold a word
    items: int  # of lists
    questions: int


class _Phrase(NamedTuple):
    phrase: str
    rest: Words  # behind its first word
    name: str


class Phrases:
    """Phrases by their first word, so that a text is gone through once, however many there are."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        """Take phrases, as `words_of_phrase` joined by spaces, with the name that each of them stands for."""
        self._by_word: dict[str, list[_Phrase]] = {}
        self._by_stem: dict[str, list[_Phrase]] = {}
        for phrase, name in phrases:
            first, *rest = phrase.split(" ")
            kept, key = (self._by_stem, first[:-1]) if first.endswith("*") else (self._by_word, first)
            kept.setdefault(key, []).append(_Phrase(phrase, tuple(rest), name))
        self._stem_sizes = sorted({len(stem) for stem in self._by_stem})

    def found(self, reading: Reading, leading: Collection[str]) -> dict[str, list[str]]:
        """Return for each name the phrases that the text has, in its order, nothing twice.

        They are given as they were taken and not as they stand in the text, which may hold what nobody is to see. A name of
        `leading` counts only where a sentence begins with it.
        """
        found: dict[str, list[str]] = {}
        for place, word in enumerate(reading.words):
            for one in self._beginning_with(word):
                if one.name in leading and place not in reading.leads:
                    continue
                if one.phrase in found.get(one.name, ()) or not _is_at(one.rest, reading.words, place + 1):
                    continue
                found.setdefault(one.name, []).append(one.phrase)
        return found

    def _beginning_with(self, word: str) -> Iterator[_Phrase]:
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
            sentence, clause = (_STOP, _ANY_STOP) if word >= _NO_SPACES[0] else (_SENTENCE_END, _CLAUSE_END)
            begins = begins or sentence.search(between) is not None
            clauses += not words or clause.search(between) is not None
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
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", bare)  # kana and Hangul have parts, too, which they keep


def _unquoted(quoted: re.Match[str]) -> str:
    """A name stays in its sentence, a passage does not."""
    said = quoted.group()
    return said if len(said) < _PASSAGE else " ¤ "


def words_of_phrase(phrase: str) -> Words:
    """Return the words of a phrase, folded: `ab*` is any word that begins so, `*` (at most two of them) up to eight words.

    Raises ValueError with a sentence where it is no phrase.

    >>> words_of_phrase("Unit test*"), words_of_phrase("turn * into")
    (('unit', 'test*'), ('turn', '*', 'into'))
    """
    parts = tuple(_PHRASE_WORD.findall(folded(phrase)))
    if not parts or parts[0] == "*" or parts[-1] == "*" or parts.count("*") > _MOST_GAPS:
        raise ValueError(
            f'"{phrase}" is no phrase; write words such as "unit test*" or "turn * into", with two * at most'
        )
    return parts


def _is_at(parts: Words, words: Words, place: int) -> bool:
    """Whether the words from a place on are those of a phrase."""
    for number, part in enumerate(parts):
        if part == "*":
            rest = parts[number + 1 :]
            return any(_is_at(rest, words, start) for start in range(place, min(place + _GAP_MOST + 1, len(words))))
        if place >= len(words):
            return False
        if not (words[place].startswith(part[:-1]) if part.endswith("*") else words[place] == part):
            return False
        place += 1
    return True
