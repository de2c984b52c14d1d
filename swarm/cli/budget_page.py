"""What `swarm budget` shows: every cap that holds, what is left of it and where it is from; and the one line of `--check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio

from events.log import session_name
from events.views.money import MoneyView
from swarm.alive import exists
from swarm.cli.bars import bar
from swarm.cli.budget_scope import Here, budgets_of, find_scope, here, where_counted
from swarm.cli.names import find_session
from swarm.cli.recorded import NothingRecorded, decimal_usd, recorded, require_log, zone_of
from swarm.errors import amount, dollars
from swarm.insight.budgets import Budgets, Held, Portioned, shared_caps

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.insight.outlook import Band, Outlook

PAST_80, REACHED = 10, 11
_BAR = 10  # characters
_RUNNING = 50  # sessions that run now and are looked at by `--check`; who has more has other worries


def show(args: argparse.Namespace) -> int:
    output: Output = args.output
    where = here(args)
    budgets, where, foreseen = _read(args, where)
    for note in budgets.notes:
        output.note(note, "yellow")
    if output.json:
        output.document("swarm.budget/1", _document(budgets, foreseen, where))
    else:
        _tell(budgets, foreseen, where, output)
    return 0


def _read(args: argparse.Namespace, where: Here) -> tuple[Budgets, Here, Outlook | None]:
    from swarm.cli.cost import foreseen

    try:
        require_log(where.log)
    except NothingRecorded as nothing:
        if args.log or args.action:
            raise  # who names one means one that is there
        args.output.note(str(nothing))
        return _nothing(where), where, None

    async def read() -> tuple[Budgets, Here]:
        async with recorded(where.log) as log:
            session = await find_session(log, args.action) if args.action else None
            counted = await where_counted(log, where)
            return await budgets_of(log, counted, session=session), counted

    return *anyio.run(read), foreseen(where.log, zone_of(where.loaded.settings), where.now)


def _nothing(where: Here) -> Budgets:
    """The caps of the settings, of which nothing is used yet."""
    given = tuple(shared_caps(where.loaded, where.shared))
    return Budgets(money=MoneyView(), given=given, lost=frozenset())


def _tell(budgets: Budgets, foreseen: Outlook | None, where: Here, output: Output) -> None:
    held = budgets.held(budgets.scopes())
    rows = [
        (
            each.scope,
            amount(each.cap, each.unit),
            amount(each.spent, each.unit),
            amount(each.left, each.unit),
            (f"{bar(each.spent, each.cap, _BAR, sys.stdout)} {_percent(each)}", _style(each)),
            _or_empty(each.reserved, each.unit),
            _or_empty(each.maybe_paid, each.unit),
            each.source,
        )
        for each in held
    ]
    output.table(("SCOPE", "CAP", "SPENT", "LEFT", "SHARE", "RESERVED", "MAYBE PAID", "FROM"), rows)
    _tell_portions(budgets, output)
    if foreseen is not None and foreseen.day is not None and foreseen.month is not None:
        for word, band, short in (("today", foreseen.day, "day"), ("this month", foreseen.month, "month")):
            cap = budgets.cap(where.shared[short]).nanos
            over = " (above its cap)" if cap is not None and band.median > cap else ""
            output.line(
                f"forecast for {word}: {dollars(band.median)}, {dollars(band.low)} to {dollars(band.high)}{over}"
            )
    elif foreseen is not None:
        output.line(f"no forecast: {foreseen.days} past days are too few")


def _tell_portions(budgets: Budgets, output: Output) -> None:
    rows = [
        (
            each.scope,
            each.name,
            amount(each.share, each.unit),
            "" if each.spent is None else amount(each.spent, each.unit),
            _or_empty(each.reserved or 0, each.unit),
        )
        for each in budgets.portions()
    ]
    if rows:
        output.line("what one does not need of its share flows to those who do:")
        output.table(("SPLIT", "PART", "SHARE", "SPENT", "RESERVED"), rows)


def _percent(held: Held) -> str:
    return f"{held.per_mille // 10}.{held.per_mille % 10} %"


def _style(held: Held) -> str:
    return "red" if held.is_reached else "yellow" if held.is_near else ""


def _or_empty(value: int, unit: str) -> str:
    return amount(value, unit) if value else ""


def check(args: argparse.Namespace) -> int:
    """Say the gravest that is to be said, in one line, and return the exit code for it."""
    output: Output = args.output
    where = here(args)
    found = _checked(args, where)
    reached = [each for each in found if each.is_reached]
    near = [each for each in found if each.is_near and not each.is_reached]
    code = REACHED if reached else PAST_80 if near else 0
    if output.json:
        document = [_scope_document(each) for each in found]
        output.document("swarm.budget-check/1", {"exit_code": code, "caps": document})
    else:
        output.line(_said(found, reached, near), "red" if reached else "yellow" if near else "")
    return code


def _checked(args: argparse.Namespace, where: Here) -> list[Held]:
    try:
        require_log(where.log)
    except NothingRecorded:
        if args.log or (args.check and args.check not in where.shared):
            raise
        return _nothing(where).held([where.shared[args.check]] if args.check else [*where.shared.values()])

    async def read() -> list[Held]:
        async with recorded(where.log) as log:
            counted = await where_counted(log, where)
            if args.check:
                scope = await find_scope(log, args.check, counted.shared)
                budgets = await budgets_of(log, counted, session=scope.session)
                below = [name for name in budgets.scopes() if name.startswith(f"{scope.name}/")]
                return budgets.held([scope.name, *below])
            budgets = await budgets_of(log, counted, session=0)
            found = budgets.held(budgets.scopes())
            for number in await _running(log, counted):
                own = await budgets_of(log, counted, session=number)
                found += own.held([name for name in own.scopes() if name.partition("/")[0] == session_name(number)])
            return found

    return anyio.run(read)


async def _running(log: Any, where: Here) -> list[int]:
    """The sessions that somebody runs now."""
    from events.views.standing import standing

    claims = (await standing(log)).view.claims.claims
    return sorted(number for number, claim in claims.items() if exists(claim, where.now))[-_RUNNING:]


def _said(found: Sequence[Held], reached: Sequence[Held], near: Sequence[Held]) -> str:
    if not found:
        return "ok: no cap holds here"
    gravest = max(reached or near or found, key=lambda each: each.per_mille)
    used = f"{amount(gravest.spent, gravest.unit)} of {amount(gravest.cap, gravest.unit)} in {gravest.scope}"
    others = len(reached or near) - 1
    more = f", and of {others} more" if others > 0 else ""
    if reached:
        return f"a cap is reached: {used} are spent{more}"
    if near:
        return f"80 % of a cap are spent: {used}, {_percent(gravest)}{more}"
    return f"ok: {used} are spent, {_percent(gravest)}; no other cap is nearer"


def _document(budgets: Budgets, foreseen: Outlook | None, where: Here) -> dict[str, Any]:
    bands = {"day": foreseen.day, "month": foreseen.month} if foreseen else {}
    return {
        "day": where.shared["day"],
        "session": session_name(budgets.session) if budgets.session else None,
        "caps": [_scope_document(each) for each in budgets.held(budgets.scopes())],
        "splits": [_portion_document(each) for each in budgets.portions()],
        "forecast": {name: _band(band) for name, band in bands.items()},
    }


def _band(band: Band | None) -> dict[str, Any] | None:
    if band is None:
        return None
    amounts = {"low": band.low, "median": band.median, "high": band.high}
    return {f"{name}_nanos": nanos for name, nanos in amounts.items()} | {
        f"{name}_usd": decimal_usd(nanos) for name, nanos in amounts.items()
    }


def _amounts(unit: str, **values: int | None) -> dict[str, Any]:
    """Money as whole nanos beside the same as a decimal, tokens as they are."""
    if unit == "tokens":
        return {"unit": "tokens", **{f"{name}_tokens": value for name, value in values.items()}}
    nanos = {f"{name}_nanos": value for name, value in values.items()}
    usd = {f"{name}_usd": None if value is None else decimal_usd(value) for name, value in values.items()}
    return {"unit": "usd", **nanos, **usd}


def _portion_document(part: Portioned) -> dict[str, Any]:
    amounts = _amounts(part.unit, share=part.share, spent=part.spent, reserved=part.reserved)
    return {"scope": part.scope, "part": part.name, **amounts}


def _scope_document(held: Held) -> dict[str, Any]:
    return {
        "scope": held.scope,
        **_amounts(
            held.unit,
            cap=held.cap,
            spent=held.spent,
            reserved=held.reserved,
            maybe_paid=held.maybe_paid,
            left=held.left,
            held_back=held.kept,
        ),
        "spent_per_mille": held.per_mille,
        "reached": held.is_reached,
        "from": held.source,
    }
