"""A provider that counts more than was reserved: what it broke stays shut, and the next reservation is as wide as what was seen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import Entry, open_log
from events.testing import builders as make
from events.types.call import CallOverran, CallReserved
from events.types.task import TaskHalted
from events.views.base import decode_state, encode_state
from events.views.money import Amount, MoneyView, ScopeState
from events.views.overruns import EXACT, Bounds, OverrunsView, Times
from events.views.standing import standing
from swarm.engine.endings import ending
from swarm.errors import BudgetExceeded, CapBroken
from swarm.insight.refusals import lacking_of
from swarm.messages import FREE, MILLION, Message, Price, Reply, Request, Usage
from swarm.models.scripted import ScriptedModel
from swarm.money.caps import Cap, Grant, Need, admit
from swarm.money.prices import most_nanos
from swarm.text.tokens import most_tokens
from tests.calling import ASK, Desk, arm, desk
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import Cast, run, serving

PRICE = Price(row="p", input_nanos=10 * MILLION, output_nanos=40 * MILLION)
OUTPUT = 100


def a_need(*caps: Cap, price: Price = FREE, bounds: Bounds = EXACT) -> Need:
    return Need(
        scopes=("day",),
        caps=caps,
        price=price,
        input_tokens=100,
        output_tokens=20,
        least_output_tokens=10,
        bounds=bounds,
    )


def spent(tokens: int, nanos: int, *, over_tokens: int = 0, over_nanos: int = 0) -> MoneyView:
    over = Amount(over_tokens, over_nanos)
    state = ScopeState(spent=Amount(tokens, nanos), overran=over, overran_by=7 if over != Amount() else 0)
    return MoneyView(scopes={"day": state})


@pytest.mark.parametrize(
    ("money", "cap", "broken"),
    [
        (spent(0, 900, over_nanos=500), Cap(scope="day", nanos=800), "nanos"),
        (spent(0, 900, over_nanos=500), Cap(scope="day", nanos=900), ""),
        (spent(0, 900, over_nanos=50), Cap(scope="day", nanos=800), ""),  # it was lowered: 850 had been spent without
        (spent(0, 900), Cap(scope="day", nanos=800), ""),
        (spent(900, 0, over_tokens=500), Cap(scope="day", tokens=800), "tokens"),
        (spent(900, 0, over_tokens=500), Cap(scope="day", nanos=0), ""),
        (spent(0, 900, over_nanos=500), Cap(scope="other", nanos=0), ""),
    ],
)
def test_a_free_call_is_refused_where_an_overrun_took_the_scope_over_its_cap(
    money: MoneyView, cap: Cap, broken: str
) -> None:
    decision = admit(a_need(cap), money, {})
    if not broken:
        assert isinstance(decision, Grant)
        return
    assert isinstance(decision, CapBroken)
    assert (decision.unit, decision.call, decision.exit_code) == (broken, 7, 3)
    assert decision.used > decision.cap >= decision.used - decision.over


def test_the_refusal_names_the_call_the_excess_and_the_way_out() -> None:
    refused = admit(a_need(Cap(scope="day", nanos=8 * 10**8)), spent(0, 9 * 10**8, over_nanos=5 * 10**8), {})
    assert str(refused) == (
        "the budget of day was broken: a provider counted $0.50 more than was reserved (the last time for call 7, see "
        "`swarm why 7`), so that $0.90 are spent where $0.80 are allowed; no call is made any more, not even a free one, "
        "until `swarm budget raise day AMOUNT` allows more"
    )


def test_the_least_cap_that_mends_a_broken_one_has_room_for_what_is_held_back_of_it() -> None:
    """And for the next call: else a resume under that cap would halt at once."""
    money = spent(0, 9_000, over_nanos=5_000)
    cap = Cap(scope="day", nanos=8_000, holds_back=True)
    need = a_need(cap, price=PRICE)
    refused = admit(need, money, {})
    assert isinstance(refused, CapBroken)
    halt = ending(refused, "")
    assert isinstance(halt, TaskHalted)
    lacking = lacking_of(halt)
    raised = msgspec.structs.replace(cap, nanos=lacking.cap + lacking.amount)
    assert isinstance(admit(msgspec.structs.replace(need, caps=(raised,)), money, {}), Grant)


class Padding:
    """A provider's model that bills `times` what a byte count says of a request, and of what it was allowed to answer."""

    def __init__(self, input_: Fraction, output: Fraction) -> None:
        self._input, self._output = input_, output

    def __call__(self, request: Request) -> Reply:
        counted = most_tokens(request.messages, request.answer_schema)
        usage = Usage(
            input_tokens=-(-counted * self._input // 1), output_tokens=-(-request.max_output_tokens * self._output // 1)
        )
        return Reply(text="Done.", finish="stop", usage=usage, model="padding")


def a_lie() -> tuple[ScriptedModel, ScriptedModel]:
    half = Padding(Fraction(5, 2), Fraction(3, 2))
    return ScriptedModel("free", half), ScriptedModel("paid", half)


async def overruns(it: Desk) -> int:
    return len(await it.only(CallOverran))


@pytest.mark.parametrize("price", [FREE, PRICE], ids=["free", "paid"])
async def test_a_provider_that_always_pads_its_usage_overruns_once(price: Price) -> None:
    async with desk(a_lie(), price=PRICE) as it:
        for words in ("Say hello.", "Say it again, and longer than before. " * 30, "Hm"):
            ask = type(ASK)(messages=(Message("user", words),), output_tokens=OUTPUT)
            await it.call(arm("free" if price is FREE else "paid", price), ask=ask)
        assert await overruns(it) == 1
        money = await it.money()
        spent_, over = money.scope("day").spent, money.scope("day").overran
        assert 0 < over.tokens < spent_.tokens


async def test_what_a_model_was_seen_to_count_is_known_to_the_next_process() -> None:
    view = OverrunsView()
    async with desk(a_lie(), price=PRICE) as it:
        await it.call(arm("paid", PRICE))
        for entry in await entries_of(it.log):
            view.apply(entry)
    (bounds,) = view.models.values()
    counted = most_tokens(ASK.messages)
    assert bounds == Bounds(input=Times(-(-counted * 5 // 2), counted), output=Times(150, 100))
    assert decode_state(OverrunsView, encode_state(view)) == view


async def test_of_a_padding_model_so_much_less_fits_under_a_cap() -> None:
    async with desk(a_lie(), price=PRICE) as it:
        await it.call(arm("free"))
        used = (await it.money()).scope("s1").spent.tokens
        counted = most_tokens(ASK.messages)
        it.caps = (Cap(scope="s1", tokens=used + -(-counted * 5 // 2) + 89),)
        await it.call(arm("free"))
        assert (await it.money()).scope("s1").spent.tokens == it.caps[0].tokens, "59 of 100 tokens, billed as 89"
        assert await overruns(it) == 1
        with pytest.raises(
            BudgetExceeded, match=r"because free once counted 2.6 times the input .* 1.5 times the output"
        ):
            await it.call(arm("free"))


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**7))
def test_what_fits_within_a_bound_is_the_most_that_does(counted: int, more: int, room: int) -> None:
    factor = Times(counted + more, counted)
    most = factor.within(room)
    assert factor.of(most) <= room < factor.of(most + 1)


@given(st.fractions(1, 50), st.fractions(1, 50), st.lists(st.tuples(st.integers(1, 10**5), st.integers(1, 10**4))))
def test_a_provider_that_bills_a_fixed_number_of_times_overruns_a_model_once(
    input_: Fraction, output: Fraction, calls: list[tuple[int, int]]
) -> None:
    """Whatever it is asked: after the first overrun each reservation holds what it bills."""
    view, seen = OverrunsView(), list[Any]()
    for counted, asked in calls:
        need = Need(
            scopes=("day",),
            caps=(),
            price=PRICE,
            input_tokens=counted,
            output_tokens=asked,
            least_output_tokens=1,
            bounds=view.of("m"),
        )
        grant = admit(need, MoneyView(), {})
        assert isinstance(grant, Grant) and grant.nanos == most_nanos(PRICE, need.most_input, need.most_output(asked))
        billed = -(-counted * input_ // 1), -(-asked * output // 1)
        if sum(billed) > grant.tokens:
            over = make.overran(
                1,
                model="m",
                counted_tokens=counted,
                input_tokens=billed[0],
                max_output_tokens=asked,
                output_tokens=billed[1],
            )
            seen.append(over)
            view.apply(Entry(1, b"", 1, "ledger", "", 1, "", 0, 0, 0, over))
    assert len(seen) <= 1


async def test_the_next_session_reserves_for_a_model_as_it_was_seen_to_count(tmp_path: Path) -> None:
    def padded(body: dict[str, Any]) -> Answer:
        counted = most_tokens([Message(each["role"], each["content"]) for each in body["messages"]])
        return Answer("A fine result.", usage={"prompt_tokens": 3 * counted, "completion_tokens": body["max_tokens"]})

    text = "prompt: Write.\ncheck: {contains: result}\nbudget: 1M\n"
    async with open_log(tmp_path / "log.db") as log, serving(Cast(worker=[padded])) as (_, plan):
        for number in (1, 2, 3):
            assert (await run(log, f"{text}title: {'again, ' * number}\n", plan, tmp_path)).exit_code == 0
        kept = (await standing(log)).view.overruns
        entries = await entries_of(log)
    calls = [entry.event for entry in entries if isinstance(entry.event, CallReserved)]
    assert [entry.session for entry in entries if isinstance(entry.event, CallOverran)] == [1]
    assert kept.of("m1").input.of(100) == 300 and kept.of("m1").output == Times()
    inputs = [call.tokens - call.max_output_tokens for call in calls]
    assert inputs == [inputs[0], 3 * inputs[0], 3 * inputs[0]]
