"""What OpenAI-compatible servers say, and what it is read as."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swarm.errors import Failure, ProviderError
from swarm.messages import Reply, Usage
from swarm.models.failures import Source
from swarm.models.openai_answer import OpenAIAnswer, usage_in
from swarm.models.stream import ServerEvent

SOURCE = Source(model="big", server="api.example.test")


def answer_of(*chunks: Any) -> OpenAIAnswer:
    answer = OpenAIAnswer(source=SOURCE, model="asked")
    for chunk in chunks:
        data = chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()
        answer.take_event(ServerEvent("message", data))
    return answer


def said(content: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **more}


def reply_of(*chunks: Any) -> Reply:
    return answer_of(*chunks).reply()


DONE = b"[DONE]"
DEEP = b"[" * 100_000 + b"]" * 100_000
EMPTY: list[Any] = []
COUNT = {"prompt_tokens": 5, "completion_tokens": 2}


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        ([said("a"), said("b", "stop"), DONE], "ab"),
        ([said(None), said("a"), said(None, "stop")], "a"),
        ([{"choices": EMPTY}, said("a"), {"choices": None}, said("", "stop"), DONE], "a"),
        ([said([{"type": "text", "text": "a"}, {"type": "thinking"}, {"text": "b"}], "stop"), DONE], "ab"),
        ([{"choices": [{"delta": {"reasoning_content": "hm", "content": "a"}, "finish_reason": "stop"}]}, DONE], "a"),
        ([{"id": 1, "object": "note"}, said("a", "stop", error=None), DONE], "a"),
        ([{"choices": [{"delta": None}]}, said("a", "stop"), b"not JSON after the end"], "a"),
    ],
)
def test_the_text_is_put_together_from_whatever_the_chunks_hold(chunks: list[Any], text: str) -> None:
    answer = answer_of(*chunks)
    assert answer.whole
    assert answer.reply().text == text


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "refusal"),
        ("tool_calls", "other"),
        ("new_word", "other"),
    ],
)
def test_the_reason_of_the_end_is_said_in_our_words(word: str, finish: str) -> None:
    assert reply_of(said("a", word)).finish == finish


def test_a_refusal_in_words_of_its_own_is_a_refusal() -> None:
    reply = reply_of({"choices": [{"delta": {"refusal": "I will not"}, "finish_reason": "stop"}]}, DONE)
    assert (reply.text, reply.finish) == ("I will not", "refusal")


def test_an_answer_with_neither_reason_nor_end_mark_is_not_whole() -> None:
    assert not answer_of(said("a"), said("b")).whole


def test_an_end_mark_alone_makes_an_answer_whole_and_its_end_unexplained() -> None:
    answer = answer_of(said("a"), DONE)
    assert answer.whole
    assert answer.reply().finish == "other"


def test_the_name_is_the_one_under_which_the_provider_answered() -> None:
    assert reply_of(said("a", "stop", model="served-by"), DONE).model == "served-by"
    assert reply_of(said("a", "stop", model=None), DONE).model == "asked"


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([said("a", "stop"), {"choices": EMPTY, "usage": COUNT}], (5, 2)),
        ([said("a", usage={"prompt_tokens": 5, "completion_tokens": 1}), said("b", "stop", usage=COUNT)], (5, 2)),
        ([said("a", usage=COUNT), said("b", "stop", usage=None)], (5, 2)),
        ([said("a", "stop")], None),
        ([said("a", "stop", usage=None)], None),
        ([said("a", usage=COUNT), said("b", "stop", usage={"prompt_tokens": -1, "completion_tokens": 2})], None),
        ([said("a", "stop", usage="many")], None),
        ([b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1e999}}'], None),
    ],
)
def test_usage_is_the_last_that_was_said_or_none(chunks: list[Any], expected: tuple[int, int] | None) -> None:
    usage = reply_of(*chunks).usage
    assert (usage and (usage.input_tokens, usage.output_tokens)) == expected


@pytest.mark.parametrize("wrong", [-1, 1.5, "5", True, None, 10**12, [], {}])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_a_count_that_cannot_be_is_taken_as_not_given(name: str, wrong: object) -> None:
    assert usage_in(COUNT | {name: wrong}) is None


def test_usage_is_normalised_to_input_with_cache_and_output_with_reasoning() -> None:
    said_usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert usage_in(said_usage) == Usage(
        input_tokens=100, output_tokens=50, cached_tokens=60, cache_write_tokens=10, reasoning_tokens=30
    )


@pytest.mark.parametrize(("output", "total"), [(50, 180), (20, None)])
def test_reasoning_that_was_counted_apart_is_added_to_the_output(output: int, total: int | None) -> None:
    details = {"reasoning_tokens": 30}
    usage = usage_in(
        {"prompt_tokens": 100, "completion_tokens": output, "total_tokens": total, "completion_tokens_details": details}
    )
    assert usage is not None
    assert (usage.output_tokens, usage.reasoning_tokens) == (output + 30, 30)


@pytest.mark.parametrize(
    "where", [{"prompt_cache_hit_tokens": 4}, {"cached_tokens": 4}, {"prompt_tokens_details": {"cached_tokens": 4}}]
)
def test_cached_tokens_are_found_where_providers_put_them(where: dict[str, Any]) -> None:
    usage = usage_in(COUNT | where)
    assert usage is not None
    assert usage.cached_tokens == 4


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "prompt_tokens",
                "completion_tokens",
                "total_tokens",
                "prompt_tokens_details",
                "completion_tokens_details",
                "cached_tokens",
            ]
        ),
        st.one_of(
            st.integers(-5, 200),
            st.none(),
            st.text(max_size=2),
            st.dictionaries(
                st.sampled_from(["cached_tokens", "reasoning_tokens", "cache_write_tokens"]), st.integers(-5, 200)
            ),
        ),
    )
)
def test_no_usage_has_a_part_that_is_larger_than_its_whole(fields: dict[str, Any]) -> None:
    usage = usage_in(fields)
    if usage is not None:
        assert 0 <= usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5), st.booleans(), st.booleans())
def test_whichever_way_a_provider_counts_its_own_total_leads_to_the_same_usage(
    parts: list[int], cache_beside: bool, reasoning_beside: bool
) -> None:
    plain, cached, written, answer, reasoning = parts
    assume(cached + written != reasoning and plain + cached + written)  # else one is as good as the other
    input_, output = plain + cached + written, answer + reasoning
    said_usage = {
        "prompt_tokens": plain if cache_beside else input_,
        "completion_tokens": answer if reasoning_beside else output,
        "total_tokens": input_ + output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    assert usage_in(said_usage) == Usage(
        input_tokens=input_,
        output_tokens=output,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
    )


@pytest.mark.parametrize(
    ("chunks", "failure", "is_charged"),
    [
        ([{"error": {"message": "slow down", "code": 429}}], Failure.WAIT, False),
        ([{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}], Failure.WAIT, False),
        ([{"error": {"message": "pay", "code": "insufficient_quota"}}], Failure.STOP, False),
        ([{"error": {"message": "no such", "code": "404"}}], Failure.STOP, False),
        ([{"error": {"message": "upstream", "code": 502}}], Failure.WAIT, True),
        ([{"error": "it broke"}], Failure.WAIT, True),
        ([said("a"), {"error": {"message": "slow down", "code": 429}}], Failure.WAIT, True),
        ([said("a", "error")], Failure.WAIT, True),
        ([said("a"), b'{"choices": [{"delta": '], Failure.WAIT, True),
        ([b'{"choices": [{"delta": {"content": 5}}]}'], Failure.WAIT, True),
        ([b'{"choices": [{"delta": {"content": "\xff"}}]}'], Failure.WAIT, True),
        ([DONE], Failure.WAIT, True),
        ([{"choices": EMPTY, "usage": COUNT}, DONE], Failure.WAIT, True),
        ([b'{"choices": ' + DEEP + b"}"], Failure.WAIT, True),
        ([b'{"usage": ' + DEEP + b"}"], Failure.WAIT, True),
        ([b'{"error": {"code": 429, "message": ' + DEEP + b"}}"], Failure.WAIT, True),
        ([b'{"error": {"code": 429, "message": 1e999}}'], Failure.WAIT, True),
    ],
)
def test_an_error_inside_an_answer_is_an_error_and_only_a_refusal_before_it_is_free(
    chunks: list[Any], failure: Failure, is_charged: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        answer_of(*chunks)
    assert (caught.value.failure, caught.value.sent, caught.value.charged) == (failure, True, is_charged)


@pytest.mark.parametrize("body", [b"{}", b'{"choices": []}', b"[]", b'{"object": "list"}'])
def test_a_document_without_an_answer_is_none(body: bytes) -> None:
    answer = OpenAIAnswer(source=SOURCE, model="asked")
    with pytest.raises(ProviderError):
        answer.take_document(body)
    assert not answer.whole
