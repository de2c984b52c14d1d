"""What can be done whatever is seen: another theme, what is copied and saved, the mouse, the list of all that can be done."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import ActiveBinding, Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from tui.ascii import AsciiOnly
from tui.keys import actions_of, keys_of
from tui.look import THEMES, Look, next_theme
from tui.mouse import set_mouse
from tui.newfile import Forms, at_once, free_name
from tui.picture import self_contained
from tui.saving import SaveScreen
from tui.views.view import View

# the views are offered by their names, and to move by a line somebody presses the key
_NOT_OFFERED = frozenset({"view", "command_palette", "scroll_up", "scroll_down", "scroll_home", "scroll_end"})


class AnyViewApp(App[None]):
    """What can be done whatever is seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "the next theme: dark, light, swarm-cb, ansi"),
        Binding("y", "copy", "copy the chosen row, or what is in sight"),
        Binding("ctrl+s", "save", "save the pane, its document or the screen"),
        Binding("M", "mouse", "mouse off and on: without it the terminal selects text"),
        Binding("ctrl+p", "command_palette", "all that can be done here, to search in"),
        Binding("ctrl+z", "suspend_process", "into the background; `fg` comes back"),
    ]

    def __init__(self, look: Look) -> None:
        super().__init__()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.look = look
        self.theme = look.theme
        self.has_mouse = True
        if look.still:
            self.animation_level = "none"
        self._in_ascii = AsciiOnly(enabled=look.ascii)

    @property
    @abstractmethod
    def view(self) -> View:
        """The one that is seen."""

    @property
    @abstractmethod
    def shown_name(self) -> str:
        """What is looked at, as a part of a file's name."""

    def get_line_filters(self) -> list[LineFilter]:
        found = list(super().get_line_filters())
        return [*found, self._in_ascii] if self._in_ascii.enabled else found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A question that is asked has its own keys, and is answered first."""
        return action != "command_palette" or len(self.screen_stack) == 1

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers: the views, and what the keys do that can be pressed where the focus is."""
        keys = {told.does: " ".join(told.keys) for told in keys_of(screen)}
        yield from self.view_commands()
        for does, active in actions_of(screen).items():
            name = active.binding.action.partition("(")[0]
            if name not in _NOT_OFFERED:
                yield SystemCommand(does, f"key {keys[does]}", partial(self._act, active))

    def view_commands(self) -> Iterable[SystemCommand]:
        yield from ()

    async def _act(self, active: ActiveBinding) -> None:
        await self.run_action(active.binding.action, active.node)

    def action_next_theme(self) -> None:
        self.theme = next_theme(self.theme)
        self.notify(f"theme {self.theme}; to keep it: view.theme in your settings", markup=False)

    def action_copy(self) -> None:
        text = self.view.text_to_copy()
        if not text.strip():
            self.notify("there is nothing to copy here", markup=False)
            return
        self.copy_to_clipboard(text)
        lines, characters = text.count("\n") + 1, len(text)
        much = f"{characters:,} characters" + (f" in {lines:,} lines" if lines > 1 else "")
        self.notify(f"copied {much}, where the terminal lets programs copy (OSC 52)", markup=False)

    def action_save(self) -> None:
        view, pane = self.view, self.view.pane
        picture = self_contained(self.export_screenshot(title="swarm"))  # now, before the question is in it
        forms: Forms = {
            ".txt": ("the rows of this pane", at_once(lambda: "\n".join(pane.lines()) + "\n")),
            ".svg": ("a picture of the screen", at_once(lambda: picture)),
        }
        if (document := view.document()) is not None:
            text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
            forms = {**forms, ".json": ("this view, for programs", at_once(lambda: text))}
        name = free_name(Path(), f"swarm-{self.shown_name}-{pane.id}")
        self.push_screen(SaveScreen(name, forms), self._saved)

    def _saved(self, said: str | None) -> None:
        if said:
            self.notify(f"written: {said}", markup=False)

    def action_mouse(self) -> None:
        self.has_mouse = not self.has_mouse
        set_mouse(self, on=self.has_mouse)
        off = "mouse off: the terminal selects text; M takes it back"
        self.notify("mouse on" if self.has_mouse else off, markup=False)
