"""Which stages texts pass on their way into a request: by preset, and by what settings say of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from swarm.units import kind_of, shortened

if TYPE_CHECKING:
    from swarm.settings.layers import Layers

STAGES: Mapping[str, str] = {
    "inputs": "what a task is given to read: the parts that fit its words",
    "results": "what other tasks and earlier steps came to: the parts that fit the step",
    "outputs": "what tools say: folded, as tables, without repetitions",
    "skills": "what a step is told of skills: of the best its sections that fit, of others a line",
    "tools": "what is told of tools: without bounds that go without saying",
    "prompt": "what agents are told of themselves: of a long one the sections that hold for the task, or fit it",
    "history": "older turns of a conversation with tools, once it has grown: in bulk, with a handle to each output",
    "evidence": "what an explorer plans by, and of its inputs what each step needs by the plan",
}
"""What passes each of them."""

GIVEN = frozenset({"inputs", "results", "evidence", "prompt"})
"""Those that what a worker is given passes once, before it says anything: it cannot fetch the rest itself."""

WHOLE_AFTERWARDS = GIVEN | {"skills"}
"""Those that nothing passes once a draft was rejected."""

Mode = Literal["off", "measure", "on"]
MODES: tuple[Mode, ...] = get_args(Mode)

Preset = Literal["off", "observe", "minimal", "standard", "aggressive", "adaptive"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

HELD_BACK = 0.1
"""Of the tasks that `adaptive` leaves as they are, so that there is something to compare with."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of a text that passes a stage."""

    mode: Mode = "off"
    keep: float = (
        1.0  # the share of its tokens that it is made shorter to; 1: only what can be put together again whole
    )
    share: float = 1.0  # of the tasks; the others are held back for comparison
    asked: bool = False  # settings name the stage itself: figures do not withdraw it


class StageSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The stages of a session. As new: none."""

    preset: Preset = "off"
    rules: Mapping[str, Rule] = {}
    history: Strategy = "results"
    lingua: str = ""  # the folder of a model that leaves words out of prose; "": none


_OFF = Rule()

_KEEPS: Mapping[Preset, Mapping[str, float]] = {
    "minimal": dict.fromkeys(STAGES, 1.0),
    "standard": {
        "inputs": 0.3,
        "results": 0.3,
        "outputs": 0.5,
        "history": 0.125,
        "evidence": 0.1,
        "skills": 0.6,
        "tools": 1.0,
        "prompt": 0.3,
    },
    "aggressive": {
        "inputs": 0.25,
        "results": 0.25,
        "outputs": 0.35,
        "history": 0.0625,
        "evidence": 0.1,
        "skills": 0.4,
        "tools": 1.0,
        "prompt": 0.2,
    },
}
"""What a text is made shorter to. Half is what keeps the answer in 98 of 100 texts where a question names what it is about, a
quarter in 94, and where two facts make it in 92 and 82 (`python -m bench.compression`). Who lacks something is given all of it
afterwards, so what a share costs is that share and what is asked for: least of all at a quarter to a third. What a tool says
can be had by its handle at any time, but that takes a turn, which is dear. An eighth keeps the answer in 90 of 100: that is for
what the model has read before."""

Strategy = Literal["results", "digest", "summary"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
"""How older turns are made short: their results one by one; all of them in words; or in those of a free model."""


AnswersAgain = Literal["off", "exact", "near", "suggest"]
ANSWERS: tuple[AnswersAgain, ...] = get_args(AnswersAgain)
"""Which calls may get the answer of an earlier one: none, those that ask the same to the letter, those that ask it in other words; and
with `suggest` who is asked what is one word apart is told of it."""

_ANSWERS: Mapping[Preset, AnswersAgain] = {
    "off": "off",
    "observe": "off",
    "minimal": "exact",
    "standard": "exact",
    "aggressive": "suggest",
    "adaptive": "exact",
}


MOST_TOGETHER = 20
"""Tasks that share a request at the most."""


def parse_batch(value: object, source: object) -> int:
    """Read how many small tasks share a request: `off`, which is 0, or a number from 2."""
    what = f"off is expected, or how many small tasks share a request: a whole number from 2 to {MOST_TOGETHER}"
    if value == "off":
        return 0
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}", value) else value
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{what}; not {shortened(value) if isinstance(value, str) else kind_of(value)}")
    if not 2 <= number <= MOST_TOGETHER:
        raise ValueError(f"{what}; not {number}")
    return number


def parse_use(value: object, source: object) -> str | float:
    """Read `off`, `measure`, `on`, or the share of the tasks for which it is on, such as 0.5."""
    what = "off, measure or on is expected, or the share of the tasks for which it is on, such as 0.5"
    if isinstance(value, str) and value in MODES:
        return value
    if isinstance(value, str) and re.fullmatch(r"0?\.[0-9]{1,6}|[01]", value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{what}; not {shortened(value) if isinstance(value, str) else kind_of(value)}")
    if not 0 <= value <= 1:
        raise ValueError(f"{what}; not {value}")
    return float(value)


def stage_settings(layers: Layers) -> StageSettings:
    """What the layers say: the preset, and in its place what is said of a stage itself."""
    preset: Preset = layers.values["tokens", "preset"]
    rules = dict(preset_rules(preset))
    for key, use in layers.values.items():
        if key[:2] == ("tokens", "stages"):
            rules[key[2]] = _used(rules.get(key[2], _OFF), key[2], use)
    left = {stage: rule for stage, rule in rules.items() if rule.mode != "off"}
    lingua: str = layers.values.get(("tokens", "lingua")) or ""
    return StageSettings(preset=preset, rules=left, history=layers.values["tokens", "history"], lingua=lingua)


def answers_again(layers: Layers) -> AnswersAgain:
    """What the layers say of it, else the preset."""
    said: AnswersAgain | None = layers.values.get(("tokens", "answers"))
    return said or _ANSWERS[layers.values["tokens", "preset"]]


def results_again(layers: Layers) -> bool:
    """Whether what a tool said may be given again, as the layers say it; else where answers are by the preset."""
    said: str | None = layers.values.get(("tokens", "tool_results"))
    return said == "on" if said else _ANSWERS[layers.values["tokens", "preset"]] != "off"


def preset_rules(preset: Preset) -> Mapping[str, Rule]:
    """The stages of a preset.

    >>> preset_rules("adaptive")["inputs"]
    Rule(mode='on', keep=0.3, share=0.9, asked=False)
    >>> preset_rules("off")
    {}
    """
    if preset == "off":
        return {}
    if preset == "observe":
        return {stage: Rule(mode="measure", keep=keep) for stage, keep in _KEEPS["standard"].items()}
    share = 1 - HELD_BACK if preset == "adaptive" else 1.0
    keeps = _KEEPS["standard" if preset == "adaptive" else preset]
    return {stage: Rule(mode="on", keep=keep, share=share) for stage, keep in keeps.items()}


def _used(rule: Rule, stage: str, use: str | float) -> Rule:
    """The rule with what settings say of the stage itself. One that the preset has not is used as `standard` has it."""
    keep = rule.keep if rule.mode != "off" else _KEEPS["standard"][stage]
    if isinstance(use, float):
        return Rule(mode="on" if use else "off", keep=keep, share=use, asked=True)
    mode: Mode = use  # type: ignore[assignment]  # parse_use lets nothing else through
    return Rule(mode=mode, keep=keep, asked=True)
