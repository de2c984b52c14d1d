"""What a person is asked while a session runs, one question at a time."""

from __future__ import annotations

from swarm.engine.faces import Faces
from swarm.errors import ConfirmationNeeded
from swarm.messages import Arm


class Consent:
    """Asks whoever runs the session. `paid` says that paid calls were allowed already."""

    def __init__(self, faces: Faces, *, paid: bool) -> None:
        self._faces, self._paid = faces, paid
        self._refusal: ConfirmationNeeded | None = None  # of paid calls, for as long as the session runs
        self.asking = faces.asking

    def give(self) -> None:
        """Paid calls were said yes to elsewhere."""
        self._paid, self._refusal = True, None

    async def confirm(self, arm: Arm) -> None:
        """The first paid call of a session under no cap but the built-in one is asked about, once. Raises ConfirmationNeeded."""
        async with self.asking:
            if not self._paid and self._refusal is None:
                await self._ask_about_paid(arm)
            if self._refusal is not None:
                raise self._refusal

    async def ask(self, question: str) -> bool:
        async with self.asking:
            return await self._faces.confirm(question)

    async def _ask_about_paid(self, arm: Arm) -> None:
        question = f"{arm.model} is paid, and nothing but the built-in cap of a day bounds this run. Use it?"
        try:
            self._paid = await self._faces.confirm(question)
        except ConfirmationNeeded as refusal:
            self._refusal = refusal
            return
        if not self._paid:
            self._refusal = ConfirmationNeeded("Paid calls were not allowed.", remedy="set a budget in the task file")
