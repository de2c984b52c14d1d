"""Reference pages from the program itself: `python -m tests.reference` writes them anew, tests/test_reference.py says which are old.

What people wrote stays: the last column of the settings, and what docs/README.md says of each page.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from textual.binding import Binding

import tui
from swarm.cli.main import COMMANDS
from swarm.cli.options import add_shared, parser_of
from swarm.settings.keys import KEYS, Key, Source
from tui.keys import sign_of

ROOT = Path(__file__).parents[1]
_HEAD = "<!-- Written by `python -m tests.reference`. -->"
_LINK = re.compile(r"^- \[(?P<title>[^\]]+)\]\((?P<to>[^)]+)\): (?P<said>.+)$")
_ROW = re.compile(r"\| `(?P<key>[^`]+)` \|(?P<default>[^|]*)\|(?P<rest>.*)\|$")


def command_page() -> str:
    lines = ["# Commands", "", _HEAD, "", "`swarm COMMAND --help` says the same in the terminal.", ""]
    lines += ["How a run, a task or a step is named: [names](../how-to/run-a-task.md#how-things-are-named).", ""]
    for group, commands in COMMANDS.items():
        lines += [f"## {group}", ""]
        for name, (module, help_) in commands.items():
            parser, _ = parser_of(name, module, help_)
            lines += _command(name, parser)
    shared = argparse.ArgumentParser(add_help=False)
    add_shared(shared)
    lines += ["## Shared by all commands", "", *_table(shared, shared=True)]
    lines += ["## How they end", "", "0 is success; what the others mean stands in [exit codes](exit-codes.md).", ""]
    return "\n".join(lines)


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    words = " ".join(_word(action) for action in _actions(parser) if not action.option_strings)
    yield from (f"### swarm {name}", "", f"{parser.description}", "")
    yield from (f"    swarm {name} [OPTIONS] {words}".rstrip(), "")
    yield from _table(parser)
    if parser.epilog:
        yield from (*(f"    {line}".rstrip() for line in parser.epilog.strip("\n").splitlines()), "")


def _word(action: argparse.Action) -> str:
    shown = action.metavar if isinstance(action.metavar, str) else "|".join(action.choices or ()) or action.dest.upper()
    return {"?": f"[{shown}]", "*": f"[{shown} ...]", "+": f"{shown} ..."}.get(str(action.nargs), shown)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    known = parser._actions  # pyright: ignore[reportPrivateUsage]  # argparse tells them nowhere else
    return [action for action in known if action.help != argparse.SUPPRESS]


def _table(parser: argparse.ArgumentParser, *, shared: bool = False) -> Iterator[str]:
    common = argparse.ArgumentParser(add_help=False)
    add_shared(common)
    known = {option for action in _actions(common) for option in action.option_strings}
    rows = [
        f"| {_form(action)} | {_help(action, parser)} |"
        for action in _actions(parser)
        if "--help" not in action.option_strings and (shared or known.isdisjoint(action.option_strings))
    ]
    if rows:
        yield from ("| word or option | what it does |", "| --- | --- |", *rows, "")


def _form(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{_word(action)}`".replace("|", "\\|")
    value = "" if action.nargs == 0 else f" {_word(action)}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings).replace("|", "\\|")


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    said = (action.help or "") % {**vars(action), "prog": parser.prog}
    return said.replace("|", "\\|").replace("<", "&lt;")


def settings_page(before: str) -> str:
    """The page with the table's first three columns from the program; its rows and their last column are as they were."""
    return "".join(_setting(line) for line in before.splitlines(keepends=True))


def _setting(line: str) -> str:
    if line == "| key | default | what it is |\n":
        return "| key | default | what is taken | what it is |\n"
    if line == "| --- | --- | --- |\n":
        return "| --- | --- | --- | --- |\n"
    if (found := _ROW.match(line)) is None:
        return line
    key = next(key for key in KEYS if ".".join(key).replace("*", "NAME") == found["key"])
    said = found["rest"].rpartition("|")[2].strip()
    return f"| `{found['key']}` |{found['default']}| {taken(KEYS[key])} | {said} |\n"


def taken(key: Key) -> str:
    """What a setting takes, in the words in which it refuses anything else."""
    try:
        key.parse(argparse.Namespace(), Source(Path("/"), Path("/"), ""))
    except ValueError as error:
        said = re.sub(r"[,;] (?:not|never) .*$", "", str(error))
    else:
        raise AssertionError("a setting takes anything")
    said = re.sub(r",? (?:is|are) expected", "", said).removeprefix("one of ")
    return said.split(": what ")[0].split(" is a text such as ")[0]


def key_page() -> str:
    """The keys of the live view, from the bindings of its screens and panes."""
    lines = ["# Keys of the live view", "", _HEAD, "", "In the view itself `?` shows those of the moment.", ""]
    for place, what, bindings in _bound():
        rows = [f"| {_pressed(each)} | {_meaning(each)} |" for each in bindings]
        lines += [f"## {_place(place)}", "", what, "", "| key | what it does |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def _bound() -> Iterator[tuple[str, str, list[Binding]]]:
    for module in sorted(pkgutil.walk_packages(tui.__path__, "tui."), key=lambda each: each.name):
        for name, found in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(found) and found.__module__ == module.name and (given := vars(found).get("BINDINGS")):
                bindings = list(Binding.make_bindings(given))
                yield name, (inspect.getdoc(found) or "").split("\n\n")[0].replace("\n", " "), bindings


def _place(name: str) -> str:
    """What a class of the screen is of, in words."""
    words = re.findall("[A-Z][a-z]*", name)
    return " ".join(words[:-1] if words[-1] in ("App", "Screen", "View") else words).capitalize()


def _pressed(binding: Binding) -> str:
    return f"`{sign_of(binding.key)}`".replace("|", "\\|")


def _meaning(binding: Binding) -> str:
    """Its description; without one its action, as words."""
    name, _, given = binding.action.rpartition(".")[2].partition("(")
    words = [name.replace("_", " "), *re.findall(r"[\w-]+", given)]
    return binding.description or " ".join(words)


def index_page(map_: str) -> str:
    """llms.txt: what a program that reads this repository is told of it, from the map of the documents."""
    lines = ["# swarm", ""]
    lines += [
        "> Runs a task with a team of language-model agents on the cheapest model whose work is accepted, and writes"
    ]
    lines += ["> every fact to one append-only log. Python 3.11 or later, Linux and macOS; the command is `swarm`.", ""]
    lines += [
        "Begin with [README.md](README.md); to change the program, with [AGENTS.md](AGENTS.md) and",
        "[CONTRIBUTING.md](CONTRIBUTING.md).",
        "",
    ]
    for line in map_.splitlines():
        if line.startswith("## "):
            lines += [*([""] if lines[-1] else []), line, ""]
        elif found := _LINK.match(line):
            lines.append(f"- [{found['title']}](docs/{found['to']}): {found['said']}")
    return "\n".join(lines) + "\n"


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/cli.md": command_page,
    "docs/reference/keys.md": key_page,
    "docs/reference/settings.md": lambda: settings_page(_read("docs/reference/settings.md")),
    "llms.txt": lambda: index_page(_read("docs/README.md")),
}
"""Each page that is written, and what writes it."""


def main() -> int:
    for path, write in PAGES.items():
        (ROOT / path).write_text(write(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
