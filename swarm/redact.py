"""Secrets out of texts: by value every key that the process was given, in each form in which a text may hold it, and by form
what looks like a credential (`swarm/credentials/`)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

from swarm.credentials.found import Found
from swarm.credentials.spot import KINDS, spot

LEAST = 8
"""A value shorter than this is not taken for a secret: it would be found in ordinary words."""

_SECRET_NAME = re.compile(
    r"(^|_)(KEY|TOKEN|PWD|PASS|COOKIE|DSN|PAT)$|API_?KEY|ACCESS_TOKEN|PRIVATE_KEY|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"_(ID|FILE|PATH|DIR|NAME|ARN|SOCK|URI|TTL)$|^PWD$", re.IGNORECASE)  # AWS_ACCESS_KEY_ID, KEY_PATH
_PLAIN = re.compile(r"true|false|yes|no|on|off|none|null|[-+]?[0-9._,]+", re.IGNORECASE)
_ROOTS = (
    "home|root|Users|usr|etc|var|tmp|opt|run|mnt|media|srv|dev|proc|sys|nix|snap|private|Library|Applications|Volumes"
)
_PATH = re.compile(rf"(~|\.\.?)/|/({_ROOTS})(/|$)")
_USER_AND_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@", re.IGNORECASE)


class Secrets:
    """Values that no text may hold, by the name of the variable that they came from; what looks like a credential may neither.

    It never shows a value: not in its repr, and it cannot be encoded.
    """

    __slots__ = ("_forms", "_longest", "_needles", "_pieces", "names")

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        forms: dict[str, str] = {}
        pieces: set[str] = set()
        for name, value in values:
            for piece in _pieces(value):
                pieces.add(piece)
                for form in _forms(piece):
                    forms.setdefault(form, re.sub(r"[^A-Za-z0-9_]", "_", name))
        self.names = tuple(sorted(set(forms.values())))
        self._forms = tuple(sorted(forms.items(), key=lambda form: (-len(form[0]), form[0])))
        self._needles = _shortest(forms)
        self._pieces = tuple((piece, forms[piece]) for piece in sorted(pieces))
        self._longest = max(map(len, pieces), default=0)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], extra_names: Iterable[str] = ()) -> Secrets:
        """Take the values of variables that are named like secrets, of `extra_names`, and the passwords in URLs."""
        return cls(_secrets(environ, frozenset(extra_names)))

    def redact(self, text: str) -> str:
        """Return the text without secrets: each value, in each of its forms, the longest first, is replaced by [secret:NAME], and
        what looks like a credential by [secret:KIND].

        Of a text that was cut, what is certainly a part of a secret goes, too: of a value where the text begins or ends, of a
        provider's key where it ends.
        """
        before = None
        while before != text:  # a replacement can put together what was apart; each round leaves less outside of marks
            before = text
            text = self._without_values(text)
            text = _marked(text, self._halves(text))
            text = _marked(text, spot(text))
        return text

    def find(self, text: str) -> tuple[str, ...]:
        """Return the names of the secrets that the text holds, and the kinds of what looks like a credential."""
        found = set(self._values_in(text))
        text = self._without_values(text)
        halves = self._halves(text)
        found.update(half.kind for half in halves)
        found.update(one.kind for one in spot(_marked(text, halves)))
        return tuple(sorted(found))

    def _values_in(self, text: str) -> Iterator[str]:
        if any(needle in text for needle in self._needles):
            names = dict(self._forms)
            yield from (names[match[0]] for match in self._pattern().finditer(text) if not match[1])

    def _without_values(self, text: str) -> str:
        if not any(needle in text for needle in self._needles):
            return text
        names = dict(self._forms)
        return self._pattern().sub(lambda found: found[0] if found[1] else f"[secret:{names[found[0]]}]", text)

    def _pattern(self) -> re.Pattern[str]:
        return _pattern(self._forms, self.names)

    def _halves(self, text: str) -> list[Found]:
        """Return the end of a value with which the text begins, and the beginning of one with which it ends."""
        first, last = text[: self._longest], text[-self._longest :]
        begins = [(_overlap(piece, first), name) for piece, name in self._pieces]
        ends = [(_overlap(last, piece), name) for piece, name in self._pieces]
        length, name = max(begins, default=(0, ""))
        found = [Found(0, length, name)] if _is_certain(text[:length]) else []
        behind = found[0].end if found else 0
        length, name = max(ends, default=(0, ""))
        start = max(behind, len(text) - length)
        return [*found, Found(start, len(text), name)] if _is_certain(text[start:]) else found

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.names)})"


def _secrets(environ: Mapping[str, str], extra_names: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(environ.items()):
        if name in extra_names or (_is_secret_name(name) and not _is_harmless(value)):
            yield name, value
        elif found := _USER_AND_PASSWORD.match(value):
            yield name, found[1]
            yield name, unquote(found[1])


def _is_secret_name(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _BESIDE.search(name)


def _is_harmless(value: str) -> bool:
    return bool(_PLAIN.fullmatch(value.strip()) or _PATH.match(value.strip()))


def _pieces(value: str) -> set[str]:
    """Return a value, and the lines of one that has several: a private key is often quoted or indented line by line."""
    lines = {line.strip() for line in value.splitlines() if not line.lstrip().startswith("-----")}
    return {piece for piece in {value.strip(), *lines} if len(piece) >= LEAST}


def _forms(secret: str) -> Iterator[str]:
    """Yield the texts that give a secret away: as it is, in a URL, in JSON, and in base64 alone or amid other bytes."""
    yield secret
    raw = secret.encode("utf-8", "surrogateescape")
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        alone = encode(raw).decode()
        yield alone
        yield alone.rstrip("=")
        # amid other bytes it begins at one of three places of a group; only characters made of its own bits are certain
        for shift, first in ((0, 0), (1, 2), (2, 3)):
            yield encode(b"\0" * shift + raw).decode()[first : (shift + len(raw)) * 8 // 6]


def _shortest(forms: Iterable[str]) -> tuple[str, ...]:
    """Return those forms of which each form has at least one in it: a text without them holds no secret."""
    kept: list[str] = []
    for form in sorted(forms, key=len):
        if not any(short in form for short in kept):
            kept.append(form)
    return tuple(kept)


def _overlap(left: str, right: str) -> int:
    """Return how many characters, LEAST or more, the end of `left` and the beginning of `right` have in common; 0 for none."""
    begins = right[:LEAST]
    at = left.find(begins) if len(begins) == LEAST else -1
    while at >= 0:
        if right.startswith(left[at:]):
            return len(left) - at
        at = left.find(begins, at + 1)
    return 0


def _is_certain(part: str) -> bool:
    """Say whether a part of a value is no word that stands there by itself: it holds a digit, or letters of both sizes."""
    return len(part) >= LEAST and (any(map(str.isdigit, part)) or part not in {part.lower(), part.upper()})


def _marked(text: str, found: Sequence[Found]) -> str:
    """Return the text with a mark in the place of what was found, which is in order and apart."""
    if not found:
        return text
    parts: list[str] = []
    done = 0
    for one in found:
        parts += [text[done : one.start], f"[secret:{one.kind}]"]
        done = one.end
    return "".join([*parts, text[done:]])


@lru_cache(maxsize=8)
def _pattern(forms: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> re.Pattern[str]:
    # a mark that is there already is matched first, as group 1, and stays; what only looks like one could hold a secret
    marks = "|".join(sorted({*names, *KINDS}))
    return re.compile("|".join([rf"(\[secret:(?:{marks})\])", *(re.escape(form) for form, _ in forms)]))
