"""A provider's invoice as CSV, and which of its rows are of which recorded calls. No float comes near an amount."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

import msgspec

from swarm.errors import UsageError
from swarm.units import NANOS, shortened

NEAR_S = 600  # how far the clock of an invoice may be from ours, and its moment from that of the reservation
LEAST_SHARE = 16  # a reservation takes at most so many times the tokens of its input: it counts bytes
_MOST_PLACES = 30  # before and behind the point: more are no amount, and as whole numbers they would not end

# headers that providers and gateways use, written in small letters with _ for anything else
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "time": (
        *("timestamp", "datetime", "date_time", "time", "created_at", "created", "started_at", "start_time"),
        *("start_time_iso", "start_time_utc", "date", "day", "usage_date", "usage_date_utc"),
    ),
    "model": ("model", "model_name", "model_id", "model_permaslug", "model_version", "snapshot_id"),
    "input": (
        *("input_tokens", "prompt_tokens", "tokens_prompt", "tokens_in", "tokens_input", "native_tokens_prompt"),
        *("n_context_tokens_total", "usage_input_tokens"),
    ),
    "output": (
        *("output_tokens", "completion_tokens", "tokens_completion", "tokens_out", "tokens_output"),
        *("native_tokens_completion", "n_generated_tokens_total", "usage_output_tokens"),
    ),
    "cost": (
        *("cost", "cost_usd", "total_cost", "cost_total", "total_cost_usd", "amount", "amount_usd", "amount_value"),
        *("charge", "charge_usd", "price_usd", "usd", "usage_usd", "cost_in_major"),
    ),
}
_NEEDED = ("time", "model", "cost")


class InvoiceUnreadable(UsageError):
    """The file is no invoice that can be read; nothing was settled from it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider billed. `at` is microseconds since 1970, of the day's beginning where it names a `day` alone."""

    line: int
    at: int
    day: str = ""  # as 2026-11-21, in UTC; empty: it names the moment
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    nanos: int


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the log has it. Where nobody knows of it, its tokens are the most that they can have been."""

    position: int
    at: int
    models: tuple[str, ...]  # names under which an invoice may have it
    input_tokens: int
    output_tokens: int
    nanos: int
    state: Literal["unknown", "settled"]


class Invoice(msgspec.Struct, frozen=True):
    rows: tuple[Row, ...]
    problems: tuple[str, ...]  # of lines that could not be read


class Matches(msgspec.Struct, frozen=True):
    """Which rows are of which calls."""

    found: tuple[tuple[Row, Recorded], ...]  # of calls of which nobody knew, each the only one for the other
    settled: tuple[tuple[Row, Recorded], ...]  # of calls that were settled when they were made
    ambiguous: tuple[tuple[Row, tuple[int, ...]], ...]  # and the calls that each may be of
    left: tuple[Row, ...]


def read_invoice(path: Path) -> Invoice:
    """Read the rows of a CSV file, with commas, semicolons or tabs. Raises InvoiceUnreadable."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            if not first.strip():
                raise InvoiceUnreadable(path, "it is empty; export the calls of your account as CSV")
            delimiter = max(",;\t", key=first.count)
            columns = _columns(path, next(csv.reader([first], delimiter=delimiter)))
            return _read(csv.reader(file, delimiter=delimiter), columns)
    except OSError as error:
        raise InvoiceUnreadable(path, f"it cannot be read ({error.strerror}); name a CSV file") from error
    except UnicodeDecodeError as error:
        raise InvoiceUnreadable(path, "it is not UTF-8; save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise InvoiceUnreadable(path, f"it is no CSV: {error}") from error


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    """By what it says the number of a column."""
    names = [re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_") for name in header]
    found = {
        meaning: names.index(name)
        for meaning, known in _HEADERS.items()
        if (name := next((name for name in known if name in names), None)) is not None
    }
    if missing := [meaning for meaning in _NEEDED if meaning not in found]:
        known = "; ".join(f"{meaning}: {', '.join(_HEADERS[meaning])}" for meaning in missing)
        raise InvoiceUnreadable(
            path, f"no column is known to hold the {' and the '.join(missing)}; name it in its first line ({known})"
        )
    return found


def _read(lines: Iterable[Sequence[str]], columns: Mapping[str, int]) -> Invoice:
    rows: list[Row] = []
    problems: list[str] = []
    for number, cells in enumerate(lines, 2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append(
                _row(number, {name: cells[at].strip() if at < len(cells) else "" for name, at in columns.items()})
            )
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    return Invoice(tuple(rows), tuple(problems))


def _row(line: int, cells: Mapping[str, str]) -> Row:
    at, day = _moment(cells["time"])
    if not cells["model"]:
        raise ValueError("it names no model")
    sizes = {name: _size(cells[name]) if cells.get(name) else None for name in ("input", "output")}
    return Row(
        line=line,
        at=at,
        day=day,
        model=cells["model"],
        input_tokens=sizes["input"],
        output_tokens=sizes["output"],
        nanos=nanos_of(cells["cost"]),
    )


def nanos_of(text: str) -> int:
    """US dollars with any number of places as nano-dollars, rounded up. Raises ValueError."""
    number = text.strip().removesuffix("USD").strip().removeprefix("$").strip()
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", number):
        number = number.replace(",", "")
    try:
        amount = Decimal(number)
    except InvalidOperation:
        raise ValueError(f"{shortened(text)} is no amount in US dollars") from None
    if not amount.is_finite() or amount < 0 or (amount and abs(amount.adjusted()) > _MOST_PLACES):
        raise ValueError(f"{shortened(text)} is not what a call costs")
    units, of = amount.as_integer_ratio()  # exact, where a product of decimals is rounded
    return -(-units * NANOS // of)


def _size(text: str) -> int:
    digits = text.replace(",", "")
    if not re.fullmatch(r"[0-9]{1,12}(\.0+)?", digits):
        raise ValueError(f"{shortened(text)} is no number of tokens")
    return int(digits.partition(".")[0])


def _moment(text: str) -> tuple[int, str]:
    """The moment, and the day where it names no more; without a zone it is taken as UTC."""
    if re.fullmatch(r"[0-9]{10}|[0-9]{13}", text):
        return int(text) * (1_000_000 if len(text) == 10 else 1_000), ""
    written = text.removesuffix("UTC").strip()
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written):
            day = date.fromisoformat(written)
            return _micros(datetime(day.year, day.month, day.day, tzinfo=UTC)), written
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{shortened(text)} is no time such as 2026-11-21T10:00:00Z, and no date") from None
    return _micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), ""


def _micros(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def match(rows: Sequence[Row], calls: Sequence[Recorded]) -> Matches:
    """Say of which call each row is. A row goes to a settled call with its figures, else to the only one that it fits."""
    settled, rest, unbilled = _settled(rows, [call for call in calls if call.state == "settled"])
    unknown = [call for call in calls if call.state == "unknown"]
    fits = [(row, [call for call in unknown if _may_be(row, call)]) for row in rest]
    wanted = [call.position for _, candidates in fits for call in candidates]
    found: list[tuple[Row, Recorded]] = []
    ambiguous: list[tuple[Row, tuple[int, ...]]] = []
    left: list[Row] = []
    for row, candidates in fits:
        is_sum = bool(row.day) and any(_is_near(row, call) for call in unbilled)
        if not candidates:
            left.append(row)
        elif len(candidates) == 1 and wanted.count(candidates[0].position) == 1 and not is_sum:
            found.append((row, candidates[0]))
        else:  # a row of a whole day may be the sum of several calls
            ambiguous.append((row, tuple(call.position for call in candidates)))
    return Matches(tuple(found), tuple(settled), tuple(ambiguous), tuple(left))


def _settled(
    rows: Sequence[Row], calls: Sequence[Recorded]
) -> tuple[list[tuple[Row, Recorded]], list[Row], list[Recorded]]:
    """The rows of settled calls, those of none, and the calls without a row: each row takes the nearest that it equals."""
    taken: set[int] = set()
    pairs: list[tuple[Row, Recorded]] = []
    rest: list[Row] = []
    for row in rows:
        same = [call for call in calls if call.position not in taken and _is_near(row, call) and _equals(row, call)]
        if not same:
            rest.append(row)
            continue
        nearest = min(same, key=lambda call: (abs(call.at - row.at), call.position))
        taken.add(nearest.position)
        pairs.append((row, nearest))
    return pairs, rest, [call for call in calls if call.position not in taken]


def _equals(row: Row, call: Recorded) -> bool:
    """Whether the figures are those of the call. Input is no proof against it: some invoices leave cached tokens out."""
    return 0 < row.nanos == call.nanos or (row.output_tokens is not None and row.output_tokens == call.output_tokens)


def _may_be(row: Row, call: Recorded) -> bool:
    """Whether the row can be of a call of which nobody knows."""
    if not _is_near(row, call):
        return False
    if row.output_tokens is not None and row.output_tokens > call.output_tokens:
        return False
    return row.input_tokens is None or call.input_tokens // LEAST_SHARE <= row.input_tokens <= call.input_tokens


def _is_near(row: Row, call: Recorded) -> bool:
    if not same_model(row.model, call.models):
        return False
    if row.day:
        return row.day == day_of(call.at)
    return abs(row.at - call.at) <= NEAR_S * 1_000_000


def day_of(at: int) -> str:
    """The day of a moment in UTC."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).date().isoformat()


def same_model(name: str, names: Sequence[str]) -> bool:
    """Whether one of the names is the same model: with or without its maker before it, and its date behind it."""
    return not set(_forms(name)).isdisjoint(form for each in names for form in _forms(each))


def _forms(name: str) -> Iterator[str]:
    small = name.strip().lower()
    for form in (small, small.rpartition("/")[2]):
        yield form
        yield re.sub(r"[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2})$", "", form)
