"""Answers that are given again: a call that an earlier one answers, and the word that no earlier one shall."""

from __future__ import annotations

from events.types.base import NOUGHT, Captured, Event, Said, TextRef

ANSWERS = "answers"
"""The topic of what holds for the answers of the whole log."""

EXACT, CANONICAL, NEAR = "exact", "canonical", "near"
"""How a question was the one that had been asked: to the letter, in canonical form, or by all that guards look at."""


SUGGESTION = "suggestion"
"""The name under which it is recorded what a worker is told of an earlier answer."""


class AnswerServed(Event, frozen=True, kw_only=True, tag="answer.served"):
    """A call got the answer of an earlier one: nothing was reserved, nothing was sent, it costs nothing."""

    source: int  # position of the call.settled that brought the answer
    key: str  # of the answer, as the earlier call's `call.reserved` says it
    how: str  # EXACT, CANONICAL or NEAR
    role: str
    agent: str
    model: str  # that gave the answer, and was to be asked now
    tier: str
    messages: tuple[Said, ...]  # what would have been sent
    answer: TextRef
    max_output_tokens: int
    ordinal: int  # of the call within its attempt
    answer_schema: TextRef | None = None
    why: str = ""  # the rule by which a judge was taken
    captured: tuple[Captured, ...] = ()
    cosine: float = NOUGHT  # of the two questions, where `how` is NEAR
    saved_input_tokens: int = 0  # what the earlier call took
    saved_output_tokens: int = 0
    saved_nanos: int = 0
    skills: tuple[str, ...] = ()
    branch: str = ""


class AnswerSuggested(Event, frozen=True, kw_only=True, tag="answer.suggested"):
    """A worker is told of an accepted answer to a question one word apart from its own. Stands in the append of its request."""

    source: int  # position of the step.accepted
    cosine: float = NOUGHT  # of the two questions
    tokens: int = 0  # that it adds to the request, by our own quick count
    role: str = "worker"


class AnswersCleared(Event, frozen=True, kw_only=True, tag="answers.cleared"):
    """No answer from before this event is given again. Stands on `answers`; the answers themselves stay where they are."""

    by: str  # for people: user@host
    reason: str = ""
