"""What each field of an event is, for a log that is shared: what may be read in it, and what becomes of the rest.

A text is replaced unless this table says what it is, so that a field which is added to an event tells nothing. A test walks
all events and fails where one has a field that is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class What(Enum):
    """What stands in a field."""

    TEXT = "text"  # written by a person or a model, or naming something of theirs: replaced
    WORD = "word"  # a word of this program stays, any other is replaced
    TASK = "task"  # the id of a task: replaced by what can be one
    ARM = "arm"  # agent@model, each as a word
    SCOPE = "scope"  # of a budget, part by part
    CONTEXT = "context"  # of a trail: role and type of task, each as a word
    BRANCH = "branch"  # of an attempt: the word of a tool and a number
    VERSION = "version"  # of the program
    CRON = "cron"  # when something is due: stays where it can be nothing else
    ZONE = "zone"  # a time zone tells where somebody lives: UTC
    POSITION = "position"  # of another event, which stands elsewhere in the shared log
    UPTO = "up to"  # a position that need not be that of an event
    MOMENT = "moment"  # microseconds since 1970
    NUMBER = "number"  # stays
    MACHINE = "machine"  # a number that tells of a machine: 0


def _each(what: What, names: str) -> dict[str, What]:
    return dict.fromkeys(names.split(), what)


STRINGS: Mapping[str, What] = {
    # what persons and models write, and what names something of theirs
    **_each(What.TEXT, "call commands condition detail directory factors file key name on options path pattern"),
    **_each(
        What.TEXT, "missed question reason refused rule schedule seed server stopped summary team title unknown view"
    ),
    **_each(What.TEXT, "why why_judge idle"),
    # what was fetched, persons and their machines, the rows that settings name with their prices
    **_each(What.TEXT, "etag modified url boot by cap_by host owner price"),
    # digests of contents: whoever guesses one could see that they are right
    **_each(What.TEXT, "all but_question digest hash tree"),
    **_each(What.WORD, "agent answered_by backend basis cause complexity doubts effect failure finish form how kind"),
    **_each(
        What.WORD, "like missing model pinned policy remember role skill skills source speaker stage start tier tool"
    ),
    **_each(What.WORD, "type unit catch_up overlap approvals"),
    **_each(What.ARM, "arm auditor judge summary_by"),
    **_each(What.SCOPE, "scope scopes spent_scope"),
    **_each(What.CONTEXT, "context"),
    **_each(What.BRANCH, "branch"),
    **_each(What.TASK, "children needs parent ruled"),
    **_each(What.VERSION, "version"),
    **_each(What.CRON, "cron"),
    **_each(What.ZONE, "zone"),
}
"""By the name of a field what a string in it is."""

SENTENCES = frozenset({"missed", "name", "price", "rule", "why", "why_judge"})
"""Texts that are often the program's own, word for word: those stay."""

NUMBERS: Mapping[str, What] = {
    **_each(
        What.NUMBER, "answer_tokens answers cache_write_tokens cached_tokens cap cost_nanos counted_tokens duration_ms"
    ),
    **_each(
        What.NUMBER, "input_tokens limit max_output_tokens nanos needed output_tokens p50_nanos p50_tokens p90_nanos"
    ),
    **_each(
        What.NUMBER, "p90_tokens percent quick_tokens reasoning_tokens reserved saved_input_tokens saved_nanos size"
    ),
    **_each(
        What.NUMBER, "saved_output_tokens share skill_tokens spent_percent tokens used value_nanos whole worth_nanos"
    ),
    **_each(
        What.NUMBER, "arms attempts decisions epoch events exit_code failed first follows held held_failed held_passed"
    ),
    **_each(What.NUMBER, "last nth ordinal part parts passed sessions status step texts total"),
    **_each(What.NUMBER, "every_s goes_on jitter_s most_runs retries retry_s run slots timeout_s window_s"),
    **_each(What.POSITION, "applied asked firing given pin request reservation source"),
    **_each(What.UPTO, "parent_position position"),
    **_each(What.MOMENT, "ahead anchor due end first_due judged_at last_due since start until valid_until"),
    **_each(What.MACHINE, "pid started"),
}
"""By the name of a field what a whole number in it is. What a kind of event has beside it stands in `OF_KINDS`."""

OF_KINDS: Mapping[tuple[str, str], What] = {
    ("SessionOpened", "parent"): What.NUMBER,
    ("StageApplied", "before"): What.NUMBER,
    ("StageApplied", "after"): What.NUMBER,
    ("StageUndone", "before"): What.NUMBER,
    ("StageUndone", "after"): What.NUMBER,
    ("TextsPruned", "before"): What.MOMENT,
    ("LogArchived", "before"): What.MOMENT,
    ("LogArchived", "after"): What.UPTO,
    ("FiringMissed", "reason"): What.WORD,
    ("FiringSkipped", "reason"): What.WORD,
    ("FiringQueued", "reason"): What.WORD,
    ("FiringCancelled", "reason"): What.WORD,
}
"""Fields that are something else in some structs than their name says, or are told apart by it."""


def what_is(struct: str, field: str, value: type) -> What | None:
    """What stands in a field of a struct as a string or a whole number; None where nobody has said it."""
    return OF_KINDS.get((struct, field)) or (STRINGS if value is str else NUMBERS).get(field)
