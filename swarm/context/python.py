"""Where the parts of a Python file begin, and what a part refers to. Pure.

Both are read from the syntax tree. A file that has none, because it is broken or so large that a tree would take longer than
all the rest, is divided by the lines that begin a definition.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence

from swarm.context.marks import Mark

LARGEST_PARSED = 300_000
"""Characters. A tree of a million takes 180 ms and 100 MB, looking through its lines 20 ms."""

LONG_CLASS = 40
"""Lines from which on the methods of a class are parts of their own."""

LONG_RUN = 20
"""Lines of statements without a blank line after which another part begins."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_METHOD = re.compile(r"(?:    |\t)(?:async +)?(?:def|class) +(\w+)")
_BEGINS = re.compile(
    r"(?:async +)?(?P<kind>def|class) +(?P<name>\w+)"
    r"|(?:from|import|if|try|for|while|with)\b|(?P<value>[^\W\d]\w*)[ \t]*(?::[^=\n]+)?=(?!=)"
)
_LONG_STRING = re.compile(r"(?s)(\"\"\"|''').*?(?<!\\)\1")
_WORD = re.compile(r"[^\W\d]\w*")


def tree_of(text: str) -> ast.Module | None:
    """The syntax tree; None where the text is no Python."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def marks_of(text: str, lines: Sequence[str]) -> list[Mark] | None:
    """Return where its functions, classes, their methods where they are long, and its other statements begin; None: it is no Python."""
    tree = tree_of(text) if len(text) <= LARGEST_PARSED else None
    found = _of_lines(text, lines) if tree is None else _of_tree(tree)
    return found or None


def _of_tree(tree: ast.Module) -> list[Mark]:
    found: list[Mark] = []
    end, is_defined = 0, True
    for node in tree.body:
        if isinstance(node, _Definition):
            found += _of_definition(node, len(found))
        elif is_defined or node.lineno > end + 1 or not found or node.lineno >= found[-1].line + LONG_RUN:
            found.append(Mark(_first_line(node), tuple(_assigned(node))))
        else:  # statements without a blank line between them are one part
            found[-1] = found[-1]._replace(names=(*found[-1].names, *_assigned(node)))
        end, is_defined = node.end_lineno or node.lineno, isinstance(node, _Definition)
    return found


def _of_definition(node: _Definition, number: int) -> Iterator[Mark]:
    """The mark of a definition, which is the one of that number, and those of the methods of a long class."""
    yield Mark(_first_line(node), (node.name,), at=node.lineno)
    if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno >= LONG_CLASS:
        for child in node.body:
            if isinstance(child, _Definition):
                yield Mark(_first_line(child), (f"{node.name}.{child.name}",), inside=number, at=child.lineno)


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _assigned(node: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value to, those of a condition or a `try` among them."""
    match node:
        case ast.Assign(targets=targets):
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.If() | ast.Try() | ast.With():
            for child in (*node.body, *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())):
                if isinstance(child, _Definition):
                    yield child.name
                else:
                    yield from _assigned(child)
        case ast.stmt():
            # `type X = ...` of Python 3.12 has a name, and no class here
            alias = getattr(node, "name", None) if type(node).__name__ == "TypeAlias" else None
            if isinstance(alias, ast.Name):
                yield alias.id


def _of_lines(text: str, lines: Sequence[str]) -> list[Mark]:
    """The same by lines that begin a definition at the left edge, or a method, and stand in no long string."""
    found: list[Mark] = []
    above, last = -1, -1  # the class that methods are of, and the last line of a run of statements
    for line, said in _beginnings(text, lines):
        method = _METHOD.match(said)
        match = None if method else _BEGINS.match(said)
        if method and above >= 0:
            found.append(Mark(line, (f"{found[above].names[0]}.{method[1]}",), inside=above, at=line))
        elif match and match["name"]:
            above = len(found) if match["kind"] == "class" else -1
            found.append(Mark(line, (match["name"],), at=line))
        elif match:
            names = (match["value"],) if match["value"] else ()
            if line == last + 1 and line < found[-1].line + LONG_RUN:  # a run of statements is one part
                found[-1] = found[-1]._replace(names=(*found[-1].names, *names))
            else:
                above = -1
                found.append(Mark(line, names))
            last = line
    return found


def _beginnings(text: str, lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The lines in which a part may begin, with their numbers: those at the left edge, and those that may begin a method."""
    strings = (match.span() for match in _LONG_STRING.finditer(text))
    start, end = next(strings, (len(text), 0))
    at = 0
    for number, line in enumerate(lines, 1):
        while end and end <= at:
            start, end = next(strings, (len(text), 0))
        if start >= at and (line[0] not in " \t" or "def " in line or "class " in line):
            yield number, line
        at += len(line)


def references(part: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a part of a file uses, and those that it uses as something's attribute.

    Of a part that cannot be parsed on its own every word counts as a name.
    """
    tree = tree_of(textwrap.dedent(part))
    if tree is None:
        return words_in(part), frozenset()
    nodes = list(ast.walk(tree))
    names = frozenset(node.id for node in nodes if isinstance(node, ast.Name))
    return names, frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute)) - names


def words_in(part: str) -> frozenset[str]:
    """The words of a part of any language that can be names of something."""
    return frozenset(_WORD.findall(part))
