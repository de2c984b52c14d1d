"""The older turns of a conversation in the words of a free model, asked for in a branch of the attempt."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import msgspec

from swarm.compress.history import Talk, to_summarise
from swarm.engine.endings import LEAST_S, Caps
from swarm.engine.handover import REWRITE_S, cheapest
from swarm.errors import OwnerLost, SwarmError
from swarm.journal import Attempt
from swarm.orders import Ask, Pick
from swarm.plan import SUMMARISER, allowed_arms
from swarm.prompts.build import history_messages
from swarm.prompts.length import TOKENS_A_WORD
from swarm.task import Task
from swarm.text.tokens import quick_tokens
from swarm.tries import Stopped

WHY = "the cheapest that may, as it is free: it shortens the conversation"
LEAST_WORDS = 60


class Summaries(msgspec.Struct, frozen=True):
    """Asks for the summaries of one attempt, under the caps of its task. It asks nobody who has a price."""

    attempt: Attempt
    task: Task
    caps: Caps

    async def __call__(self, talk: Talk, tokens: int, ordinal: int) -> tuple[str, str]:
        """Older turns in so many tokens; or "", and why there is none."""
        arms, barred = allowed_arms(self.caps.plan, self.task, "worker")
        free = [arm for arm in arms if arm.price is not None and arm.price.is_free]
        if not any(arm.model not in barred and arm.may_judge for arm in free):
            return "", "no free model may write a summary"
        words = max(LEAST_WORDS, int(tokens / TOKENS_A_WORD))
        ask = Ask(
            messages=history_messages(to_summarise(talk, quick_tokens), words), output_tokens=2 * words * TOKENS_A_WORD
        )
        own = self._branch(ordinal)
        call = self.caps.calls.for_attempt(own, lambda: self.caps.terms(self.task, "worker"), level=self.task.priority)
        found = cheapest(free, barred)

        def pick(failed: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
            picked = found(failed, nth, input_tokens)
            return msgspec.structs.replace(picked, why=WHY) if picked is not None else None

        left = anyio.current_effective_deadline() - anyio.current_time()  # to the task's own limit, which would fail it
        try:
            with anyio.move_on_after(max(0.0, min(REWRITE_S, left - LEAST_S))):
                answer = await call(ask, pick=pick)
                return (answer.text.strip(), "") if answer.finish == "stop" else ("", "the summary was cut")
        except (OwnerLost, Stopped):
            raise
        except SwarmError:
            return "", "no free model gave a summary"
        finally:
            with anyio.CancelScope(shield=True):
                await own.flush()
        return "", "the summary took too long"

    def _branch(self, ordinal: int) -> Attempt:
        attempt = self.attempt
        branch = f"{attempt.branch}/history:{ordinal}".removeprefix("/")
        recorded = self.caps.journal.of(attempt.state.name, attempt.step, attempt.number, SUMMARISER, branch)
        return Attempt(
            attempt.owner,
            attempt.state,
            step=attempt.step,
            attempt=attempt.number,
            role=SUMMARISER,
            recorded=recorded,
            branch=branch,
        )
