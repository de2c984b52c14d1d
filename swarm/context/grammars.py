"""Where the parts of a file in another language than Python begin, by the grammars of tree-sitter (the extra `code`).

A language whose grammar is not installed has no marks here; its files are divided as any text is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from posixpath import splitext
from typing import TYPE_CHECKING

from swarm.context.marks import Mark

if TYPE_CHECKING:
    from tree_sitter import Language, Node

LANGUAGES: Mapping[str, tuple[str, str]] = {
    ".js": ("tree_sitter_javascript", "language"),
    ".jsx": ("tree_sitter_javascript", "language"),
    ".mjs": ("tree_sitter_javascript", "language"),
    ".cjs": ("tree_sitter_javascript", "language"),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".mts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".go": ("tree_sitter_go", "language"),
    ".rs": ("tree_sitter_rust", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".c": ("tree_sitter_c", "language"),
    ".h": ("tree_sitter_cpp", "language"),
    ".hpp": ("tree_sitter_cpp", "language"),
    ".cc": ("tree_sitter_cpp", "language"),
    ".cpp": ("tree_sitter_cpp", "language"),
    ".cxx": ("tree_sitter_cpp", "language"),
}
"""By the ending of a file's name the package of its grammar, and the function in it."""

LARGEST_PARSED = 4_000_000
"""Characters. A tree of a million takes .1 s."""

_LONG = 40  # lines from which on the parts of a definition are parts of their own
_MOST_NAMES = 20  # of one part: what has more in one line is not written by people
_DEEPEST = 3  # a method of a class in a namespace
_NAMED = frozenset(
    [
        "function_declaration",
        "generator_function_declaration",
        "function_definition",
        "function_item",
        "function_signature",
        "method_declaration",
        "method_definition",
        "constructor_declaration",
        "class_declaration",
        "abstract_class_declaration",
        "class_specifier",
        "struct_specifier",
        "struct_item",
        "union_specifier",
        "union_item",
        "enum_declaration",
        "enum_specifier",
        "enum_item",
        "interface_declaration",
        "record_declaration",
        "annotation_type_declaration",
        "trait_item",
        "impl_item",
        "mod_item",
        "internal_module",
        "module",
        "namespace_definition",
        "type_alias_declaration",
        "type_declaration",
        "type_definition",
        "type_item",
        "macro_definition",
        "preproc_function_def",
        "preproc_def",
        "const_item",
        "static_item",
        "const_declaration",
        "var_declaration",
        "lexical_declaration",
        "variable_declaration",
        "ambient_declaration",
        "alias_declaration",
    ]
)
_AROUND = frozenset(["export_statement", "template_declaration", "expression_statement", "linkage_specification"])
_NAMES_IN = ("name", "declarator", "type", "declaration", "left")  # fields of a node that lead to its name


def marks_of(name: str, text: str) -> list[Mark] | None:
    """Return where the definitions of a file begin; None where no grammar for it is installed, or it finds none.

    Lines are counted as `\\n`, `\\r\\n` and `\\r` end them.
    """
    language = _language(splitext(name)[1].lower()) if len(text) <= LARGEST_PARSED else None
    if language is None:
        return None
    from tree_sitter import Parser

    plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    found: list[Mark] = []
    _collect(Parser(language).parse(plain.encode("utf-8", "replace")).root_node, found, -1, "", 0)
    return found or None


@cache
def _language(ending: str) -> Language | None:
    package, function = LANGUAGES.get(ending, ("", ""))
    if not package or find_spec("tree_sitter") is None or find_spec(package) is None:
        return None
    from tree_sitter import Language

    language: object = getattr(import_module(package), function)()
    return Language(language)


def _collect(node: Node, found: list[Mark], inside: int, above: str, depth: int) -> None:
    """Add the definitions right below a node, of the long ones what is in them, too."""
    for child in node.named_children:
        defined = _defined(child)
        if defined is None:
            continue
        line, name = child.start_point.row + 1, _name(defined)
        if found and line == found[-1].line:  # two in one line are one part
            if name and len(found[-1].names) < _MOST_NAMES:
                found[-1] = found[-1]._replace(names=(*found[-1].names, name))
            continue
        full = f"{above}.{name}" if above and name else name
        found.append(Mark(line, (full,) if name else (), inside, at=defined.start_point.row + 1))
        if depth < _DEEPEST and child.end_point.row - child.start_point.row >= _LONG:
            number = len(found) - 1
            for body in _bodies(defined):
                _collect(body, found, number, full, depth + 1)


def _defined(node: Node) -> Node | None:
    """The definition that a node is or wraps."""
    if node.type in _NAMED:
        return node
    if node.type in _AROUND:
        return next((found for child in node.named_children if (found := _defined(child)) is not None), None)
    return None


def _bodies(node: Node) -> Iterator[Node]:
    """What holds the definitions that are a part of this one. A function's own statements are no parts of a file."""
    for child in node.named_children:
        if child.type.endswith(("_body", "declaration_list")) or node.type in ("internal_module", "module"):
            yield child


def _name(node: Node) -> str:
    """What a definition is called; "" where it has no name."""
    for _ in range(8):  # pointers, parentheses and qualifiers may stand around a name
        below = next((child for field in _NAMES_IN if (child := node.child_by_field_name(field)) is not None), None)
        if below is None:
            named = [child for child in node.named_children if child.child_by_field_name("name") is not None]
            below = named[0] if named and node.type in _NAMED else None
        if below is None:
            break
        node = below
    text = node.text if not node.named_children or node.type.endswith("identifier") else None
    return text.decode("utf-8", "replace").rpartition("::")[2] if text else ""
