"""Questions one word apart from one that was answered before: its answer is no answer to them, but may help who works on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from events.log import Clock, EventLog, TextMissing
from events.types.base import TextRef
from events.views.accepted import Accepted, AcceptedView
from events.views.kept import Followed
from swarm.cache.fingerprint import is_of_its_time
from swarm.cache.guards import Question, question_of, verdict
from swarm.cache.near import Cosine

MOST_LOOKED_AT = 8
"""Entries that share all words but one, the newest first."""

_TASK = "# Task\n"


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of an earlier answer."""

    text: str
    source: int  # position of the step.accepted
    cosine: float = 0.0


class OneApart:
    """Questions with the names of their entries, found by those that have one word more, less or another one."""

    def __init__(self, cosine: Cosine) -> None:
        self._cosine = cosine
        self._questions: dict[str, tuple[int, Question]] = {}  # with how many were put in before
        self._by_form: dict[str, str] = {}
        self._by_words: dict[int, dict[str, None]] = {}  # by the hash of the words but one: what it finds is looked at

    def put(self, text: str, entry: str) -> None:
        question = question_of(text)
        self._questions[entry] = len(self._questions), question
        self._by_form[question.form] = entry
        for words in _but_one(question.words):
            self._by_words.setdefault(words, {})[entry] = None

    def same(self, text: str) -> str | None:
        """The entry that asks the same, if only in another form."""
        return self._by_form.get(question_of(text).form)

    def find(self, text: str, *, may: Callable[[str], bool] = lambda entry: True) -> tuple[str, float] | None:
        """The newest entry one word apart that the guards let pass, with the cosine of the two questions."""
        question = question_of(text)
        found = dict.fromkeys(entry for words in _but_one(question.words) for entry in self._by_words.get(words, ()))
        newest = sorted((each for each in found if may(each)), key=lambda each: self._questions[each][0], reverse=True)
        for entry in newest[:MOST_LOOKED_AT]:
            known = self._questions[entry][1]
            cosine = self._cosine(" ".join(question.words), " ".join(known.words))
            if verdict(question, known, cosine).word == "suggest":
                return entry, cosine
        return None


def _but_one(words: tuple[str, ...]) -> Iterator[int]:
    yield hash(words)
    for at in range(len(words)):
        yield hash((*words[:at], *words[at + 1 :]))


class Suggestions:
    """The accepted answers of one log, as one session may tell of them."""

    def __init__(
        self,
        log: EventLog,
        followed: Followed[AcceptedView],
        *,
        directory: str,
        ttl_s: int,
        cosine: Cosine,
        clock: Clock,
    ) -> None:
        """`directory` is of the project whose answers are told of, `ttl_s` after how long none is."""
        self._log, self._followed, self._directory = log, followed, directory
        self._ttl, self._clock = ttl_s * 1_000_000, clock
        self._near, self._loaded = OneApart(cosine), dict[str, int]()

    async def find(self, brief: str, told: Callable[[str, str], str]) -> Suggested | None:
        """What is told with a question that a worker is asked; None: nothing.

        `told` makes the text of the earlier question and its answer; "" where that is nothing to tell. Who is asked the same as
        before is told the same as before: the request stays what it was. Raises LogError where the log cannot be read.
        """
        if is_of_its_time(brief):
            return None
        known = (await self._followed.catch_up()).known
        await self._load(known)
        same = self._near.same(brief)
        if same is not None and self._may(known, same):
            before = known[same].suggestion
            text = await self._text(before.text) if before is not None else ""
            return (
                Suggested(text=text, source=before.source, cosine=before.cosine)
                if before is not None and text
                else None
            )
        found = self._near.find(brief, may=lambda entry: self._may(known, entry))
        if found is None:
            return None
        entry, cosine = found
        asked, answer = await self._text(known[entry].brief), await self._text(known[entry].answer)
        text = told(first_line(asked), answer) if asked and answer else ""
        return Suggested(text=text, source=known[entry].source, cosine=cosine) if text else None

    async def _load(self, known: dict[str, Accepted]) -> None:
        for entry, each in known.items():
            if each.directory == self._directory and self._loaded.get(entry) != each.source:
                self._loaded[entry] = each.source
                if brief := await self._text(each.brief):
                    self._near.put(brief, entry)

    def _may(self, known: dict[str, Accepted], entry: str) -> bool:
        found = known.get(entry)
        return found is not None and found.directory == self._directory and found.at + self._ttl > self._clock()

    async def _text(self, ref: TextRef) -> str:
        try:
            return await self._log.text(ref, at=0)
        except TextMissing:  # texts of old sessions are dropped
            return ""


def first_line(brief: str) -> str:
    """The question of a brief, in one line.

    >>> first_line("# Task\\nName the capital\\nof Peru.\\n\\nNotes:\\n<<<\\nx\\n>>>")
    'Name the capital of Peru.'
    """
    return " ".join(brief.removeprefix(_TASK).partition("\n\n")[0].split())
