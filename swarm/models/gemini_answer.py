"""What a server with Gemini's generateContent format answers, read into a Reply: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from swarm.messages import Finish, Reply, Usage
from swarm.models.counts import agreed, count_of, decoded
from swarm.models.failures import UNREADABLE, Source, broken_off, failed_inside
from swarm.models.meter import Meter
from swarm.models.stream import ServerEvent
from swarm.models.toolcalls import CallsHeard, ended

_FINISHES: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
}
"""FINISH_REASON_UNSPECIFIED, LANGUAGE, OTHER, a call that cannot be read (MALFORMED_FUNCTION_CALL) and what is invented later is
"other"."""

_ABSENT = msgspec.Raw(b"null")


class _Called(msgspec.Struct, gc=False):
    name: str | None = None
    args: msgspec.Raw = _ABSENT
    id: str | None = None  # from Gemini 3 on


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool | None = None  # a summary of what the model thought, and no part of the answer
    thought_signature: str | None = None
    function_call: _Called | None = None


class _Content(msgspec.Struct, gc=False, rename="camel"):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False, rename="camel"):
    """One piece of a stream, or a whole answer: they have the same shape."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    model_version: str | None = None
    usage_metadata: msgspec.Raw = _ABSENT  # read apart: a wrong count must not cost the answer
    error: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_document: Any = msgspec.json.Decoder(_Chunk | list[_Chunk]).decode


class GeminiAnswer:
    """Collects one answer. See `exchange.Collector`.

    A stream has no mark at its end: it is whole with the reason of its end, and goes on until the connection ends, since the
    last count of its tokens may follow.
    """

    def __init__(self, *, source: Source, model: str) -> None:
        self.whole = False
        self.ended = False
        self._source, self._model, self._by = source, model, kept_by(model)
        self._meter = Meter()
        self._texts: list[str] = []
        self._finish: Finish | None = None
        self._calls = CallsHeard()
        self._usage: object = None
        self._began = False  # something came that may be billed

    @property
    def least_tokens(self) -> int:
        return self._meter.least

    def take_event(self, event: ServerEvent) -> None:
        try:
            chunk = _decode(event.data)
        except UNREADABLE as error:
            if self.whole:
                return  # the answer is there already, and what came after it is not part of it
            raise broken_off(self._source, f"a part of the answer cannot be read ({error})") from None
        self._take(chunk)

    def take_document(self, body: bytes) -> None:
        """Take an answer in one piece, or a list of the pieces of a stream, which is what comes without `alt=sse`."""
        try:
            said: _Chunk | list[_Chunk] = _decode_document(body)
        except UNREADABLE as error:
            raise broken_off(self._source, f"the answer cannot be read ({error})") from None
        for chunk in said if isinstance(said, list) else (said,):
            self._take(chunk)
        if not self._began:
            raise broken_off(self._source, "what it sent holds no answer")
        self.ended = self.whole

    def reply(self) -> Reply:
        """Return what was collected, once `whole`."""
        finish, calls = ended(self._finish or "other", self._calls.told(self._by))
        return Reply(
            text="".join(self._texts), finish=finish, usage=usage_in(self._usage), model=self._model, calls=calls
        )

    def _take(self, chunk: _Chunk) -> None:
        if chunk.error is not _ABSENT and not self.whole:
            raise failed_inside(chunk.error, _status_of, source=self._source, began=self._began)
        if chunk.model_version:
            self._model = chunk.model_version
        if chunk.usage_metadata is not _ABSENT:
            self._usage = decoded(chunk.usage_metadata)
        if chunk.candidates:
            self._take_candidate(chunk.candidates[0])
        elif chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._began = self.whole = True
            self._finish = "refusal"  # whatever the reason is called: there is no answer to this prompt

    def _take_candidate(self, candidate: _Candidate) -> None:
        self._began = True
        for part in (candidate.content and candidate.content.parts) or ():
            if part.text and not part.thought:
                self._texts.append(part.text)
                self._meter.add(part.text)
            elif part.text:
                self._meter.think()
            if part.function_call is not None:
                self._take_call(part.function_call, part.thought_signature)
        if candidate.finish_reason:
            self._finish = _FINISHES.get(candidate.finish_reason, "other")
            self.whole = True

    def _take_call(self, called: _Called, signature: str | None) -> None:
        """Take a call, which comes in one piece. Its own id and its signature are what the provider wants to see again."""
        call = self._calls.open(called.id or "", called.name or "")
        call.pieces.append(bytes(called.args).decode())
        call.kept |= {name: said for name, said in (("id", called.id), ("signature", signature)) if said}
        self._meter.add(f"{call.name}{call.arguments}")


def kept_by(wire_model: str) -> str:
    """Who may see again what was kept of a call."""
    return f"gemini:{wire_model}"


def _status_of(error: Mapping[str, object]) -> int | None:
    code = error.get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else None


def usage_in(said: object) -> Usage | None:
    """Return the tokens of an answer, None where they are missing or cannot be.

    `promptTokenCount` includes what was read from the cache; beside it stands `toolUsePromptTokenCount`, and beside
    `candidatesTokenCount` stands `thoughtsTokenCount`. Where the total says that one of them is counted differently, it holds.
    A count of 0 is left out.
    """
    if not isinstance(said, dict):
        return None
    fields = cast("dict[str, object]", said)
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    counts = [0 if fields.get(name) is None else count_of(fields[name]) for name in names]
    if None in counts or not counts[0]:
        return None
    prompt, of_tools, answer, thoughts = cast("list[int]", counts)
    cached = count_of(fields.get("cachedContentTokenCount")) or 0
    total = count_of(fields.get("totalTokenCount"))
    input_, output, doubt = _normalised((prompt, of_tools), (answer, thoughts), cached=cached, total=total)
    return Usage(
        input_tokens=input_,
        output_tokens=output,
        cached_tokens=cached,
        reasoning_tokens=thoughts,
        doubts=(doubt,) if doubt else (),
    )


def _normalised(
    prompt: tuple[int, int], answer: tuple[int, int], *, cached: int, total: int | None
) -> tuple[int, int, str]:
    """Input with what was cached, output with what was thought, and the doubt that stays. Each comes with what stands beside."""
    read, said = sum(prompt), sum(answer)
    inputs = (read, max(prompt), read + cached)
    outputs = (said, answer[0])
    readings = [(input_, output) for output in outputs for input_ in inputs if input_ >= cached and output >= answer[1]]
    return agreed(readings, total=total, as_written=(read, said))


class _Listed(msgspec.Struct, gc=False):
    name: str


class _Listing(msgspec.Struct, gc=False):
    models: list[_Listed]


def model_ids(body: bytes) -> list[str]:
    """Return the names of a list of models in its own order, without "models/". Raises one of UNREADABLE."""
    return [each.name.removeprefix("models/") for each in msgspec.json.decode(body, type=_Listing).models]
