"""Reading a model's answer: the JSON object in it, and the result itself. Pure."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from swarm.text.fence import unfenced

T = TypeVar("T")


class Verdict(msgspec.Struct, frozen=True):
    verdict: Literal["pass", "fail"]
    score: float = 0.0
    reason: str = ""
    scores: dict[str, float] = {}  # of the task's rubrics, by the names under which they were asked for


class PlanStep(msgspec.Struct, frozen=True):
    instruction: str
    title: str = ""
    needs: object = ()  # of its inputs; read by `swarm/roles/evidence.py`, for a plan is one whatever stands here


class Plan(msgspec.Struct, frozen=True):
    steps: list[PlanStep]
    approach: str = ""


def is_whole(finish: str) -> bool:
    """Whether an answer that ended so is one: not cut, and no refusal. What reads like a plan or a verdict may lack its end."""
    return finish not in ("length", "refusal")


def read_object(text: str, form: type[T]) -> T | None:
    """The JSON object of that form in an answer: alone, in a code fence, or after other words; None where there is none."""
    candidates = [unfenced(text)]
    first, last = text.find("{"), text.rfind("}")
    if 0 <= first < last:
        candidates.append(text[first : last + 1])
    for candidate in candidates:
        try:
            return msgspec.json.decode(candidate, type=form, strict=False)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            continue
    return None


def one_line(text: str, most: int = 200) -> str:
    """A text in one line of at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
