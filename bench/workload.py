"""What a day of work costs, and how much of it free tiers do: twenty-four tasks, on the settings that ship.

python -m bench.workload [--quick] [--json] [--rounds N] [--seed N]

Each round is a day with luck of its own, from `--seed` on: the tasks of bench/day.py run one after the other, each in a session of
its own on one log, on the models that three keys give (OpenRouter's free ones, DeepSeek, OpenAI) at the prices that ship. What
they answer is scripted, by a provider on loopback. The same day is then done with more attempts a task, without the free models, and by the
dearest model alone. The same seed gives the same figures; nothing depends on the machine. Goals: docs/explanation/measurements.md.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import msgspec

from bench.day import CHARACTERS_A_TOKEN, JOBS, Job, Luck, Strength
from bench.options import at_least, parser_of, to_its_end
from bench.provider import Serving, answer
from bench.table import Bar, Figure, show
from events.log import EventLog, open_log
from events.testing.builders import SetClock
from events.views.base import fold
from events.views.spending import Asked, SpendingView
from swarm.connect import Roster
from swarm.engine.faces import Faces
from swarm.messages import Price
from swarm.plan import Plan, plan_of
from swarm.redact import Secrets
from swarm.roster import roster_with
from swarm.session import Result, run_file
from swarm.settings.load import Loaded, ModelConfig, load_settings
from swarm.taskfile.read import parse_task_file

KEYS = ("OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY")
GAP_S = 20 * 60  # from one task to the next: eight hours in all
RIGHT, WRONG = "Nothing of it is missing.", "Some of it is left open."
FILLER = "Here stands a line of what was asked for, as long as such lines are. "
DOLLAR = 10**9


@dataclass(frozen=True)
class Day:
    """What one day came to. Amounts are nano-dollars."""

    nanos: int
    accepted: int
    right: int  # of those, what is so
    free: int  # of those, what nothing was paid for
    wasted: int  # on drafts that were rejected
    drafts: int


class Player:
    """Plays all models: reads from a request who is asked for which job, and answers as luck has it."""

    def __init__(self, jobs: Sequence[Job], luck: Luck, strengths: dict[str, Strength]) -> None:
        self._jobs, self._luck, self._strengths = jobs, luck, strengths
        self._times: dict[tuple[str, str], int] = {}  # by job and model, or the judge
        self.drafts = 0

    def __call__(self, body: bytes) -> bytes:
        request: dict[str, Any] = json.loads(body)
        said = "\n".join(str(message["content"]) for message in request["messages"])
        job = next(job for job in self._jobs if f"[{job.name}]" in said)
        role = next((role for role in ("explorer", "validator") if said.startswith(f"You are the {role}")), "worker")
        text = self._plan(job) if role == "explorer" else self._verdict(job, said) if role == "validator" else ""
        most = CHARACTERS_A_TOKEN * int(request.get("max_completion_tokens") or request["max_tokens"])
        text = text or self._draft(job, str(request["model"]), most)
        finish = "length" if len(text) > most else "stop"
        text = text[:most]
        counted = {
            "prompt_tokens": len(said) // CHARACTERS_A_TOKEN,
            "completion_tokens": -(-len(text) // CHARACTERS_A_TOKEN),
        }
        return answer(
            text,
            stream=bool(request.get("stream")),
            usage={**counted, "total_tokens": sum(counted.values())},
            finish=finish,
        )

    def _nth(self, job: Job, whose: str) -> int:
        self._times[job.name, whose] = nth = self._times.get((job.name, whose), 0) + 1
        return nth

    def _draft(self, job: Job, model: str, most: int) -> str:
        """A draft, right or wrong; one that has more characters than it may is no try: it is cut, and asked for again."""
        body = FILLER * (job.answer_tokens * CHARACTERS_A_TOKEN // len(FILLER))
        if len(body) + len(RIGHT) + len(job.name) + 2 > most:
            return body + RIGHT * (most // len(RIGHT))
        self.drafts += 1
        is_right = self._luck.draft_is_right(job, self._strengths[model], model, self._nth(job, model))
        return f"{job.name}: {body}{RIGHT if is_right else WRONG}"

    def _verdict(self, job: Job, said: str) -> str:
        passes = (RIGHT in said) == self._luck.judge_is_right(job, self._nth(job, "judge"))
        why = "It does what was asked." if passes else "Something is left open; say it all."
        return json.dumps({"verdict": "pass" if passes else "fail", "score": 0.9 if passes else 0.3, "reason": why})

    def _plan(self, job: Job) -> str:
        options = [
            {"option": "in one go", "pros": "whole", "cons": "long"},
            {"option": "part by part", "pros": "small", "cons": "slow"},
        ]
        steps = [{"title": "do it", "instruction": f"[{job.name}] {job.prompt}"}]
        return json.dumps(
            {"options": options, "approach": "In one go: the parts depend on each other.", "steps": steps}
        )


@asynccontextmanager
async def provider(player: Callable[[bytes], bytes]) -> AsyncGenerator[str]:
    """A player on loopback: what it makes of a request is the response. Its base URL."""
    server = await asyncio.get_running_loop().create_server(lambda: Serving(0, player), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def settings_in(home: Path) -> Loaded:
    """The settings that ship, with nothing of this machine's user in them."""
    return load_settings(home, environ=environ(home))


def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "SWARM_TIME_ZONE": "UTC", **dict.fromkeys(KEYS, "bench-key")}


def roster_at(url: str, found: Roster) -> Roster:
    """The same models, all of them there: a scripted day has no minutes in which a provider takes so many requests."""
    providers = [
        msgspec.structs.replace(each, base_url=url, requests_per_minute=None, tokens_per_minute=None)
        for each in found.providers
    ]
    return msgspec.structs.replace(found, providers=tuple(providers))


def strengths(models: Sequence[ModelConfig]) -> dict[str, Strength]:
    """By the name at the provider how good a model is taken to be: what is free is small, the dearest is the best."""
    best = dearest(models)
    return {
        each.model: "best" if each.model == best.model else "small" if _price(each).is_free else "middle"
        for each in models
    }


def dearest(models: Sequence[ModelConfig]) -> ModelConfig:
    return max(models, key=lambda each: _price(each).output_nanos)


def _price(model: ModelConfig) -> Price:
    assert model.price is not None, "the models that ship have prices"
    return model.price


@dataclass(frozen=True)
class Way:
    """Which of the models do a day, and how many attempts a task has; None: as many as by default."""

    models: Callable[[tuple[ModelConfig, ...]], tuple[ModelConfig, ...]] = tuple
    attempts: int | None = None


DEFAULT = "as shipped"
WAYS: Mapping[str, Way] = {
    DEFAULT: Way(),
    "8 attempts": Way(attempts=8),
    "no free models": Way(lambda models: tuple(each for each in models if not _price(each).is_free)),
    "the dearest model alone": Way(lambda models: (dearest(models),)),
}


async def a_day(seed: int, jobs: Sequence[Job], folder: Path, way: Way) -> Day:
    """Do the jobs one after the other."""
    loaded = settings_in(folder)
    found = roster_with((), loaded.settings, environ(folder))
    player, clock = Player(jobs, Luck(seed), strengths(found.models)), SetClock()
    found = msgspec.structs.replace(found, models=way.models(found.models))
    results: list[Result] = []
    for job in jobs:
        (folder / f"{job.name}.txt").write_text((FILLER * (job.input_size // len(FILLER) + 1))[: job.input_size])
    async with provider(player) as url, open_log(folder / "log.db", clock=clock) as log:
        plan = plan_of(loaded, roster_at(url, found), confirmed=True)
        for job in jobs:
            results.append(await _done(log, _task(job, seed, way.attempts), plan, folder, clock))
            clock.move(GAP_S)
        spending = (await fold(log, SpendingView())).findings(Asked())
    texts = [task.text or "" for result in results for task in result.tasks if task.status == "accepted"]
    return Day(
        nanos=sum(result.cost_nanos for result in results),
        accepted=spending.accepted,
        right=sum(RIGHT in text for text in texts),
        free=spending.free,
        wasted=spending.wasted,
        drafts=player.drafts,
    )


def _task(job: Job, seed: int, attempts: int | None) -> str:
    """The job as a user writes it down; the seed is in its name, which the draw of a model goes by."""
    task: dict[str, Any] = {"prompt": f"[{job.name}] {job.prompt}", "input": f"{job.name}.txt"}
    task |= {"accept": job.accept, "check": {"contains": job.name}} if job.accept else {"check": {"contains": RIGHT}}
    task |= {"limits": {"attempts": attempts}} if attempts else {}
    return json.dumps({"tasks": {f"{job.name}-{seed}": task | ({"explore": True} if job.explore else {})}})


async def _done(log: EventLog, text: str, plan: Plan, folder: Path, clock: SetClock) -> Result:
    """Run a task file in a session of its own."""
    faces = Faces(observe=lambda _: None, confirm=_yes, stop=anyio.Event(), abort=anyio.Event())
    file = parse_task_file(text, folder / "tasks.yaml")
    env, secrets = environ(folder), Secrets([])
    return await run_file(log, file, plan, root=folder, environ=env, faces=faces, secrets=secrets, clock=clock)


async def _yes(_: str) -> bool:
    return True


def measured(seed: int, jobs: Sequence[Job]) -> dict[str, Day]:
    """One day, done in each way."""
    days: dict[str, Day] = {}
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            days[name] = anyio.run(a_day, seed, jobs, Path(folder), way)
    return days


def figures(days: Sequence[Mapping[str, Day]], count: int) -> list[Figure]:
    """The table: medians over the days, with their range."""
    rows: list[Figure] = []
    for name in WAYS:
        each = [day[name] for day in days]
        bars = (Bar(50), Bar(80, least=True)) if name == DEFAULT else (None, None)
        rows += [
            _row(f"{name}: cost of the day", [100 * day.nanos / DOLLAR for day in each], "ct", bars[0]),
            _row(f"{name}: accepted, of {count} tasks", [day.accepted for day in each], ""),
            _row(
                f"{name}: of them by free tiers alone", [_share(day.free, day.accepted) for day in each], "%", bars[1]
            ),
            _row(f"{name}: of them right", [_share(day.right, day.accepted) for day in each], "%"),
            _row(
                f"{name}: cost of an accepted task",
                [100 * day.nanos / DOLLAR / max(1, day.accepted) for day in each],
                "ct",
            ),
            _row(f"{name}: of the cost, for rejected drafts", [_share(day.wasted, day.nanos) for day in each], "%"),
            _row(f"{name}: drafts for an accepted task", [day.drafts / max(1, day.accepted) for day in each], ""),
        ]
    return rows


def _row(what: str, values: Sequence[float], unit: str, bar: Bar | None = None) -> Figure:
    return Figure(what, median(values), unit, f"{min(values):.3g} to {max(values):.3g}", bar)


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def main() -> None:
    parser = parser_of(__doc__, "3 days, in ten seconds")
    parser.add_argument("--seed", type=at_least(0), default=1, help="of the first day (default: 1)")
    args = parser.parse_args()
    rounds = args.rounds or (3 if args.quick else 15)
    days = [measured(args.seed + number, JOBS) for number in range(rounds)]
    title = f"{len(JOBS)} tasks a day on the settings that ship, answers scripted, medians of {rounds} days"
    show(title, figures(days, len(JOBS)), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
