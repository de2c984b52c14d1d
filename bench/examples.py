"""The three larger examples as assignments: a mix of coding tasks, of which some are drawn, twelve analysts, a personal assistant.

Their task files are taken as they stand in `examples/`, with the checks and the budgets that they have.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import yaml

from bench.assignment import Assignment
from bench.facts import Fact, Row, Span
from bench.reader import Part

FOLDER = Path(__file__).parent.parent / "examples"
TASK_KEYS = ("defaults", "tasks")

MIX = {"simple": 5, "moderate": 3, "complex": 2}
"""How many tasks of a level are drawn: as the whole has them, a hundredth of it."""

WORDS = {"simple": 60, "moderate": 250, "complex": 700}
"""Of an answer to such a task: by assumption."""

LEVELS = ("simple",) * 10 + ("moderate",) * 6 + ("complex",) * 4
"""Of the tasks of the mix, in the order of the file."""


def coding_mix() -> Iterator[Assignment]:
    """Tasks drawn from the thousand: what they ask, of one module. Nothing is read, so they are all words to and from a model."""
    file = _yaml(FOLDER / "coding/mix.yaml")
    draw = Random("coding mix")
    for level, count in MIX.items():
        known = [name for name, its in zip(file["tasks"], LEVELS, strict=True) if its == level]
        for number, name in enumerate(draw.sample(known * count, count)):
            task = file["tasks"][name]
            item = draw.choice(task["each"])
            filled = _filled({**file["defaults"], **task}, item)
            part = Part(filled["prompt"], f"import {item}, as it has what is needed", words=WORDS[level])
            title = f"{level}-{number}-{name}"
            yield Assignment(title, "coding mix", "coding", {title: filled}, (part,))


def analysts() -> Iterator[Assignment]:
    """The run of twelve within 40,000 tokens: eleven read one table, the last puts it together."""
    folder = FOLDER / "analysts"
    file, said = _yaml(folder / "task.yaml"), _script(folder / "script.toml")
    rows = {row["figure"]: row for row in csv.DictReader((folder / "figures.csv").read_text().splitlines())}
    parts: list[Part] = []
    for name, task in file["tasks"].items():
        answer = next(text for holds, text in said if name.title() in holds or name == "review")
        if name == "review":
            answer = said[-1][1]
            facts: tuple[Fact, ...] = tuple(Span(" ".join(part.answer.split()[:8])) for part in parts)
        else:
            facts = tuple(_row(rows[figure]) for figure in FIGURES[name])
        parts.append(Part(task["prompt"], answer, facts))
    tasks = {name: {**file["defaults"], **task} for name, task in file["tasks"].items()}
    top = {key: value for key, value in file.items() if key not in TASK_KEYS}
    files = {"figures.csv": (folder / "figures.csv").read_text()}
    yield Assignment("analysts", "analysts", "analysts", tasks, tuple(parts), files, top)


FIGURES: Mapping[str, tuple[str, ...]] = {
    "mira": ("visitors", "orders"),
    "omar": ("average order in euros",),
    "lena": ("customers who left",),
    "ravi": ("tickets", "tickets on deliveries"),
    "ines": ("late parcels in percent", "parcels"),
    "kofi": ("cost of a new customer in euros", "customers who left"),
    "anna": ("goods of an order in euros", "parcel of an order in euros", "support of an order in euros"),
    "yuki": ("garden in thousand euros", "kitchen in thousand euros"),
    "paul": ("end of the parcel contract", "share of garden from one supplier in percent"),
    "zoe": ("parcels", "people in the warehouse"),
    "hugo": ("competitor one: free parcels from euros", "competitor two: kitchen prices against ours in percent"),
}
"""The rows that each of them needs."""


def _row(row: Mapping[str, str]) -> Row:
    return Row(tuple((key, value) for key, value in row.items() if value))


NEEDED: Mapping[str, tuple[str, ...]] = {
    "mails": ("I have to tell the customer by Tuesday noon", "confirm your payment data", "trip on 4 December"),
    "day": ("09:00,09:30,Stand-up", "09:15,10:00,Dentist", "the form for 2025"),
    "page": ("the price of the second day", "overlap"),
    "midday": ("1,800 or 2,100", "Offer with Petra"),
    "expenses": ("Taxi Zurich,54.00,CHF", "Hotel Krone,172.00,CHF", "Bakery Huber,8.40,EUR"),
    "due": ("2026-11-27", "2026-11-25"),
    "review": ("windows were put off twice",),
    "home-1": ("the fish has to be eaten by Wednesday",),
    "home-2": ("coffee and dish soap run out",),
    "home-3": ("windows were put off twice",),
    "home-4": ("frost from Thursday on",),
    "home-5": ("two articles on heat pumps",),
    "letter": ("the windows, as nobody has half a day", "the dahlias come in before Thursday"),
}
"""The words of mails, notes and tables that the assistant's tasks need."""


def assistant() -> Iterator[Assignment]:
    """A day of the assistant, a Friday: four runs, with 26 skills in the project."""
    folder = FOLDER / "assistant"
    said = _script(folder / "script.toml")
    files = {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".md", ".csv", ".txt")
    }
    for name in ("morning", "midday", "evening", "friday"):
        file = _yaml(folder / f"{name}.yaml")
        tasks = _tasks(file, name)
        parts = tuple(
            Part(
                task["prompt"], _answer(task["prompt"], said), tuple(map(Span, NEEDED[each])), is_bare="output" in task
            )
            for each, task in tasks.items()
        )
        top = {key: file[key] for key in ("budget", "vars") if key in file}
        yield Assignment(f"assistant-{name}", "assistant", "assistant", tasks, parts, files, top)


def _tasks(file: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The tasks of a file with their defaults; one that is done for each of some items is as many, by number."""
    if "tasks" not in file:
        return {name: {key: value for key, value in file.items() if key not in ("name", "budget")}}
    found: dict[str, dict[str, Any]] = {}
    for each, task in file["tasks"].items():
        whole: dict[str, Any] = {**file["defaults"], **task}
        items: list[Any] = whole.pop("each", [None])
        for number, item in enumerate(items, 1):
            found[each if item is None else f"{each}-{number}"] = whole if item is None else _filled(whole, item)
    for task in found.values():
        needs: list[str] = task.get("needs", [])
        if needs:
            task["needs"] = [one for one in found if one in needs or one.rpartition("-")[0] in needs]
    return found


def _answer(prompt: str, said: list[tuple[str, str]]) -> str:
    return next(text for holds, text in said if holds in prompt)


def _filled(value: Mapping[str, Any], item: str | Mapping[str, str]) -> dict[str, Any]:
    """The task with the item in the place of its templates, done once."""
    written = json.dumps({key: inner for key, inner in value.items() if key != "each"})
    fields = {"item": item} if isinstance(item, str) else {f"item.{key}": text for key, text in item.items()}
    for name, text in fields.items():
        written = written.replace(f"{{{{{name}}}}}", json.dumps(text)[1:-1])
    filled: dict[str, Any] = json.loads(written)
    return filled


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _script(path: Path) -> list[tuple[str, str]]:
    """What scripted models say, in one line, by the words that a request holds."""
    lines = tomllib.loads(path.read_text())["line"]
    return [(" ".join(line["holds"]), " ".join(line["says"].split())) for line in lines]
