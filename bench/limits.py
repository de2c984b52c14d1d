"""What it saves to limit answers to what is foreseen, and what it costs: over answers that are drawn, and over recorded ones.

python -m bench.limits [--json]

Each row limits calls to a quantile of the answers before them, from so many answers on, where that is at most a part of what is
allowed; what is cut is asked for again with all that is allowed. Beside it stands the same without limits. `held` is what is
reserved (of the input a byte for a token, as the ledger does) times the time until the answer is there, `paid` what it costs;
both at prices of which output is five times that of input. The recorded sizes are worked out from the costs in the folder that
SWARM_BENCH_DATA names; without it that part is left out, and said to be.
"""

from __future__ import annotations

import gzip
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.options import parser_of, to_its_end
from bench.outcomes import FOLDER
from bench.table import Figure, show
from events.views.sizes import Kind, Sizes, SizesView
from swarm.money.allowances import ALLOWANCES
from swarm.money.foresight import LEAST_ANSWERS, LEAST_TOKENS, PART, SHARE, quantile

TASKS = 2_000
OUTPUT_PRICE = 5  # times that of input, as most providers have it
BYTES_A_TOKEN = 4
TOKENS_A_SECOND, BEFORE_S = 50, 1.0

DRAWN = ("plain", "a long tail", "twice as long midway")
RECORDED = "routerarena2"
PRICES = ((0.10e-6, 0.40e-6), (0.25e-6, 1.25e-6))
"""Dollars a token of input and output of its two models, gemini-2.0-flash and claude-3-haiku (their makers' price lists)."""


@dataclass(frozen=True)
class Asked:
    """A call, and how long its whole answer would be."""

    kind: Kind
    size: int
    allowed: int
    input: int


@dataclass(frozen=True)
class Rule:
    """From how many answers on which share of them is to fit, and how much less than allowed that has to be."""

    percent: int = SHARE
    answers: int = LEAST_ANSWERS
    part: float = 1 / PART


@dataclass
class Spent:
    held: float = 0.0
    paid: float = 0.0
    calls: int = 0
    cut: int = 0


def drawn(name: str) -> list[Asked]:
    """Drafts and verdicts of three models of which each task type has its own length."""
    random, found = Random(name), list[Asked]()
    types = ("code", "docs", "tests", "writing")
    for number in range(TASKS):
        type_ = random.choice(types)
        model, wordy = random.choices((("a", 1.0), ("b", 1.3), ("c", 0.8)), (6, 3, 1))[0]
        level = random.choices(("simple", "moderate", "complex"), (5, 4, 1))[0]
        allowed = ALLOWANCES[level].output_tokens
        size = allowed / 4 * (1 + 0.3 * types.index(type_)) * wordy * math.exp(random.gauss(0, 0.45))
        if name == DRAWN[1] and random.random() < 0.04:
            size *= 6
        if name == DRAWN[2] and number > TASKS // 2:
            size *= 2
        verdict = 45 * math.exp(random.gauss(0, 0.3))
        found.append(Asked(Kind("worker", level, type_, model), int(size) + 1, allowed, 600))
        found.append(Asked(Kind("validator", level, type_, model), int(verdict) + 1, 400, 800))
    return found


def recorded() -> list[Asked] | None:
    """Answers of real models to questions of many kinds, in an order of chance; None where they are not there."""
    folder = os.environ.get(FOLDER, "")
    path = Path(folder) / f"{RECORDED}.npz"
    if not folder or not path.is_file():
        return None
    import numpy as np

    with np.load(path, allow_pickle=False) as data:
        questions = gzip.decompress(data["text_gz"].tobytes()).decode().split("\0")
        costs: list[list[float]] = data["cost"].tolist()
        models = [str(each) for each in data["models"]]
        families = [str(data["type_names"][each]) for each in data["type_id"].tolist()]
    found: list[Asked] = []
    for question, family, row in zip(questions, families, costs, strict=True):
        input_ = len(question) // BYTES_A_TOKEN
        for model, cost, (of_input, of_output) in zip(models, row, PRICES, strict=True):
            size = max(1, int((cost - input_ * of_input) / of_output))
            kind = Kind("worker", "simple", family.partition("_")[0].partition("-")[0], model)
            found.append(Asked(kind, size, ALLOWANCES["simple"].output_tokens, input_))
    Random(RECORDED).shuffle(found)
    return found


def carried_out(calls: Sequence[Asked], rule: Rule | None) -> Spent:
    """Make the calls one after the other, each limited by what is known then."""
    sizes, spent = SizesView(), Spent()
    for asked in calls:
        limit = limit_of(sizes, asked, rule) if rule else asked.allowed
        _call(spent, asked, limit)
        if limit < asked.allowed and asked.size > limit:
            spent.cut += 1
            _call(spent, asked, asked.allowed)
        learn(sizes, asked)
    return spent


def learn(sizes: SizesView, asked: Asked) -> None:
    """Count the answer, as the view of a log does."""
    for kind in (asked.kind, *asked.kind.wider):
        sizes.kinds.setdefault(kind, Sizes()).add(asked.size, cut=asked.size > asked.allowed)


def limit_of(sizes: SizesView, asked: Asked, rule: Rule) -> int:
    """As `foresee`, by another rule."""
    own = sizes.of(asked.kind) or Sizes()
    for group in (asked.kind, *asked.kind.wider):
        known = sizes.of(group)
        if known is None or known.answers < rule.answers:
            continue
        most = quantile(known, rule.percent)
        if most is None or (group != asked.kind and own.cut):
            break
        most = max(most, LEAST_TOKENS, 0 if group == asked.kind else max(own.whole, default=0))
        return most if most <= asked.allowed * rule.part else asked.allowed
    return asked.allowed


def _call(spent: Spent, asked: Asked, limit: int) -> None:
    given = min(asked.size, limit)
    spent.held += (asked.input * BYTES_A_TOKEN + OUTPUT_PRICE * limit) * (BEFORE_S + given / TOKENS_A_SECOND)
    spent.paid += asked.input + OUTPUT_PRICE * given
    spent.calls += 1


def rules() -> list[Rule]:
    """The program's own first, then what else was tried."""
    shares = [Rule(percent, answers) for percent, answers in ((90, 9), (95, 19), (97, 39), (99, 19), (99, 99))]
    return [Rule(), *shares, Rule(part=0.75), Rule(part=0.9)]


def figures() -> list[Figure]:
    worlds: list[tuple[str, Sequence[Asked] | None]] = [
        *((name, drawn(name)) for name in DRAWN),
        ("recorded", recorded()),
    ]
    found: list[Figure] = []
    for name, calls in worlds:
        if calls is None:
            sys.stderr.write(f"no recorded answers: {FOLDER} names no folder with {RECORDED}.npz\n")
            continue
        whole = carried_out(calls, None)
        for rule in rules():
            limited = carried_out(calls, rule)
            said = f"{name}: {rule.percent} % fit, from {rule.answers} answers, at most {rule.part:g} of the allowance"
            paid, cut = limited.paid / whole.paid - 1, limited.cut / whole.calls
            beside = f"paid {100 * paid:+.1f} %, cut {100 * cut:.1f} % of the calls"
            found.append(Figure(said, 100 * (limited.held / whole.held - 1), "%", beside))
    return found


def main() -> None:
    args = parser_of(__doc__, "no difference: it takes seconds").parse_args()
    show(f"held against no limits, {TASKS:,} tasks drawn", figures(), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
