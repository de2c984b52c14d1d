"""What form a text has, by its own signs alone: it may be the output of anything, and has no name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from swarm.compress.code import python_tree
from swarm.compress.conversation import is_conversation
from swarm.compress.jsontext import NoJson, read

Form = Literal["log", "json", "code", "diff", "table", "conversation", "markdown", "prose"]
"""What is told apart."""

FORMS: tuple[Form, ...] = get_args(Form)

_READ_CHARS = 40_000  # of a text by which its form is told; JSON and Python are read whole
_MOST_PARSED = 2_000_000  # characters of what may be Python
_LEAST_LINES = 4
_DIFF = re.compile(r"(?m)^(?:diff --git |--- \S.*\n\+\+\+ \S.*\n@@ )")
_TIMED = re.compile(
    r".{0,40}?\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\W{0,3}(?:\w{1,12}[ :]\W?)?(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/:]\d\d[-/: ]\d\d|\d{6,}[ .]|(?:[A-Z][a-z]{2} ){1,2} ?\d{1,2} \d\d:\d\d|\[\s*\d+\.\d+\])"
)
_LEVEL = re.compile(
    r"\W{0,2}(?:[\w.:]+ ){0,4}\W?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|debug|info|warn|warning|error)\b\W"
)
_OUTCOME = re.compile(r".*(?: |\.|\[)(?:PASSED|FAILED|ok|FAIL|PASS|SKIPPED|XFAIL)\b|\s+at \S+\(\S+\)|  File \"")
_PYTHON = re.compile(r"(?m)^(?:@\w|(?:async )?def \w|class \w|import \w|from [\w.]+ import )")
_CODE = re.compile(
    r".*[;{}](?:\s*(?://.*)?)?$|\s*(?:def|class|func|fn|function|public|private|import|package|using|#include|const|let|var|end|return|"
    r"module|interface|struct|enum|impl|use|local|if|for|while|else|elif|case|do|done|fi|then|sub|my|our)\b.*"
    r"|#\s*(?:include|define|if|ifdef|ifndef|endif|else|elif|undef|pragma|error)\b.*|\s*(?://|/\*).*|\s+\*.*|\s*[\])}]+[;,]?$"
)
_MARKDOWN = re.compile(r"(?m)^(?:#{1,6} \S|```|\s*[-*] \[[^\]]*\]|[-*] \*\*|\[[^\]]+\]: \S)|\]\(\S{1,300}\)")
_SETTING = re.compile(
    r"\s*(?:- )?[\w.-]+\s*(?:[=:]|==)(?:\s|$)|[\w.-]+=|\[[\w. \"-]+\]$|[\]})]+,?$"
)  # of a file of settings
_COLUMNS = re.compile(r"\S(?: {2,}|\t)\S")
_SENTENCE = re.compile(r"[a-z][.!?](?:\s|$)")


def form_of(text: str) -> Form:
    """Return the form of a text; what has no sign of another one is prose."""
    beginning = text[:_READ_CHARS]
    if len(text) > _READ_CHARS:
        beginning = beginning.rpartition("\n")[0] or beginning
    lines = [line for line in beginning.split("\n") if line.strip()]
    for form, fits in _SIGNS:
        if fits(text, lines):
            return form
    return "prose"


def _is_json(text: str, lines: Sequence[str]) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        read(text)
    except NoJson:
        return len(lines) > 1 and all(map(_is_object, lines[:20])) and all(line.lstrip()[:1] == "{" for line in lines)
    return True


def _is_object(line: str) -> bool:
    try:
        return isinstance(read(line), dict)
    except NoJson:
        return False


def _is_diff(text: str, lines: Sequence[str]) -> bool:
    return _DIFF.search("\n".join(lines[:200]) + "\n") is not None and _share(lines, _is_of_diff) > 0.9


def _is_of_diff(line: str) -> bool:
    return line[:1] in "+- @\\" or line.startswith(
        (
            "diff ",
            "index ",
            "rename ",
            "new ",
            "deleted ",
            "old ",
            "similarity ",
            "Binary ",
            "commit ",
            "Author",
            "Date",
            "Merge",
        )
    )


def _is_log(text: str, lines: Sequence[str]) -> bool:
    if len(lines) < _LEAST_LINES:
        return False
    return (
        _share(lines, lambda line: bool(_TIMED.match(line) or _LEVEL.match(line))) >= 0.5
        or _share(lines, lambda line: bool(_OUTCOME.match(line))) >= 0.4
    )


def _is_python(text: str, lines: Sequence[str]) -> bool:
    return len(text) <= _MOST_PARSED and _PYTHON.search(text) is not None and python_tree(text) is not None


def _is_table(text: str, lines: Sequence[str]) -> bool:
    if len(lines) < _LEAST_LINES:
        return False
    if _share(lines, lambda line: line.strip()[0] == "|" and line.strip()[-1] == "|") > 0.9:
        return True
    for sign in (",", "\t", ";", "|"):
        often = lines[0].count(sign)
        if often and _share(lines, lambda line: line.count(sign) == often) >= (0.9 if often > 1 else 1.0):  # noqa: B023 - called at once
            return _share(lines, lambda line: _SENTENCE.search(line) is not None) < 0.3
    return False


def _is_code(text: str, lines: Sequence[str]) -> bool:
    if text.startswith("#!"):
        return True
    return len(lines) >= _LEAST_LINES and _share(lines, lambda line: _CODE.fullmatch(line) is not None) >= 0.6


def _is_markdown(text: str, lines: Sequence[str]) -> bool:
    others = [line for line in lines if not line.startswith("#")]  # in a file of settings these are no headings
    if text.startswith("#!") or _share(others, lambda line: _SETTING.match(line) is not None) > 0.4:
        return False
    return _MARKDOWN.search("\n".join(lines)) is not None


def _is_in_columns(text: str, lines: Sequence[str]) -> bool:
    return len(lines) >= 2 * _LEAST_LINES and _share(lines, lambda line: _COLUMNS.search(line) is not None) >= 0.7


def _share(lines: Sequence[str], fits: Callable[[str], bool]) -> float:
    return sum(map(fits, lines)) / len(lines) if lines else 0.0


_SIGNS: Sequence[tuple[Form, Callable[[str, Sequence[str]], bool]]] = (
    ("conversation", lambda text, _: is_conversation(text)),
    ("json", _is_json),
    ("diff", _is_diff),
    ("log", _is_log),
    ("code", _is_python),
    ("table", _is_table),
    ("code", _is_code),
    ("markdown", _is_markdown),
    ("table", _is_in_columns),
)
