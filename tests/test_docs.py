"""What the documents say is so: their task files are read, their commands and options exist, their tables are complete."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from events.types.any import KINDS
from swarm.cli.main import COMMANDS, main
from swarm.errors import SwarmError
from swarm.settings.keys import KEYS
from swarm.settings.load import load_settings
from swarm.settings.providers import PRESETS
from swarm.taskfile.forms import TASK
from swarm.taskfile.read import load_task_file, parse_task_file
from swarm.toolnames import OWN

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
NAMES = [name for group in COMMANDS.values() for name in group]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^<!-- .*? -->$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:^|&& |\bbin/)swarm (?P<words>[a-z][^#&\n]*)")
_OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][a-z-]*")


def blocks(language: str) -> list[tuple[str, str]]:
    """Every block of a language with the name of its document."""
    return [
        (document.relative_to(ROOT).as_posix(), found[2])
        for document in DOCUMENTS
        for found in _BLOCK.finditer(document.read_text())
        if found[1] == language
    ]


def command_lines() -> set[str]:
    """What stands behind `swarm` in every line of shell and every piece of code inside of a sentence."""
    lines = [line for language in ("sh", "text") for _, text in blocks(language) for line in text.splitlines()]
    for document in DOCUMENTS:
        lines += _INLINE.findall(_COMMENT.sub("", _BLOCK.sub("", document.read_text())))
    return {found["words"].strip() for line in lines for found in _COMMAND.finditer(line)}


def lines_of(path: str) -> list[str]:
    return (ROOT / path).read_text().splitlines()


def first_cells(path: str) -> list[str]:
    """The code in the first cell of each row of a document's tables."""
    return [found[1] for line in lines_of(path) if (found := re.match(r"\| `([^`]+)` \|", line))]


@pytest.mark.parametrize(("document", "text"), blocks("yaml"))
def test_a_task_file_in_a_document_is_right_as_it_stands(document: str, text: str) -> None:
    assert parse_task_file(text, Path(document).with_suffix(".yaml")).tasks


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_task_file_that_begins_with_what_it_shows(path: Path) -> None:
    assert load_task_file(path).tasks
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize(("document", "text"), blocks("toml"))
def test_settings_in_a_document_are_taken_as_a_users_own(document: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "swarm").mkdir()
    (tmp_path / "swarm" / "config.toml").write_text(text)
    loaded = load_settings(tmp_path, environ={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert any(origin.kind == "user file" for origin in loaded.origins.values()), document


@pytest.mark.parametrize("line", sorted(command_lines()))
def test_a_command_in_a_document_exists_with_every_option_that_is_named(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *words = shlex.split(line)
    assert name in NAMES
    assert main([name, "--help"]) == 0
    known = set(_OPTION.findall(capsys.readouterr().out))
    assert {word for word in words if word.startswith("-") and word != "-"} <= known


def test_the_documents_name_every_command_of_the_first_page() -> None:
    named = {line.split()[0] for line in command_lines()}
    assert {"run", "watch", "ps", "show", "log", "cost", "replay", "resume", "verify", "config", "trust"} <= named


def set_up_lines(path: str) -> list[str]:
    return [line for line in lines_of(path) if line.startswith("python3 -m venv .venv && ")]


def test_ci_runs_the_two_set_up_commands_of_the_readme_as_they_stand_there() -> None:
    main_job, tests = set_up_lines("README.md")
    assert main_job.endswith(".venv/bin/swarm run --local --yes examples/hello.yaml")
    assert tests.endswith(".venv/bin/pytest")
    assert set_up_lines(".ci/run") == [tests, main_job]
    assert set_up_lines("CONTRIBUTING.md") == [tests]


def test_the_readme_shows_the_task_file_that_its_first_command_runs() -> None:
    shown = [
        parse_task_file(text, ROOT / "examples/hello.yaml")
        for document, text in blocks("yaml")
        if document == "README.md"
    ]
    assert shown[0] == parse_task_file((ROOT / "examples/hello.yaml").read_text(), ROOT / "examples/hello.yaml")


def test_the_page_on_changed_files_shows_the_task_file_of_the_example_that_it_follows() -> None:
    path = ROOT / "examples/repair/task.yaml"
    shown = [text for document, text in blocks("yaml") if document == "docs/how-to/let-agents-change-files.md"]
    assert [parse_task_file(text, path) for text in shown] == [parse_task_file(path.read_text(), path)]


def test_what_the_package_requires_is_pinned_to_a_version_that_it_allows() -> None:
    pins = {canonicalize_name(pin.name): str(pin.specifier) for pin in map(Requirement, constraints())}
    assert all(pin.startswith("==") for pin in pins.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    for requirement in map(Requirement, required):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)].removeprefix("==")), requirement


def constraints() -> list[str]:
    return [line for line in lines_of("constraints.txt") if not line.startswith("#")]


def test_the_changelog_has_an_entry_for_the_version_that_is_declared() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    entries = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1:]
    newest = entries[0]
    assert re.match(rf"\[{re.escape(version)}\] - (unreleased|\d{{4}}-\d\d-\d\d)\n", newest)
    assert "\n- " in newest


def links() -> list[tuple[Path, str]]:
    """Every link of a document to a file."""
    found = [(path, to) for path in DOCUMENTS for to in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())]
    return [(path, to) for path, to in found if "://" not in to]


@pytest.mark.parametrize(("document", "target"), links())
def test_a_link_to_a_file_leads_to_it(document: Path, target: str) -> None:
    assert (document.parent / target).exists()


def anchors(path: Path) -> set[str]:
    """What a link to a part of a document can name: its headings, as they are shown on a page."""
    heads = re.findall(r"^#+ (.+)$", _BLOCK.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def parts_named() -> list[tuple[Path, str, str]]:
    found = [(path, *each) for path in DOCUMENTS for each in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", path.read_text())]
    return [(path, to, part) for path, to, part in found if "://" not in to]


@pytest.mark.parametrize(("document", "target", "part"), parts_named())
def test_a_link_to_a_part_of_a_document_leads_to_it(document: Path, target: str, part: str) -> None:
    assert part in anchors(document.parent / target if target else document)


def test_the_map_of_the_documents_has_each_of_them_once_under_its_kind() -> None:
    text = (ROOT / "docs/README.md").read_text()
    named = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): .+$", text, re.MULTILINE)
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted(there - {"README.md"})
    for part in text.split("\n## ")[1:]:
        kind = part.split("\n")[0].lower()
        assert all(to.startswith(f"{kind}/") for to in re.findall(r"\]\(([^)]+)\)", part) if "/" in to), kind


def map_rows() -> list[str]:
    """The second cell of each row under "Where is it decided ..."."""
    part = (ROOT / "CONTRIBUTING.md").read_text().split("## Where is it decided ...\n")[1].split("\n## ")[0]
    rows = [line.split(" | ")[1] for line in part.splitlines() if line.startswith("| ")]
    return [row for row in rows if row.strip("| ") not in ("there", "---")]


@pytest.mark.parametrize("row", map_rows())
def test_what_decides_something_stands_where_the_map_says(row: str) -> None:
    places = _INLINE.findall(row)
    assert places
    for place in places:
        path, names = place.split("::")
        assert defines(ast.parse((ROOT / path).read_text()), names.split(".")), place


def defines(tree: ast.Module | ast.ClassDef, names: list[str]) -> bool:
    """Whether a function, class or constant is defined there: by its name, or by those of its class and its own."""
    first, *rest = names
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) if name == first:
                return not rest or defines(node, rest)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name == first:
                return not rest
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if name == first:
                return not rest
            case _:
                pass
    return False


def test_the_reference_has_a_row_for_every_kind_of_event() -> None:
    assert sorted(first_cells("docs/reference/events.md")) == sorted(KINDS)


def test_the_reference_has_a_row_for_every_tool_that_is_our_own() -> None:
    found = {"find_tool", "use_tool", "find_skill", "read_skill"}
    assert set(first_cells("docs/reference/tools.md")) == {*OWN, *found}


def test_the_reference_has_a_row_for_every_provider_with_its_key_and_its_format() -> None:
    rows = {
        found.groups()
        for line in lines_of("docs/reference/providers.md")
        if (found := re.match(r"\| `([a-z]+)` \| `([A-Z_]+)` \| `([a-z]+)` \|$", line))
    }
    assert rows == {(name, each["key_env"], each.get("wire", "openai")) for name, each in PRESETS.items()}


def test_the_reference_has_a_row_for_every_setting_with_its_default() -> None:
    rows = {
        found[1]: found[2]
        for line in lines_of("docs/reference/settings.md")
        if (found := re.match(r"\| `([^`]+)` \| ([^|]*?) ?\|", line))
    }
    assert rows.keys() == {".".join(key).replace("*", "NAME") for key in KEYS}
    for key, known in KEYS.items():
        if known.default is not None and "*" not in key:
            shown = rows[".".join(key)].strip("`")
            default = known.default
            written = json.dumps(default) if isinstance(default, bool | list) else str(default) or '""'
            assert shown == written


def test_the_reference_names_every_key_of_a_task() -> None:
    text = (ROOT / "docs/reference/task-file.md").read_text()
    assert {key for key in TASK if f"`{key}`" not in text} == set()


def test_the_reference_has_every_exit_code_that_an_error_can_have() -> None:
    codes = {found[1] for line in lines_of("docs/reference/exit-codes.md") if (found := re.match(r"\| (\d+) \|", line))}
    pending, errors = [SwarmError], set[type[SwarmError]]()
    while pending:
        errors.add(error := pending.pop())
        pending += error.__subclasses__()
    assert {str(error.exit_code) for error in errors} | {"0", "130", "143"} <= codes
