"""Whether the embedded model's answers keep to the words that it is told, and whether any is accepted that was cut.

python -m bench.compliance [--quick] [--json] [--only ABOUT] [--keep LOG]

The prompts of bench/compliance.jsonl are run as tasks by `swarm.session.run`, with nothing but the smallest embedded model, which
is fetched where it is missing; the figures are read from the log. An answer counts for its prompt as it was handed in: with at
most the words that the prompt of its role named (of code those beside it), and not cut. Beside them stand the answers of the first
try. A whole run takes some two minutes of one core.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean

import anyio
import msgspec

from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, show
from events.bus import read_all
from events.log import Entry, EventLog, open_log
from events.types.call import CallReserved, CallSettled
from events.types.task import StepAccepted, StepDrafted, TaskSubmitted
from swarm.errors import SwarmError
from swarm.models.catalogue import CATALOGUE
from swarm.models.pull import ensure_model
from swarm.prompts.length import form_of, words_told
from swarm.session import run
from swarm.settings.load import data_dir
from swarm.task import Task, TaskFile, agents_of

PROMPTS = Path(__file__).with_suffix(".jsonl")
SHARE = 90.0  # percent of the answers that are to keep to their words
_CODE = re.compile(r"^```.*?(^```|\Z)", re.MULTILINE | re.DOTALL)


class Prompt(msgspec.Struct, frozen=True):
    about: str
    prompt: str


@dataclass(frozen=True)
class Try:
    words: int  # that count
    cut: bool


@dataclass
class Answered:
    """What came of a prompt. Words are those that count against `told`, 0 where no limit was told."""

    about: str
    told: int
    tries: list[Try] = field(default_factory=list[Try])  # the last one was handed in
    accepted_cut: int = 0

    @property
    def kept(self) -> list[bool]:
        """Of each try whether it kept to its words; a prompt without an answer has one that did not."""
        return [not each.cut and (not self.told or each.words <= self.told) for each in self.tries] or [False]


def prompts(only: str, quick: bool) -> list[Prompt]:
    """Those about one thing, or all; a quick run takes every seventh."""
    found = [msgspec.json.decode(line, type=Prompt) for line in PROMPTS.read_text("utf-8").splitlines()]
    if only:
        known = sorted({each.about for each in found})
        found = [each for each in found if each.about == only]
        if not found:
            raise SystemExit(f"no prompt is about {only!r}; there are some about {', '.join(known)}")
    return found[::7] if quick else found


def file_of(asked: Sequence[Prompt]) -> TaskFile:
    """One task for each prompt, named by its place and by what it is about."""
    tasks = [Task(id=f"{each.about}-{number}", prompt=each.prompt) for number, each in enumerate(asked, 1)]
    return TaskFile(path="", name="compliance", tasks=tuple(tasks))


async def embedded(folder: Path) -> dict[str, str]:
    """The environment of a machine that has the smallest embedded model, and nothing else."""

    def yes(question: str, *, remedy: str) -> bool:
        return True

    def say(said: str) -> None:
        sys.stderr.write(f"{said}\n")

    smallest = CATALOGUE[0]
    model = await ensure_model(
        smallest.name,
        data_dir(os.environ) / "models",
        yes=True,
        ask=yes,
        say=say,
        progress=lambda _, __, ___: None,
    )
    environ = {"HOME": str(folder), "PATH": os.environ.get("PATH", os.defpath)}
    models = data_dir(environ) / "models"
    models.mkdir(parents=True)
    (models / smallest.file_name).symlink_to(model.path)
    return environ


async def carried_out(asked: Sequence[Prompt], folder: Path, log: Path) -> list[Answered]:
    environ, done = await embedded(folder), 0

    def tell(entries: Sequence[Entry]) -> None:
        nonlocal done
        for entry in entries:
            if isinstance(entry.event, StepDrafted):
                done += 1
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{done} drafts of {len(asked)} prompts")
                    sys.stderr.flush()

    await run(file_of(asked), root=folder, log=log, environ=environ, observe=tell)
    async with open_log(log, read_only=True) as opened:
        return await answers_in(opened)


async def answers_in(log: EventLog) -> list[Answered]:
    """What a log says of the answers of workers, by the order of their tasks."""
    found: dict[str, Answered] = {}
    tasks: dict[str, tuple[Task, TaskSubmitted]] = {}
    calls: dict[int, str] = {}
    finishes: dict[str, str] = {}
    async for entries in read_all(log):
        for entry in entries:
            match entry.event:
                case TaskSubmitted() as submitted:
                    task = msgspec.json.decode(await log.text(submitted.spec, at=entry.position), type=Task)
                    tasks[entry.task] = task, submitted
                    found[entry.task] = Answered(entry.task.rpartition("-")[0], told_to(task, submitted))
                case CallReserved(role="worker"):
                    calls[entry.position] = entry.task
                case CallSettled(reservation=position, finish=finish) as settled if position in calls:
                    said = found[calls[position]]
                    text = await log.text(settled.answer, at=entry.position)
                    said.tries.append(Try(counted(*tasks[calls[position]], text), finish == "length"))
                case StepDrafted(finish=finish):
                    finishes[entry.task] = finish
                case StepAccepted():
                    found[entry.task].accepted_cut += finishes[entry.task] == "length"
                case _:
                    pass
    return list(found.values())


def told_to(task: Task, submitted: TaskSubmitted) -> int:
    """The words that the worker's prompt names; 0 where it names none."""
    agent = agents_of(task, "worker")[0]
    return words_told(agent, form_of(task, "worker", submitted.type), submitted.answer_tokens)


def counted(task: Task, submitted: TaskSubmitted, text: str) -> int:
    """The words of an answer for which the limit holds: where code is asked for, those beside it."""
    is_code = form_of(task, "worker", submitted.type) == "code"
    return len((_CODE.sub("", text) if is_code else text).split())


def figures(found: Sequence[Answered]) -> list[Figure]:
    rows = [_share(about, [each for each in found if each.about == about]) for about in _abouts(found)]
    whole = _share("all", found)
    first = 100 * mean(each.kept[0] for each in found)
    tries = [kept for each in found for kept in each.kept]
    accepted = sum(each.accepted_cut for each in found)
    return [
        *rows,
        Figure(whole.what, whole.value, whole.unit, whole.beside, Bar(SHARE, least=True)),
        Figure("all, at the first try", first, "%"),
        Figure("all answers, those that were asked for again included", 100 * mean(tries), "%"),
        Figure("accepted although cut", accepted, "", "", Bar(0)),
    ]


def _abouts(found: Sequence[Answered]) -> list[str]:
    return list(dict.fromkeys(each.about for each in found))


def _share(about: str, found: Sequence[Answered]) -> Figure:
    told = mean(each.told for each in found)
    given = mean(each.tries[-1].words for each in found if each.tries)
    calls, cuts = sum(len(each.tries) for each in found), sum(one.cut for each in found for one in each.tries)
    beside = f"{len(found)} prompts, {told:.0f} words told, {given:.0f} given; {cuts} of {calls} answers were cut"
    return Figure(f"{about}: answers within their words", 100 * mean(each.kept[-1] for each in found), "%", beside)


def main() -> None:
    parser = parser_of(__doc__, "every seventh prompt")
    parser.add_argument("--only", default="", metavar="ABOUT", help="only the prompts about this, such as docs")
    parser.add_argument("--keep", type=Path, metavar="LOG", help="keep the log, to look at the answers")
    args = parser.parse_args()
    asked = prompts(args.only, args.quick)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        log = (args.keep or Path(folder) / "log.db").absolute()
        try:
            found = anyio.run(partial(carried_out, asked, Path(folder), log))
        except SwarmError as error:
            raise SystemExit(str(error)) from error
    show(f"{len(asked)} prompts, answered by {CATALOGUE[0].title}", figures(found), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
