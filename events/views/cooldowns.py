"""Which models cool down: of each the last that was said of it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.model import ModelCooled, ModelRecovered


class Cooldown(msgspec.Struct, frozen=True):
    """How a model of a server stands."""

    position: int = 0  # of the event that says so; 0: nothing was ever said
    cooled: ModelCooled | None = None  # None: it answers


WELL = Cooldown()


class CooldownsView(msgspec.Struct):
    """By topic. The last event of a topic says all: whoever folds nothing but that one comes to the same."""

    models: dict[str, Cooldown] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ModelCooled() as cooled:
                self.take(entry.topic, Cooldown(entry.position, cooled))
            case ModelRecovered():
                self.take(entry.topic, Cooldown(entry.position))
            case _:
                pass

    def take(self, topic: str, cooldown: Cooldown) -> None:
        """Take in what stands at a position, unless something later is known already."""
        if cooldown.position > self.of(topic).position:
            self.models[topic] = cooldown

    def of(self, topic: str) -> Cooldown:
        return self.models.get(topic, WELL)
