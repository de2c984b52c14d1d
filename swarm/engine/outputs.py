"""What the uses of an attempt said: what of it the model is told, and where it stands in its conversation already."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio import to_thread

from events.blobs import digest_of
from events.views.tasks import Place
from swarm.compress.history import REPEATS, beginning
from swarm.journal import Attempt
from swarm.messages import Message
from swarm.stages import LEAST, NO_STAGES, Shorter, Stages, compressed
from swarm.text.tokens import quick_tokens
from swarm.tools.base import ToolRefused

TOLD_BYTES = 6 * 1024
"""What a model is told of one output; it reads the rest by its handle."""

STAGE = "outputs"


class Outputs:
    """What the uses of an attempt said, in full, by their handles: a model is told the beginning and the end of it."""

    def __init__(
        self, attempt: Attempt, stages: Stages = NO_STAGES, *, sought: str = "", most_bytes: int = TOLD_BYTES
    ) -> None:
        """`sought` is what the attempt wants to know."""
        self._attempt, self._stages, self._sought, self._most_bytes = attempt, stages, sought, most_bytes
        self._texts: dict[str, str] = {}
        self._told: dict[str, str] = {}  # by the digest of what was said, what of it the model was told last

    def heard(self, digest: str, told: str) -> None:
        """Remember what the model was told of an output of that digest."""
        self._told[digest] = told

    async def told(
        self, ordinal: int, text: str, tool: str, on: str, *, shortens: bool, stands: Sequence[Message] = ()
    ) -> str | None:
        """What a model is told of an output; None: all of it.

        What stands in the conversation to the letter is not told twice. Any other passes its stage where that `shortens` it.
        """
        from swarm.tools.shorten import shown

        handle, digest, named = str(ordinal), digest_of(text), f"{tool} {on}".rstrip()
        self._texts[handle] = text
        before = self._told.get(digest)
        if before is not None and self._stages.passes(STAGE) and is_told(before, stands):
            return self._stages.passed(STAGE, before, partial(_repeated, tool), on=named)
        passed = await to_thread.run_sync(self._passed, text, handle, named, on) if shortens else text
        told = shown(passed, self._most_bytes, handle) or passed
        self.heard(digest, told)
        return told if told != text else None

    @property
    def are_looked_at(self) -> bool:
        """Whether outputs pass a stage."""
        return self._stages.passes(STAGE)

    async def make_ready(self, text: str, tool: str, on: str) -> None:
        """Do for an output that may come what its stage will do with it, and tell nobody."""
        keep = self._stages.keep(STAGE)
        if (tokens := quick_tokens(text)) >= LEAST:
            shorten = partial(compressed, sought=f"{self._sought}\n{tool} {on}".rstrip(), name=on)
            await to_thread.run_sync(shorten, text, max(LEAST, int(tokens * keep)), keep >= 1, abandon_on_cancel=True)

    def _passed(self, text: str, handle: str, on: str, name: str) -> str:
        """The text as its stage leaves it, where that has room in what a model is told of an output; else as it is."""
        shorten = partial(
            compressed,
            sought=f"{self._sought}\n{on}",
            name=name,
            handle=f"`read_output` with handle={handle}",
            lingua=self._stages.lingua,
        )

        def shorter(text: str, room: int, whole: bool) -> Shorter:
            made = shorten(text, room, whole)
            if (size := _size(made.text)) > self._most_bytes and not whole:
                part = self._most_bytes * 9 / (size * 10)
                made = shorten(text, int(room * part), whole, most=int(quick_tokens(made.text) * part))
            return made if _size(made.text) <= self._most_bytes else Shorter(text)

        return self._stages.passed(STAGE, text, shorter, on=on)

    async def text_of(self, handle: str) -> str:
        """Raises ToolRefused where the attempt has no such output."""
        if handle in self._texts:
            return self._texts[handle]
        use = self._attempt.recorded.uses.get(int(handle)) if handle.isdecimal() and len(handle) < 10 else None
        if use is None or use.finished is None:
            raise ToolRefused(f"there is no output {handle[:40]!r}; a handle stands where an output was shortened")
        return await self._attempt.text(Place(use.finished.answer, use.finished_at))


def is_told(text: str, messages: Sequence[Message]) -> bool:
    """Whether a tool said just this in the messages as they stand; where they were compacted it may not any more."""
    return any(message.speaker == "tool" and message.text == text for message in messages)


def _repeated(tool: str, text: str, room: int, whole: bool) -> Shorter:
    """The line that stands for an output which is told above."""
    lines = text.count("\n") + 1
    said = f"{REPEATS}`{tool}` said above, the {lines:,} line{'s' * (lines > 1)} that begin with: {beginning(text)}]"
    return Shorter(said, "repeat")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
