"""The least that is told of a text: its beginning, or the outline of the whole. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal, get_args

from swarm.context.blocks import File, file_of
from swarm.context.grammars import marks_of
from swarm.context.markdown import headings, is_markdown
from swarm.context.python import tree_of
from swarm.context.sizes import size_of

_FIRST_LINES, _LINE_CHARS = 8, 300
_SHORT_OUTLINE = 600  # bytes that no outline has to be shorter than
_OWN = ("self", "cls")

_Form = Literal["said", "signed", "named"]
_FORMS: tuple[_Form, ...] = get_args(_Form)
"""How much an outline of Python says: signatures with the first lines of docstrings, signatures, or the names of parameters."""


def beginning(text: str, most: int) -> str:
    """Return the text where it has at most `most` bytes, else so many of its first, with a line that says what is missing."""
    size = size_of(text)
    if size <= most:
        return text
    head = text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").rstrip()
    return f"{head}\n[cut: {size - size_of(head):,} of {size:,} bytes are left out to save tokens]"


def outline(name: str, text: str) -> str:
    """Return what a text is made of: the signatures of Python, the headings of Markdown, else its first lines."""
    size = f"{size_of(text):,} bytes in {len(text.splitlines()):,} lines"
    lines: list[str] = []
    if name.endswith(".py"):
        lines = _of_python(text)
    elif is_markdown(name):
        lines = [line for _, _, line in headings(text)]
    elif marks_of(name, text):
        lines = _of_blocks(file_of(name, text))
    lines = lines or [line for line in text.splitlines() if line.strip()][:_FIRST_LINES]
    return "\n".join([*map(_short, lines), f"[outline of {size}]"])


def _short(line: str) -> str:
    return line if len(line) <= _LINE_CHARS else f"{line[:_LINE_CHARS]}..."


def _of_blocks(file: File) -> list[str]:
    """The lines with which the definitions of a file begin, in another language than Python, as they are indented."""
    return [file.lines[block.at - 1].rstrip() for block in file.blocks if block.at]


def _of_python(text: str) -> list[str]:
    """The signatures with what is said of them; where that is more than a tenth, with less, so that they stay some of a tenth."""
    tree = tree_of(text)
    if tree is None:
        return []
    most = max(_SHORT_OUTLINE, size_of(text) // 10)
    lines: list[str] = []
    try:
        for form in _FORMS:
            lines = [*_first_sentence(tree), *_signatures(tree, form)]
            if sum(size_of(line) + 1 for line in lines) <= most:
                break
    except RecursionError:  # a default value is nested beyond what can be written out
        return []
    return lines


def _signatures(node: ast.Module | ast.ClassDef, form: _Form, depth: int = 0) -> Iterator[str]:
    indent = "    " * depth
    for child in node.body:
        match child:
            case ast.ClassDef():
                bases = ", ".join(ast.unparse(base) for base in child.bases)
                yield f"{indent}class {child.name}{f'({bases})' if bases else ''}:"
                if form == "said":
                    yield from (f"{indent}    {line}" for line in _first_sentence(child))
                yield from _signatures(child, form, depth + 1)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{indent}{_signature(child, form)}"
                if form == "said":
                    yield from (f"{indent}    {line}" for line in _first_sentence(child))
            case _:
                pass


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, form: _Form) -> str:
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    if form == "named":
        found = node.args
        names = [each.arg for each in (*found.posonlyargs, *found.args, *found.kwonlyargs) if each.arg not in _OWN]
        return f"{kind} {node.name}({', '.join(names)})"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{kind} {node.name}({ast.unparse(node.args)}){returns}:"


def _first_sentence(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    said = ast.get_docstring(node)
    return [f'"""{said.strip().splitlines()[0]}"""'] if said and said.strip() else []
