"""Which models are left alone for a while because their provider did not answer, for how long, and who finds out how they are.

What is known stands in the log (`model.cooled`, `model.recovered`), so other sessions and later processes go by it as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import anyio
import msgspec

from events.log import Clock, Entry, EventLog
from events.types.model import ModelCooled, ModelRecovered, cooldown_topic
from events.views.cooldowns import Cooldown, CooldownsView
from swarm.choice.breaker import Breaker, failed
from swarm.errors import Failure, ProviderError
from swarm.zones import zone_named

LADDER_US = tuple(minutes * 60_000_000 for minutes in (1, 5, 25, 60))
"""For how long a model cools down, by its failures in a row."""

TRIAL_US = 60_000_000
"""So long the others wait for the call that tries it; a longer one is left behind, as one whose process died."""


def is_down(error: ProviderError) -> bool:
    """Whether a failure says something of the provider, and not of the request or the key."""
    return error.failure is not Failure.STOP or error.used_up


class Cooldowns:
    """What one run knows of its models, and decides by it. `servers` are those of the models by their names."""

    def __init__(self, servers: Mapping[str, str], *, clock: Clock, time_zone: str = "") -> None:
        self._servers, self._clock, self._time_zone = servers, clock, time_zone
        self._topics = {model: cooldown_topic(model, server) for model, server in servers.items()}
        self._known = frozenset(self._topics.values())
        self._view = CooldownsView()
        self._trying: set[str] = set()  # models that a call of this run finds out about
        self._found: set[str] = set()  # those of which a call of this run said that they do not answer
        self._changed = anyio.Event()

    async def recall(self, log: EventLog) -> None:
        """Learn how the models stand, by an index: of each the last event, however long the log is."""
        for topic in self._topics.values():
            if (last := await log.last(topic)) is not None:
                self.apply(last)

    async def recall_one(self, log: EventLog, model: str) -> None:
        """Learn what another process said of the model meanwhile."""
        if (last := await log.last(self._topics[model])) is not None:
            self.apply(last)

    def apply(self, entry: Entry) -> None:
        if entry.topic in self._known:  # few are: every entry of every run comes by
            self._view.apply(entry)
            self._change()

    def topic(self, model: str) -> str:
        return self._topics[model]

    def position(self, model: str) -> int:
        """Where the log says how the model stands: what an append expects that is to be the only one to try it."""
        return self._of(model).position

    def take(self, model: str, event: ModelCooled, position: int) -> None:
        """What this run has just appended."""
        self._view.take(self._topics[model], Cooldown(position, event))
        self._change()

    def is_well(self, model: str) -> bool:
        return self._of(model).cooled is None

    def bars(self, *, but: str = "") -> dict[str, str]:
        """Of each model, `but` one, that no call is sent to now: why, and until when."""
        return {model: reason for model in self._topics if model != but and (reason := self._reason(model))}

    def worth_asking(self) -> list[str]:
        """The models that cool down and may be asked all the same where there is no other: what keeps them is nothing that
        time heals, another run found it, and somebody may have mended it since. Asking them costs nothing."""
        return [
            model
            for model in self._topics
            if model not in self._found
            and (cooled := self._of(model).cooled) is not None
            and not self._is_tried(model)
            and cooled.failure != Failure.WAIT
        ]

    def trial(self, model: str) -> ModelCooled | None:
        """What is recorded with the call that tries a model which cools down. None: it is well, or a call tries it already."""
        cooled = self._of(model).cooled
        if cooled is None or model in self._trying:
            return None
        self._trying.add(model)
        return msgspec.structs.replace(cooled, until=self._clock() + TRIAL_US, tried=True)

    def end_trial(self, model: str) -> None:
        self._trying.discard(model)
        self._change()

    def given_up(self, trial: ModelCooled) -> ModelCooled:
        """What is recorded where the trial was cut off and has shown nothing: another call may try the model at once."""
        return msgspec.structs.replace(trial, until=self._clock(), tried=False)

    def after(self, model: str, error: ProviderError, reason: str, *, tried: bool) -> ModelCooled | None:
        """What a failure that ended the tries of a call comes to; None where another call has said so already."""
        known, now = self._of(model).cooled, self._clock()
        asked = now + round((error.retry_after_s or 0) * 1_000_000)
        if known is not None and not tried and known.until > now:
            if asked <= known.until:
                return None
            breaker = Breaker(asked, known.step)
        else:
            breaker = failed(Breaker(step=known.step) if known else Breaker(), now, LADDER_US)
        cooled = ModelCooled(
            model=model,
            server=self._servers[model],
            until=max(breaker.until, asked),
            step=breaker.step,
            failure=error.failure,
            reason=reason,
        )
        self._found.add(model)
        self._say(model, cooled)
        return cooled

    def recovered(self, model: str) -> ModelRecovered:
        """The call that tried the model had an answer: from now on it is well, the log will say so."""
        self._say(model, None)
        return ModelRecovered(model=model, server=self._servers[model])

    def trial_s(self, is_allowed: Callable[[str], bool]) -> float | None:
        """For how long at most a call may still find out about one of the models; None where none does."""
        return min(
            (self._trial_left(model) for model in self._topics if self._is_tried(model) and is_allowed(model)),
            default=None,
        )

    def wait_s(self, is_allowed: Callable[[str], bool]) -> float | None:
        """For how long to wait until one of the models may be asked whose failure time heals; None where there is none."""
        waits = [
            max(0, known.until - self._clock()) / 1_000_000
            for model in self._topics
            if (known := self._of(model).cooled) is not None and known.failure == Failure.WAIT and is_allowed(model)
        ]
        return min(waits, default=None)

    def _is_tried(self, model: str) -> bool:
        cooled = self._of(model).cooled
        return cooled is not None and (model in self._trying or (cooled.tried and cooled.until > self._clock()))

    def _trial_left(self, model: str) -> float:
        cooled = self._of(model).cooled
        if cooled is None or model in self._trying:  # a call of this run ends, and says so
            return TRIAL_US / 1_000_000
        return (cooled.until - self._clock()) / 1_000_000

    def first_back(self, is_allowed: Callable[[str], bool]) -> str:
        """When the first of the models may be asked again, for people; empty where there is none."""
        ends = [
            known.until for model in self._topics if (known := self._of(model).cooled) is not None and is_allowed(model)
        ]
        return self._moment(min(ends)) if ends else ""

    async def changed(self, sleep: Callable[[float], Awaitable[None]], seconds: float) -> None:
        """Return when something is said of a model, or after so many seconds."""
        async with anyio.create_task_group() as tasks:

            async def ring() -> None:
                await sleep(seconds)
                tasks.cancel_scope.cancel()

            tasks.start_soon(ring)
            await self._changed.wait()
            tasks.cancel_scope.cancel()

    def _say(self, model: str, cooled: ModelCooled | None) -> None:
        """What the log is about to say: the other calls of this run go by it already."""
        self._view.models[self._topics[model]] = msgspec.structs.replace(self._of(model), cooled=cooled)
        self._change()

    def _of(self, model: str) -> Cooldown:
        return self._view.of(self._topics[model])

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _reason(self, model: str) -> str:
        cooled = self._of(model).cooled
        if cooled is None:
            return ""
        if self._is_tried(model):
            return f"one call finds out whether it answers again: {cooled.reason}"
        return f"cools down until {self._moment(cooled.until)}: {cooled.reason}" if cooled.until > self._clock() else ""

    def _moment(self, at: int) -> str:
        """A moment on the user's wall clock, with the day where it is another."""
        zone = zone_named(self._time_zone)
        then, now = (datetime.fromtimestamp(each / 1_000_000, zone) for each in (at, self._clock()))
        return then.strftime("%H:%M" if then.date() == now.date() else "%Y-%m-%d %H:%M")
