"""What every model is to the rest of the program."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from swarm.messages import Reply, Request


class Model(Protocol):
    """A model that can be asked. Entered before the first `ask`, left after the last one.

    Leaving it ends what it started itself (a child process, say); a transport that was lent to it stays open.
    """

    @property
    def name(self) -> str:
        """The model's name in settings: unique in a run, on every event and in every error."""
        ...

    async def ask(self, request: Request) -> Reply:
        """Send `request` once and return the whole answer.

        One call is one try: nothing is asked twice, and nothing waits for a slot or for money. An answer that was cut at
        `max_output_tokens` is a reply with finish "length", one that was refused has finish "refusal". `usage` is None
        where the provider did not say, or said what cannot be.

        Raises ProviderError and nothing else. It says whether the request can have reached the provider (`sent`) and
        whether it may be billed (`charged`). Cancellation passes through and closes the connection.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
