"""What a provider's refusal means for the next try and for the bill."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.errors import Failure, ProviderError
from swarm.models.failures import MAX_RETRY_AFTER_S, MAX_SAID, Source, classify, retry_after

KEY = "sk-verysecret"
SOURCE = Source(model="big", server="api.example.test", key_hint="EXAMPLE_API_KEY", secrets=(KEY,))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()


def failure(status: int, body: object = None, **headers: str) -> ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return classify(status, named, raw, source=SOURCE, now=NOW)


QUOTA = {
    "error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}
}
GEMINI = [{"error": {"code": 429, "message": "You exceeded your current quota, check billing. Please retry in 23.5s."}}]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, Failure.WAIT),
        (429, QUOTA, Failure.STOP),
        (429, GEMINI, Failure.WAIT),
        (429, {"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429}}, Failure.SWITCH),
        (402, {"error": {"message": "Insufficient credits"}}, Failure.STOP),
        (401, {"error": "bad key"}, Failure.STOP),
        (403, {"detail": "no"}, Failure.STOP),
        (400, {"message": "bad"}, Failure.STOP),
        (404, {}, Failure.STOP),
        (413, b"", Failure.STOP),
        (422, {"detail": [{"loc": ["body"], "msg": "extra field"}]}, Failure.STOP),
        (301, b"", Failure.STOP),
        (308, b"", Failure.STOP),
        (418, b"", Failure.STOP),
        (501, b"", Failure.STOP),
        *[(status, b"", Failure.WAIT) for status in (408, 425, 500, 502, 503, 504, 524, 529)],
    ],
)
def test_a_refusal_before_an_answer_is_classified_and_never_charged(
    status: int, body: object, expected: Failure
) -> None:
    error = failure(status, body)
    assert (error.failure, error.sent, error.charged, error.status) == (expected, True, False, status)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30"}, 30.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "99999999"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Sat, 99 Nov 9999 99:99:99 GMT"}, None),
    ],
)
def test_the_wish_to_be_asked_later_is_read_in_every_form(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers, NOW) == expected


@given(st.text(max_size=60))
def test_no_header_can_break_the_reading_of_a_wish(text: str) -> None:
    wait = retry_after({"retry-after": text, "retry-after-ms": text}, NOW)
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_S


@given(
    st.integers(300, 599),
    st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda said: json.dumps({"error": said}).encode())),
)
def test_no_body_can_break_the_classification(status: int, body: bytes) -> None:
    assert str(failure(status, body)).startswith("big: api.example.test ")


def test_a_wait_that_stands_only_in_the_message_is_found() -> None:
    assert failure(429, GEMINI).retry_after_s == 23.5
    assert failure(429, {"error": {"message": "try again in 120ms"}}).retry_after_s == pytest.approx(0.12)  # pyright: ignore[reportUnknownMemberType]
    assert failure(429, {"error": {"message": "try again in 2m"}}).retry_after_s == 120


def google(status: int, said: str, *details: object) -> ProviderError:
    return failure(status, {"error": {"code": status, "message": said, "details": list(details)}})


def per(span: str) -> dict[str, object]:
    return {"@type": "QuotaFailure", "violations": [{"quotaId": f"GenerateRequestsPer{span}PerProject-FreeTier"}]}


USED_UP = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("details", "expected", "retry_after_s"),
    [
        ([per("Minute"), {"retryDelay": "36s"}], Failure.WAIT, 36.0),
        ([per("Minute"), {"retryDelay": "0.429s"}], Failure.WAIT, 0.429),
        ([per("Day"), {"retryDelay": "36s"}], Failure.SWITCH, 36.0),
        ([per("Day")], Failure.SWITCH, None),
        ([per("Minute")], Failure.WAIT, None),
        ([{"retryDelay": "soon"}], Failure.STOP, None),  # nothing says that it will ever be over
        ([{"retryDelay": 36}, 5, None, {"violations": "x"}, {"violations": [5]}], Failure.STOP, None),
    ],
)
def test_the_details_of_a_quota_say_whether_it_comes_back_and_when(
    details: list[object], expected: Failure, retry_after_s: float | None
) -> None:
    error = google(429, USED_UP, *details)
    assert (error.failure, error.retry_after_s) == (expected, retry_after_s)


def test_a_quota_that_is_named_as_used_up_is_used_up_whatever_else_is_said() -> None:
    assert (
        failure(429, {"error": {"code": "insufficient_quota", "message": "0 requests per day"}}).failure == Failure.STOP
    )


def test_a_key_that_is_refused_as_a_bad_request_is_told_as_a_key() -> None:
    error = google(400, "API key not valid. Please pass a valid API key.", {"reason": "API_KEY_INVALID"})
    assert error.failure is Failure.STOP
    assert "set EXAMPLE_API_KEY" in str(error)


def test_a_refused_key_names_the_variable_to_set_and_never_the_key() -> None:
    error = failure(401, {"error": {"message": f"Incorrect API key provided: {KEY}."}})
    assert "set EXAMPLE_API_KEY" in str(error)
    assert KEY not in f"{error} {error!r} {SOURCE!r}"


def test_a_key_at_the_edge_of_the_cut_leaves_no_part_of_itself() -> None:
    error = failure(500, {"error": {"message": "x" * (MAX_SAID - 6) + KEY}})
    assert "sk-" not in str(error)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}, "longer than the model's context"),
        (400, {"error": {"message": "This model's maximum context length is 8192"}}, "longer than the model's context"),
        (400, {"error": {"code": "content_policy_violation", "message": "no"}}, "refused the content"),
        (403, {"error": {"message": "input was flagged"}}, "refused the content"),
        (404, {"error": {"message": "model 'x' not found"}}, "`swarm config show`"),
        (502, b"<html><title>Bad\n gateway</title>" + b"x" * 9_000, "a web page titled"),
        (500, b"\x1b[31mred\x00 \xff", "[31mred"),
        (500, b"[" * 100_000, "[[["),
        (500, b'{"error": {"message": 1e999}}', "1e999"),
    ],
)
def test_the_sentence_says_what_happened(status: int, body: object, said: str) -> None:
    text = str(failure(status, body))
    assert said in text
    assert text.isprintable()
    assert len(text) < 700


def test_a_redirect_names_the_new_address_without_its_query() -> None:
    text = str(failure(308, b"", location="https://new.example.test/v1?token=abc"))
    assert "https://new.example.test/v1 " in text
    assert "abc" not in text
