"""What is typed behind `/`: which tasks or events are to be shown. A pure language; it raises nothing but its own error.

    role:worker tier:free model:qwen !state:done cost>0.01 t-00 /regex/

All that stands there must hold. `!` before a term turns it round. A word alone, or a pattern between slashes, is looked for
in the whole row; upper and lower case are the same. `field:word` finds the word in a field, `*` in it stands for anything;
`field>number` compares, with > < >= <= and =. What has a blank in it stands between double quotes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fnmatch import translate
from typing import Literal

import msgspec

from tui.words import cut

Kind = Literal["word", "number", "dollars", "time"]
Op = Literal[":", "=", ">", "<", ">=", "<="]
Value = str | float
"""Of a word field its text, of all others a number: dollars, seconds, or what is counted."""

_LONGEST = 200  # characters of a filter
_TERM = re.compile(r"(?P<not>!?)(?:/(?P<regex>(?:[^/\\]|\\.)*)(?P<end>/?)|(?P<field>[A-Za-z]+)(?P<op>:|>=|<=|=|>|<)|)")
_NUMBER = re.compile(r"(?P<amount>[0-9]{1,15}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?P<unit>[a-zA-Z]*)")
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class FilterError(Exception):
    """What was typed is no filter; the message is for people, and says what is."""


class Term(msgspec.Struct, frozen=True):
    """One thing that must hold. Without a field it is about the whole row."""

    pattern: re.Pattern[str] | None
    field: str = ""
    op: Op = ":"
    number: float = 0.0
    negated: bool = False


class Filter(msgspec.Struct, frozen=True):
    """Nothing typed lets everything through."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    def passes(self, value: Callable[[str], Value], row: Callable[[], str]) -> bool:
        """Whether all terms hold for a thing: `value(field)` is that of a field, `row()` all that can be read of it."""
        return all(_holds(term, value, row) != term.negated for term in self.terms)


EVERYTHING = Filter()


def read_filter(text: str, fields: Mapping[str, Kind]) -> Filter:
    """Raises FilterError where it is none for these fields."""
    text = text.strip()
    if len(text) > _LONGEST:
        raise FilterError(f"a filter has at most {_LONGEST} characters, and this one has {len(text):,}")
    terms: list[Term] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        term, at = _term(text, at, fields)
        terms.append(term)
    return Filter(text, tuple(terms))


def _term(text: str, at: int, fields: Mapping[str, Kind]) -> tuple[Term, int]:
    found = _TERM.match(text, at)
    assert found is not None, "nothing at all is a match, too"
    negated, at = bool(found["not"]), found.end()
    if found["regex"] is not None:
        if not found["end"]:
            raise FilterError(f"the pattern {cut('/' + found['regex'], 40)} has no end; write /pattern/")
        return Term(_regex(found["regex"]), negated=negated), at
    word, at = _word(text, at)
    if found["field"] is None:
        if not word:
            raise FilterError("nothing stands behind !; write !word or !field:word")
        return Term(_searched(word), negated=negated), at
    name = _field(found["field"], fields)
    if not word:
        raise FilterError(f"nothing stands behind {name}{found['op']}; write {_example(name, fields[name])}")
    op: Op = found["op"]  # type: ignore[assignment]  # the pattern lets no others through
    return _compared(name, fields[name], op, word, negated), at


def _word(text: str, at: int) -> tuple[str, int]:
    """What stands there up to a blank, or between quotes; and what is behind it."""
    if text[at : at + 1] == '"':
        end = text.find('"', at + 1)
        if end < 0:
            raise FilterError(f"{cut(text[at:], 40)} has no closing quote")
        return text[at + 1 : end], end + 1
    end = at
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[at:end], end


def _field(name: str, fields: Mapping[str, Kind]) -> str:
    if name.lower() in fields:
        return name.lower()
    near = get_close_matches(name.lower(), list(fields), n=1)
    guess = f"did you mean {near[0]}? There are" if near else "there are"
    raise FilterError(f"there is no field {cut(name, 40)}; {guess} {', '.join(fields)}")


def _compared(name: str, kind: Kind, op: Op, word: str, negated: bool) -> Term:
    if kind == "word":
        if op not in (":", "="):
            raise FilterError(f"{name} is a word and cannot be compared with {op}; write {_example(name, kind)}")
        return Term(_exact(word) if op == "=" else _searched(word), name, op, negated=negated)
    return Term(None, name, "=" if op == ":" else op, _number(name, kind, word), negated)


def _number(name: str, kind: Kind, word: str) -> float:
    found = _NUMBER.fullmatch(word.removeprefix("$") if kind == "dollars" else word)
    units = {"": 1.0} if kind == "dollars" else _SECONDS if kind == "time" else _COUNTS
    if found is None or found["unit"].lower() not in units:
        raise FilterError(f"{cut(word, 40)} is no {_NAMES[kind]}; write {_example(name, kind)}")
    return float(found["amount"]) * units[found["unit"].lower()]


_NAMES: dict[Kind, str] = {"word": "word", "number": "number", "dollars": "amount of dollars", "time": "length of time"}
_EXAMPLES: dict[Kind, str] = {"word": ":word", "number": ">5k", "dollars": ">0.01", "time": ">5m"}


def _example(name: str, kind: Kind) -> str:
    return f"{name}{_EXAMPLES[kind]}"


def _regex(pattern: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of patterns that a later Python may read otherwise
            return re.compile(pattern.replace("\\/", "/"), re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise FilterError(f"/{cut(pattern, 40)}/ is no pattern: {cut(str(error), 80)}") from error


def _searched(word: str) -> re.Pattern[str]:
    """A pattern that finds the word somewhere; one with a star in it has to be the whole."""
    return re.compile(_whole(word) if "*" in word else re.escape(word), re.IGNORECASE)


def _exact(word: str) -> re.Pattern[str]:
    return re.compile(_whole(word), re.IGNORECASE)


def _whole(word: str) -> str:
    return r"\A" + translate(word.replace("[", "[[]"))


def _holds(term: Term, value: Callable[[str], Value], row: Callable[[], str]) -> bool:
    if term.pattern is not None:
        return term.pattern.search(str(value(term.field)) if term.field else row()) is not None
    found = value(term.field)
    number = found if isinstance(found, float | int) else 0.0
    match term.op:
        case ">":
            return number > term.number
        case "<":
            return number < term.number
        case ">=":
            return number >= term.number
        case "<=":
            return number <= term.number
        case _:
            return number == term.number
