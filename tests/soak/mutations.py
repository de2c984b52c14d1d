"""Inputs that nobody would write: what is right, changed at random, byte by byte or in its structure. The same seed gives the same."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, TypeGuard

import yaml

BLOCK = 50
"""Inputs of one case: a test for each would take longer than what it tests."""

SCRAPS = (
    "null", "~", "true", "off", "0", "-1", "1e999", "1" * 400, ".5", "0x1F", "1_000", "12:30", "2026-02-30", "NaN", "", " ", "\t",
    "x" * 5_000, "ä", "世界", "\u202e", "\ufeff", "\u0085", "\x00", "\x1b[31m", "\\ud800", "../../etc/passwd", "/dev/null", "~/x",
    "**/*", "[", "]]", "{", "}}", "{{vars.x}}", "{{ x", "${HOME}", "$(id)", "%s%n", "&a", "*a", "!!python/object:os.system", "<<",
    "|", ">-", "---", "...", "#", "'", '"', ": ", "- ", "? ", "$0.10", "10k", "-5 tokens", "1e9 years", "self", "prompt", "tasks",
    "needs", "each", "(a+)+$", "[unclosed", "[" * 900, "{a: " * 300, "(?P<", "a.b.c", "s1", "s999999999999", "s1/x/1", "1:" + "f" * 64,
)  # fmt: skip
"""Values that programs trip over: numbers that are none, signs that mean something to somebody, paths that lead away."""


STRANGE: tuple[Any, ...] = (None, True, False, 0, -1, 3, 2**70, 1.5, float("inf"), float("nan"), [], {}, [[]], {"": ""})


@contextmanager
def told(**input_: object) -> Generator[None]:
    """Say of a failure with which input it came."""
    try:
        yield
    except BaseException as error:
        for name, value in input_.items():
            error.add_note(f"{name}: {value!r}")
        raise


def luck(seed: int) -> Generator[tuple[int, Random]]:
    """For each input of a case its number, and what it is made from."""
    for number in range(BLOCK):
        yield number, Random(f"{seed}/{number}")


def changed_bytes(text: bytes, random: Random) -> bytes:
    """The bytes with some of them changed, cut out, doubled, put elsewhere or replaced by a scrap."""
    said = bytearray(text)
    for _ in range(random.choice((1, 1, 2, 4, 10))):
        at = random.randrange(len(said) + 1)
        until = min(len(said), at + random.choice((1, 1, 4, 40)))
        match random.randrange(7):
            case 0:
                said[at:until] = random.randbytes(until - at)
            case 1:
                del said[at:until]
            case 2:
                said[at:at] = said[at:until]
            case 3:
                said[at:until] = random.choice(SCRAPS).encode("utf-8", "surrogatepass")
            case 4:
                said[at:at] = random.choice(SCRAPS).encode("utf-8", "surrogatepass")
            case 5:
                elsewhere = random.randrange(len(said) + 1)
                said[elsewhere:elsewhere] = said[at:until]
            case _:
                if random.random() < 0.3:
                    del said[at:]
    return bytes(said)


def changed_words(text: str, random: Random) -> str:
    """The text with some of its words, values and lines put in the place of others."""
    words = re.split(r"(\W+)", text)
    lines = text.splitlines(keepends=True)
    for _ in range(random.choice((1, 2, 3, 8))):
        if random.random() < 0.6 and len(words) > 2:
            words[random.randrange(len(words))] = random.choice((random.choice(words), random.choice(SCRAPS)))
            lines = "".join(words).splitlines(keepends=True)
        elif lines:
            at = random.randrange(len(lines))
            match random.randrange(4):
                case 0:
                    del lines[at]
                case 1:
                    lines.insert(random.randrange(len(lines)), lines[at])
                case 2:
                    lines[at] = " " * random.randrange(9) + lines[at].lstrip(" ")
                case _:
                    lines[at] = lines[at].rstrip("\n") + random.choice(SCRAPS) + "\n"
            words = re.split(r"(\W+)", "".join(lines))
    return "".join(words)


def changed_tree(tree: Any, random: Random, *, spare: Sequence[Any] = ()) -> Any:
    """The mappings, lists and values with some of them changed for others, doubled, emptied, nested or gone."""
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        tree = _changed(tree, random, [*spare, tree])
    return tree


def _changed(node: Any, random: Random, spare: Sequence[Any]) -> Any:
    if _is_mapping(node) and node and random.random() < 0.85:
        return _changed_mapping(dict(node), random, spare)
    if not (_is_list(node) and node and random.random() < 0.85):
        return _other(node, random, spare)
    items = list(node)
    at = random.randrange(len(items))
    if random.random() < 0.2:
        del items[at]
    elif random.random() < 0.2:
        items.insert(at, random.choice(items))
    else:
        items[at] = _changed(items[at], random, spare)
    return items


def _is_mapping(node: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(node, dict)


def _is_list(node: object) -> TypeGuard[list[Any]]:
    return isinstance(node, list)


def _changed_mapping(node: dict[Any, Any], random: Random, spare: Sequence[Any]) -> dict[Any, Any]:
    key = random.choice(list(node))
    match random.randrange(8):
        case 0:
            del node[key]
        case 1:
            node[random.choice(SCRAPS)] = node.pop(key)
        case 2:
            node[random.choice(SCRAPS)] = node[key]
        case 3:
            other = random.choice(list(node))
            node[key], node[other] = node[other], node[key]
        case _:
            node[key] = _changed(node[key], random, spare)
    return node


def _other(node: Any, random: Random, spare: Sequence[Any]) -> Any:
    match random.randrange(9):
        case 0 | 1:
            return random.choice(SCRAPS)
        case 2:
            return random.choice(STRANGE)
        case 3:
            return [node] * random.choice((1, 3))
        case 4:
            return {random.choice(("run", "from", "each", random.choice(SCRAPS))): node}
        case 5 | 6:
            return _part_of(random.choice(spare), random)
        case 7:
            return _nested(node, random.choice((5, 39, 41, 60)))
        case _:
            return str(node) * random.choice((2, 100))


def _part_of(tree: Any, random: Random) -> Any:
    while random.random() < 0.7:
        if _is_mapping(tree) and tree:
            tree = random.choice(list(tree.values()))
        elif _is_list(tree) and tree:
            tree = random.choice(tree)
    return tree


def _nested(node: Any, depth: int) -> Any:
    for _ in range(depth):
        node = [node]
    return node


def as_yaml(tree: Any, random: Random) -> str:
    """The tree as a file, in one of the forms that YAML has for it."""
    text: str = yaml.dump(
        tree,
        Dumper=yaml.CDumper,
        default_flow_style=random.choice((None, True, False)),
        allow_unicode=random.random() < 0.5,
        width=random.choice((20, 80, 1000)),
        sort_keys=False,
    )
    return text
