"""What a session foresees of its requests and their answers, from all that the log holds up to this moment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from events.log import Entry
from events.views.inputs import InputsView
from events.views.sizes import Kind, SizesView
from events.views.tasks import TaskState
from swarm.cycle import Open
from swarm.money.foresight import foresee
from swarm.orders import Pick, Picker
from swarm.task import Role, Task
from swarm.text.families import factor


class Foresight:
    """Goes on from what the log held when the session's work began."""

    def __init__(self, sizes: SizesView, inputs: InputsView) -> None:
        self._sizes, self._inputs = sizes, inputs

    def apply(self, entry: Entry) -> None:
        self._sizes.apply(entry)
        self._inputs.apply(entry)

    def counts(self, model: str) -> float:
        """How many tokens of input the model counts for one of ours."""
        return counted_by(self._inputs, model)

    def within(self, pick: Picker, open_: Open, task: Task, state: TaskState, role: Role) -> Picker:
        """The same picks, with what the answer will have at the most.

        Nothing is foreseen where a person counts the calls, since an answer that is cut takes one more; after a draft that was
        cut: the next one is not like those before; and where tools are used: most answers are calls of them.
        """
        was_cut = open_.step > 0 and state.steps[open_.step - 1].finish == "length"
        if task.limits.turns is not None or was_cut or (role == "worker" and task.tools):
            return pick

        def foreseeing(excluded: Mapping[str, str], nth: int, input_tokens: int) -> Pick | None:
            picked = pick(excluded, nth, input_tokens)
            if picked is None:
                return None
            kind = Kind(role, state.complexity, state.type, picked.arm.model)
            return msgspec.structs.replace(picked, foreseen=foresee(self._sizes, kind))

        return foreseeing


def counted_by(inputs: InputsView, model: str) -> float:
    """How many tokens of input the model counts for one of ours, by what its provider said of earlier calls."""
    seen = inputs.of(model)
    return factor(model, seen.counted, seen.quick)
