"""The keys by which a person speaks to a run. A word is asked about first, and handed on by the `Control` alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from events.log import session_name
from tui.anyview import AnyViewApp
from tui.confirming import TITLES, ConfirmingScreen, confirming
from tui.control import NotSaid, Verb, Word
from tui.feed import Sight
from tui.live import Live
from tui.look import Look
from tui.words import visible, visible_lines

_ON_TASK: tuple[tuple[str, Verb, str], ...] = (
    ("z", "pause", "pause this task, or go on with it"),
    ("x", "cancel", "cancel this task"),
    ("R", "retry", "try this task again"),
    ("T", "pin", "name the tier of its first tries"),
    ("A", "accept", "accept its last draft"),
    ("B", "reject", "send its last draft back, and say why"),
)
_SPEAK = frozenset({"a", "Z", "X", *(key for key, _, _ in _ON_TASK)})


class SpeakingApp(AnyViewApp):
    """Words are about the task that is chosen or opened, about the session, or about the cap of a scope."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"task_word('{verb}')", does) for key, verb, does in _ON_TASK),
        Binding("R", "raise_cap", "raise the cap of this scope"),
        Binding("Z", "session_word('pause')", "pause the session, or go on with it"),
        Binding("X", "session_word('cancel')", "cancel the session"),
    ]

    sight: Sight

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.on_their_way: set[Word] = set()  # of which it is not known yet what came of them

    @property
    @abstractmethod
    def live(self) -> Live:
        """The view model."""

    @property
    @abstractmethod
    def barred(self) -> str:
        """Why no word can be given here; empty where one can."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key speaks where a word can be given, of what is looked at."""
        if action == "task_word":
            return not self.barred and self.view.chosen_task in self.live.tasks.of(self.live.session)
        if action == "raise_cap":
            return not self.barred and bool(self.view.chosen_scope)
        if action in ("session_word", "answer"):
            return not self.barred
        return super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """A key that would speak, and may not, says why."""
        if event.character in _SPEAK and self.barred and len(self.screen_stack) == 1:
            self.notify(self.barred, markup=False)

    def action_task_word(self, verb: Verb) -> None:
        task = self.view.chosen_task
        state = self.live.tasks.of(self.live.session).get(task)
        if verb == "pause" and state is not None and state.own.paused is not None:
            verb = "unpause"
        self._ask_for(Word(verb, f"{session_name(self.live.session)}/{task}"))

    def action_session_word(self, verb: Verb) -> None:
        if self.live.state is None:
            self.notify("there is no session yet", markup=False)
            return
        is_paused = self.live.tasks.whole(self.live.session).paused is not None
        self._ask_for(Word("unpause" if verb == "pause" and is_paused else verb, session_name(self.live.session)))

    def action_raise_cap(self) -> None:
        self._ask_for(Word("raise", self.view.chosen_scope))

    def look_at_word(self) -> None:
        """What is told of a word that is asked about goes on with the log."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(screen, ConfirmingScreen):
            screen.look()

    def _ask_for(self, word: Word) -> None:
        control = self.sight.control
        assert control is not None, "a key speaks only where somebody hands its word on"
        if any(each.verb == word.verb and each.name == word.name for each in self.on_their_way):
            self.notify(f"{word.name}: that is on its way already", markup=False)
            return
        self.push_screen(confirming(word, control, lambda: self.live, self._hand_on))

    def _hand_on(self, screen: ConfirmingScreen, confirmed: bool) -> None:
        """It is said whether or not somebody waits for it at the screen."""
        self.on_their_way.add(screen.word)
        self.run_worker(self._saying(screen, screen.word, confirmed), name="word")

    async def _saying(self, screen: ConfirmingScreen, word: Word, confirmed: bool) -> None:
        control = self.sight.control
        assert control is not None, "it was asked about"
        said, trouble = "", None
        try:
            said = await control.say(word, confirmed=confirmed)
        except NotSaid as problem:
            trouble = problem
        finally:
            self.on_their_way.discard(word)
        is_there = self.screen is screen
        if trouble is None:
            self.notify(visible_lines(said), markup=False)
            if is_there:
                screen.dismiss(None)
        elif is_there:
            screen.came(trouble)
        else:
            title = TITLES[word.verb].format(word.name)
            self.notify(visible(f"{title} {trouble}"), severity="error", markup=False)
