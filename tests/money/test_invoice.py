"""A provider's invoice: read in whatever form, and matched only where nothing is in doubt."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.money.invoice import InvoiceUnreadable, Recorded, Row, match, nanos_of, read_invoice, same_model

NOON = 1_795_262_400_000_000  # 2026-11-21 12:00:00 UTC


def a_row(**changes: object) -> Row:
    values: dict[str, object] = {
        "line": 2,
        "at": NOON,
        "model": "m",
        "input_tokens": 100,
        "output_tokens": 50,
        "nanos": 7,
    }
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def a_call(position: int, **changes: object) -> Recorded:
    values: dict[str, object] = {
        "position": position,
        "at": NOON,
        "models": ("m",),
        "input_tokens": 400,
        "output_tokens": 500,
        "nanos": 1_000,
        "state": "unknown",
    }
    return Recorded(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (
            "created_at,model_permaslug,tokens_prompt,tokens_completion,cost_total\n2026-11-21 12:00:00,maker/m,100,50,0.000000007\n",
            a_row(model="maker/m"),
        ),
        ("Timestamp;Model;Input Tokens;Output Tokens;Cost (USD)\n1795262400;m;100;50;$7e-9\n", a_row()),
        (
            "start_time_iso\tmodel\tcost_usd\n2026-11-21T13:00:00+01:00\tm\t7e-9 USD\n",
            a_row(input_tokens=None, output_tokens=None),
        ),
        (
            "\ufeffdate,model,amount_value\n\n2026-11-21,m,0.0000000061\n",
            a_row(line=3, at=NOON - 43_200_000_000, day="2026-11-21", input_tokens=None, output_tokens=None),
        ),
    ],
    ids=["gateway", "semicolons", "tabs", "days"],
)
def test_columns_are_found_by_the_headers_that_providers_use(tmp_path: Path, text: str, row: Row) -> None:
    path = tmp_path / "invoice.csv"
    path.write_text(text, encoding="utf-8")
    invoice = read_invoice(path)
    assert (invoice.rows, invoice.problems) == ((row,), ())


def test_a_line_that_says_nothing_certain_is_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "invoice.csv"
    lines = (
        "date,model,cost",
        "21/11/2026,m,1",
        "2026-11-21,,1",
        '2026-11-21,m,"0,5"',
        "2026-11-21,m,-1",
        "2026-11-21,m,NaN",
        "2026-11-21,m,2",
    )
    path.write_text("\n".join(lines))
    invoice = read_invoice(path)
    assert [row.nanos for row in invoice.rows] == [2_000_000_000]
    assert [problem.partition(":")[0] for problem in invoice.problems] == [f"line {number}" for number in range(2, 7)]
    assert "'21/11/2026' is no time" in invoice.problems[0] and "'0,5' is no amount" in invoice.problems[2]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "it is empty"),
        (b"when,what\n1,2\n", "no column is known to hold the time and the model and the cost"),
        (b"date,model\n", r"no column is known to hold the cost; name it in its first line \(cost: cost, "),
        (b"date,model,cost\n\xff", "it is not UTF-8"),
    ],
)
def test_what_is_no_invoice_is_refused_in_a_sentence(tmp_path: Path, text: bytes, why: str) -> None:
    path = tmp_path / "invoice.csv"
    path.write_bytes(text)
    with pytest.raises(InvoiceUnreadable, match=why):
        read_invoice(path)
    with pytest.raises(InvoiceUnreadable, match="cannot be read"):
        read_invoice(tmp_path / "none.csv")


@given(st.integers(0, 10**14), st.integers(0, 20))
def test_an_amount_is_rounded_up_to_a_whole_nano_dollar_and_never_by_a_float(units: int, places: int) -> None:
    text = f"{units // 10**places}.{units % 10**places:0{places}d}" if places else str(units)
    assert 0 <= nanos_of(text) * 10**places - units * 10**9 < 10**places


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "-0.1", "inf", "", "1,23"])
def test_what_is_no_amount_is_refused_and_takes_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no amount in US dollars|is not what a call costs"):
        nanos_of(text)


@pytest.mark.parametrize(
    ("billed", "known", "same"),
    [
        ("openai/gpt-x", "gpt-x", True),
        ("gpt-x-2026-08-07", "openai/GPT-X", True),
        ("claude-x-20260101", "claude-x", True),
        ("gpt-x-mini", "gpt-x", False),
        ("gpt-x", "gpt-x-mini", False),
    ],
)
def test_a_model_is_the_same_with_its_maker_before_it_and_a_date_behind_it(billed: str, known: str, same: bool) -> None:
    assert same_model(billed, (known,)) is same


def test_a_row_settles_the_only_call_that_it_fits() -> None:
    other = (
        a_call(2, models=("n",)),
        a_call(3, at=NOON + 3_600_000_000),
        a_call(4, output_tokens=49),
        a_call(5, input_tokens=99),
    )
    matches = match([a_row()], [a_call(1), *other])
    assert [(row.line, call.position) for row, call in matches.found] == [(2, 1)]


def test_a_row_that_fits_two_calls_and_a_call_that_fits_two_rows_settle_nothing() -> None:
    one_row = match([a_row()], [a_call(1), a_call(2)])
    assert one_row.found == () and one_row.ambiguous[0][1] == (1, 2)
    one_call = match([a_row(), a_row(line=3, output_tokens=40)], [a_call(1)])
    assert one_call.found == () and len(one_call.ambiguous) == 2


def test_a_row_of_a_settled_call_is_not_taken_for_one_of_which_nobody_knows() -> None:
    settled = a_call(1, state="settled", input_tokens=130, output_tokens=50, nanos=7)
    matches = match([a_row()], [settled, a_call(2)])
    assert (matches.found, [call.position for _, call in matches.settled]) == ((), [1])
    both = match([a_row(), a_row(line=3, output_tokens=60)], [settled, a_call(2)])
    assert [(row.line, call.position) for row, call in both.found] == [(3, 2)]


def test_a_row_of_a_day_settles_nothing_where_it_may_be_the_sum_of_several_calls() -> None:
    day = a_row(day="2026-11-21", at=NOON - 43_200_000_000)
    assert [call.position for _, call in match([day], [a_call(1)]).found] == [1]
    settled = a_call(2, state="settled", input_tokens=60, output_tokens=20, nanos=3)
    assert match([day], [a_call(1), settled]).found == ()


@given(st.integers(0, 10_000))
def test_every_row_is_of_one_kind_and_no_call_is_settled_twice(seed: int) -> None:
    random = Random(seed)
    rows = [
        a_row(
            line=line,
            at=NOON + random.randrange(3) * 500_000_000,
            output_tokens=random.choice((None, 5, 50)),
            nanos=random.randrange(3),
        )
        for line in range(random.randrange(8))
    ]
    calls = [
        a_call(
            position,
            at=NOON + random.randrange(3) * 500_000_000,
            output_tokens=random.choice((5, 50)),
            nanos=random.randrange(3),
            state=random.choice(("unknown", "settled")),
        )
        for position in range(random.randrange(8))
    ]
    matches = match(rows, calls)
    of_rows = [row.line for row, _ in (*matches.found, *matches.settled, *matches.ambiguous)]
    assert sorted([*of_rows, *(row.line for row in matches.left)]) == [row.line for row in rows]
    taken = [call.position for _, call in (*matches.found, *matches.settled)]
    assert len(set(taken)) == len(taken)
    assert all(call.state == "unknown" for _, call in matches.found)
