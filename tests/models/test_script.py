"""Scripts in files: which line answers which request, and what is said of a file that is no script."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm.errors import Failure, ProviderError
from swarm.messages import Message, Reply, Request
from swarm.models.script import ScriptLine, ScriptUnusable, by_script, read_script, role_asked
from swarm.prompts.build import PLAN_SCHEMA, VERDICT_SCHEMA

LINES = (
    ScriptLine(says="by the dear one", models=("dear",), holds=("apples",)),
    ScriptLine(says="of both", holds=("apples", "pears")),
    ScriptLine(says="a verdict", role="validator"),
    ScriptLine(says="of apples", role="worker", holds=("apples",), tokens=900),
)


def asked(text: str, **more: object) -> Request:
    given: dict[str, object] = {"messages": (Message("user", text),), "max_output_tokens": 1000, **more}
    return Request(**given)  # type: ignore[arg-type]


def answer(model: str, request: Request) -> Reply:
    said = by_script(model, LINES)(request)
    assert isinstance(said, Reply)
    return said


def test_the_first_line_that_fits_model_role_and_text_is_the_answer() -> None:
    assert answer("dear", asked("apples and pears")).text == "by the dear one"
    assert answer("m", asked("apples and pears")).text == "of both"
    assert answer("m", asked("apples")).text == "of apples"
    assert answer("m", asked("apples", answer_schema=VERDICT_SCHEMA)).text == "a verdict"


def test_the_same_request_gets_the_same_answer() -> None:
    say = by_script("m", LINES)
    assert say(asked("apples")) == say(asked("apples"))


def test_a_request_that_no_line_fits_fails_before_anything_is_sent() -> None:
    failed = by_script("m", LINES)(asked("plums"))
    assert isinstance(failed, ProviderError)
    assert (failed.failure, failed.sent, failed.charged) == (Failure.STOP, False, False)
    assert "m: the script has no answer for this worker" in str(failed)


def test_a_model_that_reasons_counts_more_than_it_says_and_never_more_than_was_allowed() -> None:
    usage = answer("m", asked("apples")).usage
    assert usage is not None and usage.output_tokens == 900
    bounded = answer("m", asked("apples", max_output_tokens=500)).usage
    assert bounded is not None and bounded.output_tokens == 500


def test_a_text_that_is_longer_than_what_was_asked_for_is_cut() -> None:
    cut = answer("dear", asked("apples", max_output_tokens=2))
    assert (cut.text, cut.finish) == ("by the d", "length")


def test_roles_are_known_by_the_answer_that_is_asked_of_them() -> None:
    assert role_asked(VERDICT_SCHEMA) == "validator"
    assert role_asked(PLAN_SCHEMA) == "explorer"
    assert role_asked(None) == role_asked({"properties": {"name": {}}}) == "worker"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        (b"line = [", "Unclosed|Invalid|Expected"),
        (b'[[line]]\nsay = "x"', "says|say"),
        (b"\xff\xfe", "decode"),
    ],
)
def test_a_file_that_is_no_script_is_refused_with_its_path_and_what_to_do(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "script.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScriptUnusable, match=why) as caught:
        read_script(path)
    assert str(path) in str(caught.value) and "`swarm demo` writes it anew" in str(caught.value)
