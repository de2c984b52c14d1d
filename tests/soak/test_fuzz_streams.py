"""Streams that no server should send: the same events wherever the bytes are split, and an answer or a ProviderError."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from swarm.errors import ProviderError
from swarm.messages import Reply
from swarm.models.anthropic_answer import AnthropicAnswer
from swarm.models.failures import Source, classify
from swarm.models.gemini_answer import GeminiAnswer
from swarm.models.openai_answer import OpenAIAnswer, usage_in
from swarm.models.stream import EventParser, EventTooLong, ServerEvent
from tests.soak.mutations import changed_bytes, changed_tree, luck, told

pytestmark = pytest.mark.soak

SOURCE = Source(model="m1", server="api.example.test", secrets=("sk-secret",))
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 7,
    "total_tokens": 47,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CHUNKS: list[Any] = [
    {"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": {"content": "Grüße 🌱"}, "finish_reason": None}]},
    {"id": "c1", "choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "!"}], "refusal": None}}]},
    {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "c1", "choices": [], "usage": USAGE},
    {"error": {"message": "slow down sk-secret", "type": "rate_limit_exceeded", "code": 429}},
]
LIMIT = 20_000


ANTHROPIC: list[Any] = [
    {"type": "message_start", "message": {"model": "m1", "content": [], "usage": {"input_tokens": 40}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüße 🌱"}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 2}, "cache_read_input_tokens": 3},
    },
    {"type": "message_stop"},
    {"type": "error", "error": {"message": "slow down sk-secret", "type": "rate_limit_error"}},
]
GEMINI: list[Any] = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Grüße "}]}}], "modelVersion": "m1"},
    {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "🌱"}]}}]},
    {"promptFeedback": {"blockReason": None}},
    {"candidates": [{"content": {}, "finishReason": "STOP"}]},
    {
        "usageMetadata": {
            "promptTokenCount": 40,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "cachedContentTokenCount": 3,
            "totalTokenCount": 47,
        }
    },
    {"error": {"message": "slow down sk-secret", "code": 429, "details": [{"retryDelay": "7s"}]}},
]
FORMATS: list[tuple[type[OpenAIAnswer] | type[AnthropicAnswer] | type[GeminiAnswer], list[Any]]] = [
    (OpenAIAnswer, CHUNKS),
    (AnthropicAnswer, ANTHROPIC),
    (GeminiAnswer, GEMINI),
]


def as_json(value: object, random: Random) -> bytes:
    return json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def a_stream(random: Random, events: list[Any]) -> bytes:
    """An answer in one of the forms that servers give it, with chunks and bytes changed."""
    line_end = random.choice((b"\n", b"\r\n", b"\r"))
    chunks = [chunk for chunk in events[:5] if random.random() < 0.9]
    if random.random() < 0.2:
        chunks.insert(random.randrange(len(chunks) + 1), events[5])
    said = b"\xef\xbb\xbf" if random.random() < 0.1 else b""
    for chunk in chunks:
        changed = changed_tree(chunk, random, spare=events) if random.random() < 0.3 else chunk
        said += random.choice((b"", b": ping" + line_end, b"event: x" + line_end))
        said += random.choice((b"data: ", b"data:")) + as_json(changed, random) + line_end * 2
    said += b"data: [DONE]" + line_end * 2
    return changed_bytes(said, random) if random.random() < 0.7 else said


def events_of(pieces: list[bytes]) -> list[ServerEvent] | None:
    """What the parser makes of the pieces, None where one event is too long."""
    parser = EventParser(max_event_bytes=LIMIT)
    events: list[ServerEvent] = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
    except EventTooLong:
        return None
    return events + parser.end()


def split(body: bytes, random: Random) -> list[bytes]:
    if random.random() < 0.3:
        return [body[at : at + 1] for at in range(len(body))]
    cuts = sorted(random.randrange(len(body) + 1) for _ in range(random.randrange(12)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def check_answer(answer: OpenAIAnswer | AnthropicAnswer | GeminiAnswer) -> None:
    if answer.whole:
        reply = answer.reply()
        assert isinstance(reply, Reply) and isinstance(reply.text, str)
        reply.text.encode()
        if reply.usage is not None:
            usage = reply.usage
            assert usage.input_tokens >= usage.cached_tokens + usage.cache_write_tokens >= 0
            assert usage.output_tokens >= usage.reasoning_tokens >= 0


def check_error(error: ProviderError) -> None:
    assert str(error).isprintable() and len(str(error)) < 1_000, error
    assert "sk-secret" not in str(error)
    assert error.retry_after_s is None or error.retry_after_s >= 0


@pytest.mark.cases(8, 600)
def test_a_stream_gives_the_same_events_wherever_it_is_split_and_an_answer_or_an_error(seed: int) -> None:
    for number, random in luck(seed):
        reader, chunks = random.choice(FORMATS)
        body = a_stream(random, chunks)
        with told(seed=seed, number=number, body=body):
            events = events_of([body])
            assert events_of(split(body, random)) == events
            answer = reader(source=SOURCE, model="m1")
            try:
                for event in events or ():
                    if not answer.ended:
                        answer.take_event(event)
            except ProviderError as error:
                check_error(error)
            else:
                check_answer(answer)


DOCUMENT: Any = {
    "id": "c1",
    "model": "m1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine."}, "finish_reason": "stop"}],
    "usage": USAGE,
}
HEADERS = ("retry-after", "retry-after-ms", "location", "x-ratelimit-reset", "content-type")


@pytest.mark.cases(3, 300)
def test_a_document_or_an_error_of_whatever_form_is_an_answer_or_an_error(seed: int) -> None:
    for number, random in luck(seed):
        reader, chunks = random.choice(FORMATS)
        tree = random.choice((DOCUMENT, USAGE, *chunks, chunks))
        body = as_json(changed_tree(tree, random, spare=chunks), random)
        if random.random() < 0.5:
            body = changed_bytes(body, random)
        status = random.choice((100, 200, 301, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529, 999))
        headers = {
            name: random.choice(("soon", "-1", "1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "٣", "\x00", "9" * 400))
            for name in HEADERS
        }
        with told(seed=seed, number=number, body=body, status=status, headers=headers):
            check_error(classify(status, headers, body, source=SOURCE, now=1.0))
            answer = reader(source=SOURCE, model="m1")
            try:
                answer.take_document(body)
            except ProviderError as error:
                check_error(error)
            else:
                check_answer(answer)
            usage_in(changed_tree(USAGE, random, spare=CHUNKS))
