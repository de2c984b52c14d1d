"""In which steps a tool was used whose work was accepted, and what these steps were told: by that it is found for the next like them."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog, TextMissing
from events.types.base import TextRef
from events.types.session import SessionClosed
from events.types.task import StepAccepted, StepPlanned, StepRejected, TaskSubmitted
from events.types.tool import ToolFinished
from events.views.kept import Kept, Start, fold_kept

KEPT = 32
"""Uses of a tool that are kept, the last ones: 10 lift the share of right tools among the first five from .75 to .90, 30 to .95."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """What a step was told."""

    text: TextRef  # its instruction; or the task that it is the only step of, as JSON
    at: int  # position of the event that refers to it
    is_task: bool = False


class Use(msgspec.Struct, frozen=True, gc=False):
    """A tool served this step."""

    session: int
    task: str
    step: int
    told: Told


class _Step(msgspec.Struct):
    """A step that is not accepted yet."""

    told: Told
    used: dict[int, dict[str, bool]] = {}  # by attempt the tools that were used and did not fail, in their order


class ToolPastView(msgspec.Struct):
    """The last uses by the tool's name, the newest last. A step counts once for each tool, however often it used it.

    What a person's verdict takes back is no use any more.
    """

    uses: dict[str, list[Use]] = {}
    _tasks: dict[int, dict[str, Told]] = {}  # those of the sessions that are not finished
    _steps: dict[int, dict[str, dict[int, _Step]]] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted(spec=spec):
                self._tasks.setdefault(entry.session, {})[entry.task] = Told(spec, entry.position, is_task=True)
            case StepPlanned(instruction=instruction):
                self._plan(entry, instruction)
            case ToolFinished(tool=tool, failed=False, refused=""):
                if (step := self._steps.get(entry.session, {}).get(entry.task, {}).get(entry.step)) is not None:
                    step.used.setdefault(entry.attempt, {})[tool] = True
            case StepAccepted():
                self._accept(entry)
            case StepRejected(overrules=overrules) if overrules is not None:
                self._take_back(entry)
            case SessionClosed(finished=True):
                self._tasks.pop(entry.session, None)
                self._steps.pop(entry.session, None)
            case _:
                pass

    def _plan(self, entry: Entry, instruction: TextRef | None) -> None:
        told = Told(instruction, entry.position) if instruction else self._tasks.get(entry.session, {}).get(entry.task)
        if told is not None:
            self._steps.setdefault(entry.session, {}).setdefault(entry.task, {})[entry.step] = _Step(told)

    def _accept(self, entry: Entry) -> None:
        step = self._steps.get(entry.session, {}).get(entry.task, {}).get(entry.step)
        if step is None:
            return
        use = Use(entry.session, entry.task, entry.step, step.told)
        for tool in step.used.get(entry.attempt, {}):
            kept = [other for other in self.uses.get(tool, []) if other != use]
            self.uses[tool] = [*kept, use][-KEPT:]

    def _take_back(self, entry: Entry) -> None:
        """A step that was accepted is so no more: nothing that it used has served it."""
        of = entry.session, entry.task, entry.step
        for tool in [
            tool for tool, uses in self.uses.items() if any((use.session, use.task, use.step) == of for use in uses)
        ]:
            self.uses[tool] = [use for use in self.uses[tool] if (use.session, use.task, use.step) != of]
            if not self.uses[tool]:
                del self.uses[tool]


TOOL_PAST = Kept("toolpast", 1, ToolPastView)


async def tool_past(log: EventLog) -> Start[ToolPastView]:
    """The uses as they stand by now; see `fold_kept`."""
    return await fold_kept(log, TOOL_PAST)


class _Prompted(msgspec.Struct):
    prompt: str


async def texts_of(log: EventLog, view: ToolPastView) -> dict[str, tuple[str, ...]]:
    """Return by tool what the steps were told that it served, the newest last. A text that is no longer kept is left out."""
    read: dict[Told, str] = {}
    for told in dict.fromkeys(use.told for uses in view.uses.values() for use in uses):
        try:
            text = await log.text(told.text, at=told.at)
            read[told] = msgspec.json.decode(text, type=_Prompted).prompt if told.is_task else text
        except (TextMissing, msgspec.DecodeError):
            continue
    return {
        tool: texts
        for tool, uses in sorted(view.uses.items())
        if (texts := tuple(read[use.told] for use in uses if use.told in read))
    }
