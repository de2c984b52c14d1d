"""The house keeps its lines: who may import whom, and how long a file and a function may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "events": {"events"},
    "skills": {"skills"},
    "tui": {"tui", "events"},
    "swarm": {"swarm", "events", "skills"},
    "swarm.cli": {"swarm", "events", "skills", "tui"},
}
PACKAGES = ("events", "skills", "tui", "swarm")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FILE_LINES, FUNCTION_LINES, MOST_FUNCTIONS_LINES = 450, 50, 20

# from the ground up; a module may import what stands on its own line or below it
LINES = (
    (
        "swarm.agents swarm.compress swarm.conditions swarm.errors swarm.garbage swarm.globs swarm.items swarm.messages swarm.paths swarm.redact"
        " swarm.credentials swarm.keyfile swarm.library swarm.settings swarm.task swarm.taskfile swarm.text swarm.toolnames swarm.units swarm.version"
        " swarm.schedule.times swarm.schedule.terms swarm.zones"
    ),
    (
        "swarm.choice swarm.money swarm.models swarm.context swarm.prompts swarm.cache swarm.tools"
        " swarm.cycle"  # no leaf, but as low: the journal speaks of its steps
    ),
    "swarm.journal swarm.owner swarm.alive",
    "swarm.calls swarm.cooldowns swarm.orders swarm.pauses swarm.repeats swarm.reservation swarm.sharing swarm.stages swarm.together swarm.tries",
    "swarm.roles",
    (
        "swarm.session swarm.connect swarm.confirmed swarm.crew swarm.demo swarm.engine swarm.estimate swarm.evaluation swarm.export swarm.freelist"
        " swarm.insight swarm.plan swarm.replay swarm.results swarm.roster swarm.schedule swarm.tune swarm.whatif"
    ),
    "swarm.cli",
)
LINE = {name: number for number, names in enumerate(LINES) for name in names.split()}
LEAVES = frozenset(LINES[1].split())


class Import(NamedTuple):
    module: str
    target: str
    line: int
    at_once: bool  # when the module is imported: in no function, and not under TYPE_CHECKING

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def modules() -> dict[str, Path]:
    """Our modules by their dotted names; a package goes by its own name."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports_of(module: str, tree: ast.Module) -> Iterator[Import]:
    """All imports of our own modules, wherever they stand: in functions and under TYPE_CHECKING, too."""
    at_once = set(done_at_once(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                targets = [name.name for name in names]
            case ast.ImportFrom(module=base, level=0, names=names) if base:
                below = [f"{base}.{name.name}" for name in names]
                targets = [name if name in MODULES else base for name in below]
            case ast.ImportFrom(level=level):
                assert not level, f"{module}:{node.lineno}: an import names its module in full"
                continue
            case _:
                continue
        for name in targets:
            if name.partition(".")[0] in PACKAGES:
                yield Import(module, name, node.lineno, node in at_once)


def done_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """What is carried out when the module is imported."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if not isinstance(child, (*FUNCTIONS, ast.Lambda)):
            yield from done_at_once(child)


class Looked(NamedTuple):
    """What is asked about a file, which is parsed once."""

    imports: tuple[Import, ...]
    functions: tuple[tuple[str, int], ...]  # names and lengths


@cache
def look(module: str) -> Looked:
    tree = ast.parse(MODULES[module].read_text())
    functions = [(node.name, length_of(node)) for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    return Looked(tuple(imports_of(module, tree)), tuple(functions))


def all_imports() -> list[Import]:
    return [found for module in MODULES for found in look(module).imports]


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def place(module: str) -> str:
    """The name in LINES that the module belongs to, "" where it has none."""
    return next((name for name in LINE if within(module, name)), "")


def test_packages_import_one_way() -> None:
    wrong: list[str] = []
    for found in all_imports():
        home = "swarm.cli" if within(found.module, "swarm.cli") else found.module.partition(".")[0]
        if found.target.partition(".")[0] not in MAY_IMPORT[home]:
            wrong.append(str(found))
    assert not wrong, wrong
    assert {found.module.partition(".")[0] for found in all_imports()} >= {"events", "swarm"}, "nothing was looked at"


def test_each_module_of_swarm_has_its_line() -> None:
    homeless = [name for name in MODULES if within(name, "swarm") and name != "swarm" and not place(name)]
    assert not homeless, f"say in LINES on which line they stand: {homeless}"


def test_imports_inside_swarm_point_down() -> None:
    wrong = [
        str(found)
        for found in all_imports()
        if place(found.module) and place(found.target) and LINE[place(found.target)] > LINE[place(found.module)]
    ]
    assert not wrong, wrong


def test_no_module_needs_itself_to_be_imported() -> None:
    """So that each can be imported first, and all that is seen of it when all are imported is its own doing."""
    needs: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in all_imports():
        if found.at_once:
            needs[found.module].add(found.target)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert any(needs.values()), "nothing was looked at"


def test_no_leaf_imports_another() -> None:
    wrong = [
        str(found)
        for found in all_imports()
        if place(found.module) in LEAVES and place(found.target) in LEAVES - {place(found.module)}
    ]
    assert not wrong, wrong


def test_the_cycle_knows_events_and_tasks_only() -> None:
    targets = {found.target for found in all_imports() if found.module == "swarm.cycle"}
    assert targets and all(within(target, "events") or target == "swarm.task" for target in targets), targets


def test_only_the_record_knows_that_the_log_is_sqlite() -> None:
    wrong = [
        str(found)
        for found in all_imports()
        if within(found.target, "events.sqlite") and not within(found.module, "events")
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("package", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_a_package_holds_a_docstring_and_nothing_to_import(package: str) -> None:
    body = ast.parse(MODULES[package].read_text()).body
    assert len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def test_a_file_fits_in_one_head() -> None:
    lines = {module: path.read_text().count("\n") for module, path in MODULES.items()}
    long = {
        f"{module}:{name}": length
        for module in MODULES
        for name, length in look(module).functions
        if length > FUNCTION_LINES
    }
    assert {module: count for module, count in lines.items() if count > FILE_LINES} == {}
    assert long == {}


def test_of_ten_functions_nine_have_twenty_lines_at_most() -> None:
    lengths = sorted(length for module in MODULES for _, length in look(module).functions)
    assert lengths[len(lengths) * 9 // 10] <= MOST_FUNCTIONS_LINES


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines, without its docstring."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return length
