"""What is typed behind `:`: a view with words for it, a task, or the way out. Pure; it raises nothing but its own error."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

import msgspec

from tui.words import cut

TASK = "task"
LEAVE = ("q", "quit")
_LONGEST = 200


class NotUnderstood(Exception):
    """What was typed leads nowhere; the message is for people, and says what does."""


class Jump(msgspec.Struct, frozen=True):
    """Where to go: to a view by its id, to a task by its name, or away; `words` are what is said to the view."""

    to: Literal["view", "task", "away"]
    name: str = ""
    words: str = ""


def read_jump(text: str, views: Sequence[str], tasks: Sequence[str]) -> Jump:
    """Understand it: the first word may be as short as it is still the only one. Raises NotUnderstood."""
    word, _, rest = text.strip().removeprefix(":").lstrip().partition(" ")
    rest = rest.strip()
    if not word or len(text) > _LONGEST:
        raise NotUnderstood(_FORMS.format(views=", ".join(views)))
    if word in LEAVE:
        return Jump("away")
    known = [TASK, *views]
    named = word.lower()
    fitting = [named] if named in known else [each for each in known if each.startswith(named)]
    if len(fitting) > 1:
        raise NotUnderstood(f"{cut(word, 40)} can be {' or '.join(fitting)}; write one letter more")
    if not fitting:
        if word in tasks and not rest:
            return Jump("task", word)
        near = get_close_matches(named, known, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise NotUnderstood(f"there is no {cut(word, 40)} here; {guess}{_FORMS.format(views=', '.join(views))}")
    if fitting[0] != TASK:
        return Jump("view", fitting[0], rest)
    return Jump("task", _task(rest, tasks))


def _task(name: str, tasks: Sequence[str]) -> str:
    if name in tasks:
        return name
    fitting = [each for each in tasks if name and each.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if not tasks:
        raise NotUnderstood("the session has no task yet")
    near = fitting or get_close_matches(name, tasks) or list(tasks)
    said = ", ".join(cut(each, 40) for each in near[:3])
    raise NotUnderstood(
        f"there is no task {cut(name, 40)}; there is {said}" if name else f"which task? There is {said}"
    )


def completed(text: str, views: Sequence[str], tasks: Sequence[str]) -> str:
    """The text with its last word finished, where one word alone begins so; else as far as all that do have the same."""
    lead = ":" if text.startswith(":") else ""
    word, blank, rest = text.removeprefix(":").partition(" ")
    if not blank:
        return lead + (_common([each for each in [TASK, *views, *LEAVE[1:]] if each.startswith(word)]) or word)
    if word != TASK:
        return text
    return f"{lead}{word} {_common([each for each in tasks if each.startswith(rest)]) or rest}"


def _common(names: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = min(names, default=""), max(names, default="")
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]


_FORMS = "write task NAME, one of {views}, or q"
