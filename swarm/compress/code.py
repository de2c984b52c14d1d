"""Code as what it declares: of Python by its syntax, of other languages by how it is indented, and the headings of Markdown.

No grammar is needed but Python's own; the lines are told as they are to be read, not to be run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from swarm.compress.room import Count, Shortened, cut, pack
from swarm.compress.worth import fitting

MOST_BODIES = 8
"""Functions that fit what is sought of which the body is shown, too, as far as there is room."""

_VALUE_CHARS, _LINE_CHARS = 60, 240
_DEEPEST = 3  # levels of indentation of which declarations are told
_FENCE = re.compile(r"(?ms)^(```|~~~).*?(?:^\1|\Z)")
_HEADING = re.compile(r"(?m)^#{1,6} .*$")
_CONTROL = re.compile(
    r"[}\s]*(?:if|else|elif|elsif|for|foreach|while|until|do|switch|case|default|try|catch|except|finally|rescue|ensure|with|begin|end|"
    r"return|throw|match|when|loop|select|defer|go|unless|then|esac|done|fi|goto|lock|using)\b"
)
_DECLARES = re.compile(
    r"\s*(?:@\w|(?:export|default|declare|public|private|protected|internal|static|final|abstract|sealed|open|override|async|virtual|inline|"
    r"const|unsafe|extern|pub(?:\([^)]*\))?|partial|readonly|local)\s+)*(?:def|class|fn|func|fun|function|interface|struct|enum|trait|impl|type|"
    r"typedef|union|module|mod|namespace|package|object|record|protocol|extension|macro_rules!|template|sub|proc|create\s+(?:or\s+replace\s+)?\w+)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\s*(?://|#(?!include|define|if|pragma|\[)|/\*|\*|--|;;|\"\"\")")


class Entry(NamedTuple):
    """What a skeleton tells of some lines of the code."""

    first: int  # number of the line, from 1
    last: int
    text: str
    tier: int  # 0 what is declared, 1 what is said of it, 2 values and fields
    body: str = ""  # what stands in it
    names: str = ""


def skeleton(text: str) -> list[Entry]:
    """Return what a text of code declares, in its order; nothing where it declares nothing."""
    tree = python_tree(text)
    if tree is None:
        return list(_by_indentation(text))
    try:
        return sorted(_of_python(tree, text.split("\n")), key=lambda entry: entry.first)
    except RecursionError:  # a value is nested beyond what can be written out
        return list(_by_indentation(text))


def headings(text: str) -> list[Entry]:
    """Return the headings of a Markdown text, without what looks like one in blocks of code."""
    fenced = [block.span() for block in _FENCE.finditer(text)]
    found: list[Entry] = []
    for match in _HEADING.finditer(text):
        if not any(start <= match.start() < end for start, end in fenced):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Entry(line, line, match.group().rstrip(), 0))
    return found


def python_tree(text: str) -> ast.Module | None:
    """Return the syntax tree of Python that declares or imports something; None for anything else."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    telling = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    return tree if any(isinstance(node, telling) for node in tree.body) else None


def short_code(text: str, *, limit: int, count: Count, sought: str = "") -> Shortened | None:
    """Return the skeleton of a text of code in `limit` tokens, with the bodies that fit what is sought; None where it has none."""
    entries = skeleton(text)
    if not entries:
        return None
    bodies = [number for number, entry in enumerate(entries) if entry.body]
    fit = fitting([f"{entries[each].names} {entries[each].text}\n{entries[each].body}" for each in bodies], sought)
    wanted = [len(entries) + bodies[each] for each in fit[:MOST_BODIES]]  # numbers behind those of the entries
    plain = sorted(range(len(entries)), key=lambda each: (entries[each].tier, each))
    declared = [each for each in plain if entries[each].tier == 0]
    order = [*(each - len(entries) for each in wanted), *wanted, *declared, *plain]
    costs: dict[int, int] = {}

    def shown(number: int) -> str:
        return entries[number].text if number < len(entries) else entries[number - len(entries)].body

    def cost(number: int) -> int:
        if number not in costs:
            costs[number] = count(shown(number)) + 1
        return costs[number]

    def write(numbers: Sequence[int]) -> str:
        return "\n".join(map(shown, sorted(numbers, key=lambda each: (each % len(entries), each))))

    taken = pack(list(dict.fromkeys(order)), cost, write, limit, count)
    return _shortened(entries, taken, write(taken), order, limit, count)


def _shortened(
    entries: Sequence[Entry], taken: Sequence[int], text: str, order: Sequence[int], limit: int, count: Count
) -> Shortened:
    lines: set[int] = set()
    for number in taken:
        entry = entries[number % len(entries)]
        lines.update(
            range(entry.first, (entry.last if number < len(entries) else entry.last + entry.body.count("\n") + 1) + 1)
        )
    whole = sum(number >= len(entries) for number in taken)
    declared = sum(entry.tier == 0 for entry in entries)
    shown = sum(number < len(entries) and entries[number].tier == 0 for number in taken)
    said = f"{shown:,} of {declared:,} signatures{f', {whole:,} with the body' if whole else ''}"
    if taken:
        return Shortened(text, tuple(sorted(lines)), said)
    clipped = cut(entries[order[0]].text, limit, count)
    return Shortened(clipped, (entries[order[0]].first,) if clipped else (), said)


def _of_python(node: ast.Module | ast.ClassDef, lines: Sequence[str], depth: int = 0) -> Iterator[Entry]:
    indent = "    " * depth
    yield from _said(node, indent)
    for child in node.body:
        match child:
            case ast.ClassDef():
                yield Entry(child.lineno, child.lineno, f"{indent}{_class_line(child)}", 0, names=child.name)
                yield from _of_python(child, lines, depth + 1)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield _function(child, lines, indent)
                yield from _said(child, f"{indent}    ")
            case ast.AnnAssign(target=ast.Name(id=name)):
                told = f"{indent}{name}: {_clipped(ast.unparse(child.annotation))}"
                yield Entry(child.lineno, child.end_lineno or child.lineno, told, 2)
            case ast.Assign(targets=[ast.Name(id=name)]) if depth == 0 and name.isupper():
                told = f"{indent}{name} = {_clipped(ast.unparse(child.value))}"
                yield Entry(child.lineno, child.end_lineno or child.lineno, told, 2)
            case _:
                pass


def _class_line(node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in [*node.bases, *node.keywords])
    return f"class {node.name}({bases}):" if bases else f"class {node.name}:"


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: Sequence[str], indent: str) -> Entry:
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    first = node.body[0]
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    last = first.lineno - 1 if first.lineno > node.lineno else node.lineno
    inside = ""
    if body and body[0].lineno > node.lineno:
        last = body[0].lineno - 1
        inside = "\n".join(lines[last : node.end_lineno])
    marks = "".join(f"{indent}@{_clipped(ast.unparse(each))}\n" for each in node.decorator_list)
    line = f"{marks}{indent}{kind} {node.name}({ast.unparse(node.args)}){returns}:"
    return Entry(node.lineno, last, line, 0, inside, node.name)


def _said(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> Iterator[Entry]:
    said = ast.get_docstring(node)
    if said and said.strip():
        first = node.body[0].lineno
        yield Entry(first, first, f'{indent}"""{_clipped(said.strip().splitlines()[0], _LINE_CHARS)}"""', 1)


def _clipped(text: str, most: int = _VALUE_CHARS) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _by_indentation(text: str) -> Iterator[Entry]:
    """Lines that declare something, and those under which others stand deeper; not those of the flow of a program."""
    lines = text.split("\n")
    indents = [_indent(line) for line in lines]
    told = sorted({indent for indent in indents if indent is not None})[:_DEEPEST]
    above, ends = _nested(indents)
    for number, line in enumerate(lines):
        if indents[number] not in told or _CONTROL.match(line) or _COMMENT.match(line):
            continue
        in_function = above[number] >= 0 and ")" in lines[above[number]]
        opens = ends[number] > number + 1 and (line.rstrip()[-1] in "{:(=>" or "(" in line) and not in_function
        if opens or _DECLARES.match(line):
            if number and _COMMENT.match(lines[number - 1]):
                yield Entry(number, number, lines[number - 1][:_LINE_CHARS], 1)
            body = "\n".join(lines[number + 1 : ends[number]]) if "(" in line else ""
            yield Entry(number + 1, number + 1, line.rstrip()[:_LINE_CHARS], 0, body, line[:_LINE_CHARS])


def _indent(line: str) -> int | None:
    bare = line.lstrip(" \t")
    return len(line[: len(line) - len(bare)].expandtabs(4)) if bare.strip() else None


def _nested(indents: Sequence[int | None]) -> tuple[list[int], list[int]]:
    """For each line the nearest one above that is less indented, -1 where none is, and behind which line ends what stands under it."""
    above, ends = [-1] * len(indents), [len(indents)] * len(indents)
    open_: list[tuple[int, int]] = []
    for number, indent in enumerate(indents):
        if indent is not None:
            while open_ and open_[-1][0] >= indent:
                ends[open_.pop()[1]] = number
            above[number] = open_[-1][1] if open_ else -1
            open_.append((indent, number))
    return above, ends
