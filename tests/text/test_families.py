"""How a model counts is known from its name until its provider has said more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.text.families import CLAUDE, CLAUDE_SINCE_4_7, OTHER, TRUST, factor, prior


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-6-luna", 1.0),
        ("openai/o3-mini", 1.0),
        ("groq/gpt-oss-20b", 1.0),
        ("meta-llama/llama-3.3-70b-instruct:free", 1.0),
        ("DeepSeek-V4", 1.0),
        ("qwen/qwen3-coder:free", 1.08),
        ("gemma-4-31b", OTHER),
        ("solo3", OTHER),
        ("claude-2.1", CLAUDE),
        ("claude-3-opus@20240229", CLAUDE),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", CLAUDE),
        ("claude-opus-4-20250514", CLAUDE),
        ("anthropic/claude-sonnet-4.6", CLAUDE),
        ("claude-opus-4-7", CLAUDE_SINCE_4_7),
        ("claude-haiku-5-5", CLAUDE_SINCE_4_7),
        ("claude-sonnet-5-20270101", CLAUDE_SINCE_4_7),
        ("claude-latest", CLAUDE_SINCE_4_7),
    ],
)
def test_a_name_tells_the_family(model: str, tokens: float) -> None:
    assert prior(model) == factor(model) == tokens


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_factor_lies_between_the_prior_and_what_was_seen(counted: float, own: float) -> None:
    found, seen = factor("claude-haiku-5-5", counted, own), counted / own if own else float("inf")
    least, most = sorted((CLAUDE_SINCE_4_7, seen))
    assert least * (1 - 1e-9) <= found <= most * (1 + 1e-9)


def test_a_few_long_calls_say_more_than_the_prior() -> None:
    assert factor("gpt-6-luna", 1.3 * 20 * TRUST, 20 * TRUST) == pytest.approx(1.3, rel=0.02)
