"""Texts by their parts: the sections, functions or paragraphs that fit a task, and the outline of the whole. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from swarm.text.rank import bm25

RELEVANT_BYTES = 8_000
"""What relevant parts may have where nothing else is asked for: about 2,000 tokens of ordinary text."""

_LARGEST_PART = 4_000  # characters; a longer one is divided
_FIRST_LINES = 8
_GAP = "[...]\n"
_NOTE_BYTES = 110  # of the line that says what is left out of a text
_HEADING = re.compile(r"(?m)^#{1,6} .*$")
_CODE_BLOCK = re.compile(r"(?ms)^(```|~~~).*?^\1")


class Part(msgspec.Struct, frozen=True):
    """A piece of a text: which text, where in it, and what it says."""

    source: int
    start: int
    text: str


def parts_of(name: str, text: str, source: int = 0) -> list[Part]:
    """Divide a text at its functions, headings or blank lines; the parts put together are the text."""
    starts = _starts(name, text)
    ends = [*starts[1:], len(text)]
    return [
        Part(source, at, text[at : min(at + _LARGEST_PART, end)])
        for start, end in zip(starts, ends, strict=True)
        for at in range(start, max(end, start + 1), _LARGEST_PART)
        if text[at:end]
    ]


def _starts(name: str, text: str) -> list[int]:
    found = _definitions(text) if name.endswith(".py") else None
    if found is None and name.lower().endswith((".md", ".markdown")):
        found = [at for at, _ in _headings(text)]
    if found is None:
        found = [match.end() for match in re.finditer(r"\n[ \t]*\n+", text)]
    return sorted({0, *found})


def _headings(text: str) -> list[tuple[int, str]]:
    code = [(block.start(), block.end()) for block in _CODE_BLOCK.finditer(text)]
    found = [(match.start(), match[0]) for match in _HEADING.finditer(text)]
    return [(at, line) for at, line in found if not any(start <= at < end for start, end in code)]


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _definitions(text: str) -> list[int] | None:
    """Return where the functions and classes at the top begin, with their decorators; None where it is no Python."""
    tree = _tree(text)
    if tree is None:
        return None
    lines = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
    found: list[int] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.append(lines[min(first, len(lines)) - 1])
    return found


def relevant(texts: Sequence[tuple[str, str]], sought: str, most: int) -> list[str]:
    """Return of each named text the parts that fit `sought` best, in their order, in `most` bytes for all texts together.

    A gap is marked by a line, and a text of which something is left out ends with a line that says how much; one of which
    nothing fits is empty. Where no word of `sought` is in any of them, the first parts are taken.
    """
    if sum(_size(text) for _, text in texts) <= most:
        return [text for _, text in texts]
    parts = [part for number, (name, text) in enumerate(texts) for part in parts_of(name, text, number)]
    scores = bm25(sought, [f"{texts[part.source][0]}\n{part.text}" for part in parts])
    fitting = [number for number, score in enumerate(scores) if score > 0] or range(len(parts))
    taken: dict[int, list[int]] = {}
    for number in sorted(fitting, key=lambda number: (-scores[number], number)):
        part = parts[number]
        size = _size(part.text) + len(_GAP) + 1 + (0 if part.source in taken else _NOTE_BYTES)
        if size <= most:
            most -= size
            taken.setdefault(part.source, []).append(number)
    totals = Counter(part.source for part in parts)
    return [
        _joined(text, totals[number], parts, sorted(taken.get(number, ()))) for number, (_, text) in enumerate(texts)
    ]


def _joined(text: str, total: int, parts: Sequence[Part], kept: Sequence[int]) -> str:
    """Put the parts of one text that are kept together; `total` is how many it has."""
    if not kept:
        return ""
    written: list[str] = []
    before = kept[0] - 1
    for number in kept:
        if number - 1 != before:
            written.append(_GAP)
        piece = parts[number].text
        written.append(piece if piece.endswith("\n") else f"{piece}\n")
        before = number
    if len(kept) == total:
        return text
    note = f"[the relevant parts: {total - len(kept):,} of {total:,} parts of {_size(text):,} bytes are left out]"
    return f"{''.join(written)}{note}"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def beginning(text: str, most: int) -> str:
    """Return the text where it has at most `most` bytes, else so many of its first, with a line that says what is missing."""
    size = _size(text)
    if size <= most:
        return text
    head = text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").rstrip()
    return f"{head}\n[cut: {size - _size(head):,} of {size:,} bytes are left out to save tokens]"


def outline(name: str, text: str) -> str:
    """Return what a text is made of: the signatures of Python, the headings of Markdown, else its first lines."""
    size = f"{_size(text):,} bytes in {len(text.splitlines()):,} lines"
    lines: list[str] = []
    if name.endswith(".py"):
        lines = _of_python(text)
    elif name.lower().endswith((".md", ".markdown")):
        lines = [line for _, line in _headings(text)]
    lines = lines or [line for line in text.splitlines() if line.strip()][:_FIRST_LINES]
    return "\n".join([*lines, f"[outline of {size}]"])


def _of_python(text: str) -> list[str]:
    tree = _tree(text)
    if tree is None:
        return []
    try:
        return [*_first_sentence(tree), *_signatures(tree)]
    except RecursionError:  # a default value is nested beyond what can be written out
        return []


def _signatures(node: ast.Module | ast.ClassDef, depth: int = 0) -> Iterator[str]:
    indent = "    " * depth
    for child in node.body:
        match child:
            case ast.ClassDef():
                bases = ", ".join(ast.unparse(base) for base in child.bases)
                yield f"{indent}class {child.name}{f'({bases})' if bases else ''}:"
                yield from (f"{indent}    {line}" for line in _first_sentence(child))
                yield from _signatures(child, depth + 1)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                kind = "async def" if isinstance(child, ast.AsyncFunctionDef) else "def"
                returns = f" -> {ast.unparse(child.returns)}" if child.returns else ""
                yield f"{indent}{kind} {child.name}({ast.unparse(child.args)}){returns}:"
                yield from (f"{indent}    {line}" for line in _first_sentence(child))
            case _:
                pass


def _first_sentence(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    said = ast.get_docstring(node)
    return [f'"""{said.strip().splitlines()[0]}"""'] if said and said.strip() else []
