"""What it costs to have skills: the catalogue of 1,000 of them from the disk, a task matched with them, one text checked and read.

python -m bench.skills [--quick] [--json] [--rounds N] [--folder DIR]

The skills are written anew for each run, with front matter as public ones have it (licences, folded descriptions, in one of
twenty a colon that is no YAML), and lie in the page cache as they do behind the first start. A round reads the same
folder in turn as the library does, bare, and as a loader that reads whole files with PyYAML.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import yaml

from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, middle, show
from skills.library import Library, open_library
from skills.lock import Lock, trusted_now
from skills.matching import Catalogue
from skills.skill import Place
from swarm.text.rank import rank

COUNT, QUICK_COUNT = 1_000, 100
BODY_LINES = 120  # of 55 bytes: the middle of 222 public skills has 1,200 tokens
QUERY = "Review the slow SQL query of the monthly report and write a test for it"
_WORDS = (
    "api audit browser build cache chart cloud commit container crash data deploy design diagram document email export form "
    "image index invoice issue layout locale log memory merge metric migrate model network notebook page parse pdf pipeline "
    "plan profile prompt query queue release render report request review schema script search secret server sheet slide sql "
    "style survey table template test theme thread token trace translate type upload version video widget workflow"
)

T = TypeVar("T")
Round = dict[str, float]
"""Milliseconds of CPU, by what was done."""


def main() -> None:
    args = parser_of(__doc__, f"{QUICK_COUNT} skills and three rounds").parse_args()
    count, rounds = (QUICK_COUNT if args.quick else COUNT), args.rounds or (3 if args.quick else 15)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        place = Path(folder) / "project" / ".swarm" / "skills"
        write_skills(place, count)
        measured = [measure(place) for _ in range(rounds + 1)][1:]
    show(f"{count:,} skills on the disk", figures(count, measured), as_json=args.json)


def write_skills(place: Path, count: int) -> None:
    """Write skills that have different words in the proportions of public ones."""
    random_ = random.Random(7)
    words = _WORDS.split()
    for number in range(count):
        name = "-".join([*random_.sample(words, 2), str(number)])
        said = " ".join(random_.choices(words, k=25)).capitalize()
        colon = ": " if number % 20 == 0 else " "
        block = number % 5 == 1
        description = f">-\n  {said}.\n  Use when asked for it." if block else f"{said}. Use when{colon}asked for it."
        head = f"---\nname: {name}\ndescription: {description}\nlicense: MIT\nmetadata:\n  author: somebody\n---\n"
        (place / name / "references").mkdir(parents=True)
        (place / name / "SKILL.md").write_text(head + f"\n# {name}\n\n" + f"{' '.join(words[:9])}\n" * BODY_LINES)
        (place / name / "references" / "more.md").write_text("More of it.\n" * 100)


def measure(place: Path) -> Round:
    """One round: all rows in turn on the same files."""
    library, spent = _timed(lambda: open_library([Place(place, "user")], Lock()))
    catalogue = Catalogue(library.skills)
    _matched(library)  # its words are a row of their own
    first = library.skills[0]
    lock = Lock({first.folder: trusted_now(first)})
    trusted = Library(library.found, (), lock)
    return {
        "library": spent,
        "bare": _timed(lambda: _bare(place))[1],
        "yaml": _timed(lambda: _with_yaml(place))[1],
        "index": _timed(lambda: (catalogue.documents, catalogue.marks, catalogue.holders))[1],
        "match": _timed(lambda: _matched(library))[1],
        "body": _timed(lambda: trusted.body(first))[1],
    }


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    done = work()
    return done, (time.process_time() - began) * 1_000


def _bare(place: Path) -> None:
    """Open each file and read its beginning, nothing else."""
    for folder in sorted(place.iterdir()):
        with (folder / "SKILL.md").open("rb") as file:
            file.read(2_048)


def _with_yaml(place: Path) -> None:
    """Read each file whole and its front matter with PyYAML's own parser, as a plain loader does."""
    for folder in sorted(place.iterdir()):
        text = (folder / "SKILL.md").read_text()
        try:
            yaml.safe_load(text.split("---")[1])
        except yaml.YAMLError:
            continue


def _matched(library: Library) -> None:
    library.match(QUERY, rank=rank)


def figures(count: int, rounds: Sequence[Round]) -> list[Figure]:
    def ms(row: str) -> float:
        return middle(rounds, lambda each: each[row])

    def ratio(row: str, beside: str) -> float:
        return middle(rounds, lambda each: each[row] / each[beside])

    bar = Bar(100, 60) if count == COUNT else None
    return [
        Figure(f"catalogue of {count:,} skills", ms("library"), "ms", f"heads read bare {ms('bare'):.1f} ms", bar),
        Figure("the same against reading the heads bare", ratio("library", "bare"), "x"),
        Figure("the same against whole files and PyYAML", ratio("library", "yaml"), "x", f"{ms('yaml'):.0f} ms"),
        Figure("their words, once at the first match", ms("index"), "ms"),
        Figure("a task matched with all of them", ms("match"), "ms"),
        Figure("a trusted text: its files compared, and read", ms("body"), "ms"),
    ]


if __name__ == "__main__":
    to_its_end(main)
