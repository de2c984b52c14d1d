"""Before a word is said: what will come of it, what that costs and whether it can be taken back. A key says it, or leaves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.control import Control, Foretold, NeedsYes, NotSaid, Offer, Verb, Word
from tui.live import Live
from tui.words import visible

TITLES: dict[Verb, str] = {
    "pause": "Pause {}?",
    "unpause": "Go on with {}?",
    "cancel": "Cancel {}?",
    "retry": "Try {} again?",
    "pin": "Pin {} to which tier?",
    "accept": "Accept the last draft of {}?",
    "reject": "Reject the last draft of {}?",
    "raise": "Raise the cap of {}?",
}
_TYPED: dict[Verb, str] = {
    "reject": "what is wrong with it? the next attempt is told",
    "raise": "to $2 or 40k, or by +$0.50 or +20k",
}
"""What is typed with a word."""


class ConfirmingScreen(ModalScreen[None]):
    """One word. It stays until the word is taken, or somebody turns away. Enter says none that spends or ends something."""

    AUTO_FOCUS = ""  # a key is the answer, and no letter of a text
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "leave", "leave it", show=False),
        Binding("ctrl+c", "app.quit", "leave the view", show=False, priority=True),
        Binding("y", "say(True)", "do it", show=False),
        Binding("enter", "say(False)", "do it, where it spends and ends nothing; what is typed", show=False),
        Binding("up,k", "step(-1)", "a line up; the tier before", show=False),
        Binding("down,j", "step(1)", "a line down; the next tier", show=False),
        Binding("pageup", "scroll(-10)", "lines up", show=False),
        Binding("pagedown", "scroll(10)", "lines down", show=False),
    ]

    def __init__(
        self, word: Word, control: Control, live: Callable[[], Live], say: Callable[[ConfirmingScreen, bool], None]
    ) -> None:
        """`say` hands on the word of a screen, with whether its price was said yes to, and tells it by `came` what came of it."""
        super().__init__()
        self.word = word
        self._control, self._live, self._say = control, live, say
        self._foretold: Foretold | None = None
        self._told_of: tuple[int, Word] | None = None  # where the log stood, and what was meant
        self._foretelling: Word | None = None  # of which it is looked at now
        self._is_saying = self._needs_yes = False
        self._body = Static(Content("reading …"), markup=False)
        self._trouble = Static(id="unsaid", markup=False)
        self._keys = Static(classes="keys", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="confirming") as box:
            box.border_title = Content(visible(TITLES[self.word.verb].format(self.word.name)))
            with VerticalScroll(id="whole", can_focus=False):
                yield self._body
            yield self._trouble
            yield from self.below()
            yield self._keys

    def below(self) -> Iterator[Widget]:
        """What stands between what is told and the keys."""
        yield from ()

    def on_mount(self) -> None:
        self.look()

    @property
    def is_whole(self) -> bool:
        """Whether all of the word is there."""
        return True

    @property
    def is_grave(self) -> bool:
        """Whether it spends or ends something: the key for yes says it, and no other."""
        return self._needs_yes or (self._foretold is not None and self._foretold.is_grave)

    def look(self) -> None:
        """Tell anew what will come of it where the log has moved on, or another word is meant."""
        wanted = self._live().position, self.word
        if wanted != self._told_of and self._foretelling is not self.word:
            self._told_of, self._foretelling = wanted, self.word
            self.run_worker(self._foretell(self.word), name="foretell", group="foretell", exclusive=True)

    async def _foretell(self, word: Word) -> None:
        try:
            self._foretold = await self._control.foretell(word, self._live())
        except NotSaid as problem:
            self._foretold = Foretold((), refused=str(problem))
        self._foretelling = None
        self.draw()

    def draw(self) -> None:
        if self._foretold is None:
            return
        lines = [*self.lines(self._foretold)]
        if self._foretold.refused:
            lines.append(f"✘ {self._foretold.refused}")
        self._body.update(Content("\n".join(visible(line) for line in lines)))
        self._keys.update(Content(self._keys_now()))

    def lines(self, foretold: Foretold) -> list[str]:
        return list(foretold.lines)

    def keys_told(self) -> str:
        """The keys that say it and leave it, for people."""
        return f"{'y does' if self.is_grave else 'y, enter do'} it  n, esc leave it"

    def _keys_now(self) -> str:
        if self._is_saying:
            return "it is on its way; esc does not wait for what comes of it"
        return self.keys_told() if self._can_say or not self.is_whole else "esc leaves it"

    @property
    def _can_say(self) -> bool:
        foretold = self._foretold
        return not self._is_saying and self.is_whole and foretold is not None and not foretold.refused

    def came(self, trouble: NotSaid) -> None:
        """The word was not taken: it stays with the reason, and can be said again."""
        self._is_saying = False
        self._needs_yes = isinstance(trouble, NeedsYes)
        self._trouble.update(Content(visible(f"{'?' if self._needs_yes else '✘'} {trouble}")))
        self._trouble.add_class("-shown")
        self.draw()

    def action_say(self, expressly: bool) -> None:
        """Say it, once."""
        if self._can_say and (expressly or not self.is_grave):
            confirmed, self._is_saying = self._needs_yes, True
            self._trouble.remove_class("-shown")
            self.draw()
            self._say(self, confirmed)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_step(self, rows: int) -> None:
        self.action_scroll(rows)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#whole").scroll_relative(y=lines, animate=False)


class TypedScreen(ConfirmingScreen):
    """A word with a text: what is typed is meant, so that enter says it. Nothing is said without one."""

    def __init__(
        self, word: Word, control: Control, live: Callable[[], Live], say: Callable[[ConfirmingScreen, bool], None]
    ) -> None:
        super().__init__(word, control, live, say)
        self._input = Input(placeholder=_TYPED[word.verb], id="typed", compact=True)

    def below(self) -> Iterator[Widget]:
        yield self._input

    def on_mount(self) -> None:
        super().on_mount()
        self._input.focus()

    @property
    def is_whole(self) -> bool:
        return bool(self.word.more)

    def keys_told(self) -> str:
        return f"{'enter does it' if self.is_whole else 'type it, then enter'}  esc leaves it"

    def on_input_changed(self, changed: Input.Changed) -> None:
        self.word = self.word._replace(more=changed.value.strip())
        self.look()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if self._told_of is not None and self._told_of[1] == self.word:
            self.action_say(expressly=True)


class OfferScreen(ConfirmingScreen):
    """A word with one of several things, none of which is chosen before somebody does."""

    def __init__(
        self, word: Word, control: Control, live: Callable[[], Live], say: Callable[[ConfirmingScreen, bool], None]
    ) -> None:
        super().__init__(word, control, live, say)
        self._chosen: Offer | None = None

    @property
    def is_whole(self) -> bool:
        return self._chosen is not None

    @property
    def is_grave(self) -> bool:
        return super().is_grave or (self._chosen is not None and self._chosen.is_grave)

    def lines(self, foretold: Foretold) -> list[str]:
        width = max((len(offer.more) for offer in foretold.offers), default=0)
        chosen = self._chosen.key if self._chosen is not None else ""
        return [
            *foretold.lines,
            *(
                f"{'▶' if offer.key == chosen else ' '} {offer.key}  {offer.more or 'off':<{width}}  {offer.said}"
                for offer in foretold.offers
            ),
        ]

    @property
    def _offers(self) -> Sequence[Offer]:
        return self._foretold.offers if self._foretold is not None else ()

    def keys_told(self) -> str:
        choose = f"{' '.join(offer.key for offer in self._offers)} choose"
        return f"{choose}  {super().keys_told()}" if self.is_whole else f"{choose}  esc leaves it"

    def on_key(self, event: events.Key) -> None:
        offer = next((offer for offer in self._offers if offer.key == event.character), None)
        if offer is not None:
            event.stop()
            self._choose(offer)

    def action_step(self, rows: int) -> None:
        keys = [offer.key for offer in self._offers]
        if keys:
            at = keys.index(self._chosen.key) + rows if self._chosen is not None else 0 if rows > 0 else -1
            self._choose(self._offers[at % len(keys)])

    def _choose(self, offer: Offer) -> None:
        self._chosen, self.word = offer, self.word._replace(more=offer.more)
        self._needs_yes = False
        self.draw()
        self.look()


def confirming(
    word: Word, control: Control, live: Callable[[], Live], say: Callable[[ConfirmingScreen, bool], None]
) -> ConfirmingScreen:
    """The screen that asks for a word as its verb needs it."""
    kind = TypedScreen if word.verb in _TYPED else OfferScreen if word.verb == "pin" else ConfirmingScreen
    return kind(word, control, live, say)
