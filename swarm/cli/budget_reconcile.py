"""`swarm budget reconcile`: calls of which nobody knows whether they were billed are settled, by hand or from an invoice."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import EventLog, open_log
from events.views.sessions import Claim
from swarm.alive import exists
from swarm.cli.budget_change import in_turn, quoted
from swarm.cli.budget_scope import Here, here
from swarm.cli.output import counted
from swarm.cli.recorded import decimal_usd, local_time, log_errors, recorded, require_log, zone_of
from swarm.engine.requests import person
from swarm.errors import UsageError
from swarm.insight.reason import usd
from swarm.insight.unsettled import Doubtful, Paid, doubtful, settled_calls, settlement, the_doubtful, unknown_call
from swarm.money.invoice import Matches, Recorded, Row, day_of, match, nanos_of, read_invoice, same_model

if TYPE_CHECKING:
    from swarm.cli.output import Output

_MOST_LISTED = 20


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What an invoice and the log say of the settled calls of a model on one day (UTC), in nano-dollars."""

    day: str
    model: str
    billed: int
    recorded: int


def reconcile(args: argparse.Namespace) -> int:
    if len(args.words) > 1 or (args.words and args.invoice):
        raise UsageError("swarm budget reconcile takes one CALL, or --invoice FILE; see `swarm budget --help`")
    if args.invoice:
        if args.cost or args.tokens or args.not_billed:
            raise UsageError("--invoice says what each call cost; --cost, --tokens and --not-billed are for one CALL")
        return _from_invoice(args)
    if args.words:
        return _by_hand(args)
    if args.cost or args.tokens or args.not_billed:
        raise UsageError("which call is meant? `swarm budget reconcile` lists them by their numbers")
    return _list(args)


def _list(args: argparse.Namespace) -> int:
    output: Output = args.output
    where = here(args)

    async def read() -> list[Doubtful]:
        async with recorded(where.log) as log:
            return await doubtful(log, _lives(where))

    found = anyio.run(read)
    if output.json:
        output.document("swarm.reconcile/1", {"unknown": [_call(each) for each in found]})
    elif not found:
        output.line("every call that was made is settled")
    else:
        _table(found, where, output)
        output.note("settle one with `swarm budget reconcile CALL --cost AMOUNT`, or with `--not-billed`")
    return 0


def _table(found: Sequence[Doubtful], where: Here, output: Output) -> None:
    zone = zone_of(where.loaded.settings)
    rows = [
        (
            str(each.entry.position),
            f"{local_time(each.entry.at, zone):%Y-%m-%d %H:%M}",
            each.name,
            each.call.model,
            usd(each.call.cost_nanos),
            f"{each.call.tokens:,}",
            "its process has gone" if each.is_open else "maybe paid",
        )
        for each in found
    ]
    output.table(("CALL", "AT", "TASK", "MODEL", "AT MOST", "TOKENS", "STATE"), rows)


def _by_hand(args: argparse.Namespace) -> int:
    output: Output = args.output
    if not re.fullmatch(r"[0-9]{1,15}", args.words[0]):
        raise UsageError(f"{args.words[0]!r} is no call; `swarm budget reconcile` lists them by their numbers")
    if bool(args.cost) == args.not_billed:
        raise UsageError("say what the call cost, with --cost AMOUNT, or that it was --not-billed")
    paid, where, position = _paid(args), here(args), int(args.words[0])
    require_log(where.log)

    async def settle() -> Doubtful:
        async with open_log(where.log) as log, in_turn(log):
            found = await the_doubtful(log, position, _lives(where))
            if not args.dry_run:
                await _append(log, [(found, paid)])
            return found

    with log_errors():
        found = anyio.run(settle)
    said = "was not billed" if paid.nanos is None else f"cost {usd(paid.nanos)}"
    if output.json:
        output.document("swarm.reconcile/1", {"settled": [_settled(found, paid)], "dry_run": args.dry_run})
    else:
        output.line(f"call {position} of {found.name} {said}; {usd(found.call.cost_nanos)} had been held for it")
    return 0


def _paid(args: argparse.Namespace) -> Paid:
    if args.not_billed:
        if args.tokens:
            raise UsageError("--tokens goes with --cost: what was not billed has none")
        return Paid(nanos=None)
    try:
        nanos = nanos_of(args.cost)
    except ValueError as error:
        raise UsageError(f"--cost {args.cost}: {error}{quoted(args.cost)}") from error
    if not args.tokens:
        return Paid(nanos=nanos)
    sizes = re.fullmatch(r"([0-9]{1,12})/([0-9]{1,12})", args.tokens)
    if sizes is None:
        raise UsageError(f"--tokens {args.tokens}: write input and output as IN/OUT, such as 1200/300")
    return Paid(nanos=nanos, tokens=(int(sizes[1]), int(sizes[2])))


async def _append(log: EventLog, settled: Iterable[tuple[Doubtful, Paid]]) -> None:
    for found, paid in settled:
        events, pack = settlement(found, paid, by=person())
        await log.append(events, texts=pack.texts, durable=True, cause=found.entry.position)


def _from_invoice(args: argparse.Namespace) -> int:
    output: Output = args.output
    path, where = Path(args.invoice).expanduser(), here(args)
    invoice = read_invoice(path)
    require_log(where.log)
    names = {name: (model.model,) for name, model in where.loaded.settings.models.items()}

    async def settle() -> tuple[Matches, list[tuple[Doubtful, Paid]], list[Difference]]:
        async with open_log(where.log, read_only=args.dry_run) as log:
            if args.dry_run:
                return await _matched(log, where, invoice.rows, names, path.name)
            async with in_turn(log):
                found = await _matched(log, where, invoice.rows, names, path.name)
                await _append(log, found[1])
                return found

    with log_errors():
        matches, settled, differences = anyio.run(settle)
    for problem in invoice.problems[:_MOST_LISTED]:
        output.note(f"{path}: {problem}; the line is left out", "yellow")
    if (more := len(invoice.problems) - _MOST_LISTED) > 0:
        output.note(f"{path}: {more} more lines are left out", "yellow")
    if output.json:
        output.document("swarm.reconcile/1", _document(matches, settled, differences, args.dry_run))
    else:
        _tell(matches, settled, differences, output, dry=args.dry_run)
    return 0


async def _matched(
    log: EventLog, where: Here, rows: Sequence[Row], names: Mapping[str, Sequence[str]], file: str
) -> tuple[Matches, list[tuple[Doubtful, Paid]], list[Difference]]:
    """What the rows are of, the calls that they settle, and where they differ from what was settled before."""
    unknown = {each.entry.position: each for each in await doubtful(log, _lives(where))}
    settled = await settled_calls(log, names)
    matches = match(rows, [*settled, *(unknown_call(each, names) for each in unknown.values())])
    found = [(unknown[call.position], _billed(row, file)) for row, call in matches.found]
    return matches, found, _differences(rows, matches, settled)


def _billed(row: Row, file: str) -> Paid:
    known = row.input_tokens is not None and row.output_tokens is not None
    tokens = (row.input_tokens or 0, row.output_tokens or 0) if known else None
    return Paid(nanos=row.nanos, tokens=tokens, basis="invoice", note=f"settled from line {row.line} of {file}")


def _differences(rows: Sequence[Row], matches: Matches, settled: Sequence[Recorded]) -> list[Difference]:
    """By day and model where the rows that settle nothing and the settled calls do not come to the same."""
    settling = {row.line for row, _ in matches.found}
    billed: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.line not in settling:
            place = row.day or day_of(row.at), row.model
            billed[place] = billed.get(place, 0) + row.nanos
    found: list[Difference] = []
    for (day, model), nanos in sorted(billed.items()):
        recorded = sum(call.nanos for call in settled if day_of(call.at) == day and same_model(model, call.models))
        if recorded != nanos:
            found.append(Difference(day=day, model=model, billed=nanos, recorded=recorded))
    return found


def _lives(where: Here) -> Any:
    def lives(claim: Claim) -> bool:
        return exists(claim, where.now)

    return lives


def _tell(
    matches: Matches,
    settled: Sequence[tuple[Doubtful, Paid]],
    differences: Sequence[Difference],
    output: Output,
    *,
    dry: bool,
) -> None:
    word = "would settle" if dry else "settles"
    for found, paid in settled:
        call, line, held = found.entry.position, paid.note.removeprefix("settled from "), usd(found.call.cost_nanos)
        output.line(f"{line} {word} call {call} of {found.name} at {usd(paid.nanos or 0)}; {held} had been held")
    for row, calls in matches.ambiguous[:_MOST_LISTED]:
        listed = ", ".join(map(str, calls))
        output.line(f"line {row.line} may be of several: {row.model}, {usd(row.nanos)}; calls {listed} fit", "yellow")
    for row in matches.left[:_MOST_LISTED]:
        output.line(f"line {row.line} is of no call in this log: {row.model}, {usd(row.nanos)}", "dim")
    for each in differences:
        gap = usd(abs(each.billed - each.recorded))
        way = "more" if each.billed > each.recorded else "less"
        said = f"{each.day} {each.model}: {usd(each.billed)} billed, {gap} {way} than recorded; nothing was changed"
        output.line(said, "yellow")
    output.note(
        f"{counted(len(settled), 'call')} {'to settle' if dry else 'settled'}, {len(matches.settled)} settled before, "
        f"{len(matches.ambiguous)} ambiguous, {counted(len(matches.left), 'row')} of no call here"
    )


def _call(found: Doubtful) -> dict[str, Any]:
    call = found.call
    return {
        "call": found.entry.position,
        "task": found.name,
        "model": call.model,
        "reserved_nanos": call.cost_nanos,
        "reserved_usd": decimal_usd(call.cost_nanos),
        "reserved_tokens": call.tokens,
        "state": "open" if found.is_open else "maybe paid",
    }


def _settled(found: Doubtful, paid: Paid) -> dict[str, Any]:
    nanos = paid.nanos or 0
    return {**_call(found), "billed": paid.nanos is not None, "cost_nanos": nanos, "cost_usd": decimal_usd(nanos)}


def _document(
    matches: Matches, settled: Sequence[tuple[Doubtful, Paid]], differences: Sequence[Difference], dry: bool
) -> dict[str, Any]:
    return {
        "dry_run": dry,
        "settled": [_settled(found, paid) for found, paid in settled],
        "settled_before": len(matches.settled),
        "ambiguous": [{**_row(row), "calls": list(calls)} for row, calls in matches.ambiguous],
        "left": [_row(row) for row in matches.left],
        "differences": [
            {
                "day": each.day,
                "model": each.model,
                "billed_nanos": each.billed,
                "billed_usd": decimal_usd(each.billed),
                "recorded_nanos": each.recorded,
                "recorded_usd": decimal_usd(each.recorded),
            }
            for each in differences
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {"line": row.line, "model": row.model, "cost_nanos": row.nanos, "cost_usd": decimal_usd(row.nanos)}
