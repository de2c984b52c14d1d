"""What is said to servers with Gemini's generateContent format, and how what they count is read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swarm.errors import Failure, ProviderError, UsageError
from swarm.messages import PART_TOO_LARGE, TOTAL_DIFFERS, Message, Request, Usage
from swarm.models.failures import Source
from swarm.models.gemini_answer import GeminiAnswer, usage_in
from swarm.models.gemini_generate import GeminiGenerate, request_body
from swarm.models.stream import ServerEvent
from tests.provider import Answer, Provider
from tests.wires import GEMINI

SOURCE = Source(model="big", server="api.example.test")
ASK = Request(messages=(Message("system", "Be brief."), Message("user", "Say hello.")), max_output_tokens=50)


def config(model: str = "gemini-3.5-flash-lite", request: Request = ASK, **options: Any) -> dict[str, Any]:
    body = request_body(request, model, takes_schema=False, **options)
    assert list(body)[-1] == "generationConfig", "what changes from request to request comes last"
    found: dict[str, Any] = body["generationConfig"]
    return found


def answer_of(*chunks: dict[str, Any] | bytes) -> GeminiAnswer:
    answer = GeminiAnswer(source=SOURCE, model="asked")
    for chunk in chunks:
        answer.take_event(ServerEvent("message", chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()))
    return answer


def said(text: object = None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": reason}], **more}


def test_what_the_assistant_said_is_said_by_the_model() -> None:
    messages = (*ASK.messages, Message("assistant", "No."), Message("user", "Do."))
    contents = request_body(Request(messages=messages, max_output_tokens=5), "m", takes_schema=False)["contents"]
    assert [(turn["role"], turn["parts"]) for turn in contents] == [
        ("user", [{"text": "Say hello."}]),
        ("model", [{"text": "No."}]),
        ("user", [{"text": "Do."}]),
    ]


@pytest.mark.parametrize(
    ("model", "is_sent"),
    [
        ("gemini-2.5-flash", True),
        ("gemini-2.0-flash-lite", True),
        ("gemma-4-26b", True),
        ("gemini-3-flash-preview", False),
        ("gemini-3.8-flash", False),
        ("gemini-4-argon", False),
        ("gemini-10-x", False),
        ("gemini-flash-latest", False),
        ("models/gemini-3.5-flash-lite", False),
    ],
)
def test_a_temperature_is_sent_to_the_models_that_are_not_to_be_left_at_their_own(model: str, is_sent: bool) -> None:
    assert ("temperature" in config(model)) is is_sent


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        ("minimal", {"thinkingLevel": "minimal"}),
        ("0", {"thinkingBudget": 0}),
        ("1024", {"thinkingBudget": 1024}),
        ("", None),
    ],
)
def test_effort_is_a_level_or_a_budget(effort: str, sent: dict[str, object] | None) -> None:
    assert config(effort=effort).get("thinkingConfig") == sent


@pytest.mark.parametrize(
    ("base", "wire_model", "target"),
    [
        ("", "m", "/v1beta/models/m"),
        ("/", "m", "/v1beta/models/m"),
        ("/v1beta", "m", "/v1beta/models/m"),
        ("/v1", "m", "/v1/models/m"),
        ("/v1alpha/", "models/m", "/v1alpha/models/m"),
        ("/v1beta", "tunedModels/mine-1", "/v1beta/tunedModels/mine-1"),
        ("/v1beta", "flash:thinking?x#y z", "/v1beta/models/flash%3Athinking%3Fx%23y%20z"),
    ],
)
async def test_the_address_is_that_of_the_model(base: str, wire_model: str, target: str) -> None:
    async with httpx.AsyncHTTPTransport() as transport, Provider(wire=GEMINI) as provider:
        url = provider.url.removesuffix("/v1beta") + base
        model = GeminiGenerate("m", base_url=url, wire_model=wire_model, transport=transport)
        assert (await model.ask(ASK)).text == "ok"
        (seen,) = provider.requests
    assert seen.target == f"{target}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("base_url", "key"), [("https://x", ""), ("https://x", "sk secret"), ("ftp://x", None), ("x", None)]
)
async def test_what_cannot_be_sent_is_refused_without_being_shown(base_url: str, key: str | None) -> None:
    async with httpx.AsyncHTTPTransport() as transport:
        with pytest.raises(UsageError) as caught:
            GeminiGenerate("m", base_url=base_url, key=key, wire_model="m", transport=transport)
    assert "sk secret" not in str(caught.value)


async def test_an_answer_whose_connection_breaks_after_its_end_is_kept() -> None:
    async with (
        httpx.AsyncHTTPTransport() as transport,
        Provider(lambda _: Answer("hello", chunks=1, cut_after=2), wire=GEMINI) as provider,
    ):
        model = GeminiGenerate("m", base_url=provider.url, wire_model="m", transport=transport)
        reply = await model.ask(ASK)
    assert (reply.text, reply.finish) == ("hello", "stop")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        *((word, "refusal") for word in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("OTHER", "other"),
        ("INVENTED_LATER", "other"),
    ],
)
def test_the_reason_of_the_end_is_said_in_our_words(reason: str, finish: str) -> None:
    assert answer_of(said("a", reason)).reply().finish == finish


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "INVENTED_LATER"])
def test_a_prompt_that_is_blocked_is_refused_whatever_the_reason_is_called(reason: str) -> None:
    reply = answer_of({"promptFeedback": {"blockReason": reason}}).reply()
    assert (reply.text, reply.finish) == ("", "refusal")


def test_what_comes_before_the_reason_of_the_end_is_not_whole_and_counts_may_follow_it() -> None:
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    answer = answer_of(said("a"), {"promptFeedback": {}, "candidates": []})
    assert not answer.whole
    broken = {"error": {"code": 503}}
    answer = answer_of(said("a"), said("b", "STOP", modelVersion="served"), {"usageMetadata": counts}, broken, b"{no")
    assert answer.whole and not answer.ended
    reply = answer.reply()
    assert (reply.text, reply.model, reply.usage) == ("ab", "served", Usage(input_tokens=5, output_tokens=2))


@pytest.mark.parametrize(
    ("chunks", "failure", "is_charged"),
    [
        (({"error": {"code": 429, "message": "slow down"}},), Failure.WAIT, False),
        (({"error": {"code": 400, "message": "no"}},), Failure.STOP, False),
        (({"error": {"code": 503, "message": "busy"}},), Failure.WAIT, True),
        ((said("a"), {"error": {"code": 429}}), Failure.WAIT, True),
        (({"error": {"code": "429"}},), Failure.WAIT, True),
        (({"error": "it broke"},), Failure.WAIT, True),
        ((said(5),), Failure.WAIT, True),
        ((b"{oops",), Failure.WAIT, True),
    ],
)
def test_an_error_inside_an_answer_is_an_error_and_only_a_refusal_before_it_is_free(
    chunks: tuple[Any, ...], failure: Failure, is_charged: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        answer_of(*chunks)
    assert (caught.value.failure, caught.value.sent, caught.value.charged) == (failure, True, is_charged)


@pytest.mark.parametrize("document", [b"{}", b"[]", b'{"candidates":[]}', b"[5]", b'{"models":[]}'])
def test_a_document_without_an_answer_is_none(document: bytes) -> None:
    answer = GeminiAnswer(source=SOURCE, model="asked")
    with pytest.raises(ProviderError) as caught:
        answer.take_document(document)
    assert caught.value.charged and not answer.whole


def counts(
    prompt: object = 100, answer: object = None, thoughts: object = None, total: object = None, **more: object
) -> dict[str, object]:
    fields = {"promptTokenCount": prompt, "candidatesTokenCount": answer, "thoughtsTokenCount": thoughts}
    return {name: value for name, value in {**fields, "totalTokenCount": total, **more}.items() if value is not None}


@pytest.mark.parametrize(
    ("fields", "input_tokens", "output_tokens", "doubts"),
    [
        (counts(answer=50, total=150), 100, 50, ()),
        (counts(answer=50, thoughts=30, total=180), 100, 80, ()),
        (counts(answer=50, thoughts=30), 100, 80, ()),
        (counts(answer=50, thoughts=30, total=150), 100, 50, ()),  # thoughts inside after all
        (counts(answer=50, toolUsePromptTokenCount=10, total=160), 110, 50, ()),
        (counts(answer=50, toolUsePromptTokenCount=10), 110, 50, ()),
        (counts(answer=50, toolUsePromptTokenCount=10, total=150), 100, 50, ()),
        (counts(answer=50, cachedContentTokenCount=60, total=150), 100, 50, ()),
        (counts(answer=50, cachedContentTokenCount=60, total=210), 160, 50, ()),  # what was cached beside after all
        (counts(answer=50, thoughts=30, total=999), 100, 80, (TOTAL_DIFFERS,)),
        (counts(answer=50, cachedContentTokenCount=160), 260, 50, (PART_TOO_LARGE,)),
        (counts(total=100), 100, 0, ()),
    ],
)
def test_thoughts_stand_beside_the_answer_unless_the_total_says_otherwise(
    fields: dict[str, object], input_tokens: int, output_tokens: int, doubts: tuple[str, ...]
) -> None:
    usage = usage_in(fields)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.doubts) == (input_tokens, output_tokens, doubts)


@pytest.mark.parametrize("wrong", [-1, 1.5, "5", True, 10**12, [], {}])
@pytest.mark.parametrize("name", ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"])
def test_a_count_that_cannot_be_makes_the_usage_unknown(name: str, wrong: object) -> None:
    assert usage_in({**counts(answer=5), name: wrong}) is None


@pytest.mark.parametrize("nothing", [None, 5, [], {}, {"promptTokenCount": 0, "candidatesTokenCount": 5}])
def test_usage_without_input_is_none(nothing: object) -> None:
    assert usage_in(nothing) is None


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=4), st.booleans())
def test_whichever_way_thoughts_are_counted_the_total_leads_to_the_same_usage(
    parts: list[int], thoughts_inside: bool
) -> None:
    plain, cached, answer, thoughts = parts
    assume(plain + cached and cached != thoughts)  # else one is as good as the other
    fields = counts(
        plain + cached,
        answer + thoughts if thoughts_inside else answer,
        thoughts,
        plain + cached + answer + thoughts,
        cachedContentTokenCount=cached,
    )
    expected = Usage(
        input_tokens=plain + cached, output_tokens=answer + thoughts, cached_tokens=cached, reasoning_tokens=thoughts
    )
    assert usage_in(fields) == expected


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "promptTokenCount",
                "toolUsePromptTokenCount",
                "candidatesTokenCount",
                "thoughtsTokenCount",
                "cachedContentTokenCount",
                "totalTokenCount",
            ]
        ),
        st.integers(-5, 200) | st.none() | st.text(max_size=2) | st.lists(st.integers(), max_size=1),
    )
)
def test_no_usage_has_a_part_that_is_larger_than_its_whole(fields: dict[str, Any]) -> None:
    usage = usage_in(fields)
    if usage is not None:
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens
