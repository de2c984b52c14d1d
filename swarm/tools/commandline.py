"""What a shell command may do, as far as its text tells: its simple commands, and whether a pattern means one of them.

Two questions are answered, each to the safe side. Does a pattern *surely* mean a command: only of a simple one, in which nothing
can be hidden. *May* a pattern mean a part of a command: also where a word is known only when it runs, for it may be anything.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import msgspec

_NEVER_SIMPLE = re.compile(r"[;&|<>()`$\\{}#!]")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_RESERVED = re.compile(r"[!{}]|if|then|else|elif|fi|do|done|while|until|for|case|esac|in|function|time|coproc")

SHELLS = re.compile(r"sh|bash|dash|zsh|ksh|ash|fish|busybox")
"""Programs that take a command as a text."""

WRAPPERS = re.compile(
    r"sudo|doas|env|command|builtin|exec|nohup|nice|ionice|timeout|stdbuf|xargs|setsid|parallel|watch|strace|ltrace|chroot"
    r"|unshare|nsenter|flock|script|find|busybox|time|ssh|su|runuser|chrt|taskset|prlimit"
)
"""Programs that run what stands behind them."""

INTERPRETERS = re.compile(r"python[0-9.]*|perl|ruby|node|deno|bun|php|lua|[gmn]?awk|sed|g?make|tclsh|osascript")
"""Programs that do whatever a text or a file says."""

_LONGEST = 20_000
"""Characters of a command that is looked into; of a longer one nothing is known."""

_DEEPEST = 20
_TEXT_RUNNERS = frozenset(("eval", "trap"))
_SPLITS = ("-S", "--split", "-vS", "-iS")  # of env: a text that it takes apart itself
_OPAQUE = frozenset(("alias", ".", "source"))  # they give other words a new sense


class Part(msgspec.Struct, frozen=True):
    """A simple command: its words, None for one that is known only when it runs and may then be any number of words."""

    words: tuple[str | None, ...]


class _Unreadable(Exception):
    """The text cannot be taken apart as a shell would."""


def simple_words(command: str) -> list[str] | None:
    """The words of a command in which nothing can be hidden: no operator, expansion, redirection, assignment, second line."""
    if len(command) > _LONGEST or _NEVER_SIMPLE.search(command) or not command.isprintable():
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    return words if words and not _ASSIGNMENT.match(words[0]) else None


def surely_means(pattern: str, command: str) -> bool:
    """Whether the pattern means the whole command, and the command is a simple one."""
    words = simple_words(command)
    return words is not None and _fits(_pattern_words(pattern), words)


def may_mean(pattern: str, command: str) -> bool:
    """Whether the pattern may mean a part of the command."""
    wanted = _pattern_words(pattern)
    parts = parts_of(command)
    return parts is None or any(_may_fit(wanted, form) for part in parts for form in _forms(part.words))


def parts_of(command: str) -> list[Part] | None:
    """Every simple command in the text, also in substitutions and in texts for a shell; None where that cannot be known."""
    try:
        return list(_deep(command, depth=0))
    except (_Unreadable, RecursionError):
        return None


def _deep(command: str, *, depth: int) -> Iterator[Part]:
    if depth > _DEEPEST or len(command) > _LONGEST:
        raise _Unreadable
    if "\\\n" in command:  # a line that goes on; not so in a comment, and in a text that follows its line
        if "#" in command or "<<" in command:
            raise _Unreadable
        command = command.replace("\\\n", "")
    for part in _Reader(command).parts():
        yield part
        for form in _forms(part.words):
            for text in _run_as_text(form):
                yield from _deep(text, depth=depth + 1)


def _run_as_text(words: Sequence[str | None]) -> Iterator[str]:
    """The texts among the words that are run as commands. Raises _Unreadable where such a text is not known."""
    name = _base(words[0]) or ""
    if name in _OPAQUE or (name == "env" and any((word or "-S").startswith(_SPLITS) for word in words)):
        raise _Unreadable
    if name in _TEXT_RUNNERS:
        if None in words:
            raise _Unreadable
        yield " ".join(word for word in words[1:] if word is not None)
    elif SHELLS.fullmatch(name):
        yield from _of_shell(words[1:])


def _of_shell(words: Sequence[str | None]) -> Iterator[str]:
    for number, word in enumerate(words):
        if word is None:
            raise _Unreadable
        if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word):
            texts = [text for text in words[number + 1 :] if text is None or not text.startswith("-")]
            if not texts or texts[0] is None:
                raise _Unreadable
            yield texts[0]
            return
        if not word.startswith(("-", "+")):
            return  # a script, or the applet of a busybox
    raise _Unreadable  # it reads commands from its input


def _forms(words: Sequence[str | None]) -> Iterator[Sequence[str | None]]:
    """The words as they stand, and where the first only runs others, those others."""
    start = 0
    while (
        start < len(words)
        and (word := words[start]) is not None
        and (_RESERVED.fullmatch(word) or _ASSIGNMENT.match(word))
    ):
        start += 1
    words = words[start:]
    if not words:
        return
    yield words
    name = _base(words[0]) or ""
    if WRAPPERS.fullmatch(name):
        for number in range(1, len(words)):
            if name != "find" or (words[number - 1] or "").startswith(("-exec", "-ok")):
                yield words[number:]


def _base(word: str | None) -> str | None:
    return None if word is None else word.rpartition("/")[2]


def _pattern_words(pattern: str) -> list[str]:
    try:
        return shlex.split(pattern) or [pattern]
    except ValueError:
        return pattern.split()


def _fits(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Whether words fit a pattern: `*` alone stands for any number of them, at the end of its last word for all that follow."""
    ends = {0}  # how many of the words may be used up
    for number, wanted in enumerate(pattern, 1):
        if wanted == "*":
            ends = set(range(min(ends), len(words) + 1))
            continue
        met = {end + 1 for end in ends if end < len(words) and fnmatchcase(words[end], wanted)}
        if not met:
            return False
        if number == len(pattern) and wanted.endswith("*"):
            return True
        ends = met
    return len(words) in ends


def _may_fit(pattern: Sequence[str], words: Sequence[str | None]) -> bool:
    """Whether words may fit the beginning of what a pattern means, and of what follows.

    The program may have its folder before it, options with their values may stand in between, letters may be large or small.
    """
    ends = {0}
    for number, wanted in enumerate(pattern):
        if wanted == "*":
            ends = set(range(min(ends), len(words) + 1))
            continue
        met: set[int] = set()
        for end in ends if number == 0 else _behind_options(ends, words):
            if end == len(words):
                continue
            word = words[end]
            if word is None:
                return True
            names = (word.lower(), word.lower().rpartition("/")[2])
            if any(fnmatchcase(name, wanted.lower()) for name in names):
                met.add(end + 1)
        if not met:
            return False
        ends = met
    return True


def _behind_options(ends: set[int], words: Sequence[str | None]) -> set[int]:
    found, pending = set(ends), list(ends)
    while pending:
        end = pending.pop()
        if end < len(words) and (words[end] or "").startswith("-"):
            more = {end + 1, min(end + 2, len(words))} - found
            found |= more
            pending += more
    return found


class _Reader:
    """Takes a command apart as a shell does, as far as it must be known which words stand together."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._parts: list[Part] = []
        self._words: list[str | None] = []
        self._word: str | None = ""
        self._open = False  # a word has begun
        self._dropping = False  # the next word is where a redirection goes
        self._here: list[
            tuple[str, bool, bool]
        ] = []  # ends of texts that follow the line, whether quoted, whether indented

    def parts(self) -> list[Part]:
        """Raises _Unreadable."""
        self._read(until="")
        return self._parts

    def _read(self, *, until: str) -> None:
        """Read on up to an unquoted `until`, which is taken as well."""
        while self._at < len(self._text):
            sign = self._text[self._at]
            self._at += 1
            if sign == until:
                self._end_part()
                return
            self._take(sign)
        if until:
            raise _Unreadable
        self._end_part()

    def _take(self, sign: str) -> None:
        match sign:
            case " " | "\t":
                self._end_word()
            case "\n":
                self._end_part()
                self._skip_texts()
            case "&" if self._next() == ">":
                raise _Unreadable  # two shells take it for two different things
            case ";" | "&" | "|" | "(" | ")":
                self._end_part()
            case "<" | ">":
                self._redirect(sign)
            case "#" if not self._open:
                self._at = (self._text.find("\n", self._at) + 1 or len(self._text) + 1) - 1
            case _:
                self._open = True
                self._take_in_word(sign)

    def _take_in_word(self, sign: str) -> None:
        match sign:
            case "'":
                self._add(self._up_to("'"))
            case '"':
                self._quoted()
            case "\\":
                self._add(self._text[self._at : self._at + 1])
                self._at += 1
            case "$":
                self._expansion(quoted=False)
            case "`":
                self._backticks()
            case "*" | "?" | "[":
                self._word = None
            case "{" if self._next() not in ("", "}", " ", "\t", "\n"):
                self._word = None
            case _:
                self._add(sign)

    def _quoted(self) -> None:
        while self._at < len(self._text):
            sign = self._text[self._at]
            self._at += 1
            if sign == '"':
                return
            if sign == "\\" and self._next() in ("$", "`", '"', "\\"):
                self._add(self._next())
                self._at += 1
            elif sign == "$":
                self._expansion(quoted=True)
            elif sign == "`":
                self._backticks()
            else:
                self._add(sign)
        raise _Unreadable

    def _expansion(self, *, quoted: bool) -> None:
        following = self._next()
        if following == "(":
            self._at += 1
            self._substitution()
        elif following == "{":
            self._at += 1
            self._in_braces()
        elif following in ("'", '"') and not quoted:
            raise _Unreadable  # two shells take it for two different things
        elif following and (following.isalnum() or following in "_@*#?-$!"):
            self._word = None
        else:
            self._add("$")

    def _substitution(self) -> None:
        inner = _Reader("")
        inner._text, inner._at = self._text, self._at
        inner._read(until=")")
        self._at = inner._at
        if any("case" in part.words for part in inner._parts):
            raise _Unreadable  # a bracket of its choices is none that ends it
        self._parts += inner._parts
        self._word = None

    def _in_braces(self) -> None:
        """Read what is expanded up to its brace: there can be substitutions in it."""
        while self._at < len(self._text):
            sign = self._text[self._at]
            self._at += 1
            if sign == "}":
                self._word = None
                return
            if sign == "$":
                self._expansion(quoted=True)
            elif sign == "`":
                self._backticks()
            elif sign in "'\"\\":
                raise _Unreadable  # what ends it depends on where it stands
        raise _Unreadable

    def _backticks(self) -> None:
        inside = self._up_to("`")
        if "\\" in inside:
            raise _Unreadable
        self._parts += _Reader(inside).parts()
        self._word = None

    def _redirect(self, sign: str) -> None:
        if self._word is not None and self._word.isdigit():
            self._word, self._open = "", False  # the number of what is redirected
        self._end_word()
        if self._next() == "(":
            self._at += 1
            self._substitution()  # its name stands in place of a word
            self._open = True
            return
        if sign == "<" and self._text.startswith("<<", self._at):
            self._at += 2
        elif sign == "<" and self._next() == "<":
            self._at += 1
            self._announce_text()
            return
        elif self._next() in (">", "&", "|", "<"):
            self._at += 1
        self._dropping = True

    def _announce_text(self) -> None:
        """Take the word that ends a text which follows the line."""
        found = re.compile(r"(-?)[ \t]*(?:'([^'\n]*)'|\"([^\"\n$`\\]*)\"|([A-Za-z0-9_.+-]+))(?=[\s;&|<>)]|$)").match(
            self._text, self._at
        )
        if found is None:
            raise _Unreadable
        end = next(each for each in found.groups()[1:] if each is not None)
        self._here.append((end, found[4] is None, bool(found[1])))
        self._at = found.end()

    def _skip_texts(self) -> None:
        """Pass over the texts that were announced in the line that has ended; those with substitutions are looked into."""
        for end, is_quoted, is_indented in self._here:
            while self._at < len(self._text):
                line, _, _ = self._text[self._at :].partition("\n")
                self._at += len(line) + 1
                if (line.lstrip("\t") if is_indented else line) == end:
                    break
                if not is_quoted and re.search(r"\$\(|`|\$\{", line):
                    raise _Unreadable
        self._here.clear()

    def _up_to(self, sign: str) -> str:
        end = self._text.find(sign, self._at)
        if end < 0:
            raise _Unreadable
        found, self._at = self._text[self._at : end], end + 1
        return found

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _add(self, text: str) -> None:
        self._open = True
        if self._word is not None:
            self._word += text

    def _end_word(self) -> None:
        if self._open:
            if not self._dropping:
                self._words.append(self._word)
            self._dropping = False
        self._word, self._open = "", False

    def _end_part(self) -> None:
        self._end_word()
        self._dropping = False
        if self._words:
            self._parts.append(Part(tuple(self._words)))
        self._words = []
