"""What waits for a person: where it was asked, and how people name that."""

from __future__ import annotations

import msgspec

from events.log import session_name

Use = tuple[int, str, int, int, str, str, int]
"""Session, task, step, attempt, role, branch of the attempt, and the number of the use within that."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a question."""

    position: int
    at: int  # microseconds since 1970
    session: int
    task: str
    step: int
    attempt: int

    @property
    def name(self) -> str:
        """The task, as people name it."""
        return f"{session_name(self.session)}/{self.task}"
