"""The view of skills: what each took and brought, where one is missing, and what a skill says."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.worker import Worker

from tui.document import Document, prose
from tui.feed import Sight
from tui.live import Live
from tui.sheet import Sheet
from tui.skilled import SkillsAsked, SkillsLookup
from tui.views.sheet import SheetView
from tui.widgets.pane import Choice, Pane
from tui.widgets.text import TextPane
from tui.words import cut


class SkillsView(SheetView):
    """All skills and gaps, or the text of one."""

    WORD = "Skills"
    PANE = "skill-table"
    FOOTER = "enter its text  m gaps alone"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "gaps", "the gaps alone, or the skills, too"),
        Binding("escape", "leave", "back to all skills"),
    ]

    def __init__(self, sight: Sight, look_up: SkillsLookup) -> None:
        self._choice = SkillsAsked()
        self._skills = look_up
        self._previewed = ""
        self._reading: Worker[None] | None = None
        self._text = TextPane(id="skill-text")

        async def look(live: Live, now: int) -> Sheet:
            return await look_up.sheet(live, now, self._choice)

        super().__init__(sight, look)

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self._text

    def first_focus(self) -> Pane:
        return self._pane

    def asked(self) -> Hashable:
        return self._choice

    def text_to_copy(self) -> str:
        """What y copies of this view."""
        return self._text.document.text() if self._previewed else super().text_to_copy()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The table is narrowed, a text is left."""
        return {"gaps": not self._previewed, "leave": bool(self._previewed)}.get(action, True)

    def action_gaps(self) -> None:
        self._choice = msgspec.structs.replace(self._choice, only_gaps=not self._choice.only_gaps)
        self.paint(self.sight.clock())

    def on_choice_taken(self, taken: Choice.Taken) -> None:
        taken.stop()
        self._show(taken.key)
        self._text.put(Document((prose("reading …", tone="faint"),)), mark="")
        self._text.focus()
        self._reading = self.run_worker(self._preview(taken.key), name="preview", group="preview", exclusive=True)

    def action_leave(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._show("")
        self._pane.focus()

    def _show(self, key: str) -> None:
        self._previewed = key
        self.set_class(bool(key), "-opened")
        self._text.border_title = Content(cut(key, 80))
        self.refresh_bindings()

    async def _preview(self, key: str) -> None:
        try:
            document = await self._skills.preview(key)
        except Exception as error:  # whatever it is: the screen lives on
            document = Document((prose(self.failed(error), tone="bad"),))
        self._text.put(document, mark="")
