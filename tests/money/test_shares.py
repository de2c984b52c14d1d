"""How near a call is to its caps: by what is spent, of the cap that is nearest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from events.views.money import Amount, MoneyView, ScopeState
from swarm.money.caps import Cap
from swarm.money.shares import Share, greatest_share

SCOPES = ("day", "s1", "s1/t")
CAPS = (Cap(scope="day", nanos=1_000), Cap(scope="s1", tokens=500), Cap(scope="s1/t", tokens=100, nanos=0))


def spent(**amounts: tuple[int, int]) -> MoneyView:
    money = MoneyView()
    for scope, (tokens, nanos) in amounts.items():
        money.scopes[scope.replace("_", "/")] = ScopeState(spent=Amount(tokens, nanos), reserved=Amount(10**6, 10**6))
    return money


def test_the_cap_of_which_most_is_spent_is_the_one_that_counts_and_what_is_reserved_does_not() -> None:
    money = spent(day=(50, 820), s1=(50, 0), s1_t=(50, 0))
    assert greatest_share(CAPS, money, "nanos") == Share(scope="day", unit="nanos", used=820, cap=1_000)
    tokens = greatest_share(CAPS, money, "tokens")
    assert tokens == Share(scope="s1/t", unit="tokens", used=50, cap=100)
    assert tokens is not None and (tokens.percent, tokens.left) == (50, 50)
    both = greatest_share(CAPS, money, "tokens", "nanos")
    assert both is not None and (both.scope, both.percent, both.left) == ("day", 82, 180)


def test_without_a_cap_or_with_one_of_zero_there_is_no_share() -> None:
    assert greatest_share((Cap(scope="day", nanos=0),), spent(day=(5, 5)), "nanos") is None
    assert greatest_share((Cap(scope="day", tokens=5),), spent(day=(5, 5)), "nanos") is None
    assert greatest_share((), MoneyView(), "tokens", "nanos") is None


def test_what_is_held_back_for_a_hand_over_is_not_left_for_a_call() -> None:
    """A task whose calls end at nine tenths of its cap is near that end when eight of them are spent."""
    caps = (Cap(scope="s1/t", tokens=1_000, holds_back=True), Cap(scope="s1", tokens=1_000))
    share = greatest_share(caps, spent(s1_t=(810, 0), s1=(815, 0)), "tokens")
    assert share == Share(scope="s1/t", unit="tokens", used=810, cap=900)
    assert share is not None and (share.percent, share.left) == (90, 90)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), min_size=1, max_size=5))
def test_no_other_cap_is_nearer(given_: list[tuple[int, int]]) -> None:
    money, caps = MoneyView(), list[Cap]()
    for number, (used, cap) in enumerate(given_):
        money.scopes[f"x{number}"] = ScopeState(spent=Amount(used, 0))
        caps.append(Cap(scope=f"x{number}", tokens=cap))
    share = greatest_share(caps, money, "tokens")
    assert share is not None
    assert share.percent == max(used * 100 // cap for used, cap in given_)
    assert all(share.used * cap >= used * share.cap for used, cap in given_), "compared as whole numbers"
