"""What the same accepted work takes in tokens with and without the stages that save them.

python -m bench.saving [--quick] [--json] [--columns off,truncated,...]

Some 120 tasks are done by the real program, one session after the other, in each column once: with every stage off; with exact
answers kept; with the inputs cut to two fifths, too, as a careful user does without such stages; with the two fifths that
`load: relevant` of the task file picks; and with each preset of `tokens.preset`. In place of a model a
reader on loopback answers (bench/reader.py): it says what is right exactly where all that an answer needs stands in the request,
so what was compressed away costs the verdict. Its tokens are counted and billed as a provider does (bench/billing.py). A task's
verdict is that of a judge who knows the answer, or of checks.

Public texts are read from the folder that SWARM_BENCH_DATA names; without it they are made up, and that is said.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec

from bench import doing, examples, reading
from bench.assignment import Assignment
from bench.billing import PRICES, Billed, Meter
from bench.material import public
from bench.options import parser_of, to_its_end
from bench.reader import Reader, Said, says
from bench.table import Bar, Figure, show
from bench.workload import provider
from events.log import EventLog, open_log
from events.testing.builders import SetClock
from skills.library import open_library
from skills.lock import Lock, trusted_now
from skills.skill import Place
from swarm.connect import Roster, endpoint
from swarm.crew import crew_of, profiles_here
from swarm.engine.faces import Faces, Wanted, Word
from swarm.library import lock_path
from swarm.plan import Plan, plan_of
from swarm.redact import Secrets
from swarm.session import Result, run_file
from swarm.settings.load import load_settings
from swarm.settings.stages import PRESETS
from swarm.task import TaskFile
from swarm.taskfile.read import parse_task_file
from swarm.text.count import count

OFF, EXACT, TRUNCATION, CHOSEN = "off", "exact", "truncated", "relevant"
JUDGED_COLUMNS = ("standard", "aggressive")
"""Those that are to do the work for two fifths of the tokens. `adaptive` leaves a tenth of the tasks as they are, to compare."""

GAP_S = 60  # from one session to the next
WINDOW = 128_000
KEPT = 0.4
"""Of each input in the column `truncated`, from its head: what the bar leaves."""

COMMON: Mapping[str, Any] = {
    "judge": "paid",
    "choice.audit": "off",
    "discover": False,
    "budget.day_usd": 1_000.0,
    "tools.changes": "keep",
}
"""Settings of all columns: one model, which also judges, and no cap that is met."""


@dataclass(frozen=True)
class Column:
    """A way to do the work. `settings` by dotted keys; `kept` is the share of each input that is given, by `load` of the task file."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    kept: float = 1.0
    load: str = "full"
    exact: bool = False  # a request that was answered before costs nothing


def columns() -> tuple[Column, ...]:
    """Everything off, the careful baselines, and the presets."""
    return (
        Column(OFF, preset(OFF)),
        Column(EXACT, preset(OFF), exact=True),
        Column(TRUNCATION, preset(OFF), kept=KEPT, exact=True),
        Column(CHOSEN, preset(OFF), kept=KEPT, load="relevant", exact=True),
        *(Column(name, preset(name)) for name in PRESETS if name != OFF),
    )


def preset(name: str) -> dict[str, Any]:
    return {"tokens.preset": name}


@dataclass(frozen=True)
class Outcome:
    """What one task came to."""

    name: str
    kind: str
    status: str  # as a task ends, or "wrong": accepted with another answer
    billed: Billed
    calls: int
    unknown: int  # answers that lacked a fact

    @property
    def accepted(self) -> bool:
        return self.status == "accepted"


def assignments() -> list[Assignment]:
    """All of the work, in its order: what is asked again comes behind what it repeats."""
    makers = (
        reading.documents,
        reading.lookups,
        reading.log_triage,
        reading.tables,
        reading.code,
        reading.summaries,
        reading.talks,
        doing.repairs,
        doing.surveys,
        doing.in_steps,
        doing.planned,
        doing.with_skills,
        examples.coding_mix,
        examples.analysts,
        examples.assistant,
        doing.asked_again,
    )
    return [each for make in makers for each in make()]


def some_of(work: Sequence[Assignment], each: int) -> list[Assignment]:
    """The first of every kind."""
    counted: dict[str, int] = {}
    chosen: list[Assignment] = []
    for one in work:
        counted[one.kind] = counted.get(one.kind, 0) + 1
        if counted[one.kind] <= each:
            chosen.append(one)
    return chosen


async def done(column: Column, work: Sequence[Assignment], folder: Path) -> list[Outcome]:
    """Do the work in one column, on a log of its own; the outcome of each task in order."""
    home, clock = folder / "home", SetClock()
    (home / ".config").mkdir(parents=True)
    environ = {"HOME": str(home), "SWARM_TIME_ZONE": "UTC"}
    reader = Reader(Meter(count), exact=column.exact)
    outcomes: list[Outcome] = []
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(provider(reader))
        log = await stack.enter_async_context(open_log(folder / "log.db", clock=clock))
        model, server = await endpoint(url, model="reader", price=PRICES.written, environ={}, transport="aiohttp")
        model = msgspec.structs.replace(model, context_tokens=WINDOW, max_output_tokens=4_096)
        roster = Roster(models=(model,), providers=(server,))
        for each in work:  # all of it before the first: a skill that comes later would be another prompt
            _lay_out(each, folder)
        _trust_skills(folder, environ)
        for each in work:
            root = folder / each.project
            loaded = load_settings(root, environ=environ, flags={**COMMON, **column.settings})
            plan = plan_of(loaded, roster, confirmed=True)
            reader.start(each.parts, each.project)
            file = parse_task_file(each.task_file(column.kept, column.load), root / "tasks.yaml")
            file = crew_of(file, profiles_here(loaded, root, environ, file), frozenset()).file
            result = await _run(log, file, plan, root, environ, clock)
            outcomes += _outcomes(each, result, reader.said)
            clock.move(GAP_S)
    return outcomes


def _lay_out(each: Assignment, folder: Path) -> None:
    """Write the files of the work to its project's folder, and those of the user to their home."""
    for name, text in each.files.items():
        path = folder / "home" / name[2:] if name.startswith("~/") else folder / each.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / each.project).mkdir(exist_ok=True)


def _trust_skills(folder: Path, environ: Mapping[str, str]) -> None:
    """Say for the user that the skills of the projects may be used."""
    places = [Place(path, "project") for path in sorted(folder.glob("*/.swarm/skills"))]
    found = open_library(places, Lock()).found
    lock = Lock().adding({each.skill.folder: trusted_now(each.skill) for each in found})
    lock_path(environ).parent.mkdir(parents=True, exist_ok=True)
    lock_path(environ).write_bytes(lock.to_bytes())


async def _run(
    log: EventLog, file: TaskFile, plan: Plan, root: Path, environ: Mapping[str, str], clock: SetClock
) -> Result:
    faces = Faces(observe=lambda _: None, confirm=_yes, approve=_allow, stop=anyio.Event(), abort=anyio.Event())
    return await run_file(log, file, plan, root=root, environ=environ, faces=faces, secrets=Secrets([]), clock=clock)


async def _yes(_: str) -> bool:
    return True


async def _allow(_: Wanted) -> Word:
    return Word(allowed=True)


def _outcomes(work: Assignment, result: Result, said: Sequence[Said]) -> list[Outcome]:
    found = {task.name.rpartition("/")[2]: task for task in result.tasks}
    first = work.parts[0].asks  # what names no question is counted there: nothing goes uncounted
    outcomes: list[Outcome] = []
    for name, part in zip(work.tasks, work.parts, strict=True):
        mine = [each for each in said if each.asks == part.asks or (not each.asks and part.asks == first)]
        task = found[name]
        outcomes.append(
            Outcome(
                name=name if name == work.name else f"{work.name}/{name}",
                kind=work.kind,
                status="wrong" if task.status == "accepted" and not says(part, task.text or "") else task.status,
                billed=sum((each.billed for each in mine), Billed()),
                calls=len([each for each in mine if not each.again]),
                unknown=len([each for each in mine if each.lacked]),
            )
        )
    return outcomes


def figures(measured: Mapping[str, Sequence[Outcome]]) -> list[Figure]:
    """The table: each column in all, beside the one with everything off, then its kinds of tasks."""
    off = measured[OFF]
    rows = [row for name, outcomes in measured.items() for row in _of_column(name, outcomes, off)]
    for name, outcomes in measured.items():
        rows += _of_kinds(name, outcomes, off)
    return rows


def _of_column(name: str, outcomes: Sequence[Outcome], off: Sequence[Outcome]) -> list[Figure]:
    billed, accepted = _sum(outcomes), _accepted(outcomes)
    changed = changes(outcomes, off)
    is_ours = name not in (OFF, EXACT, TRUNCATION, CHOSEN)
    share = Bar(40) if name in JUDGED_COLUMNS else None
    beside = f"{billed.input / accepted:,.0f} in, {billed.cached / accepted:,.0f} of them cached, {billed.output / accepted:,.0f} out"
    return [
        Figure(f"{name}: accepted, of {len(outcomes)} tasks", sum(each.accepted for each in outcomes)),
        Figure(f"{name}: tokens for an accepted task", billed.tokens / accepted, "", beside),
        Figure(f"{name}: of those with everything off", 100 * _each(outcomes) / _each(off), "%", "", share),
        Figure(
            f"{name}: money for an accepted task", 100 * billed.usd / accepted, "ct", _share_of_money(outcomes, off)
        ),
        Figure(f"{name}: calls", sum(each.calls for each in outcomes), "", _unknown(outcomes)),
        Figure(
            f"{name}: verdicts that are others",
            sum(map(len, changed.values())),
            "",
            changed_said(changed),
            Bar(0) if is_ours else None,
        ),
    ]


def _unknown(outcomes: Sequence[Outcome]) -> str:
    return f"{sum(each.unknown for each in outcomes)} of them lacked what the answer needs"


def _share_of_money(outcomes: Sequence[Outcome], off: Sequence[Outcome]) -> str:
    mine, all_ = _sum(outcomes).usd / _accepted(outcomes), _sum(off).usd / _accepted(off)
    return f"{100 * mine / all_:.0f} % of everything off"


def _of_kinds(name: str, outcomes: Sequence[Outcome], off: Sequence[Outcome]) -> list[Figure]:
    """Of each kind the tokens for an accepted task, with everything off and of other columns as a share of that."""
    rows: list[Figure] = []
    for kind in dict.fromkeys(each.kind for each in outcomes):
        mine, before = _kind(outcomes, kind), _kind(off, kind)
        accepted = f"{sum(each.accepted for each in mine)} of {len(mine)} accepted"
        if name == OFF:
            rows.append(Figure(f"{name}, {kind}: tokens for an accepted task", _each(mine), "", accepted))
        else:
            share = 100 * _each(mine) / _each(before)
            rows.append(
                Figure(f"{name}, {kind}: of everything off", share, "%", f"{_each(mine):,.0f} tokens, {accepted}")
            )
    return rows


def changes(outcomes: Sequence[Outcome], off: Sequence[Outcome]) -> dict[str, list[str]]:
    """The tasks whose verdict is another one than with everything off, by how it changed."""
    before, found = {each.name: each.status for each in off}, dict[str, list[str]]()
    for each in outcomes:
        if each.status != before[each.name]:
            found.setdefault(f"{before[each.name]} -> {each.status}", []).append(each.name)
    return found


def changed_said(changed: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{how}: {', '.join(names)}" for how, names in changed.items())


def _kind(outcomes: Sequence[Outcome], kind: str) -> list[Outcome]:
    return [each for each in outcomes if each.kind == kind]


def _sum(outcomes: Iterable[Outcome]) -> Billed:
    return sum((each.billed for each in outcomes), Billed())


def _accepted(outcomes: Sequence[Outcome]) -> int:
    return max(1, sum(each.accepted for each in outcomes))


def _each(outcomes: Sequence[Outcome]) -> float:
    """Tokens for an accepted task; those of the others are carried by them."""
    return _sum(outcomes).tokens / _accepted(outcomes)


def measured(
    chosen: Sequence[Column], work: Sequence[Assignment], folder: Path | None = None
) -> dict[str, list[Outcome]]:
    """The work in each of the columns, one after the other, below `folder` or where temporary files are."""
    found: dict[str, list[Outcome]] = {}
    for column in chosen:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            found[column.name] = anyio.run(partial(done, column, work, Path(place)))
    return found


def _columns_named(text: str) -> tuple[Column, ...]:
    known = {column.name: column for column in columns()}
    names = list(dict.fromkeys([OFF, *text.split(",")]))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no column; there are {', '.join(known)}")
    return tuple(known[name] for name in names)


def main() -> None:
    parser = parser_of(__doc__, "two tasks of each kind")
    parser.add_argument(
        "--columns", type=_columns_named, default=columns(), metavar="A,B", help="which, beside `off` (default: all)"
    )
    args = parser.parse_args()
    if args.rounds:
        parser.error("each column is done once, as its figures are the same each time; leave --rounds out")
    work = some_of(assignments(), 2) if args.quick else assignments()
    if public("qa_nq20.jsonl.gz") is None:
        sys.stderr.write("public texts are not here: set SWARM_BENCH_DATA to their folder; made-up ones are taken\n")
    tasks = sum(len(each.tasks) for each in work)
    title = f"{tasks} tasks on a reader that answers from its prompt alone, tokens by o200k"
    show(title, figures(measured(args.columns, work, args.folder)), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
