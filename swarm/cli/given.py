"""What `swarm run` is given: a task file, a text from stdin, or a prompt; which of them it is, and what is made of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

import msgspec

from swarm.errors import UsageError
from swarm.units import shortened

if TYPE_CHECKING:
    from swarm.task import Task, TaskFile

STDIN = "<stdin>"
"""What a task file is called that was read from a pipe."""

_SUFFIXES = (".yaml", ".yml", ".md")
_NEAR = 0.75  # taks and task, replya and replay
_FIRST_KEY = re.compile(r"(?:---\s*$|\{?\s*[\"']?(?P<key>[A-Za-z_]+)[\"']?\s*:(?:\s|$))")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run: the tasks, the text that they were written in, and the type of the session."""

    file: TaskFile
    source: str = ""
    type: Literal["file", "direct", "cron"] = "file"
    piped: str | None = None  # what stdin held, where it was read


class NoTaskFile(UsageError):
    """A word was given that is neither a file nor meant as a prompt."""

    def __init__(self, word: str, guess: str) -> None:
        super().__init__(
            f"there is no file {shortened(word)}; {guess} (a prompt of this one word goes through a pipe: `swarm run -`)"
        )


def read_given(word: str, *, overrides: Mapping[str, str], commands: Sequence[str]) -> Given:
    """Read what the command line names; `overrides` are values of a file's variables.

    Raises TaskFileInvalid for a file that cannot be run, UsageError for a word that is none of what can be run.
    """
    form = form_of(word, exists=os.path.exists(word), beside=_beside(word), commands=commands)  # noqa: PTH110  # a long prompt is no path
    if form == "stdin":
        text = _stdin()
        given = _of_text(text, overrides) if is_task_file(text) else _direct(text, overrides)
        return msgspec.structs.replace(given, piped=text)
    if form == "prompt":
        return _direct(word, overrides)
    from swarm.taskfile.read import load_task_file

    path = Path(word)
    file = load_task_file(path, overrides=overrides)
    return Given(file=file, source=path.read_text("utf-8", "replace"))


def form_of(
    word: str, *, exists: bool, beside: Sequence[str], commands: Sequence[str]
) -> Literal["stdin", "file", "prompt"]:
    """Say what a word of the command line is. What looks like a file is one, also where it is missing.

    `beside` are the names in the folder that the word would lie in, if it were a file. Raises NoTaskFile for a single word
    that is nearly a file's name or a command's, UsageError where nothing is said.
    """
    if word == "-":
        return "stdin"
    if exists:
        return "file"
    if not word.strip():
        raise UsageError("the prompt is empty; say what is to be done, or name a task file")
    looks_like_one = word.lower().endswith(_SUFFIXES)
    if len(word.split()) > 1:  # "Summarise README.md" is a prompt, "my taks.yaml" beside my task.yaml is a slip
        return "file" if looks_like_one and get_close_matches(word, beside, n=1, cutoff=_NEAR) else "prompt"
    if looks_like_one or "/" in word:
        return "file"
    stems = {Path(name).stem: name for name in beside if name.endswith(_SUFFIXES)}
    if near := get_close_matches(word, stems, n=1, cutoff=_NEAR):
        raise NoTaskFile(word, f"did you mean `swarm run {quote(stems[near[0]])}`?")
    if near := get_close_matches(word, commands, n=1, cutoff=_NEAR):
        raise NoTaskFile(word, f"did you mean `swarm {near[0]}`?")
    return "prompt"


def is_task_file(text: str) -> bool:
    """Whether a text from a pipe is a task file: it begins with front matter, or with a key that a task file may have.

    A key that is nearly one counts, so that a slip of the pen is told and not sent to a model.
    """
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    found = _FIRST_KEY.match(first.removeprefix("\ufeff"))
    if found is None:
        return False
    key = found["key"]
    return key is None or bool(get_close_matches(key, _keys(), n=1, cutoff=_NEAR))


def _keys() -> list[str]:
    from swarm.taskfile.forms import TASK
    from swarm.taskfile.read import FILE

    return [*TASK, *FILE]


def overrides_of(words: Sequence[str]) -> dict[str, str]:
    """Read `--set name=value`, each as often as it was said; the last one holds. Raises UsageError."""
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise UsageError(
                f"--set {shortened(word)}: write it as --set name=value, with a name from the file's `vars`"
            )
        values[name] = value
    return values


def only(file: TaskFile, wanted: Sequence[str]) -> TaskFile:
    """The file with nothing but the tasks that are wanted and what they need. Raises UsageError."""
    tasks = {task.id: task for task in file.tasks}
    for name in wanted:
        if name not in tasks:
            near = get_close_matches(name, list(tasks), n=1)
            guess = f"did you mean {near[0]}?" if near else f"tasks here: {', '.join(list(tasks)[:10])}"
            raise UsageError(f"--only {shortened(name)}: {file.path or 'a prompt'} has no such task; {guess}")
    kept = _with_needs(tasks, wanted)
    return msgspec.structs.replace(file, tasks=tuple(task for task in file.tasks if task.id in kept))


def _with_needs(tasks: Mapping[str, Task], wanted: Sequence[str]) -> set[str]:
    kept: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name not in kept:
            kept.add(name)
            pending += tasks[name].needs
    return kept


def _of_text(text: str, overrides: Mapping[str, str]) -> Given:
    from swarm.taskfile.read import parse_task_file

    return Given(file=parse_task_file(text, Path(STDIN), overrides=overrides), source=text)


def _direct(prompt: str, overrides: Mapping[str, str]) -> Given:
    from swarm.taskfile.prompt import direct_file

    if overrides:
        raise UsageError(f"--set {next(iter(overrides))}: a prompt has no variables; write a task file with `vars`")
    if not prompt.strip():
        raise UsageError("stdin holds nothing to do; pipe a task file or a prompt into `swarm run -`")
    if "\0" in prompt:
        raise UsageError("the prompt holds a NUL character, which no model takes; pipe a text")
    return Given(file=direct_file(prompt), type="direct")


def _stdin() -> str:
    from swarm.taskfile.documents import MOST_BYTES

    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise UsageError("stdin holds more than 1 MiB; name large texts under `input` of a task file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"stdin is not UTF-8 text: byte 0x{raw[error.start]:02x} at {error.start}; pipe UTF-8"
        ) from error


def _beside(word: str) -> list[str]:
    """The names in the folder that a word would lie in, none where it is no folder."""
    with suppress(OSError, ValueError):
        return [one.name for one in Path(word).parent.iterdir()]
    return []
