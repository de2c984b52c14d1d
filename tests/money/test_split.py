"""A split budget: the caps in force of its parts, for any split, any use and any forecast."""

from __future__ import annotations

import anyio
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.log import open_log
from events.types.call import CallReserved
from events.views.money import Amount, MoneyView, ScopeState
from swarm.errors import BudgetExceeded, ShareExceeded
from swarm.messages import FREE
from swarm.money.caps import Cap, Grant, Need, ShareCap, Used, Wait
from swarm.money.split import Part, caps_in_force, decide, portioned, shares_of
from swarm.task import BUFFER, WHOLE, Portion
from tests.ledger_agents import Agent, a_need, entries_of, session

amounts = st.integers(0, 60)


@st.composite
def splits(draw: st.DrawFn) -> tuple[int, list[Part], int]:
    """A budget, its parts, and what of it is held: shares are within it, and so is what is used."""
    parent = draw(st.integers(0, 200))
    left, parts = parent, list[Part]()
    held = draw(st.integers(0, min(30, left)))
    left -= held
    room = left
    for name in draw(st.lists(st.sampled_from("abcde"), unique=True, min_size=1)):
        share, used = draw(st.integers(0, left)), draw(st.integers(0, room))
        left, room = left - share, room - used
        parts.append(Part(name=name, share=share, used=used, forecast=draw(amounts)))
    return parent, parts, held


@given(splits(), st.sampled_from("abcdex"), amounts)
def test_what_all_may_take_is_never_more_than_there_is(
    split: tuple[int, list[Part], int], asking: str, need: int
) -> None:
    parent, parts, held = split
    caps = caps_in_force(parent, parts, held=held, asking=asking, need=need)
    assert sum(caps.values()) + held == parent, "and nothing is lost"
    assert all(caps[part.name] >= part.used for part in parts) and caps[BUFFER] >= 0


@given(splits(), st.sampled_from("abcde"), amounts)
def test_nobody_is_taken_what_it_needs_of_its_own_share_unless_it_was_spent_by_others_before(
    split: tuple[int, list[Part], int], asking: str, need: int
) -> None:
    parent, parts, held = split
    caps = caps_in_force(parent, parts, held=held, asking=asking, need=need)
    if sum(max(part.used, part.share) for part in parts) + held <= parent:
        for part in parts:
            assert caps[part.name] >= min(part.share, part.used + part.forecast)


@given(splits())
def test_where_the_whole_suffices_for_all_forecasts_each_can_have_its_own(split: tuple[int, list[Part], int]) -> None:
    parent, parts, held = split
    caps = caps_in_force(parent, parts, held=held)
    if sum(part.used + part.forecast for part in parts) + held <= parent:
        assert all(caps[part.name] >= part.used + part.forecast for part in parts)


@given(splits(), st.sampled_from("abcde"), amounts)
def test_who_asks_gets_all_that_the_others_do_not_need_of_their_own(
    split: tuple[int, list[Part], int], asking: str, need: int
) -> None:
    parent, parts, held = split
    caps = caps_in_force(parent, parts, held=held, asking=asking, need=need)
    mine = next((part for part in parts if part.name == asking), None)
    if mine is not None and caps[asking] < mine.used + need:
        others = [part for part in parts if part.name != asking]
        assert all(caps[part.name] <= max(part.used, min(part.share, part.used + part.forecast)) for part in others)
        assert caps[BUFFER] == 0


@given(splits())
def test_shares_that_suffice_stay_as_they_were_split(split: tuple[int, list[Part], int]) -> None:
    parent, parts, held = split
    if all(part.used + part.forecast <= part.share for part in parts):
        caps = caps_in_force(parent, parts, held=held)
        assert {part.name: part.share for part in parts} == {part.name: caps[part.name] for part in parts}


def test_unneeded_shares_flow_in_proportion_and_the_buffer_last() -> None:
    parts = [
        Part(name="context", share=50),
        Part(name="explorer", share=30, used=20),
        Part(name="worker", share=20, used=20, forecast=40),
        Part(name="validator", share=10, forecast=30),
    ]
    caps = caps_in_force(200, parts, held=20)
    # 60 are not needed, which is what the two lack together: the buffer of 70 is not touched
    assert caps == {"context": 0, "explorer": 20, "worker": 60, "validator": 30, BUFFER: 70}
    tight = caps_in_force(140, parts, held=20)
    assert tight == {"context": 0, "explorer": 20, "worker": 60, "validator": 30, BUFFER: 10}
    assert caps_in_force(100, parts, held=20)[BUFFER] == 0
    asked = [Part(name="context", share=50), Part(name="worker", share=20, used=20)]
    assert caps_in_force(200, asked, asking="worker", need=40) == {"context": 10, "worker": 60, BUFFER: 130}


@given(amounts, st.dictionaries(st.sampled_from("abcd"), amounts))
def test_a_proportion_is_given_to_the_last_one(amount: int, wanted: dict[str, int]) -> None:
    found = portioned(amount, wanted)
    assert sum(found.values()) == min(amount, sum(wanted.values()))
    assert all(0 <= found[name] <= wanted[name] for name in wanted)


def test_a_split_in_percent_and_amounts_gives_of_the_unit_that_is_asked_for() -> None:
    split = {"worker": Portion(tokens=2_500), "validator": Portion(usd_nanos=7), "buffer": Portion(hundredths=1_000)}
    assert shares_of(split, 40_000, "tokens") == {"worker": 2_500, "validator": 0, "buffer": 4_000}
    assert shares_of(split, 100, "nanos") == {"worker": 0, "validator": 7, "buffer": 10}
    assert sum(shares_of(split, 2_000, "tokens").values()) == 2_000, "of less there is, in proportion"
    assert WHOLE == 100 * 100


def a_call(share: int, **taken: int) -> tuple[Need, MoneyView]:
    """A call of 100 tokens by a worker; the validator has a share of 50 and needs it."""

    def shares(need: Need, used: Used) -> list[ShareCap]:
        parts = [
            Part(name="worker", share=share, used=used("s1/t/worker").tokens),
            Part(name="validator", share=50, used=used("s1/t/validator").tokens, forecast=50),
        ]
        caps = caps_in_force(200, parts, asking="worker", need=need.input_tokens + need.output_tokens)
        return [ShareCap(scope="s1/t/worker", tokens=caps["worker"], name="worker", share_tokens=share)]

    money = MoneyView()
    for scope, used in taken.items():
        money.scopes[f"s1/t/{scope}"] = ScopeState(reserved=Amount(used, 0))
    money.scopes["s1/t"] = ScopeState(reserved=Amount(sum(taken.values()), 0))
    need = Need(
        scopes=("s1/t", "s1/t/worker"),
        caps=(Cap(scope="s1/t", tokens=200),),
        price=FREE,
        input_tokens=10,
        output_tokens=90,
        least_output_tokens=45,
        shares=shares,
    )
    return need, money


def test_a_call_is_made_within_what_flowed_and_is_clamped_to_it() -> None:
    assert decide(*a_call(20), {}) == Grant(90, 100, 0)
    assert decide(*a_call(20, worker=60), {}) == Grant(80, 90, 0), "60 of its 150 are used"


def test_a_share_refuses_with_its_name_and_what_flowed_and_waits_where_others_may_leave_enough() -> None:
    need, money = a_call(20, worker=110)
    refusal = decide(need, money, {})
    assert isinstance(refusal, ShareExceeded) and (refusal.cap, refusal.share, refusal.name) == (150, 20, "worker")
    assert str(refusal) == (
        "the split of s1/t gives worker 20 tokens, and 130 tokens flowed to it; 40 tokens are left of that and the next "
        "call needs 55 tokens; raise the cap of s1/t and go on with `swarm resume --raise AMOUNT`, or give worker a larger share"
    )
    need, money = a_call(20, worker=60, validator=90)
    assert isinstance(decide(need, money, {}), BudgetExceeded)
    assert decide(need, money, {"s1/t/validator": Amount(60, 0), "s1/t": Amount(60, 0)}) == Wait("s1/t/worker")


async def test_one_that_waits_for_a_share_is_not_passed_by_a_smaller_call_of_it() -> None:
    """The worker's large call waits until the validator's is settled; a small one that had room comes behind it."""

    def shares(need: Need, used: Used) -> list[ShareCap]:
        parts = [
            Part(name="worker", share=20, used=used("t/worker").tokens),
            Part(name="validator", share=80, used=used("t/validator").tokens, forecast=0),
        ]
        caps = caps_in_force(100, parts, asking="worker", need=need.input_tokens + need.output_tokens)
        return [ShareCap(scope="t/worker", tokens=caps["worker"], name="worker")]

    def a_worker(tokens: int) -> Need:
        return msgspec.structs.replace(a_need(tokens), scopes=("t", "t/worker"), shares=shares)

    async with open_log("memory:") as log, session(log) as (owner, ledger):
        judge = Agent(ledger, owner, msgspec.structs.replace(a_need(60), scopes=("t", "t/validator")))
        held = await judge.reserve()
        large, small = Agent(ledger, owner, a_worker(90)), Agent(ledger, owner, a_worker(10))
        with anyio.fail_after(10):
            async with anyio.create_task_group() as agents:
                agents.start_soon(large.reserve)
                await large.waits.wait()
                agents.start_soon(small.reserve)
                await small.waits.wait()
                await judge.settle(held, tokens=0)
        granted = [entry.event.tokens for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
    assert granted == [60, 90, 10]
