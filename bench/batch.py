"""What small tasks take in tokens that share a request (`tokens.batch`), beside the same tasks each in a request of its own.

python -m bench.batch [--quick] [--json]

The simple tasks of examples/coding/mix.yaml (ten kinds, twenty modules of each) are done in one session by the real program, without a judge,
as their check stands in the file. In place of a model a player on loopback answers each task in 60 words, the length that
bench/saving.py takes for such a task, alone or as one of several results. Tokens are counted by o200k and billed as a provider does
(bench/billing.py); the form of an answer that is sent with a request is counted, too. In the last column the player leaves out every
tenth result, so that its task is done alone after all.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import yaml

from bench.billing import PRICES, Billed, Meter
from bench.examples import FOLDER, LEVELS, WORDS
from bench.options import parser_of, to_its_end
from bench.provider import answer
from bench.saving import COMMON
from bench.table import Bar, Figure, show
from bench.workload import provider
from events.log import open_log
from swarm.connect import Roster, endpoint
from swarm.engine.faces import Faces
from swarm.plan import plan_of
from swarm.redact import Secrets
from swarm.session import run_file
from swarm.settings.load import load_settings
from swarm.taskfile.read import parse_task_file
from swarm.text.count import count

ITEMS = 20
COLUMNS: Mapping[str, tuple[int, int]] = {
    "alone": (0, 0),
    "5": (5, 0),
    "10": (10, 0),
    "20": (20, 0),
    "10, a tenth missing": (10, 10),
}
"""How many tasks share a request, and which result of how many is left out."""

_PART = re.compile(r'<task n="(\d+)">\n(.*?)\n</task>', re.DOTALL)


@dataclass
class Player:
    """The model: it says as many words as such a task takes, about the module that it is asked about."""

    modules: tuple[str, ...]
    leaves_out: int
    meter: Meter = field(default_factory=lambda: Meter(count))
    billed: Billed = field(default_factory=Billed)
    calls: int = 0
    results: int = 0

    def __call__(self, body: bytes) -> bytes:
        request: dict[str, Any] = json.loads(body)
        asked = str(request["messages"][-1]["content"])
        parts = dict(_PART.findall(asked))
        text = json.dumps(self._together(parts)) if parts else self._said(asked)
        schema = request.get("response_format")
        form = Billed(input=count(json.dumps(schema))) if schema else Billed()
        billed = self.meter.bill(request, text) + form
        self.billed += billed
        self.calls += 1
        return answer(text, stream=bool(request.get("stream")), usage=billed.usage, finish="stop")

    def _together(self, parts: Mapping[str, str]) -> dict[str, str]:
        said: dict[str, str] = {}
        for number, asked in parts.items():
            self.results += 1
            if not self.leaves_out or self.results % self.leaves_out:
                said[number] = self._said(asked)
        return said

    def _said(self, asked: str) -> str:
        words = re.findall(r"\w+", asked)
        module = next(word for word in words if word in self.modules)
        return " ".join([f"import {module}", *["and so it does what it is to do"] * (WORDS["simple"] // 8)])


def task_file(items: int, kinds: int = 10) -> tuple[str, tuple[str, ...]]:
    """The first simple tasks of the mix for the first of the modules, and the names of these."""
    file = yaml.safe_load((FOLDER / "coding/mix.yaml").read_text())
    names = [name for name, level in zip(file["tasks"], LEVELS, strict=True) if level == "simple"][:kinds]
    modules = tuple(file["tasks"][names[0]]["each"][:items])
    tasks = {name: {**file["tasks"][name], "each": list(modules)} for name in names}
    return json.dumps({"name": "mix", "budget": "20M", "defaults": file["defaults"], "tasks": tasks}), modules


async def done(together: int, leaves_out: int, items: int, folder: Path, kinds: int = 10) -> tuple[Player, int]:
    """Do the work; what it took, and how many tasks were accepted."""
    text, modules = task_file(items, kinds)
    player, environ = Player(modules, leaves_out), {"HOME": str(folder), "SWARM_TIME_ZONE": "UTC"}
    flags: dict[str, Any] = {**COMMON, "tokens.batch": together or "off"}
    async with provider(player) as url, open_log(folder / "log.db") as log:
        model, server = await endpoint(url, model="player", price=PRICES.written, environ={}, transport="aiohttp")
        model = msgspec.structs.replace(model, context_tokens=128_000, max_output_tokens=16_384)
        loaded = load_settings(folder, environ=environ, flags=flags)
        plan = plan_of(loaded, Roster(models=(model,), providers=(server,)), confirmed=True)
        faces = Faces(observe=lambda _: None, confirm=_yes, stop=anyio.Event(), abort=anyio.Event())
        file = parse_task_file(text, folder / "tasks.yaml")
        result = await run_file(log, file, plan, root=folder, environ=environ, faces=faces, secrets=Secrets([]))
    return player, sum(task.status == "accepted" and "." in task.name for task in result.tasks)


async def _yes(_: str) -> bool:
    return True


def figures(items: int) -> list[Figure]:
    rows: list[Figure] = []
    alone = 0.0
    for name, (together, leaves_out) in COLUMNS.items():
        with tempfile.TemporaryDirectory() as folder:
            player, accepted = anyio.run(partial(done, together, leaves_out, items, Path(folder)))
        each = player.billed.tokens / max(1, accepted)
        alone = alone or each
        beside = f"{player.calls} calls, {player.billed.input:,} tokens in, {player.billed.output:,} out"
        rows += [
            Figure(f"{name}: accepted", accepted, "", beside, Bar(10 * items, least=True)),
            Figure(f"{name}: tokens for an accepted task", each),
            Figure(f"{name}: of those alone", 100 * each / alone, "%"),
        ]
    return rows


def main() -> None:
    parser = parser_of(__doc__, "three modules in place of twenty")
    args = parser.parse_args()
    if args.rounds or args.folder:
        parser.error("the figures are the same each time and on each disk; leave --rounds and --folder out")
    items = 3 if args.quick else ITEMS
    show(f"{10 * items} simple coding tasks in one session, tokens by o200k", figures(items), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
