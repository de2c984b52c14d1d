"""Scripts in files: which line answers which request, and what is said of a file that is no script."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm.errors import Failure, ProviderError
from swarm.messages import Message, Reply, Request, ToolSpec
from swarm.models.script import ScriptCall, ScriptLine, ScriptUnusable, by_script, read_script, role_asked
from swarm.prompts.build import PLAN_SCHEMA, VERDICT_SCHEMA

LINES = (
    ScriptLine(says="by the dear one", models=("dear",), holds=("apples",)),
    ScriptLine(says="of both", holds=("apples", "pears")),
    ScriptLine(says="a verdict", role="validator"),
    ScriptLine(says="of apples", role="worker", holds=("apples",), tokens=900),
)

TOOLS = (ToolSpec("read", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}}),)


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


SESSION = """
[[line]]
after = 0
calls = [{ name = "read", arguments = { path = "x" } }, { name = "now" }]
says = "I look."

[[line]]
after = 2
holds = ["a bird"]
calls = [{ name = "write", arguments = "path=x" }]

[[line]]
after = 3
says = "Done."
"""


def test_a_whole_session_with_tools_is_played_by_how_many_of_them_have_answered(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(SESSION)
    say = by_script("m", read_script(path))
    messages, heard = [Message("user", "Go.")], list[Reply]()
    for results in (("a bird", "12:00"), ("written",), ()):
        reply = say(Request(messages=tuple(messages), max_output_tokens=100, tools=TOOLS))
        assert isinstance(reply, Reply)
        heard.append(reply)
        messages.append(Message("assistant", reply.text, calls=reply.calls))
        messages += [Message("tool", text, answers=call.id) for text, call in zip(results, reply.calls, strict=True)]
    assert [(reply.text, reply.finish) for reply in heard] == [("I look.", "tools"), ("", "tools"), ("Done.", "stop")]
    assert [(call.id, call.name, call.arguments) for reply in heard for call in reply.calls] == [
        ("c1", "read", '{"path":"x"}'),
        ("c2", "now", "{}"),
        ("c3", "write", "path=x"),
    ]


def test_calls_and_offered_tools_are_counted_and_a_call_beyond_the_limit_is_none() -> None:
    line = ScriptLine(calls=(ScriptCall(name="read", arguments={"path": "x" * 80}),))
    say = by_script("m", [line])
    plain, with_tools, cut = (
        say(asked("go", **more)) for more in (dict[str, object](), {"tools": TOOLS}, {"max_output_tokens": 5})
    )
    assert isinstance(plain, Reply) and isinstance(with_tools, Reply) and isinstance(cut, Reply)
    assert plain.usage is not None and with_tools.usage is not None and plain.usage.output_tokens > 20
    assert with_tools.usage.input_tokens > plain.usage.input_tokens
    assert (cut.calls, cut.finish) == ((), "length")


def test_a_script_that_is_at_its_end_says_after_how_many_results() -> None:
    used = (Message("user", "go"), Message("tool", "x", answers="c1"))
    failed = by_script("m", [ScriptLine(says="x", after=0)])(asked("", messages=used))
    assert "no answer for this worker after 1 result of tools" in str(failed)


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
        (b'[[line]]\nsays = " "', "neither `says` nor `calls`"),
        (b"[[line]]\ncalls = [{ arguments = {} }]", "name"),
        (b'[[line]]\ncalls = [{ name = "x", arguments = 5 }]', "arguments"),
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
    assert str(path) in str(caught.value) and "mend it, or put it back" in str(caught.value)
