"""The requests that were made for a task, as they were sent, taken apart: what each part takes, and which of it was sent before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from anyio import to_thread

from events.log import Entry, EventLog
from events.types.answer import AnswerServed
from events.types.call import CallReleased, CallReserved, CallSettled
from events.types.stage import StageApplied, StageUndone
from events.types.task import StepRejected
from events.types.tool import ToolFinished
from events.views.tasks import Place, TaskState
from swarm.insight.story import Story, text_or_none
from swarm.messages import Message, ToolCall, ToolSpec
from swarm.prompts.apart import parts_of
from swarm.prompts.parts import GAP, Part
from swarm.reservation import joined
from swarm.roles.prompting import CAPTURED, OWN_WORDS, STAGE, Assembled, read_record, retold
from swarm.task import ROLES, Task
from swarm.text.tokens import request_tokens

Conversation = tuple[int, int, str, str]
"""Step, attempt, role and branch: whose requests go on from one another."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request, with all that was said before it in its conversation. No messages: some of its text is no longer kept."""

    position: int  # of its reservation
    conversation: Conversation
    call: CallReserved
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    schema: Mapping[str, Any] | None = None
    settled: CallSettled | None = None  # None: it has no answer
    gone: int = 0  # uses of tools of the conversation whose results stand in no message any more


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a request."""

    name: str
    of: str  # of which file, task, tool or skills it is
    text: str
    tokens: int
    again: int  # how many of them, from its beginning on, stood at the same place in the request before
    message: int  # the number of the message, from 1; 0: it stands before them
    stage: StageApplied | None = None  # that the text has passed


class TakenApart(msgspec.Struct, frozen=True, kw_only=True):
    """A request in its parts."""

    sent: Sent
    pieces: tuple[Piece, ...]
    before: int  # position of the request that the beginning was compared with; 0: there was none
    framing: int  # tokens that are of no part: what frames messages, and stands between parts
    compacted: StageApplied | None = None  # what was made of the conversation before it was sent

    @property
    def tokens(self) -> int:
        return self.framing + sum(piece.tokens for piece in self.pieces)

    @property
    def again(self) -> int:
        return sum(piece.again for piece in self.pieces)


async def read_requests(log: EventLog, story: Story, task: str) -> list[Sent]:
    """The requests that were sent for a task, in their order; also those that failed."""
    entries = [entry for entry in story.entries if entry.task == task]
    said: _Earlier = {}
    found: list[Sent] = []
    for entry in entries:
        call = entry.event
        if not isinstance(call, CallReserved):
            continue
        end = story.ends.get(entry.position)
        if end is not None and isinstance(end.event, CallReleased):
            continue
        sent = await _sent(log, entry, call, said)
        if end is not None and isinstance(end.event, CallSettled) and not end.event.is_reconciled:
            answer = await _answer(log, end.event, end.position)
            if answer is not None and sent.messages:
                said[sent.conversation, call.ordinal] = ((*sent.messages, answer), sent.gone)
            sent = msgspec.structs.replace(sent, settled=end.event)
        found.append(sent)
    return found


_Earlier = dict[tuple[Conversation, int], tuple[tuple[Message, ...], int]]
"""By a call's ordinal what was said with it, its answer the last, and how many results are gone."""


async def _sent(log: EventLog, entry: Entry, call: CallReserved, said: _Earlier) -> Sent:
    conversation = (entry.step, entry.attempt, call.role, call.branch)
    texts = [await text_or_none(log, each.text, at=entry.position) for each in call.messages]
    tools = await text_or_none(log, call.tools, at=entry.position) if call.tools else "[]"
    schema = await text_or_none(log, call.answer_schema, at=entry.position) if call.answer_schema else "null"
    anew = await text_or_none(log, call.anew, at=entry.position) if call.anew else ""
    before, gone = said.get((conversation, call.follows), (None, 0)) if call.follows else ((), 0)
    sent = Sent(position=entry.position, conversation=conversation, call=call)
    if (before is None and not anew) or tools is None or schema is None or anew is None or None in texts:
        return sent
    before = before or ()
    texts_said = [(each.speaker, text or "") for each, text in zip(call.messages, texts, strict=True)]
    if anew:
        messages = joined(texts_said, anew)
        gone += _results(before) + (len(before[-1].calls) if before else 0) - _results(messages)
    else:
        messages = (*before, *_answering(texts_said, before[-1].calls if before else ()))
    return msgspec.structs.replace(
        sent,
        messages=messages,
        gone=gone,
        tools=msgspec.json.decode(tools, type=tuple[ToolSpec, ...]),
        schema=msgspec.json.decode(schema),
    )


def _results(messages: Sequence[Message]) -> int:
    return sum(message.speaker == "tool" for message in messages)


def _answering(said: Sequence[tuple[str, str]], calls: Sequence[ToolCall]) -> tuple[Message, ...]:
    """Messages of whom and what is said; those of tools answer the calls in their order."""
    wanted = [each.id for each in calls]
    return tuple(
        Message(speaker, text, answers=wanted.pop(0) if speaker == "tool" and wanted else "")  # type: ignore[arg-type]  # as a Message held it
        for speaker, text in said
    )


async def _answer(log: EventLog, settled: CallSettled, at: int) -> Message | None:
    text = await text_or_none(log, settled.answer, at=at)
    calls = await text_or_none(log, settled.calls, at=at) if settled.calls else "[]"
    if text is None or calls is None:
        return None
    return Message("assistant", text, msgspec.json.decode(calls, type=tuple[ToolCall, ...]))


async def taken_apart(
    log: EventLog, story: Story, task: TaskState, *, only: tuple[int, int] | None = None
) -> list[TakenApart]:
    """The requests of a task, or those of `only` one step and attempt, in their parts, with the tokens that o200k_base has for each.

    A request is compared with the last one that the same model answered for the same role and task before: that is the one
    of which a provider may keep the beginning. Raises VocabularyBroken.
    """
    from swarm.text.vocabulary import load

    sent = await read_requests(log, story, task.name)
    known = await _known(log, story, task)
    spec = await _spec(log, task)
    prompts = tasks_told(spec, await records_of(log, story, task)) if spec is not None else {}
    told = [entry for entry in story.entries if entry.task == task.name]
    await load()
    found: list[TakenApart] = []
    last: dict[tuple[str, str, bool], Sent] = {}
    for each in sent:
        call = each.call
        stages = stages_passed(entry for entry in told if entry.position < each.position)
        like = (call.model, call.role, bool(call.branch))
        at = told_as(each.conversation)
        cut = any(
            key[0][:3] == at and applied.stage == STAGE for key, applied in stages.items()
        )  # not told whole since
        as_told = prompts.get(at, spec) if cut else spec
        if only is None or each.conversation[:2] == only:
            part = partial(apart, each, last.get(like), task=as_told, said=known, stages=stages)
            found.append(await to_thread.run_sync(part))
        if each.settled is not None:
            last[like] = each
    return found


async def _spec(log: EventLog, task: TaskState) -> Task | None:
    """The task as it was recorded; None: its text is gone, or is of another program."""
    text = await text_or_none(log, task.spec.ref, at=task.spec.at)
    try:
        return msgspec.json.decode(text, type=Task) if text is not None else None
    except msgspec.MsgspecError:
        return None


Told = tuple[int, int, str]
"""Step, attempt and role: who is told the same of a task."""


def told_as(conversation: Conversation) -> Told:
    """Whose prompts hold in a conversation: a sub-agent is told what the worker is."""
    step, attempt, role, branch = conversation
    return step, attempt, "worker" if branch else role


async def records_of(log: EventLog, story: Story, task: TaskState) -> dict[Told, Sequence[Assembled]]:
    """What became of the modules of long prompts at each attempt for which that is recorded."""
    found: dict[Told, Sequence[Assembled]] = {}
    for entry in story.entries:
        call = entry.event
        if entry.task != task.name or not isinstance(call, CallReserved | AnswerServed):
            continue
        for each in call.captured:
            text = await text_or_none(log, each.text, at=entry.position) if each.name == CAPTURED else None
            if text is not None:
                found[entry.step, entry.attempt, call.role] = read_record(text)
    return found


def tasks_told(spec: Task, records: Mapping[Told, Sequence[Assembled]]) -> dict[Told, Task]:
    """The task as it was told at each attempt at which modules of its prompts were left out."""
    return {at: retold(spec, role, record).task for at, record in records.items() for role in ROLES if role == at[2]}


async def _known(log: EventLog, story: Story, task: TaskState) -> dict[str, Sequence[str]]:
    """What was said of the task beside its file, by the part of a brief that it stands in."""

    async def texts(places: Iterable[Place | None]) -> list[str]:
        read = [await text_or_none(log, place.ref, at=place.at) for place in places if place is not None]
        return [text for text in read if text]

    instructions = await texts(step.instruction for step in task.steps)
    rejected = (entry for entry in story.entries if entry.task == task.name)
    feedback = [
        Place(entry.event.feedback, entry.position) for entry in rejected if isinstance(entry.event, StepRejected)
    ]
    return {
        "step": instructions,
        "asked": instructions,
        "approach": await texts(step.approach for step in task.steps),
        "feedback": await texts(feedback),
    }


Passed = Mapping[tuple[Conversation, int, str], StageApplied]
"""What a stage made of a text: by the number of the use of a tool that it is of, or by its name, where the number is 0; what became
of the conversation by the number before all."""

_COMPACTED = (-1, "")


def stages_passed(entries: Iterable[Entry]) -> Passed:
    """What the stages made of the texts of a task by now. What is told of an output stands behind the end of its use."""
    found: dict[tuple[Conversation, int, str], StageApplied] = {}
    uses: dict[Conversation, int] = {}
    for entry in entries:
        match entry.event:
            case StageApplied(stage="history", role=role, branch=branch) as applied:
                found[(entry.step, entry.attempt, role, branch), *_COMPACTED] = applied
            case ToolFinished(ordinal=ordinal, role=role, branch=branch):
                uses[entry.step, entry.attempt, role, branch] = ordinal
            case StageApplied(stage=stage, role=role, branch=branch) as applied:
                conversation = entry.step, entry.attempt, role, branch
                use = uses.get(conversation, 0) if stage == "outputs" else 0
                found[conversation, use, "" if use else applied.on] = applied
            case StageUndone(stage=stage, role=role, branch=branch):
                conversation = entry.step, entry.attempt, role, branch
                found = {key: each for key, each in found.items() if key[0] != conversation or each.stage != stage}
            case _:
                pass
    return found


def apart(
    sent: Sent, before: Sent | None, *, task: Task | None, said: Mapping[str, Sequence[str]], stages: Passed
) -> TakenApart:
    """Take a request apart, and say which of it stood in the request `before`. Pure, but for the vocabulary."""
    from swarm.text.count import count

    if not sent.messages:
        return TakenApart(sent=sent, pieces=(), before=0, framing=0)
    same = _same(sent, before)
    pieces = [*_before_messages(sent, whole=same is not None)]
    outputs = sent.gone
    for at, parts in enumerate(parts_of(sent.messages, task=task, said=said)):
        message, alike = sent.messages[at], same[at] if same is not None and at < len(same) else 0
        if message.speaker == "tool":
            outputs += 1
            stage = stages.get((sent.conversation, outputs, ""))
            pieces += [_of_text(part, at + 1, alike, stage=stage) for part in parts]
            continue
        for part in parts:
            names = {"material": part.of, "agent": f"agent {sent.call.agent}", OWN_WORDS: OWN_WORDS, "skills": "skills"}
            on = names.get(part.name)
            stage = stages.get((sent.conversation, 0, on)) if on is not None else None
            of = ", ".join(sent.call.skills) if part.name == "skills" else part.of
            pieces.append(_of_text(part._replace(of=of), at + 1, alike, stage=stage))
            alike -= len(part.text) + len(GAP)
        whole = same is not None and at < len(same) and same[at] > len(message.text)
        pieces += [_piece("call", call.arguments, at + 1, of=call.name, again=whole) for call in message.calls]
    total = request_tokens(sent.messages, sent.schema, sent.tools, tokens_of=count).total
    framing = total - sum(piece.tokens for piece in pieces)
    compacted = stages.get((sent.conversation, *_COMPACTED)) if sent.call.anew is not None else None
    position = before.position if before else 0
    return TakenApart(sent=sent, pieces=tuple(pieces), before=position, framing=framing, compacted=compacted)


def _of_text(part: Part, message: int, alike: int, *, stage: StageApplied | None) -> Piece:
    """A part of a message's text of which `alike` characters, where there are so many, stood in the request before."""
    from swarm.text.count import count

    return Piece(
        name=part.name,
        of=part.of,
        text=part.text,
        tokens=count(part.text),
        again=count(part.text[: max(0, alike)]),
        message=message,
        stage=stage,
    )


def _before_messages(sent: Sent, *, whole: bool) -> Iterable[Piece]:
    for tool in sent.tools:
        yield _piece("tool", msgspec.json.encode(tool).decode(), 0, of=tool.name, again=whole)
    if sent.schema is not None:
        yield _piece("answer schema", msgspec.json.encode(sent.schema).decode(), 0, again=whole)


def _piece(name: str, text: str, message: int, *, of: str = "", again: bool) -> Piece:
    from swarm.text.count import count

    tokens = count(text)
    return Piece(name=name, of=of, text=text, tokens=tokens, again=tokens if again else 0, message=message)


def _same(sent: Sent, before: Sent | None) -> list[int] | None:
    """How many characters of each message stood at the same place in the request before, up to the first that did not.

    One more than it has where the message was the same. None: not even what stands before all messages was the same.
    """
    if before is None or not before.messages or (sent.tools, sent.schema) != (before.tools, before.schema):
        return None
    found: list[int] = []
    for now, then in zip(sent.messages, before.messages, strict=False):
        if now == then:
            found.append(len(now.text) + 1)
            continue
        if now.speaker == then.speaker:
            found.append(common(now.text, then.text))
        break
    return found


def common(one: str, other: str) -> int:
    """How many characters two texts begin with together."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
