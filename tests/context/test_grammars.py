"""Files in other languages are divided at their definitions, where the grammars of the extra `code` are installed."""

from __future__ import annotations

import pytest

from swarm.context.blocks import File
from swarm.context.grammars import LANGUAGES
from swarm.context.pack import relevant
from swarm.context.parts import outline

FIELDS = "\n".join(f"  field{n}: number = {n};" for n in range(50))
TYPESCRIPT = """import { rate } from './tax';

// What an order holds.
export interface Item { price: number }

export class Order {
FIELDS
  total(): number { return this.items.reduce((sum, item) => sum + item.price * rate(), 0); }
}

export const empty = (order: Order) => order.total() === 0;
""".replace("FIELDS", FIELDS)

SAMPLES = {
    "a.js": ("function one() {}\nclass Two {}\nexport const three = () => 3;\n", [("one",), ("Two",), ("three",)]),
    "a.go": (
        "package a\n\nfunc One() {}\n\ntype Two struct{}\n\nfunc (t *Two) Three() {}\n",
        [("One",), ("Two",), ("Three",)],
    ),
    "a.rs": ("#[test]\nfn one() {}\n\nimpl Two { fn three(&self) {} }\n", [("one",), ("Two",)]),
    "a.java": ("package a;\n\nclass One { void two() {} }\n", [("One",)]),
    "a.c": ("#include <a.h>\n\nstatic int *one(int x) { return 0; }\n\nstruct two { int a; };\n", [("one",), ("two",)]),
    "a.cpp": ("namespace n {\nclass One {};\n}\n\nvoid One::two() {}\n", [("n",), ("two",)]),
    "a.tsx": ("export function One() { return <p/>; }\n\nenum Two { A }\n", [("One",), ("Two",)]),
}


def needs_grammar(name: str) -> None:
    package, _ = LANGUAGES[name[1:]]
    for each in ("tree_sitter", package):
        pytest.importorskip(each, reason=f"needs {each} (the extra `code`)")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_definition_is_a_block_that_has_its_name(name: str) -> None:
    needs_grammar(name)
    text, names = SAMPLES[name]
    assert [block.names for block in File(name, text).blocks if block.names] == names


def test_the_methods_of_a_long_class_are_blocks_and_a_comment_goes_with_what_stands_below() -> None:
    needs_grammar("a.ts")
    file = File("a.ts", TYPESCRIPT)
    assert [block.names for block in file.blocks] == [(), ("Item",), ("Order",), ("Order.total",), ("empty",)]
    assert file.said(1).startswith("// What an order holds.\n")
    assert file.headline(file.blocks[3].inside) == "export class Order {"
    (found,) = relevant([("a.ts", TYPESCRIPT)], "How is the total of an order computed?", 300)
    assert "  total(): number {" in found


def test_an_outline_gives_the_lines_that_begin_definitions() -> None:
    needs_grammar("a.ts")
    lines = outline("a.ts", TYPESCRIPT).splitlines()
    assert [line.split("(")[0] for line in lines[:-1]] == [
        "export interface Item { price: number }",
        "export class Order {",
        "  total",
        "export const empty = ",
    ]


def test_lines_are_counted_alike_whatever_ends_them() -> None:
    needs_grammar("a.js")
    text = "// a\r\nfunction one() {}\r\n\rfunction two() {}\n"
    assert [(block.first, block.names) for block in File("a.js", text).blocks] == [(1, ("one",)), (4, ("two",))]


def test_a_file_that_is_broken_is_divided_all_the_same() -> None:
    needs_grammar("a.go")
    names = [
        name
        for block in File("a.go", "func One() {\n\nfunc ] Two(\n\x00\nfunc Three() {}\n").blocks
        for name in block.names
    ]
    assert "One" in names
