"""How states, amounts, times and foreign texts are written for people, on one line and without anything to act upon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from events.views.tasks import TaskState

Tone = Literal["", "good", "bad", "busy", "warn", "faint"]
"""What a piece of text means. How a tone looks is decided where it is drawn; no meaning hangs on it alone."""

# C0 and C1 controls, marks and overrides of the writing direction, separators of lines, what belongs to no character
_ACTED_UPON = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_NANOS = 1_000_000_000


class Status(msgspec.Struct, frozen=True):
    """A state in a glyph and a word; each says it alone."""

    glyph: str
    word: str
    tone: Tone


_ENDED: dict[str, Status] = {
    "accepted": Status("✔", "accepted", "good"),
    "failed": Status("✘", "failed", "bad"),
    "halted": Status("‖", "halted", "warn"),
    "cancelled": Status("⊘", "cancelled", "faint"),
    "skipped": Status("⊝", "skipped", "faint"),
}
_RUNNING = Status("●", "running", "busy")
_RETRYING = Status("↻", "retrying", "busy")
WAITING = Status("○", "waiting", "faint")
PAUSED = Status("‖", "paused", "warn")


def status_of(task: TaskState) -> Status:
    """Where a task stands: an end, or waiting, running, trying again after a rejection, or paused by itself."""
    if task.status != "open":
        return _ENDED[task.status]
    if task.own.paused is not None and not task.open_calls:
        return PAUSED
    step = task.step
    if step is not None and step.fails:
        return _RETRYING
    return _RUNNING if task.calls or task.total else WAITING


def attempt_of(task: TaskState) -> int:
    """The attempt that is under way or was the last, of the step that it belongs to."""
    step = task.step or (task.steps[-1] if task.steps else None)
    if step is None:
        return task.explorations + 1
    # a rejection makes way for the next attempt, which a task that failed by it never had
    return step.attempt - (task.cause == "rejected")


def visible(text: str) -> str:
    """The text with every character in it that a terminal would act upon shown as a sign; line breaks and tabs, too."""
    return _ACTED_UPON.sub(_sign, text)


def cut(text: str, most: int) -> str:
    """The text as `visible` with at most `most` characters of it; a cut shows as an ellipsis."""
    return visible(text if len(text) <= most else text[: most - 1] + "…")


def visible_lines(text: str) -> str:
    """As `visible`, for a text of several lines: its line breaks and tabs stay."""
    return "\n".join(visible(line.expandtabs(8)) for line in re.split("\r?\n", text))


def usd(nanos: int) -> str:
    """Nano-dollars as US dollars: two to four places from a cent up, else as many as the amount has."""
    if nanos == 0:
        return "$0"
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, part = divmod(nanos, _NANOS)
    digits = f"{part:09d}"
    if whole or nanos >= _NANOS // 100:
        digits = digits[:4]
    return f"{sign}${whole:,}.{digits.rstrip('0').ljust(2, '0')}"


def count(number: int) -> str:
    """A number of tokens or things in at most six characters: 812, 17.9k, 3.1M. Cut, never rounded up."""
    for factor, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if abs(number) >= factor:
            tenths = abs(number) * 10 // factor
            return f"{'-' if number < 0 else ''}{tenths // 10}.{tenths % 10}{unit}"
    return str(number)


def span(microseconds: int) -> str:
    """A length of time in its largest unit and the next: 42s, 3m07s, 2h05m, 4d03h."""
    seconds = max(0, microseconds) // 1_000_000
    for factor, unit, below, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= factor:
            return f"{seconds // factor}{unit}{seconds % factor // below:02d}{part}"
    return f"{seconds}s"


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures of Unicode: ␛ for ESC
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"
