"""How much of a long prompt tasks are given, whether it holds the sections that they need, and how long that takes.

python -m bench.prompts [--quick] [--json]

The prompt is the handbook in house.md, 18,600 tokens in 69 sections; the tasks with the sections that each needs stand in
house_tasks.jsonl. Both were written for this purpose. What the stage keeps at which preset, and how little fits too little, was
chosen by the tasks of which `is_held_out` is false; the others, about half, are for judging alone.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from statistics import median, quantiles

import msgspec

from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, show
from swarm.agents.modules import Module, modules_of
from swarm.agents.profile import Agent
from swarm.prompts.modules import forget
from swarm.roles.prompting import Prompted, assembled
from swarm.settings.stages import Preset, StageSettings, preset_rules
from swarm.stages import stages_ahead
from swarm.task import Input, Task
from swarm.text.count import count

HOUSE = Path(__file__).with_name("house.md")
TASKS = Path(__file__).with_name("house_tasks.jsonl")

RECALL, MOST_TOKENS, MOST_MS = 95, 8_000, 5.0
"""The bars: of 100 sections that tasks need and that nothing was chosen by, so many are given; tokens of a prompt; a warm assembly."""

AGENT = "engineer"


class Labelled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task, and the titles of the sections without which it goes wrong."""

    prompt: str
    type: str
    inputs: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        """The rule: the first byte of the SHA-256 of its prompt is odd."""
        return hashlib.sha256(self.prompt.encode()).digest()[0] % 2 == 1

    @property
    def task(self) -> Task:
        inputs = (Input(files=self.inputs),) if self.inputs else ()
        return Task(id="t", prompt=self.prompt, inputs=inputs, team={"worker": (Agent(name=AGENT, prompt=house()),)})


Way = Callable[[Labelled], str]
"""What a task is given of the prompt."""


@cache
def house() -> str:
    return HOUSE.read_text("utf-8").strip()


@cache
def labelled() -> tuple[Labelled, ...]:
    decoder = msgspec.json.Decoder(Labelled)
    return tuple(decoder.decode(line) for line in TASKS.read_text("utf-8").splitlines())


def held_out() -> list[Labelled]:
    return [each for each in labelled() if each.is_held_out]


def assembly(each: Labelled, preset: Preset = "standard") -> Prompted:
    task = each.task
    stages = stages_ahead(StageSettings(preset=preset, rules=preset_rules(preset)), task)
    return assembled(task, "worker", each.type, stages)


def ours(each: Labelled, preset: Preset = "standard") -> str:
    return assembly(each, preset).task.team["worker"][0].prompt


def head(each: Labelled) -> str:
    """The sections from the beginning on, in as many tokens as ours."""
    return _filled(modules_of(house()), count(ours(each)))


def at_random(each: Labelled) -> str:
    """Any sections behind the first, in as many tokens as ours."""
    first, *others = modules_of(house())
    Random(each.prompt).shuffle(others)
    return _filled([first, *others], count(ours(each)))


BESIDE: dict[str, Way] = {"from the beginning on": head, "at random": at_random}


def _filled(modules: Sequence[Module], room: int) -> str:
    taken: list[str] = []
    for module in modules:
        room -= count(module.text)
        if room < 0:
            break
        taken.append(module.text)
    return "".join(taken)


def recall(way: Way, tasks: Sequence[Labelled]) -> float:
    """Of 100 sections that tasks need how many are given to them, whole."""
    by_title = {module.title: module.text.strip() for module in modules_of(house())}
    found = [by_title[title] in text for each in tasks for text in [way(each)] for title in each.needs]
    return 100 * sum(found) / len(found)


def warm_ms(rounds: int) -> list[float]:
    """How long the assembly for each of the tasks takes, the prompt being known."""
    ours(labelled()[0])
    times: list[float] = []
    gc.collect()
    for each in labelled() * rounds:
        start = time.perf_counter()
        assembly(each)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def cold_ms() -> float:
    forget()
    start = time.perf_counter()
    assembly(labelled()[0])
    return 1e3 * (time.perf_counter() - start)


def figures(rounds: int) -> list[Figure]:
    all_, judged, chosen_by = labelled(), held_out(), [each for each in labelled() if not each.is_held_out]
    sizes = [count(ours(each)) for each in all_]
    times = warm_ms(rounds)
    needs = sum(len(each.needs) for each in judged)
    return [
        Figure("the prompt", count(house()), "tok", f"{len(modules_of(house()))} sections"),
        Figure("given at standard, the most", max(sizes), "tok", bar=Bar(MOST_TOKENS)),
        Figure("given at standard, in the middle", median(sizes), "tok", f"least {min(sizes):,}"),
        Figure(
            "needed sections given, held out", recall(ours, judged), "%", f"{needs} sections", Bar(RECALL, least=True)
        ),
        Figure("needed sections given, chosen by", recall(ours, chosen_by), "%"),
        Figure("at aggressive, held out", recall(lambda each: ours(each, "aggressive"), judged), "%"),
        *(Figure(f"as many tokens {name}, held out", recall(way, judged), "%") for name, way in BESIDE.items()),
        Figure("assembly, the prompt being known", median(times), "ms", bar=Bar(MOST_MS)),
        Figure("assembly, 95 of 100", quantiles(times, n=20)[-1], "ms"),
        Figure("assembly of a new prompt", cold_ms(), "ms"),
    ]


def main() -> None:
    args = parser_of(__doc__, "two rounds of timing").parse_args()
    found = figures(2 if args.quick else args.rounds or 20)
    show("sections of a long prompt, and which of them a task is given", found, as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
