"""The stages that the texts of one attempt pass on their way into a request: who is drawn, what it comes to, what is told of it.

A stage is a function from a text and a room in tokens to a shorter text. It is passed once, when the text enters the
conversation, and never again: what was said before stays as it is, and so does what a provider has cached of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from events.types.stage import How, StageApplied, StageUndone
from swarm.journal import Attempt
from swarm.settings.stages import GIVEN, WHOLE_AFTERWARDS, Rule, StageSettings
from swarm.task import Task
from swarm.text.tokens import quick_tokens

if TYPE_CHECKING:
    from swarm.compress.lingua import Reader
    from swarm.text.embed import Embedder

LEAST = 400
"""Tokens from which on a text is made shorter: of a smaller one the marks that say what is left out would eat the gain."""


class Shorter(NamedTuple):
    """What a stage made of a text."""

    text: str
    form: str = ""  # what it was taken for
    is_whole: bool = False  # it can be put together again


Shorten = Callable[[str, int, bool], Shorter]
"""Makes a text shorter, where it is asked for so many tokens, and with True only by what can be put together again whole."""


class Drawn(NamedTuple):
    """What becomes of the texts of one task at a stage."""

    how: How
    keep: float


def drawn(settings: StageSettings, task: str) -> Mapping[str, Drawn]:
    """By stage what becomes of a task's texts; a stage that is off is not there. `task` is what makes it the task that it is.

    The draw is the same wherever and whenever the task runs, and another one for each stage.
    """
    return {stage: _drawn(stage, rule, task) for stage, rule in settings.rules.items() if rule.mode != "off"}


def _drawn(stage: str, rule: Rule, task: str) -> Drawn:
    if rule.mode == "measure":
        return Drawn("measured", rule.keep)
    lot = int.from_bytes(hashlib.sha256(f"{stage}\0{task}".encode("utf-8", "replace")).digest()[:7]) / 2**56
    return Drawn("used" if lot < rule.share else "held", rule.keep)


class LeftOut(NamedTuple):
    """Tokens of the texts of which a stage left something out, as they were and as they went on."""

    before: int = 0
    after: int = 0


class Stages:
    """The stages of one attempt. `tell` records what a text came to with the next append of the attempt.

    `left_out` is by stage what the texts lack that were given.
    """

    def __init__(
        self,
        chosen: Mapping[str, Drawn],
        *,
        tell: Callable[[StageApplied | StageUndone], None],
        role: str,
        branch: str = "",
        lingua: str = "",
    ) -> None:
        """`lingua` is the folder of a model that leaves words out; "": none."""
        self._chosen, self._tell, self._role, self._branch = chosen, tell, role, branch
        self.lingua = lingua
        self.left_out: dict[str, LeftOut] = {}

    @property
    def any(self) -> bool:
        """Whether texts pass any of them."""
        return bool(self._chosen)

    def passes(self, stage: str) -> bool:
        """Whether texts pass the stage at all, if only to be measured."""
        return stage in self._chosen

    def keep(self, stage: str) -> float:
        """The share of its tokens that a text keeps there."""
        return self._chosen[stage].keep if stage in self._chosen else 1.0

    def uses(self, stage: str) -> bool:
        """Whether the stage makes texts shorter here by what cannot be put together again."""
        chosen = self._chosen.get(stage)
        return chosen is not None and chosen.how == "used" and chosen.keep < 1

    def passed(self, stage: str, text: str, shorten: Shorten, *, on: str, agent: str = "", least: int = LEAST) -> str:
        """The text as it goes on: shorter, or as it is where the stage is off, only measured, or does not make it shorter.

        It is told of what it is `on`, and which `agent` alone is told it. A text of fewer than `least` tokens stays.
        """
        chosen = self._chosen.get(stage)
        before = quick_tokens(text) if chosen is not None else 0
        if chosen is None or before < least:
            return text
        shorter = shorten(text, max(least, int(before * chosen.keep)), chosen.keep >= 1)
        after = quick_tokens(shorter.text)
        if after >= before:
            return text
        self._tell(
            StageApplied(
                stage=stage,
                before=before,
                after=after,
                on=on,
                how=chosen.how,
                form=shorter.form,
                role=self._role,
                branch=self._branch,
                agent=agent,
            )
        )
        if chosen.how != "used":
            return text
        if stage in GIVEN and not shorter.is_whole:
            known = self.left_out.get(stage, LeftOut())
            self.left_out[stage] = LeftOut(known.before + before, known.after + after)
        return shorter.text

    def undone(self, left_out: Mapping[str, LeftOut]) -> None:
        """Record that texts are told whole after all."""
        for stage, lacked in left_out.items():
            self._tell(
                StageUndone(stage=stage, before=lacked.before, after=lacked.after, role=self._role, branch=self._branch)
            )


def compressed(
    text: str,
    room: int,
    whole: bool,
    *,
    sought: str,
    name: str = "",
    handle: str = "",
    most: int | None = None,
    lingua: str = "",
) -> Shorter:
    """A text by its form and by what is sought; see `Shorten`. A line at its end says what is left out, and names the handle.

    Of code and Markdown those blocks are kept that fit, with the definitions that they need: its whole lines, which a model may
    have to name. What has no room in `most` tokens, whatever its form, is made as short as that. Of the sentences of
    prose a model of the folder `lingua` leaves words out; then the form is "lingua".
    """
    from swarm.compress.compress import compress  # only where a text is long enough to be made shorter
    from swarm.compress.form import form_of
    from swarm.compress.lingua_model import LinguaUnusable

    form, tokens = form_of(text), quick_tokens(text)
    if whole:
        made = compress(text, limit=tokens - 1, count=quick_tokens, form=form, handle=handle)
        return Shorter(made.text, form, is_whole=True) if made.reversible else Shorter(text)
    room = min(room_of(form, tokens, room, said_by_tool=bool(handle)), tokens if most is None else most)
    if form in ("code", "markdown"):
        return Shorter(_blocks(text, room, sought, name, f"[all: {handle}]" if handle else ""), form)
    make = partial(
        compress, text, limit=room, count=quick_tokens, sought=sought, form=form, handle=handle, embedder=_embedder()
    )
    reader = _reader(lingua) if lingua and form == "prose" else None
    try:
        made = make(reader=reader)
    except LinguaUnusable:  # it could be opened, and not read this text
        made = make()
    return Shorter(made.text, "lingua" if made.words else form, is_whole=made.reversible)


CODE_KEEPS = 0.5
"""Of code that a tool says, whatever the preset: two fifths hold 97 of 100 blocks that a question needs, a quarter 95, a tenth 64
to 70 (`python -m bench.context`), and for one that is missing the whole conversation is sent once more."""

MEASURED = 2_300
"""Tokens of the texts on which it was measured which share of a text keeps what answers a question (NQ-20, with
`python -m bench.compression`)."""


def room_of(form: str, tokens: int, room: int, *, said_by_tool: bool = False) -> int:
    """The room that a text gets for which so much is asked: of one that is longer than those, a third of the share beyond them.

    What answers a question does not grow with what stands around it. Of code it does.

    >>> room_of("prose", 2_000, 1_000), room_of("prose", 8_300, 4_150), room_of("code", 8_300, 2_905)
    (1000, 2150, 2905)
    """
    if form == "code":
        return int(tokens * CODE_KEEPS) if said_by_tool else room
    beyond = max(0, tokens - MEASURED)
    return room - 2 * room * beyond // (3 * tokens) if tokens else room


def _blocks(text: str, room: int, sought: str, name: str, note: str) -> str:
    from swarm.context.pack import relevant

    left = room - quick_tokens(f"\n{note}") if note else room
    (found,) = relevant([(name, text)], sought, left, count=quick_tokens, fill=True, embedder=_embedder())
    return f"{found}\n{note}" if note and found != text else found


@cache
def _embedder() -> Embedder | None:
    from swarm.text.embed import installed_embedder

    return installed_embedder()


def unusable(settings: StageSettings) -> str:
    """Why the model that is to leave words out is not used, as a sentence; "" where it is, or none is named. For a thread."""
    if not settings.lingua or not settings.rules:
        return ""
    found = _opened(settings.lingua)
    return found if isinstance(found, str) else ""


def _reader(folder: str) -> Reader | None:
    found = _opened(folder)
    return None if isinstance(found, str) else found


@cache
def _opened(folder: str) -> Reader | str:
    """The model in a folder, or why there is none. It is opened once: it takes a second, and as much memory as its file."""
    from swarm.compress.lingua_model import Classifier, LinguaUnusable

    try:
        return Classifier(Path(folder))
    except LinguaUnusable as error:
        return str(error)


def stages_of(settings: StageSettings, task: Task, attempt: Attempt, *, looked_at: bool = True) -> Stages:
    """The stages that the texts of an attempt at a task pass.

    What is given is given whole after a draft that was rejected, and where nothing is `looked_at` afterwards: a worker that does
    not notice what it lacks would be believed.
    """
    chosen = drawn_for(settings, task, looked_at=looked_at)
    if 0 < attempt.step <= len(attempt.state.steps) and attempt.state.steps[attempt.step - 1].fails:
        chosen = {stage: each for stage, each in chosen.items() if stage not in WHOLE_AFTERWARDS}
    return Stages(chosen, tell=attempt.tell, role=attempt.role, branch=attempt.branch, lingua=settings.lingua)


def stages_ahead(settings: StageSettings, task: Task, *, looked_at: bool = True) -> Stages:
    """The same before a run, where nothing is told."""
    return Stages(drawn_for(settings, task, looked_at=looked_at), tell=lambda _: None, role="worker")


def drawn_for(settings: StageSettings, task: Task, *, looked_at: bool = True) -> Mapping[str, Drawn]:
    """By stage what becomes of the texts of a task."""
    chosen = drawn(settings, f"{task.id}\0{task.prompt}")
    return (
        chosen if looked_at else {stage: each for stage, each in chosen.items() if stage not in GIVEN or each.keep >= 1}
    )


NO_STAGES = Stages({}, tell=lambda _: None, role="worker")
