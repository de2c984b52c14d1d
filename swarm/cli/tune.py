"""`swarm tune`: settings under which recorded work had cost less and been accepted as often. It proposes, and sets nothing."""

from __future__ import annotations

import argparse
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import anyio

from events.log import system_clock
from swarm.cli.output import counted
from swarm.cli.recorded import log_errors, recorded, settings_of
from swarm.cli.tune_page import document, tell
from swarm.errors import UsageError
from swarm.tune.search import Terms
from swarm.tune.tune import tune
from swarm.units import parse_seconds, shortened
from swarm.whatif.read import NothingFinished, read_sessions

if TYPE_CHECKING:
    from events.log import EventLog
    from swarm.cli.output import Output
    from swarm.whatif.record import SessionRecord

_MOST_TRIALS, _MOST_SEED = 10_000, 2**32 - 1


class OptunaMissing(UsageError):
    """What searches is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "`swarm tune` searches with Optuna, which is not installed; install it with `pip install 'pheroswarm[tune]'`, in a "
            "clone `pip install -c constraints.txt -e '.[tune]'`"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = Terms()
    parser.add_argument(
        "--trials", metavar="N", default=str(usual.trials), help="values that are tried; 200 without it"
    )
    parser.add_argument(
        "--seed", metavar="N", default="0", help="where the search begins: the same log and seed, the same answer"
    )
    parser.add_argument(
        "--since", metavar="WHEN", help="only sessions of the last 2h or 30d, or from a session on: s412"
    )
    parser.add_argument(
        "--margin",
        metavar="PERCENT",
        default=f"{100 * usual.margin:g}",
        help="how many percentage points fewer tasks may be accepted; 3 without it",
    )
    parser.add_argument("--time", metavar="TIME", default="5m", help="search no longer than this; 5m without it")


def run(args: argparse.Namespace) -> int:
    terms = _terms(args)
    since = None if args.since is None else _since(args.since)
    if find_spec("optuna") is None:
        raise OptunaMissing
    settings = settings_of(args)
    output: Output = args.output

    async def read() -> list[SessionRecord]:
        async with recorded(settings.log) as log:
            return await _sessions(log)

    sessions = [each for each in anyio.run(read) if since is None or _is_since(each, since)]
    output.note(f"{counted(len(sessions), 'finished session')}; Ctrl-C ends the search with what it has found", "dim")
    found = tune(sessions, terms)
    if output.json:
        output.document("swarm.tune/1", document(found, terms, settings.choice))
    else:
        tell(found, terms, settings.choice, output)
    return 130 if found.found is not None and found.found.interrupted else 0


async def _sessions(log: EventLog) -> list[SessionRecord]:
    """The finished sessions; none is an answer, too."""
    with log_errors():
        try:
            return list((await read_sessions(log, None)).finished)
        except NothingFinished:
            return []


def _terms(args: argparse.Namespace) -> Terms:
    try:
        seconds = parse_seconds(args.time)
    except ValueError as error:
        raise UsageError(f"--time {shortened(args.time)}: {error}") from error
    return Terms(
        trials=_whole("--trials", args.trials, 1, _MOST_TRIALS),
        seed=_whole("--seed", args.seed, 0, _MOST_SEED),
        margin=_percent(args.margin) / 100,
        seconds=seconds,
    )


def _whole(option: str, text: str, least: int, most: int) -> int:
    if re.fullmatch(r"[0-9]{1,12}", text) and least <= int(text) <= most:
        return int(text)
    raise UsageError(f"{option} {shortened(text)}: a whole number from {least} to {most:,} is expected")


def _percent(text: str) -> float:
    number = text.removesuffix("%").strip()
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", number) and float(number) <= 100:
        return float(number)
    raise UsageError(f"--margin {shortened(text)}: percentage points from 0 to 100 are expected, such as 3")


class _Since:
    """A session's number, or a moment in microseconds since 1970."""

    def __init__(self, *, session: int = 0, moment: int = 0) -> None:
        self.session, self.moment = session, moment


def _since(text: str) -> _Since:
    if found := re.fullmatch(r"s([0-9]{1,12})", text):
        return _Since(session=int(found[1]))
    try:
        return _Since(moment=system_clock() - round(parse_seconds(text) * 1e6))
    except ValueError as error:
        raise UsageError(
            f"--since {shortened(text)}: write a time such as 2h or 30d, or a session such as s412"
        ) from error


def _is_since(session: SessionRecord, since: _Since) -> bool:
    return session.number >= since.session and session.opened_at >= since.moment
