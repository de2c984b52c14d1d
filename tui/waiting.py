"""What waits for a person, one question at a time: shown whole, and the person's word handed on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from events.views.approvals import Asked
from events.views.questions import Question
from tui.control import Control, NotSaid, Remember
from tui.words import visible, visible_lines


class Left(NamedTuple):
    """How a question was left."""

    said: str = ""  # the sentence that tells what came of a word
    step: int = 0  # to the next question that waits, or with -1 to the one before


class WaitingScreen(ModalScreen[Left]):
    """One question. It stays until a word is taken, is given elsewhere, or somebody turns away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(0)", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
        Binding("right_square_bracket", "leave(1)", show=False),
        Binding("left_square_bracket", "leave(-1)", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    def __init__(self, waiting: Asked | Question, place: str) -> None:
        """`place` says which of how many it is, where there are several."""
        super().__init__()
        self.position = waiting.position
        self.is_saying = False  # a word is on its way into the log
        self._place = place
        self._body = Static(markup=False)
        self._trouble = Static(id="unsaid", markup=False)

    def framed(self, title: str, told: str, *below: Static | Input) -> ComposeResult:
        """The box: what is asked, the text that can be scrolled, the keys."""
        with Vertical(id="waiting") as box:
            box.border_title = Content(f"{visible(title)}{self._place}")
            if told:
                yield Static(Content(told), classes="asked", markup=False)
            with VerticalScroll(id="whole", can_focus=False):
                yield self._body
            yield self._trouble
            yield from below

    def show(self, lines: Sequence[str]) -> None:
        self._body.update(Content("\n".join(visible(line) for line in lines)))

    def say(self, word: Callable[[], Awaitable[str]]) -> None:
        """Hand a word on, once, and leave when it was taken."""
        if self.is_saying:
            return
        self.is_saying = True
        self.run_worker(self._saying(word), name="word")

    async def _saying(self, word: Callable[[], Awaitable[str]]) -> None:
        try:
            said = await word()
        except NotSaid as problem:
            self.is_saying = False
            self._trouble.update(Content(f"✘ {problem}"))
            self._trouble.add_class("-shown")
            return
        self.dismiss(Left(said))

    def action_leave(self, step: int) -> None:
        if not self.is_saying:
            self.dismiss(Left(step=step))

    def action_scroll(self, lines: int) -> None:
        self.query_one("#whole").scroll_relative(y=lines, animate=False)


class ApprovalScreen(WaitingScreen):
    """A use of a tool that waits for a word. A key is the word, and no key that moves is one."""

    AUTO_FOCUS = ""  # a key is a word, and no letter of a reason
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "allow('')", show=False),
        Binding("s", "allow('session')", show=False),
        Binding("p", "allow('project')", show=False),
        Binding("n", "refuse", show=False),
        Binding("w", "why", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
    ]

    def __init__(self, asked: Asked, control: Control, place: str) -> None:
        super().__init__(asked, place)
        self._asked, self._control = asked, control
        self._why = Input(placeholder="why not? enter refuses it", id="why", compact=True)

    def compose(self) -> ComposeResult:
        event = self._asked.event
        rule = f"\n({visible(event.rule)})" if event.rule else ""
        yield from self.framed(
            f"{self._asked.name} waits for your word",
            f"{visible(event.question)}{rule}",
            Static(Content(f"s, p: also {visible(self._control.likes(self._asked))}"), classes="note", markup=False),
            Static(
                "y once  s for the session  p for the project  n no  w no, and why  esc later",
                classes="keys",
                markup=False,
            ),
            self._why,
        )

    async def on_mount(self) -> None:
        self._why.display = False
        try:
            self.show(await self._control.arguments(self._asked))
        except NotSaid as problem:
            self.show([str(problem)])

    def action_allow(self, remember: Remember) -> None:
        self.say(partial(self._control.allow, self._asked, remember))

    def action_refuse(self) -> None:
        self.say(partial(self._control.refuse, self._asked))

    def action_why(self) -> None:
        self._why.display = True
        self.set_focus(self._why)  # at once: what is typed next is the reason

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if reason := submitted.value.strip():  # an empty one says nothing: what was typed may have come too early
            self.say(partial(self._control.refuse, self._asked, reason))


class QuestionScreen(WaitingScreen):
    """What an agent asks. An answer is typed; what moves has keys that no text needs."""

    def __init__(self, question: Question, control: Control, place: str) -> None:
        super().__init__(question, place)
        self._question, self._control = question, control
        options = "a number, or " if question.event.options else ""
        self._answer = Input(placeholder=f"{options}your answer; nothing lets it decide", id="answer", compact=True)

    def compose(self) -> ComposeResult:
        yield from self.framed(
            f"{self._question.name} asks you",
            "",
            Static("enter answers  pgup pgdn the question  esc later", classes="keys", markup=False),
            self._answer,
        )

    def on_mount(self) -> None:
        event = self._question.event
        options = [f"{number}. {option}" for number, option in enumerate(event.options, 1)]
        self.show([*visible_lines(event.question).split("\n"), *options])
        self._answer.focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        self.say(partial(self._control.answer, self._question, submitted.value.strip()))


def screen_of(waiting: Asked | Question, control: Control, place: str = "") -> WaitingScreen:
    if isinstance(waiting, Asked):
        return ApprovalScreen(waiting, control, place)
    return QuestionScreen(waiting, control, place)


def beside(position: int, step: int, waiting: Sequence[int]) -> int:
    """The index of the question behind a position, with step -1 of the one before; it goes round.

    >>> beside(7, 1, [3, 7, 9]), beside(9, 1, [3, 7, 9]), beside(3, -1, [3, 7, 9]), beside(7, -1, [3, 9])
    (2, 0, 2, 0)
    """
    if step > 0:
        return next((at for at, each in enumerate(waiting) if each > position), 0)
    return next((at for at in reversed(range(len(waiting))) if waiting[at] < position), len(waiting) - 1)
