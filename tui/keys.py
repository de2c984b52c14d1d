"""Which keys can be pressed at a moment, and the screen that says so: read from the bindings themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

_SIGNS = {
    "question_mark": "?",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "right_curly_bracket": "}",
    "left_curly_bracket": "{",
    "slash": "/",
    "colon": ":",
    "minus": "-",
    "plus": "+",
    "underscore": "_",
    "comma": ",",
    "full_stop": ".",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


class Told(NamedTuple):
    """What can be pressed, and what it does."""

    keys: tuple[str, ...]
    does: str


def sign_of(key: str) -> str:
    """How a key is written for people.

    >>> sign_of("question_mark"), sign_of("ctrl+c"), sign_of("f")
    ('?', 'ctrl-c', 'f')
    """
    return _SIGNS.get(key, key.replace("ctrl+", "ctrl-"))


_THEIRS = {
    "scroll_up": "a line up",
    "scroll_down": "a line down",
    "page_up": "a page up",
    "page_down": "a page down",
    "scroll_home": "to the start",
    "scroll_end": "to the end",
    "focus_next": "the next pane",
    "focus_previous": "the pane before",
}
"""What is said of those bindings of Textual that do something here, by their action."""


def keys_of(screen: Screen[object]) -> list[Told]:
    """The keys that do something now, those that belong to a view or a pane first, those that all have last."""
    found: dict[str, list[str]] = {}
    for key, active in _enabled(screen):
        if does := _said(active):
            found.setdefault(does, []).append(sign_of(key))
    return [Told(tuple(keys), does) for does, keys in found.items()]


def actions_of(screen: Screen[object]) -> dict[str, ActiveBinding]:
    """What our own keys do now, by what is said of it, in the order of `keys_of`."""
    found: dict[str, ActiveBinding] = {}
    for _, active in _enabled(screen):
        if active.binding.description and _is_ours(active):
            found.setdefault(active.binding.description, active)
    return found


def _enabled(screen: Screen[object]) -> list[tuple[str, ActiveBinding]]:
    bound = sorted(screen.active_bindings.items(), key=lambda each: _rank(each[1]))
    return [(key, active) for key, active in bound if active.enabled]


def _said(active: ActiveBinding) -> str:
    theirs = _THEIRS.get(active.binding.action.rpartition(".")[2], "")
    return active.binding.description if _is_ours(active) else theirs


def _is_ours(active: ActiveBinding) -> bool:
    return any(
        active.binding.action == each.action and each.description == active.binding.description
        for kind in type(active.node).__mro__
        if kind.__module__.startswith("tui.")
        for each in Binding.make_bindings(vars(kind).get("BINDINGS", ()))
    )


def _rank(active: ActiveBinding) -> int:
    if not _is_ours(active):
        return 1
    return 2 if isinstance(active.node, App) else 0


def lines_of(told: list[Told]) -> Iterator[str]:
    width = max((len(" ".join(each.keys)) for each in told), default=0)
    for each in told:
        yield f"{' '.join(each.keys):<{width}}  {each.does}"


class KeysScreen(ModalScreen[None]):
    """What can be pressed where the focus is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "back", show=False),
        Binding("k,up", "scroll(-1)", "a line up", show=False),
        Binding("j,down", "scroll(1)", "a line down", show=False),
    ]

    def __init__(self, told: list[Told]) -> None:
        super().__init__()
        self._told = told

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="keys", can_focus=False) as box:
            box.border_title = Content("Keys")
            yield Static(Content("\n".join(lines_of(self._told))), markup=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys").scroll_relative(y=lines, animate=False)
