"""Who takes part in a task: whoever is named, else whoever fits best by tags and type, else the plain agent of the role."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.match import MOST_TOGETHER, UnknownAgent, known_agents, match
from swarm.agents.profile import PLAIN, Agent, shipped
from swarm.settings.ruletable import shipped as rules

SQL = Agent(name="sql", prompt="SQL.", types=("analysis",), tags=("sql", "database"))
KEYS = Agent(name="keys", prompt="Keys.", tags=("sql",))


def names(known: dict[str, Agent], **asked: object) -> tuple[str, ...]:
    return tuple(agent.name for agent in match(known, **({"role": "worker", "type_": "writing"} | asked)).agents)  # type: ignore[arg-type]


def test_a_task_gets_the_agent_that_takes_its_type() -> None:
    matched = match(known_agents(()), role="worker", type_="tests")
    assert (matched.agents, matched.why) == ((shipped()["tester"],), "type tests")


def test_a_type_that_nobody_takes_is_work_for_the_plain_agent() -> None:
    matched = match(known_agents(()), role="worker", type_="question")
    assert (matched.agents, matched.why) == ((PLAIN["worker"],), "")


@pytest.mark.parametrize("role", ["explorer", "validator"])
def test_another_role_is_filled_by_its_plain_agent_unless_one_is_named(role: str) -> None:
    known = known_agents((SQL,))
    assert names(known, role=role, type_="analysis", tags=("sql",)) == (PLAIN[role].name,)
    assert names(known, role=role, type_="analysis", named=("sql",)) == ("sql",)


def test_more_shared_tags_come_before_fewer_and_tags_before_the_type() -> None:
    known = known_agents((KEYS, SQL))
    assert names(known, type_="tests", tags=("sql", "database")) == ("sql",)
    assert match(known, role="worker", type_="tests", tags=("sql", "database")).why == "tag sql, database"
    assert names(known, type_="tests", tags=("sql",)) == ("keys", "sql")
    assert names(known, type_="analysis", tags=("sql",)) == ("sql",), "of equally many tags whoever takes the type"


def test_your_own_agent_comes_before_one_that_ships_and_the_narrower_before_the_wider() -> None:
    wide = Agent(name="wide", types=("tests", "code"))
    assert names(known_agents((wide,)), type_="tests") == ("wide",)
    assert names(known_agents((wide, Agent(name="narrow", types=("tests",)))), type_="tests") == ("narrow",)


def test_of_equally_good_ones_a_few_take_part_together() -> None:
    twins = [Agent(name=f"twin-{number}", types=("tests",)) for number in range(9)]
    assert names(known_agents(twins), type_="tests") == tuple(each.name for each in twins[:MOST_TOGETHER])


def test_whoever_is_named_takes_part_alone_and_a_name_that_is_not_known_is_told_with_the_nearest() -> None:
    assert names(known_agents((SQL,)), type_="tests", named=("sql", "tester")) == ("sql", "tester")
    with pytest.raises(UnknownAgent, match=r"the worker of task 'a' names the agent 'tesster'.*did you mean 'tester'"):
        match(known_agents(()), role="worker", type_="code", named=("tesster",), where="the worker of task 'a'")


def test_a_profile_of_yours_takes_the_place_of_one_that_ships_or_is_plain() -> None:
    mine = Agent(name="generalist", prompt="Mine.")
    assert match(known_agents((mine,)), role="worker", type_="question").agents == (mine,)
    tester = Agent(name="tester", prompt="Mine.", tags=("x",))
    assert names(known_agents((tester,)), type_="tests") == ("generalist",), "it says nothing of that type"


_WORDS = st.sampled_from(["tests", "docs", "code", "sql", "ops"])
_AGENTS = st.lists(
    st.builds(
        Agent, name=_WORDS, types=st.lists(_WORDS, max_size=3).map(tuple), tags=st.lists(_WORDS, max_size=3).map(tuple)
    ),
    max_size=6,
)


@given(_AGENTS, _WORDS, st.lists(_WORDS, max_size=3).map(tuple))
def test_there_is_always_somebody_and_nobody_without_a_reason(
    own: list[Agent], type_: str, tags: tuple[str, ...]
) -> None:
    known = known_agents(own)
    matched = match(known, role="worker", type_=type_, tags=tags)
    assert 1 <= len(matched.agents) <= MOST_TOGETHER
    fits = [each for each in known.values() if type_ in each.types or set(tags) & set(each.tags)]
    assert bool(matched.why) is bool(fits)
    assert all(each in fits for each in matched.agents) or matched.agents == (known["generalist"],)
    best = max((len(set(each.tags) & set(tags)) for each in known.values()), default=0)
    assert all(len(set(each.tags) & set(tags)) == best for each in matched.agents)


def test_what_ships_is_short_and_takes_types_that_there_are() -> None:
    assert len(shipped()) == 8
    taken = [type_ for agent in shipped().values() for type_ in agent.types]
    assert len(taken) == len(set(taken)), "one agent for a type"
    assert set(taken) <= set(rules().types)
    for agent in (*shipped().values(), *PLAIN.values()):
        assert 150 <= agent.words <= 350
        assert len(agent.prompt.encode()) <= 120, "30 tokens, as English has 4 bytes a token at least"
