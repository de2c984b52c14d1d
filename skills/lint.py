"""What the format's specification would have otherwise in a skill, strictly, each with its line; and what is well advised.

What breaks the specification is an error, as with its reference validator; what it only advises is a warning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from skills.files import Refused, files_of, read_whole
from skills.frontmatter import Unreadable, front_of, quoted
from skills.levels import code_free_lines
from skills.reading import KNOWN, MOST_COMPATIBILITY, MOST_DESCRIPTION, MOST_NAME, usable_name
from skills.skill import FILE, Finding
from skills.yamlnodes import Node, Pair, pairs_of

MOST_LINES, MOST_BODY_BYTES = 500, 20_000
"""Of a body, as the specification advises; 5,000 tokens of English have some 20,000 bytes."""

_MOST_FILE_BYTES = 4_000_000
_LINK = re.compile(r"\]\(([^()\s#]{1,500})(?:#[^()]{0,500})?\)")
_OTHER_CASE = "skill.md"


class _Linter:
    """One SKILL.md while it is looked through."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, str(folder / FILE)
        self.found: list[Finding] = []

    def wrong(self, message: str, hint: str = "", *, line: int = 0, column: int = 1) -> None:
        self.found.append(Finding(path=self.path, message=message, hint=hint, line=line, column=column, is_error=True))

    def odd(self, message: str, hint: str = "", *, line: int = 0, column: int = 1) -> None:
        self.found.append(Finding(path=self.path, message=message, hint=hint, line=line, column=column))


def lint(folder: Path) -> tuple[Finding, ...]:
    """Look through the skill in a folder; the findings in the order of their lines."""
    linter = _Linter(folder)
    try:
        raw = read_whole(folder, FILE, _MOST_FILE_BYTES)
    except Refused as error:
        linter.wrong(str(error))
        return tuple(linter.found)
    try:
        front = front_of(raw)
        assert front is not None, "all of the file is there"
        if front.has_mark:
            linter.wrong("the file begins with a byte order mark", "save it as UTF-8 without one", line=1)
        if front.has_returns:
            linter.odd("the lines end with \\r\\n", "save it with \\n", line=1)
        _look_at_keys(_pairs(front.text, linter), linter)
        _look_at_body(raw[front.size :], 3 + front.text.count("\n"), linter)
    except Unreadable as error:
        linter.wrong(error.message, error.hint, line=error.line)
    return tuple(sorted(linter.found, key=lambda each: (each.line, each.column)))


def _pairs(text: str, linter: _Linter) -> tuple[Pair, ...]:
    """The keys; where they are no YAML but for a sign, that is said, and all else that is wrong with them, too."""
    try:
        return pairs_of(text)
    except Unreadable as error:
        if (mended := quoted(text)) == text:
            raise
        try:
            pairs = pairs_of(mended)
        except Unreadable:
            raise error from None
        linter.wrong(error.message, error.hint, line=error.line)
        return pairs


def _look_at_keys(pairs: tuple[Pair, ...], linter: _Linter) -> None:
    seen: dict[str, Node] = {}
    for key, value in pairs:
        if key.text in seen:
            linter.wrong(f"the key {key.text!r} stands here a second time", line=key.line, column=key.column)
        elif key.text not in KNOWN:
            hint = f"keys here: {', '.join(KNOWN)}; others go below metadata"
            linter.wrong(f"unknown key {key.text[:80]!r}", hint, line=key.line, column=key.column)
        seen[key.text] = value
    for name, look in _LOOKS.items():
        if name in seen:
            look(seen[name], linter)
    for name, hint in (("name", "lowercase letters, digits and hyphens"), ("description", _WHEN)):
        if name not in seen:
            linter.wrong(f"there is no {name}", f"write {name}: {hint}", line=1)


_WHEN = "say what the skill does, and when it is of use"


def _name(node: Node, linter: _Linter) -> None:
    if not (name := _text(node, "name", linter)):
        return
    for said in _wrong_with_name(unicodedata.normalize("NFKC", name), linter.folder.resolve().name):
        hint = f"write {made}" if (made := usable_name(name)) and made != name else ""
        linter.wrong(said, hint, line=node.line, column=node.column)


def _wrong_with_name(name: str, folder: str) -> Iterator[str]:
    if len(name) > MOST_NAME:
        yield f"the name has {len(name)} characters, and {MOST_NAME} are allowed"
    if name != name.lower() or not all(sign.isalnum() or sign == "-" for sign in name):
        yield f"the name {name[:80]!r} has other signs than lowercase letters, digits and hyphens"
    if name.startswith("-") or name.endswith("-") or "--" in name:
        yield "a hyphen stands at the beginning or the end of the name, or beside another"
    if name != unicodedata.normalize("NFKC", folder):
        yield f"the name {name[:80]!r} is not that of its folder, {folder!r}"


def _description(node: Node, linter: _Linter) -> None:
    text = _text(node, "description", linter)
    if len(text) > MOST_DESCRIPTION:
        said = f"the description has {len(text):,} characters, and {MOST_DESCRIPTION:,} are allowed"
        linter.wrong(said, line=node.line, column=node.column)
    if text and not re.search(r"\b(when|whenever|if|for|before|after)\b", text, re.IGNORECASE):
        linter.odd("the description does not say when the skill is of use", line=node.line, column=node.column)


def _compatibility(node: Node, linter: _Linter) -> None:
    if len(text := _text(node, "compatibility", linter)) > MOST_COMPATIBILITY:
        said = f"it has {len(text)} characters, and {MOST_COMPATIBILITY} are allowed"
        linter.wrong(said, line=node.line, column=node.column)


def _license(node: Node, linter: _Linter) -> None:
    _text(node, "license", linter)


def _text(node: Node, key: str, linter: _Linter) -> str:
    if node.text is None or not node.text.strip():
        linter.wrong(f"'{key}' has to be a text that is not empty", line=node.line, column=node.column)
    return (node.text or "").strip()


def _metadata(node: Node, linter: _Linter) -> None:
    if node.pairs is None:
        hint = "write keys with values below it"
        linter.wrong("'metadata' has to be a map of texts", hint, line=node.line, column=node.column)
    for key, value in node.pairs or ():
        if value.text is None:
            hint = "write the words with spaces between them" if key.text == "tags" else ""
            said = f"'metadata.{key.text[:80]}' has to be a text"
            linter.wrong(said, hint, line=value.line, column=value.column)


def _tools(node: Node, linter: _Linter) -> None:
    if node.pairs is not None or any(item.text is None for item in node.items or ()):
        said = "'allowed-tools' has to be a text or a list of texts"
        linter.wrong(said, "write the tools with spaces between them", line=node.line, column=node.column)


_LOOKS = {
    "name": _name,
    "description": _description,
    "license": _license,
    "compatibility": _compatibility,
    "metadata": _metadata,
    "allowed-tools": _tools,
}


def _look_at_body(raw: bytes, first: int, linter: _Linter) -> None:
    """`first` is the line of the file with which the body begins."""
    try:
        body = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first + raw[: error.start].count(b"\n")
        linter.wrong(f"the text is not UTF-8: byte 0x{raw[error.start]:02x}", "save it as UTF-8", line=line)
        return
    if not body.strip():
        linter.odd("there is no text below the front matter", "write there what is to be done", line=first)
    if (lines := body.count("\n")) > MOST_LINES:
        linter.odd(f"the text has {lines:,} lines, and {MOST_LINES} are advised", _SPLIT, line=first)
    if len(raw) > MOST_BODY_BYTES:
        said = f"the text has about {len(raw) // 4:,} tokens, and {MOST_BODY_BYTES // 4:,} are advised"
        linter.odd(said, _SPLIT, line=first)
    _look_at_links(body, first, linter)


_SPLIT = "move what is not always needed to references/, which is read on demand"


def _look_at_links(body: str, first: int, linter: _Linter) -> None:
    try:
        files = {file.path for file in files_of(linter.folder)}
    except Refused as error:
        linter.odd(str(error))
        return
    if _OTHER_CASE in files:
        linter.odd(f"{_OTHER_CASE} lies beside {FILE} and is not read")
    for number, line in code_free_lines(body):
        for match in _LINK.finditer(line):
            target, column = match[1].removeprefix("./"), match.start(1) + 1
            if ":" in target or target.startswith("/") or target.rstrip("/") in _folders(files):
                continue
            if target not in files:
                linter.odd(f"there is no {target[:80]!r} in the skill", line=first + number, column=column)
            elif target.count("/") > 1:
                said = f"{target[:80]!r} lies more than one folder deep"
                linter.odd(said, "agents follow references one level deep", line=first + number, column=column)


def _folders(files: set[str]) -> set[str]:
    return {path.rpartition("/")[0] for path in files}
