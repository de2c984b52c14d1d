"""Repositories that are made up: modules with functions, a test for each, settings and notes; in some, one line is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from bench.material import PEOPLE, TEAMS, sentences

MODULES, FUNCTIONS = 6, 12

FORMS: tuple[tuple[str, str, str], ...] = (
    ("fee", "amount: int", "return max({m}, amount * {k} // 100)"),
    ("pages", "count: int", "return -(-count // {k})"),
    ("late", "days: int", "return 0 if days <= {k} else (days - {k}) * {m}"),
    ("rest", "stock: int", "return max(0, stock - {k}) % {m}"),
    ("points", "spent: int", "return spent // {k} + {m}"),
    ("room", "beds: int", "return min(beds + {m}, {k} * {m})"),
)
"""What functions are about, what they take, and how they are written."""

SLIPS = (("// 100", "// 10"), ("-(-count", "(count"), ("days - ", "days + "), ("max(0, ", "min(0, "))
"""What is right, and what stands in its place where a repository is broken."""


@dataclass(frozen=True)
class Function:
    name: str
    takes: str
    line: str
    asked: int
    result: int

    @property
    def source(self) -> str:
        return f'def {self.name}({self.takes}) -> int:\n    """What {self.name.replace("_", " ")} comes to."""\n    {self.line}\n'


@dataclass(frozen=True)
class Broken:
    """A repository with a failing test: where the wrong line stands, and the right one."""

    files: Mapping[str, str]
    path: str
    function: str
    wrong: str
    right: str


def broken(number: int) -> Broken:
    """The repository with so many slips before it; the slip is another one each time."""
    draw, modules = Random(f"repository {number}"), TEAMS[:MODULES]
    made = {name: [_function(draw, name, place) for place in range(FUNCTIONS)] for name in modules}
    right, slip = SLIPS[number % len(SLIPS)]
    home, function = draw.choice([(name, each) for name, all_ in made.items() for each in all_ if right in each.line])
    wrong = function.line.replace(right, slip)
    files = _files(draw, made)
    path = f"shop/{home}.py"
    files[path] = files[path].replace(function.source, function.source.replace(function.line, wrong))
    return Broken(files, path, function.name, wrong, function.line)


def _function(draw: Random, module: str, place: int) -> Function:
    form, takes, line = draw.choice(FORMS)
    written = line.format(k=draw.randint(3, 40), m=draw.randint(2, 30))
    asked, name = draw.randint(200, 900), f"{module}_{form}_{place}"
    known: dict[str, Any] = {}
    exec(f"def tried({takes}) -> int:\n    {written}\n", known)
    return Function(name, takes, written, asked, known["tried"](asked))


def _files(draw: Random, made: Mapping[str, list[Function]]) -> dict[str, str]:
    files = {"shop/__init__.py": "", "tests/__init__.py": "", "README.md": _readme(draw)}
    for name, functions in made.items():
        said = " ".join(sentences(draw, 4))
        files[f"shop/{name}.py"] = "\n\n".join(
            [f'"""{name.title()}. {said}"""\n', *(each.source for each in functions)]
        )
        tests = "\n".join(
            f"    def test_{each.name}(self) -> None:\n        self.assertEqual({name}.{each.name}({each.asked}), {each.result})\n"
            for each in functions
        )
        files[f"tests/test_{name}.py"] = (
            f"import unittest\n\nfrom shop import {name}\n\n\nclass {name.title()}(unittest.TestCase):\n"
            f'    def setUp(self) -> None:\n        print("{name}: 3 fixtures loaded, clock set to 2026-03-01T00:00:00Z")\n\n{tests}'
        )
    return files


def _readme(draw: Random) -> str:
    return "# Shop\n\n" + "\n\n".join(" ".join(sentences(draw, 5)) for _ in range(8)) + "\n"


def services(number: int, *, count: int = 9) -> dict[str, tuple[str, str]]:
    """Files of services by path, each with the line of its time-out: modules, settings or pages."""
    draw = Random(f"services {number}")
    found: dict[str, tuple[str, str]] = {}
    for name in draw.sample([f"{team}_{part}" for team in TEAMS for part in ("api", "jobs", "mail")], count):
        line = (f"TIMEOUT_S = {draw.randint(2, 600)}", f"timeout_s = {draw.randint(2, 600)}")[number % 2]
        if number % 2 == 0:
            body = [_function(draw, name, place).source for place in range(14)]
            body.insert(draw.randrange(3, 12), f"{line}  # of {name}\n")
            found[f"services/{name}.py"] = (
                "\n\n".join([f'"""{name}, by {draw.choice(PEOPLE)}."""\n', *body]),
                f"{line}  # of {name}",
            )
            continue
        keys = [
            f"{thing}_{place} = {draw.randint(1, 9_999)}"
            for place, thing in enumerate(("limit", "batch", "port", "keep", "retry") * 18)
        ]
        keys.insert(draw.randrange(20, 70), f"{line}  ; of {name}")
        found[f"services/{name}.ini"] = f"[{name}]\n" + "\n".join(keys) + "\n", f"{line}  ; of {name}"
    return found
