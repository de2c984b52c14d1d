"""Whether a question is the one that was answered: what may change its answer is looked at one by one, and a likeness never says it alone.

Measured on pairs of questions that differ in one word that matters, a cosine of .95 serves more than half of the wrong ones.
So a near match is served only where all its content words are the same in the same order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

import msgspec

from swarm.cache.canonical import canonical, first_paragraph
from swarm.cache.parts import CODE, NUMBER, OTHER, Part, parts_of

SERVE_FROM, SUGGEST_FROM = 0.90, 0.95
"""The least cosine of two questions of which one's answer is served for the other, or told as what may help."""

LEAST_WORDS = 4
"""Of fewer words each says too much: `what is the time` is not `what is time`."""

Word = Literal["serve", "suggest", "no"]

_SAYS_NOTHING = frozenset(("a", "an", "the", "actually", "basically"))
_BUT_BEFORE = frozenset(("few", "little", "most", "more", "other"))  # `a few` is not `few`
_NEGATING = "not no never none neither nor without nothing nobody nowhere unable except exclude excluding"
_COUNTING = (
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million "
    "billion first second third fourth fifth once twice thrice half quarter double triple both single"
)
_ASKING = "how what why when where who whom whose which"
_NEGATIONS, _NUMBERS, _QUESTIONS = (frozenset(words.split()) for words in (_NEGATING, _COUNTING, _ASKING))
_OPPOSITES = (
    "enable disable", "allow deny", "allow forbid", "increase decrease", "maximum minimum", "max min", "highest lowest",
    "largest smallest", "biggest smallest", "most least", "more less", "before after", "first last", "oldest newest",
    "start stop", "open close", "add remove", "create delete", "insert delete", "show hide", "lock unlock", "encode decode",
    "encrypt decrypt", "compress decompress", "import export", "upload download", "push pull", "read write", "ascending descending",
    "upper lower", "uppercase lowercase", "left right", "top bottom", "up down", "in out", "on off", "include exclude", "with without",
    "above below", "over under", "inside outside", "internal external", "public private", "local global", "local remote", "client server",
    "synchronous asynchronous", "sync async", "mutable immutable", "static dynamic", "input output", "source target", "parent child",
    "true false", "yes no", "all none", "any none", "always never", "better worse", "best worst", "good bad", "pros cons",
    "advantages disadvantages", "benefits drawbacks", "early late", "fast slow", "faster slower", "hot cold", "install uninstall",
    "buy sell", "win lose", "accept reject", "approve reject", "mount unmount", "connect disconnect", "positive negative",
    "odd even", "inner outer", "horizontal vertical", "row column", "rows columns", "gain loss", "profit loss", "north south", "east west",
)  # fmt: skip
_OPPOSITE = {pair for both in _OPPOSITES for pair in (tuple(both.split()), tuple(reversed(both.split())))}
_HOW = re.compile(r"\bhow (?:(?:do|does|can|could) (?:i|you|we|one)|to)\b")
_LEADING = re.compile(r"\A((?:in|on|with|using|for|under) [^,]{1,40}), (.+)\Z", re.DOTALL)


class Verdict(msgspec.Struct, frozen=True):
    """What two questions are to each other. `reasons` are the guards that fired, or what else was missing."""

    word: Word
    reasons: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """A question as the guards see it."""

    form: str  # canonical
    about: str  # what stands behind its first paragraph
    words: tuple[str, ...]  # its content words in order, code and numbers among them
    code: tuple[str, ...]
    numbers: tuple[str, ...]
    names: frozenset[str]  # words with a capital within a sentence, in small letters


def question_of(text: str) -> Question:
    """Read a question. Pure, and the same for the same text."""
    form = canonical(text)
    first, about = first_paragraph(form)
    parts = parts_of(_in_order(first))
    said = [part for part in parts if part.kind != OTHER or _means_something(part)]
    following = [part.text for part in said[1:]] + [""]
    words = tuple(
        part.text
        for part, after in zip(said, following, strict=False)
        if part.text not in _SAYS_NOTHING or after in _BUT_BEFORE
    )
    numbers = sorted(part.text for part in said if part.kind == NUMBER or part.text in _NUMBERS)
    code = sorted(part.text for part in said if part.kind == CODE)
    return Question(form, about, words, tuple(code), tuple(numbers), _names(first_paragraph(text)[0]))


def verdict(asked: Question, known: Question, cosine: float) -> Verdict:
    """Whether the answer to `known` is one to `asked`: to be served, to be told as what may help, or neither."""
    if asked.form == known.form:
        return Verdict("serve")
    fired = tuple(_fired(asked, known))
    if fired:
        return Verdict("no", fired)
    apart = _apart(asked.words, known.words)
    if apart == 0 and len(asked.words) >= LEAST_WORDS and cosine >= SERVE_FROM:
        return Verdict("serve")
    if apart == 1 and cosine >= SUGGEST_FROM:
        return Verdict("suggest", ("one word apart",))
    if apart == 0:
        return Verdict("no", ("too few words" if len(asked.words) < LEAST_WORDS else f"cosine {cosine:.2f}",))
    return Verdict("no", (f"{apart} words apart",))


def fired(asked: Question, known: Question) -> tuple[str, ...]:
    """The guards that hold two questions apart, whatever their likeness."""
    return tuple(_fired(asked, known))


def _fired(asked: Question, known: Question) -> Iterable[str]:
    if asked.about != known.about:
        yield "what it is about"
    if asked.numbers != known.numbers:
        yield "numbers"
    if asked.code != known.code:
        yield "code, quotes, paths"
    if (_count(asked, _NEGATIONS) - _count(known, _NEGATIONS)) % 2:
        yield "negation"
    if [word for word in asked.words if word in _QUESTIONS] != [word for word in known.words if word in _QUESTIONS]:
        yield "question word"
    if not asked.names <= set(known.words) | known.names or not known.names <= set(asked.words) | asked.names:
        yield "names"
    only, others = set(asked.words) - set(known.words), set(known.words) - set(asked.words)
    if any((one, other) in _OPPOSITE for one in only for other in others):
        yield "opposites"
    if asked.words != known.words and Counter(asked.words) == Counter(known.words):
        yield "order of words"


def _apart(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many words have to be put in, left out or changed."""
    if one == other:
        return 0
    changes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in changes if tag != "equal")


def _count(question: Question, words: frozenset[str]) -> int:
    return sum(word in words for word in question.words)


def _means_something(part: Part) -> bool:
    """Marks between words can mean much, as in `5!`, `a < b` or `eat, grandma`."""
    return not part.text.isspace()


def _in_order(said: str) -> str:
    """The same question with what leads it moved to its end, and the ways to ask how as one."""
    said = _HOW.sub("how", said)
    leading = _LEADING.match(said)
    return f"{leading[2]} {leading[1]}" if leading is not None else said


def _names(text: str) -> frozenset[str]:
    """Words that begin with a capital where no sentence does; none where all do."""
    words = [part for part in parts_of(text) if part.kind != OTHER or part.text in ".?!:"]
    found = {
        part.text.lower()
        for before, part in pairwise(words)
        if part.kind == "word" and part.text[:1].isupper() and before.text not in ".?!:" and part.text != "I"
    }
    return (
        frozenset() if text.isupper() else frozenset(name.removesuffix("'s") for name in found if "'" not in name[:-2])
    )
