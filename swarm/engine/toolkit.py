"""What the hands of a session's attempts are made of: the tools of a task, who allows their use, and the copies they work in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from swarm.cycle import Open
from swarm.engine.copies import Copies
from swarm.engine.hands import Allow, Begin, LiveHands, Outputs, Toolbox
from swarm.journal import Attempt
from swarm.task import Task


class Tools(Protocol):
    """The tools of a session."""

    def box(self, task: Task, attempt: Attempt, text_of: Callable[[str], Awaitable[str]]) -> Toolbox: ...


class Policy(Protocol):
    """Who allows the uses of tools."""

    def of(self, task: Task, attempt: Attempt) -> Allow: ...


class Toolkit:
    """Makes the hands of the attempts of one session."""

    def __init__(
        self,
        tools: Tools,
        policy: Policy,
        copies: Copies,
        *,
        redact: Callable[[str], str],
        doubtful: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._tools, self._policy, self._copies = tools, policy, copies
        self._redact, self._doubtful = redact, doubtful

    def hands(self, attempt: Attempt, begin: Begin, task: Task, open_: Open) -> LiveHands:
        outputs = Outputs(attempt)
        return LiveHands(
            attempt,
            open_.task,
            copies=self._copies,
            begin=begin,
            box=self._tools.box(task, attempt, outputs.text_of),
            allow=self._policy.of(task, attempt),
            outputs=outputs,
            doubtful=self._doubtful,
            redact=self._redact,
        )
