"""`swarm status`: who runs, what today costs, how the last session ended; on one line for a prompt or a status bar.

A prompt is drawn again and again, so this imports no event loop, and what only a running session needs as late as it can.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from events.glance import Ended, Glance, Money, Owned, glance
from events.log import session_name, system_clock
from swarm.cli.bars import bar, fits
from swarm.cli.recorded import (
    NothingRecorded,
    decimal_usd,
    local_time,
    log_errors,
    require_log,
    settings_of,
    utc_text,
    zone_of,
)
from swarm.errors import dollars
from swarm.money.caps import day_scope

if TYPE_CHECKING:
    from datetime import tzinfo

    from swarm.cli.output import Output

_EMPTY = Glance(owned=(), ended=None, money=Money())
_BAR = 20  # characters


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown. `running` have a process that lives, those of `left` have not and can be resumed."""

    running: tuple[Owned, ...]
    left: tuple[Owned, ...]
    ended: Ended | None
    money: Money
    cap: int  # nano-dollars a day
    day: str
    recorded: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--line", action="store_true", help="on one line, for a shell prompt or the status bar of tmux")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    now = system_clock()
    settings = settings_of(args)
    status = _status(args, settings.log, settings.time_zone, settings.budget.day_nanos, now)
    if output.json:
        output.document("swarm.status/1", _document(status))
    elif args.line:
        output.line(line_of(status, now, zone_of(settings), signs=fits(sys.stdout, "●✔✘‖")))
    else:
        _tell(status, output, now, zone_of(settings))
    return 0


def _status(args: argparse.Namespace, url: str, zone: str, cap: int, now: int) -> Status:
    scope, found, recorded = day_scope(now, zone), _EMPTY, True
    try:
        require_log(url)
    except NothingRecorded:
        if args.log:
            raise  # who names a log means one that is there
        recorded = False
    if recorded:
        with log_errors():
            found = glance(url, scope)
    alive = {one.session for one in found.owned if _exists(one, now)}
    money = found.money or _folded(url, scope)
    return Status(
        running=tuple(one for one in found.owned if one.session in alive),
        left=tuple(one for one in found.owned if one.session not in alive),
        ended=found.ended,
        money=money,
        cap=cap if money.cap is None else money.cap,
        day=scope,
        recorded=recorded,
    )


def _exists(one: Owned, now: int) -> bool:
    from swarm import alive  # where somebody owns a session

    return alive.exists(one.claim, now)


def _folded(url: str, scope: str) -> Money:
    """What is spent in the scope, an archived beginning included."""
    import anyio

    from events.views.standing import standing
    from swarm.cli.recorded import recorded

    async def read() -> Money:
        async with recorded(url) as log:
            state = (await standing(log)).view.money.scope(scope)
        cap = state.caps.get("nanos")
        return Money(
            spent=state.spent.nanos,
            reserved=state.reserved.nanos,
            maybe_paid=state.maybe_paid.nanos,
            cap=cap.most if cap else None,
        )

    return anyio.run(read)


def line_of(status: Status, now: int, zone: tzinfo | None, *, signs: bool) -> str:
    """The line: what runs, where something does; what is spent of today's cap; how the last session ended, and when."""
    parts: list[str] = []
    paused = sum(one.paused for one in status.running)
    if running := len(status.running) - paused:
        parts.append(f"{'● ' if signs else ''}{running} running")
    if paused:
        parts.append(f"{'‖ ' if signs else ''}{paused} paused")
    if asking := sum(one.asks + one.questions > 0 for one in (*status.running, *status.left)):
        parts.append(f"{asking} {'asks' if asking == 1 else 'ask'} you")
    if status.left:
        parts.append(f"{len(status.left)} to resume")
    parts.append(f"{dollars(status.money.spent)} of {dollars(status.cap)} today")
    if status.ended is not None:
        parts.append(
            f"{session_name(status.ended.session)} {_end(status.ended, signs)} {_when(status.ended.at, now, zone)}"
        )
    return "  ".join(parts)


def _end(ended: Ended, signs: bool) -> str:
    return _word_and_sign(ended)[1 if signs else 0]


def _word_and_sign(ended: Ended) -> tuple[str, str]:
    if ended.exit_code == 0 and not ended.finished:
        return _WORDS[130]  # nothing went wrong, and work is left: a person took a verdict back
    return _WORDS.get(ended.exit_code, ("failed", "✘"))


_WORDS = {
    0: ("accepted", "✔"),
    3: ("halted", "‖"),
    5: ("halted", "‖"),
    130: ("interrupted", "‖"),
    143: ("interrupted", "‖"),
}


def _when(at: int, now: int, zone: tzinfo | None) -> str:
    then, today = local_time(at, zone), local_time(now, zone).date()
    return f"{then:%H:%M}" if then.date() == today else f"{then:%Y-%m-%d}"


def _tell(status: Status, output: Output, now: int, zone: tzinfo | None) -> None:
    from tui.words import cut, span

    if not status.recorded:
        output.note("nothing is recorded yet; begin with `swarm run FILE`, or look at `swarm demo`")
    for one in status.running:
        output.line(f"running   {session_name(one.session)}  {cut(one.title, 50)}  for {span(now - one.since)}", "blue")
        if one.paused:
            output.line(
                f"paused    {session_name(one.session)}  `swarm unpause {session_name(one.session)}` goes on", "yellow"
            )
        if one.asks:
            output.line(
                f"asks      {session_name(one.session)}  a tool waits for your word: `swarm approve --list`", "yellow"
            )
        if one.questions:
            output.line(f"asks      {session_name(one.session)}  an agent asks you: `swarm answer --list`", "yellow")
    for one in status.left:
        hint = f"its process is gone: `swarm resume {session_name(one.session)}`"
        output.line(f"left      {session_name(one.session)}  {cut(one.title, 50)}  {hint}", "red")
    if not status.running and status.recorded:
        output.line("running   nothing")
    output.line(f"today     {_today(status)}")
    if (ended := status.ended) is not None:
        word = _word_and_sign(ended)[0]
        code = f" (exit code {ended.exit_code})" if ended.finished or ended.exit_code else ""
        last = f"{session_name(ended.session)}  {cut(ended.title, 50)}  {word}{code}"
        output.line(f"last      {last}  {_when(ended.at, now, zone)}")


def _today(status: Status) -> str:
    money = status.money
    parts = [f"{dollars(money.spent)} of {dollars(status.cap)}"]
    if status.cap:
        used = money.spent * 1000 // status.cap
        parts.append(f"{bar(money.spent, status.cap, _BAR, sys.stdout)} {used // 10}.{used % 10} %")
    if money.reserved:
        parts.append(f"{dollars(money.reserved)} reserved")
    if money.maybe_paid:
        parts.append(f"{dollars(money.maybe_paid)} maybe paid")
    return "  ".join(parts)


def _document(status: Status) -> dict[str, Any]:
    money, ended = status.money, status.ended
    return {
        "running": [_owned(one) for one in status.running],
        "left": [_owned(one) for one in status.left],
        "day": status.day,
        "spent_nanos": money.spent,
        "spent_usd": decimal_usd(money.spent),
        "reserved_nanos": money.reserved,
        "reserved_usd": decimal_usd(money.reserved),
        "maybe_paid_nanos": money.maybe_paid,
        "maybe_paid_usd": decimal_usd(money.maybe_paid),
        "cap_nanos": status.cap,
        "cap_usd": decimal_usd(status.cap),
        "last": None
        if ended is None
        else {
            "session": session_name(ended.session),
            "title": ended.title,
            "ended": utc_text(ended.at),
            "finished": ended.finished,
            "exit_code": ended.exit_code,
        },
    }


def _owned(one: Owned) -> dict[str, Any]:
    return {
        "session": session_name(one.session),
        "title": one.title,
        "owner": one.claim.owner,
        "asks": one.asks,
        "questions": one.questions,
        "paused": one.paused,
        "since": utc_text(one.since),
    }
