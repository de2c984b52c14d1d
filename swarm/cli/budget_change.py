"""`swarm budget set`, `raise` and `split`: a cap is written into the settings, or recorded in the log."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import EventLog, open_log
from events.types.call import BudgetSet
from swarm.cli.budget_scope import Here, Scope, budgets_of, find_scope, here, where_counted
from swarm.cli.recorded import NothingRecorded, decimal_usd, log_errors, require_log
from swarm.engine.requests import person
from swarm.errors import UsageError, amount
from swarm.insight.budgets import Budgets, Held
from swarm.money.caps import Cap
from swarm.money.recording import record_caps
from swarm.redact import Secrets
from swarm.settings.load import config_dir
from swarm.settings.userfile import set_key
from swarm.task import ROLES, parse_budget

if TYPE_CHECKING:
    from swarm.cli.output import Output

TURN_S = 10.0  # how long other processes may keep us from writing


class NoCap(UsageError):
    """What was asked for needs a cap that is not there."""

    def __init__(self, scope: str, unit: str, wanted: str) -> None:
        kind = "no cap in dollars" if unit == "nanos" else "no cap in tokens" if unit else "no cap"
        super().__init__(f"{scope} has {kind} that could be {wanted}; give it one with `swarm budget set`")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A cap before and after. `before` is None where there was none of its unit."""

    scope: str
    unit: str
    before: int | None
    after: int

    @property
    def said(self) -> str:
        was = "no cap" if self.before is None else amount(self.before, self.unit)
        return f"the cap of {self.scope} is {amount(self.after, self.unit)} now; it was {was}"


Decide = Callable[[Budgets, Scope], Sequence[Change]]
"""What becomes of which caps, from how things stand. Raises UsageError."""


def set_cap(args: argparse.Namespace) -> int:
    text, given = _two(args, "set", "AMOUNT such as $0.50 or 20k")
    unit, most = _amount(given)
    where = here(args)
    if text in where.shared:
        _tell(args, [_write(args, where, text, unit, most)])
        return 0

    def decide(budgets: Budgets, scope: Scope) -> list[Change]:
        return [Change(scope=scope.name, unit=unit, before=_most(budgets.cap(scope.name), unit), after=most)]

    return _recorded(args, where, text, decide)


def raise_cap(args: argparse.Namespace) -> int:
    text, given = _two(args, "raise", "AMOUNT such as $2, +$0.50 or +20k")
    return _recorded(args, here(args), text, partial(_raised, given))


def _raised(given: str, budgets: Budgets, scope: Scope) -> list[Change]:
    return [raised(budgets, scope.name, given)]


async def take_down(log: EventLog, scope: str, given: str, *, where: Here, reason: str = "") -> str:
    """Raise the cap of a scope as `swarm budget raise` does, and return the sentence that tells it. Raises UsageError."""
    (change,) = await _recorded_in(log, where, scope, partial(_raised, given), reason)
    return change.said


async def foreseen(log: EventLog, scope: str, given: str, *, where: Here) -> tuple[Change, Held]:
    """What `take_down` would change, and the cap that holds with what is used of it. Nothing is changed. Raises UsageError."""
    counted = await where_counted(log, where)
    found = await find_scope(log, scope, counted.shared)
    budgets = await budgets_of(log, counted, session=found.session)
    change = raised(budgets, found.name, given)
    return change, next(held for held in budgets.held((found.name,)) if held.unit == change.unit)


async def held_in(log: EventLog, scope: str, *, where: Here) -> Sequence[Held]:
    """The caps of a scope that hold, with what is used of them. Raises UsageError."""
    counted = await where_counted(log, where)
    found = await find_scope(log, scope, counted.shared)
    return (await budgets_of(log, counted, session=found.session)).held((found.name,))


def raised(budgets: Budgets, scope: str, text: str) -> Change:
    """A cap raised to an amount, or by one that begins with a plus. Raises UsageError where it would not be higher."""
    unit, most = _amount(text.removeprefix("+"))
    before = _most(budgets.cap(scope), unit)
    if before is None:
        raise NoCap(scope, unit, "raised")
    after = before + most if text.startswith("+") else most
    if after <= before:
        raise UsageError(
            f"the cap of {scope} is {amount(before, unit)} already, and {text} would not raise it; to lower it say "
            f"`swarm budget set`"
        )
    return Change(scope=scope, unit=unit, before=before, after=after)


def split_cap(args: argparse.Namespace) -> int:
    if len(args.words) < 2:
        raise UsageError("swarm budget split: a SCOPE and its parts are missing, such as s4 build=60% test=40%")
    text, *parts = args.words

    def decide(budgets: Budgets, scope: Scope) -> list[Change]:
        return divided(budgets, scope, parts)

    return _recorded(args, here(args), text, decide)


def divided(budgets: Budgets, scope: Scope, parts: Sequence[str]) -> list[Change]:
    """The caps of the children of a scope, which add up to its own at the most. Raises UsageError."""
    if not scope.session or scope.role:
        raise UsageError(f"{scope.name} cannot be split; a session is split among its tasks, a task among its roles")
    parent = budgets.cap(scope.name)
    if parent.nanos is None and parent.tokens is None:
        raise NoCap(scope.name, "", "split")
    children = ROLES if "/" in scope.name else budgets.tasks
    shares = _shares(parts, parent, children, scope.name)
    changes: list[Change] = []
    for unit in ("nanos", "tokens"):
        own = {name: share[unit] for name, share in shares.items() if unit in share}
        whole = _most(parent, unit)
        if own and whole is None:
            raise NoCap(scope.name, unit, "split")
        if whole is not None and sum(own.values()) > whole:
            raise UsageError(
                f"the parts come to {amount(sum(own.values()), unit)}, and the cap of {scope.name} is {amount(whole, unit)}; "
                "make them smaller, or raise that cap first"
            )
        for name, part in own.items():
            child = f"{scope.name}/{name}"
            changes.append(Change(scope=child, unit=unit, before=_most(budgets.cap(child), unit), after=part))
    return changes


def _shares(parts: Sequence[str], parent: Cap, children: Sequence[str], scope: str) -> dict[str, dict[str, int]]:
    """By child its share in each unit."""
    shares: dict[str, dict[str, int]] = {}
    for part in parts:
        name, _, share = part.partition("=")
        if not share:
            raise UsageError(f"{part!r} is no part; write NAME=SHARE, such as build=60% or build=$0.10")
        if name not in children:
            listed = ", ".join(children[:10]) or "none"
            raise UsageError(f"{scope} has no part {name!r} that a cap could be for; there are {listed}")
        if name in shares:
            raise UsageError(f"{name} is named twice; give each part one share")
        shares[name] = _share(share, parent)
    return shares


def _share(text: str, parent: Cap) -> dict[str, int]:
    if not text.endswith("%"):
        return dict([_amount(text)])
    whole, _, rest = text[:-1].strip().partition(".")
    if not (whole + rest).isdecimal() or len(whole + rest) > 9 or not (whole + rest).isascii():
        raise UsageError(f"{text!r} is no share; write it as 60% or 12.5%")
    times, of = int(whole + rest), 100 * 10 ** len(rest)
    if times > of:
        raise UsageError(f"{text} is more than the whole; the parts come to 100 % at the most")
    return {unit: most * times // of for unit in ("nanos", "tokens") if (most := _most(parent, unit)) is not None}


def _recorded(args: argparse.Namespace, where: Here, text: str, decide: Decide) -> int:
    """Record what is decided, from how things stand when nobody else can write. Returns the exit code."""
    require_log(where.log)

    async def record() -> Sequence[Change]:
        async with open_log(where.log) as log:
            return await _recorded_in(log, where, text, decide, _reason(args))

    with log_errors():
        changes = anyio.run(record)
    _tell(args, changes)
    return 0


async def _recorded_in(log: EventLog, where: Here, text: str, decide: Decide, reason: str) -> Sequence[Change]:
    counted = await where_counted(log, where)
    scope = await find_scope(log, text, counted.shared)
    async with in_turn(log):
        changes = decide(await budgets_of(log, counted, session=scope.session), scope)
        await record_caps(log, [recording(change, reason) for change in changes])
    return changes


def in_turn(log: EventLog) -> AbstractAsyncContextManager[None]:
    """Nobody else writes while the body looks at how things stand and records what follows."""
    return log.turn(timeout=TURN_S)


def recording(change: Change, reason: str = "") -> BudgetSet:
    """The event that makes a change hold."""
    tokens, nanos = (change.after if change.unit == unit else None for unit in ("tokens", "nanos"))
    return BudgetSet(scope=change.scope, tokens=tokens, nanos=nanos, by=person(), reason=reason)


def _write(args: argparse.Namespace, where: Here, short: str, unit: str, most: int) -> Change:
    """Set the cap of a shared scope in the user's settings, and in the log where one is recorded that would cover it."""
    output: Output = args.output
    path, name = config_dir(os.environ) / "config.toml", f"{short}_{'usd' if unit == 'nanos' else 'tokens'}"
    before = _most_of(where, short, unit)
    set_key(path, ("budget", name), decimal_usd(most) if unit == "nanos" else most)
    output.note(f"written to {path}: budget.{name}")
    after = here(args)
    if (held := _most_of(after, short, unit)) != most:
        origin = after.loaded.origins["budget", name]
        shown = "none" if held is None else amount(held, unit)
        output.note(f"here {origin.kind} {origin.place} sets it to {shown}, which goes before your settings", "yellow")
    change = Change(scope=where.shared[short], unit=unit, before=before, after=most)
    with suppress(NothingRecorded):
        require_log(where.log)
        anyio.run(_cover, args, where, short, change)
    return msgspec.structs.replace(change, scope="the log" if short == "log" else f"a {short}")


async def _cover(args: argparse.Namespace, where: Here, short: str, change: Change) -> None:
    """Record the cap, too, where one is recorded for the scope: that one goes before the settings."""
    with log_errors():
        async with open_log(where.log) as log, in_turn(log):
            scope = (await where_counted(log, where)).shared[short]
            state = (await budgets_of(log, where, session=0)).money.scopes.get(scope)
            if state is not None and change.unit in state.caps:
                await record_caps(log, [recording(msgspec.structs.replace(change, scope=scope), _reason(args))])
                args.output.note(f"recorded for {scope}, too: {state.caps[change.unit].by} had set its cap")


def _most_of(where: Here, short: str, unit: str) -> int | None:
    most: int | None = getattr(where.loaded.settings.budget, f"{short}_{unit}")
    return most


def _most(cap: Cap, unit: str) -> int | None:
    return cap.nanos if unit == "nanos" else cap.tokens


def _two(args: argparse.Namespace, action: str, second: str) -> tuple[str, str]:
    if len(args.words) != 2:
        raise UsageError(f"swarm budget {action}: a SCOPE such as day, s4 or s4/build and an {second} are expected")
    return args.words[0], args.words[1]


def _amount(text: str) -> tuple[str, int]:
    """The unit of an amount, and how much it is. Raises UsageError."""
    try:
        budget = parse_budget(text)
    except ValueError as error:
        raise UsageError(f"{error}{quoted(text)}") from error
    return ("nanos", budget.usd_nanos) if budget.usd_nanos is not None else ("tokens", budget.tokens or 0)


def quoted(text: str) -> str:
    """What may have become of an amount in dollars that is none."""
    return (
        ""
        if text.startswith("$")
        else "; quote an amount in dollars, as in '$0.50': a shell puts something else for $0"
    )


def _reason(args: argparse.Namespace) -> str:
    return Secrets.from_environ(os.environ).redact(args.reason)


def _tell(args: argparse.Namespace, changes: Sequence[Change]) -> None:
    output: Output = args.output
    if output.json:
        output.document("swarm.budget-set/1", {"caps": [_document(change) for change in changes]})
        return
    for change in changes:
        output.line(change.said)


def _document(change: Change) -> dict[str, Any]:
    values = {"before": change.before, "after": change.after}
    if change.unit == "tokens":
        return {"scope": change.scope, "unit": "tokens", **{f"{name}_tokens": value for name, value in values.items()}}
    return {
        "scope": change.scope,
        "unit": "usd",
        **{f"{name}_nanos": value for name, value in values.items()},
        **{f"{name}_usd": None if value is None else decimal_usd(value) for name, value in values.items()},
    }
