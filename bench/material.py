"""What the tasks of bench/saving.py are about: public texts, modules of the running Python, and texts that are made up.

Public data is read from the folder that SWARM_BENCH_DATA names. What is made up is drawn by a seed that is its name, so it is the
same each time; it is as long as such texts are, and most of it is beside the point.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from bench.outcomes import FOLDER

TEAMS = ("payments", "search", "identity", "storage", "mobile", "billing", "reports", "gateway")
CITIES = ("Oslo", "Lyon", "Porto", "Graz", "Turin", "Ghent", "Malmo", "Brno", "Leeds", "Basel")
PEOPLE = ("Amara", "Bruno", "Chidi", "Dagny", "Emre", "Farida", "Goran", "Hana", "Ines", "Jakub")
THINGS = (
    "the retry queue",
    "the export job",
    "the price cache",
    "the sign-in page",
    "the nightly backup",
    "the audit trail",
    "the mail worker",
    "the image service",
    "the ledger import",
    "the rate limiter",
)
DOINGS = (
    "was moved behind a switch and is watched for a week",
    "is kept as it is until the next review",
    "has a page of its own in the handbook",
    "was slow on Monday and has been normal since",
    "is covered by the same alert as the others",
    "waits for the new certificates",
    "will be looked at together with the storage team",
    "was tried out in staging without findings",
)


class Paragraph(msgspec.Struct):
    title: str
    sents: list[str]


class Question(msgspec.Struct):
    """A question with its paragraphs. `gold` are the sentences that answer it, by paragraph and place."""

    q: str
    answers: list[str]
    pars: list[Paragraph]
    gold: list[tuple[int, int]]

    @property
    def text(self) -> str:
        """The paragraphs as a document."""
        return "\n\n".join(f"## {each.title}\n{' '.join(each.sents)}" for each in self.pars) + "\n"

    @property
    def support(self) -> list[str]:
        return [self.pars[paragraph].sents[place] for paragraph, place in self.gold]


def questions(name: str, count: int) -> list[Question]:
    """The first questions of a public set; made-up ones where it is not there."""
    path = public(f"qa_{name}.jsonl.gz")
    if path is None:
        return [_made_up_question(f"{name} {number}", hops=2 if name == "hotpot" else 1) for number in range(count)]
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [msgspec.json.decode(next(file), type=Question) for _ in range(count)]


def public(name: str) -> Path | None:
    """The place of a file of public data, None where it is not there."""
    folder = os.environ.get(FOLDER, "")
    path = Path(folder) / name
    return path if folder and path.is_file() else None


def logs() -> dict[str, list[str]]:
    """The lines of the public logs by name; empty where they are not there."""
    path = public("logs_loghub.jsonl.gz")
    if path is None:
        return {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return {each["name"]: each["text"].splitlines() for each in map(json.loads, file)}


def module_source(name: str) -> str:
    """The source of a module of Python's own library, as it is installed here; empty where it has none."""
    spec = importlib.util.find_spec(name)
    place = Path(spec.origin) if spec and spec.origin else Path()
    return place.read_text("utf-8") if place.suffix == ".py" and place.is_file() else ""


def _made_up_question(seed: str, *, hops: int) -> Question:
    """A question whose answer stands in one paragraph, or leads through two."""
    draw = Random(seed)
    names = draw.sample([f"{first}-{second}" for first in TEAMS for second in CITIES], 20)
    paragraphs = [Paragraph(name, sentences(draw, 5, f"The unit {name}")) for name in names]
    first, second = draw.sample(range(20), 2)
    person, city = draw.choice(PEOPLE), draw.choice(CITIES)
    paragraphs[first].sents.insert(3, f"The unit {names[first]} has been led by {person} since the spring.")
    gold = [(first, 3)]
    if hops == 1:
        return Question(f"who leads the unit {names[first]}", [person], paragraphs, gold)
    paragraphs[second].sents.insert(2, f"Before that, {person} of {names[first]} had worked in {city} for years.")
    asked = f"In which city had the person worked before who leads the unit {names[first]}?"
    return Question(asked, [city], paragraphs, [*gold, (second, 2)])


def sentences(draw: Random, count: int, about: str = "") -> list[str]:
    said = [
        f"In week {draw.randint(2, 51)} {draw.choice(THINGS)} of {draw.choice(TEAMS)} {draw.choice(DOINGS)}."
        for _ in range(count)
    ]
    return [f"{about} has {draw.randint(4, 60)} people.", *said[1:]] if about else said


@dataclass(frozen=True)
class Handbook:
    """A handbook of services, and what it says of one of them."""

    text: str
    service: str
    days: int
    line: str


def handbook(seed: str, *, services: int = 70) -> Handbook:
    draw = Random(f"handbook {seed}")
    names = draw.sample(
        [f"{team}-{city.lower()}-{number}" for team in TEAMS for city in CITIES for number in (1, 2)], services
    )
    days = [draw.randint(3, 400) for _ in names]
    said = [
        f"## {name}\nOwned by {draw.choice(PEOPLE)} of {draw.choice(TEAMS)}. {' '.join(sentences(draw, 3))} "
        f"Backups of {name} are kept for {kept} days. {' '.join(sentences(draw, 2))}"
        for name, kept in zip(names, days, strict=True)
    ]
    at = draw.randrange(services // 3, services)
    line = f"Backups of {names[at]} are kept for {days[at]} days."
    return Handbook("# Handbook of services\n\n" + "\n\n".join(said) + "\n", names[at], days[at], line)


def made_up_log(seed: str, *, lines: int = 400, trouble: Sequence[str]) -> str:
    """A log of a service with `trouble` somewhere in its middle, among lines that differ in their numbers alone."""
    draw = Random(f"log {seed}")
    usual = (
        "INFO  gateway  request {0} served in {1} ms status=200",
        "INFO  pool     connection {0} reused after {1} s",
        "DEBUG cache    hit key=item:{0} age={1}s",
        "INFO  worker   job {0} finished in {1} ms",
        "WARN  gateway  request {0} took {1} ms, more than 500",
    )
    said = [draw.choice(usual).format(draw.randint(10_000, 99_999), draw.randint(1, 900)) for _ in range(lines)]
    at = draw.randrange(lines // 3, lines - 20)
    said[at:at] = [f"ERROR {line}" for line in trouble]
    return "".join(
        f"2026-03-{4 + n // 4000:02} 09:{n // 60 % 60:02}:{n % 60:02} {each}\n" for n, each in enumerate(said)
    )


def orders(seed: str, *, rows: int = 90) -> list[dict[str, Any]]:
    """Rows as an interface returns them."""
    draw = Random(f"orders {seed}")
    return [
        {
            "order_id": f"A{draw.randint(10_000, 99_999)}{number:03}",
            "customer": f"{draw.choice(PEOPLE)} {draw.choice(CITIES)}",
            "city": draw.choice(CITIES),
            "total_cents": draw.randint(500, 99_999),
            "status": draw.choice(("paid", "paid", "paid", "shipped", "open")),
            "carrier": draw.choice(("north", "south", "rail")),
            "updated_at": f"2026-02-{draw.randint(1, 28):02}T{draw.randint(0, 23):02}:15:00Z",
        }
        for number in range(rows)
    ]


def csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n"


@dataclass(frozen=True)
class Minutes:
    """Minutes of a meeting, and what was decided in it."""

    text: str
    decided: tuple[str, ...]


def minutes(seed: str, *, points: int = 22) -> Minutes:
    draw = Random(f"minutes {seed}")
    said = [f"{draw.choice(PEOPLE)}: {' '.join(sentences(draw, draw.randint(3, 6)))}" for _ in range(points)]
    things = draw.sample(THINGS, 3)
    decided = tuple(
        f"Decision: {draw.choice(PEOPLE)} replaces {thing} by {draw.randint(2, 28)} {month}."
        for thing, month in zip(things, ("April", "May", "June"), strict=True)
    )
    for place, line in zip(sorted(draw.sample(range(4, points), 3)), decided, strict=True):
        said[place] = f"{said[place]} {line}"
    return Minutes("# Minutes\n\n" + "\n\n".join(said) + "\n", decided)
