"""`swarm whatif`: what finished sessions had come to with other prices, a lower cap, other tiers or another policy."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from swarm.cli.names import SESSION_HELP, find_session
from swarm.cli.output import counted
from swarm.cli.recorded import decimal_usd, log_errors, recorded, settings_of
from swarm.errors import UsageError, dollars
from swarm.messages import TIERS, Price
from swarm.settings.pricefile import read_price_file
from swarm.units import parse_usd, shortened
from swarm.whatif.answer import Answer, Outcome, Question, answer
from swarm.whatif.estimate import LEAST_SAMPLE
from swarm.whatif.policies import Policy, described, parse_policy, require_model
from swarm.whatif.read import Sessions, read_rows, read_sessions

if TYPE_CHECKING:
    from swarm.cli.output import Output

_SHOWN = 5  # halts, and arms, that a person is told of; a program gets all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", nargs="?", metavar="SESSION", help=SESSION_HELP)
    parser.add_argument("--all", action="store_true", help="all finished sessions of the log")
    parser.add_argument("--prices", metavar="FILE", help="at the prices of this file, with rows as in settings")
    parser.add_argument("--budget", metavar="AMOUNT", help="under this cap on the money of each session, such as $0.05")
    parser.add_argument(
        "--tiers", metavar="TIERS", help=f"with these tiers alone, with commas between: {', '.join(TIERS)}"
    )
    parser.add_argument("--policy", metavar="NAME", help=f"with arms chosen by {described()}; default: as recorded")


def run(args: argparse.Namespace) -> int:
    question = _question(args)
    if args.all and args.session is not None:
        raise UsageError(f"{args.session} and --all are both named; a what-if is about one session, or about all")
    return anyio.run(_ask, args, question)


async def _ask(args: argparse.Namespace, question: Question) -> int:
    output: Output = args.output
    async with recorded(settings_of(args).log) as log:
        session = None if args.all else await find_session(log, args.session)
        with log_errors():
            sessions = await read_sessions(log, session)
            price_of = await read_rows(log, sessions.finished)
    drawn = (each.choice for one in sessions.finished for way in one.choices.values() for each in way)
    require_model(question.policy, drawn)
    found = answer(sessions.finished, question, price_of)
    if output.json:
        output.document("swarm.whatif/1", _document(sessions, question, found))
    else:
        _tell(sessions, question, found, output)
    return 0


def _question(args: argparse.Namespace) -> Question:
    if not (args.prices or args.budget or args.tiers or args.policy):
        raise UsageError("nothing is supposed; name --prices FILE, --budget AMOUNT, --tiers TIERS or --policy NAME")
    return Question(
        prices=_prices(args.prices) if args.prices else {},
        cap_nanos=_cap(args.budget) if args.budget else None,
        tiers=_tiers(args.tiers) if args.tiers else frozenset(),
        policy=parse_policy(args.policy) if args.policy else Policy(),
    )


def _prices(named: str) -> dict[str, Price]:
    path = Path(named).expanduser()
    if not path.is_file():
        raise UsageError(f"--prices {named}: there is no such file; name one with prices by model")
    return read_price_file(path)


def _cap(text: str) -> int:
    try:
        return parse_usd(text)
    except ValueError as error:
        raise UsageError(f"--budget {shortened(text)}: {error}") from error


def _tiers(text: str) -> frozenset[str]:
    named = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not named or not named <= set(TIERS):
        raise UsageError(f"--tiers {shortened(text)}: known are {', '.join(TIERS)}, with commas between several")
    return named


def _tell(sessions: Sessions, question: Question, found: Answer, output: Output) -> None:
    for each in sessions.left_out:
        output.detail(f"{each}; it is left out")
    if sessions.left_out:
        output.note(f"{counted(len(sessions.left_out), 'session')} left out: not finished, or a fork", "dim")
    output.line(f"{counted(found.sessions, 'session')}, {counted(found.tasks, 'task')}, {_supposed(question)}", "bold")
    rows = [[each.name, _value(each.unit, each.recorded), *_cells(each)] for each in found.outcomes]
    output.table(["", "RECORDED", "WHAT IF", "95 % INTERVAL"], rows)
    output.line(_how(found))
    for halt in found.halts[:_SHOWN]:
        output.line(
            f"s{halt.session}/{halt.task} had halted at the call of event {halt.position}: {dollars(halt.spent_nanos)} "
            + (
                "were spent, and its answer had been cut"
                if halt.cut
                else f"were spent, it needed {dollars(halt.needed_nanos)}"
            ),
            "yellow",
        )
    if len(found.halts) > _SHOWN:
        output.line(f"and {len(found.halts) - _SHOWN:,} more; --json names all")
    if found.kept_prices:
        output.note(f"without a row in the file, so at their recorded amounts: {', '.join(found.kept_prices)}")


def _supposed(question: Question) -> str:
    parts = [
        f"at the prices of {counted(len(question.prices), 'model')}" if question.prices else "",
        f"under a cap of {dollars(question.cap_nanos)} a session" if question.cap_nanos is not None else "",
        f"with {', '.join(tier for tier in TIERS if tier in question.tiers)} alone" if question.tiers else "",
        f"with policy {question.policy}" if question.policy != Policy() else "",
    ]
    return ", ".join(part for part in parts if part)


def _how(found: Answer) -> str:
    """How the answer was come by, or why there is none."""
    if found.kind == "exact":
        total = f"{dollars(found.recorded_nanos)} in all were spent, it had been {dollars(found.total_nanos or 0)}"
        return f"exact: every answer that counts is recorded; {total}"
    size = f"effective sample size {found.sample:.1f} of {counted(found.groups, 'independent group')} of tasks"
    if found.needed:
        listed = ", ".join(found.needed[:_SHOWN]) + (" ..." if len(found.needed) > _SHOWN else "")
        return f"unidentifiable: the log holds no answer of {listed} where it had been needed"
    if found.kind == "unidentifiable":
        return f"unidentifiable: {size}, and below {LEAST_SAMPLE:g} nothing is said"
    return f"estimated from the recorded choices by their probabilities: {size}"


def _cells(outcome: Outcome) -> Sequence[str]:
    if outcome.kind == "unidentifiable":
        return ["unidentifiable", ""]
    if outcome.low is None or outcome.high is None:
        return [_value(outcome.unit, outcome.value), ""]
    return [
        _value(outcome.unit, outcome.value),
        f"{_value(outcome.unit, outcome.low)} to {_value(outcome.unit, outcome.high)}",
    ]


def _value(unit: str, value: float | None) -> str:
    if value is None:
        return "none"
    return dollars(int(value)) if unit == "nanos" else f"{100 * value:.1f} %"


def _document(sessions: Sessions, question: Question, found: Answer) -> dict[str, Any]:
    return {
        "sessions": [each.number for each in sessions.finished],
        "left_out": list(sessions.left_out),
        "supposed": {
            "prices": sorted(question.prices),
            "cap_nanos": question.cap_nanos,
            "tiers": [tier for tier in TIERS if tier in question.tiers],
            "policy": str(question.policy),
        },
        "kind": found.kind,
        "why": _how(found),
        "tasks": found.tasks,
        "groups": found.groups,
        "effective_sample_size": found.sample,
        "needed": list(found.needed),
        "recorded_nanos": found.recorded_nanos,
        "recorded_usd": decimal_usd(found.recorded_nanos),
        "total_nanos": found.total_nanos,
        "total_usd": None if found.total_nanos is None else decimal_usd(found.total_nanos),
        "outcomes": {each.name.replace(" ", "_"): _outcome(each) for each in found.outcomes},
        "halts": [
            {
                "session": halt.session,
                "task": halt.task,
                "event": halt.position,
                "needed_nanos": halt.needed_nanos,
                "spent_nanos": halt.spent_nanos,
                "cut": halt.cut,
            }
            for halt in found.halts
        ],
        "kept_prices": list(found.kept_prices),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "unit": outcome.unit,
        "kind": outcome.kind,
        "recorded": outcome.recorded,
        "value": outcome.value,
        "low": outcome.low,
        "high": outcome.high,
    }
