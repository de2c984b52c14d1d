"""Several tasks in one request: each stands by itself, and each result is found again."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import Message
from swarm.prompts.batch import may_share, results_in, results_schema, shared_messages

TEXTS = st.text('ab<>/task_ n="12"\n{}:,\'\\é', max_size=60)


def request(text: str) -> tuple[Message, ...]:
    return Message("system", "You work."), Message("user", text)


@given(st.lists(TEXTS, min_size=2, max_size=6))
def test_whatever_tasks_say_each_can_be_read_back_with_what_is_said_to_all_of_them(texts: list[str]) -> None:
    system, user = shared_messages([request(text) for text in texts])
    assert system.text.startswith("You work.\n\nSeveral tasks come at once.")
    tag = re.match(r"<(task_*) n=\"1\">\n", user.text)
    assert tag is not None
    parts = re.findall(rf'<{tag[1]} n="\d+">\n(.*?)\n</{tag[1]}>', user.text, re.DOTALL)
    assert len(parts) == len(texts)
    _, _, common = user.text.partition("# For each of the tasks\n\n")
    for text, part in zip(texts, parts, strict=True):
        assert sorted(text.split("\n\n")) == sorted(
            [*part.split("\n\n"), *(common.split("\n\n") if common else [])]
        ) or (not common and text == part)


def test_what_all_of_them_begin_and_end_with_stands_once_behind_them() -> None:
    asked = [
        request(f"# Task\n\nSay {word}.\n\n# It is accepted when\n- it is short\n\n(Be brief.)") for word in ("a", "b")
    ]
    _, user = shared_messages(asked)
    assert user.text == (
        '<task n="1">\nSay a.\n</task>\n\n<task n="2">\nSay b.\n</task>\n\n'
        "# For each of the tasks\n\n# Task\n\n# It is accepted when\n- it is short\n\n(Be brief.)"
    )


@given(st.dictionaries(st.integers(1, 9), st.text(min_size=1).filter(str.strip), max_size=9), st.integers(1, 9))
def test_results_are_found_by_their_numbers_and_only_those_that_were_asked_for(
    results: dict[int, str], count: int
) -> None:
    kept = {number: text for number, text in results.items() if number <= count}
    said = json.dumps({str(number): text for number, text in results.items()})
    assert results_in(said, count) == results_in(f"```json\n{said}\n```", count) == kept
    raw = json.dumps({str(number): text for number, text in results.items()}, ensure_ascii=False, indent=2)
    assert results_in(f"Here they are: {raw} I hope that helps.", count) == kept


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5), st.integers(0, 400))
def test_of_an_answer_that_was_cut_those_results_count_that_are_whole(results: list[str], length: int) -> None:
    said = json.dumps({str(number): text for number, text in enumerate(results, 1)})
    found = results_in(said[:length], len(results))
    assert found == {number: text for number, text in enumerate(results, 1) if number in found}
    assert list(found) == list(range(1, len(found) + 1))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"1": {"a": [1, 2]}, "2": 7}', {1: '{"a":[1,2]}', 2: "7"}),
        ('{"1": "one\nline", "02": "x", "3": "y", "x": "z"}', {1: "one\nline", 2: "x"}),
        ('{"1": "a", "1": "b", "2": "c"}', {2: "c"}),
        ('{"1": null, "2": "c"}', {2: "c"}),
        ('["a", "b"]', {}),
        ("{1: a}", {}),
        ("", {}),
    ],
)
def test_of_any_other_answer_what_is_a_result_is_taken_and_no_more(answer: str, found: dict[int, str]) -> None:
    assert results_in(answer, 2) == found


def test_a_conversation_that_goes_on_shares_with_nobody() -> None:
    assert may_share(request("a")) and not may_share([*request("a"), Message("assistant", "b")])
    assert list(results_schema(2)["properties"]) == ["1", "2"]
