"""What `swarm run` takes a word, or what stands in a pipe, to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.cli.given import NoTaskFile, form_of, is_task_file, only, overrides_of
from swarm.errors import UsageError
from swarm.taskfile.read import parse_task_file

BESIDE = ("task.yaml", "notes.md", "my task.yaml", "task.txt")
COMMANDS = ("run", "replay", "show")


def form(word: str, *, exists: bool = False, beside: Sequence[str] = BESIDE) -> str:
    return form_of(word, exists=exists, beside=beside, commands=COMMANDS)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("-", "stdin"),
        ("Say hello to the world.", "prompt"),
        ("Summarise README.md", "prompt"),
        ("Fix src/cache.py\nand its test", "prompt"),
        ("hello", "prompt"),
        ("Grüße", "prompt"),
        ("taks.yaml", "file"),
        ("elsewhere.yml", "file"),
        ("TASK.YAML", "file"),
        ("notes.md", "file"),
        ("tasks/build", "file"),
        ("/etc/nothing", "file"),
        ("my taks.yaml", "file"),
    ],
)
def test_a_word_is_a_pipe_a_file_or_a_prompt(word: str, meant: str) -> None:
    assert form(word) == meant


@given(st.text(min_size=1).filter(lambda text: text != "-"))
def test_what_is_a_file_is_one_whatever_it_is_called(word: str) -> None:
    assert form(word, exists=True) == "file"


@given(st.text())
def test_every_word_is_something_or_refused_with_a_sentence(word: str) -> None:
    try:
        assert form(word) in ("stdin", "file", "prompt")
    except UsageError as error:
        assert "swarm run" in str(error) or "prompt is empty" in str(error)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("task", "did you mean `swarm run task.yaml`?"),
        ("taks", "did you mean `swarm run task.yaml`?"),
        ("replya", "did you mean `swarm replay`?"),
        ("shwo", "did you mean `swarm show`?"),
    ],
)
def test_a_single_word_that_is_nearly_a_file_or_a_command_is_not_sent_to_a_model(word: str, said: str) -> None:
    with pytest.raises(NoTaskFile) as refused:
        form(word)
    assert said in str(refused.value)
    assert "`swarm run -`" in str(refused.value)


@pytest.mark.parametrize("word", ["", "  ", "\n"])
def test_an_empty_prompt_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="the prompt is empty"):
        form(word)


@pytest.mark.parametrize(
    "text",
    [
        "prompt: Say hi.",
        "\n# a comment\n\nprompt: |\n  Say hi.",
        "tasks:\n  a: one\n",
        "promt: a slip of the pen",
        "---\ntitle: x\n---\nDo it.",
        '{"prompt": "Say hi."}',
        "{prompt: Say hi.}",
        "\ufeffprompt: with a byte order mark",
        "budget: $0.10\nprompt: x",
    ],
)
def test_a_text_that_begins_like_a_task_file_is_one(text: str) -> None:
    assert is_task_file(text)


@pytest.mark.parametrize(
    "text",
    [
        "Say hi.",
        "- one\n- two\n",
        "Note: this is urgent",
        "What does `prompt: x` mean?",
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n",
        '{"a": 1} is what I have; explain it',
        "https://example.com/prompt: fetch it",
        "",
    ],
)
def test_any_other_text_is_the_prompt_itself(text: str) -> None:
    assert not is_task_file(text)


def test_values_of_variables_are_read_as_they_stand_and_the_last_one_holds() -> None:
    assert overrides_of(["a=1", "b=x=y", "a=2", "c="]) == {"a": "2", "b": "x=y", "c": ""}
    for wrong in ("a", "=1", "a b=1", "1a=2"):
        with pytest.raises(UsageError, match="write it as --set name=value"):
            overrides_of([wrong])


FILE = """
budget: $0.10
tasks:
  a: one
  b: {prompt: two, needs: a}
  c: {prompt: three, needs: b}
  d: four
"""


def test_only_keeps_a_task_with_all_that_it_needs_in_the_order_of_the_file() -> None:
    file = parse_task_file(FILE, Path("tasks.yaml"))
    assert [task.id for task in only(file, ["c"]).tasks] == ["a", "b", "c"]
    assert [task.id for task in only(file, ["d", "b"]).tasks] == ["a", "b", "d"]
    assert [task.id for task in only(file, ["a"]).tasks] == ["a"]
    assert only(file, ["d"]).budget == file.budget
    with pytest.raises(UsageError, match=r"--only 'e': tasks.yaml has no such task; tasks here: a, b, c, d"):
        only(file, ["e"])
