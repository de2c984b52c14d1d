"""Whole sessions in the test's own process, against a provider on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec

from events.log import Clock, Entry, EventLog, system_clock
from events.types.base import TextRef
from events.views.base import fold
from events.views.money import MoneyView
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import Place, TaskState
from swarm.connect import Roster
from swarm.engine.earlier import Earlier
from swarm.engine.faces import Faces
from swarm.messages import FREE, Price, Tier
from swarm.plan import Plan
from swarm.prompts.build import module
from swarm.redact import Secrets
from swarm.session import Result, resume_session, run_file
from swarm.settings.load import ModelConfig, ProviderConfig
from swarm.taskfile.read import parse_task_file
from tests.provider import Answer, Behaviour, Provider, Seen

Line = str | Answer | Callable[[dict[str, Any]], str | Answer]

NOTHING: Mapping[str, str] = {}

DEAR = Price(row="dear-1", input_nanos=1_000_000_000, output_nanos=4_000_000_000)
"""A dollar a million tokens of input, four a million of output."""


def plan_text(*instructions: str, approach: str = "do it well") -> str:
    steps = [{"title": text, "instruction": text} for text in instructions]
    return json.dumps({"options": [], "approach": approach, "steps": steps})


def verdict(passed: bool, reason: str = "it will do", score: float = 1.0) -> str:
    return json.dumps({"verdict": "pass" if passed else "fail", "score": score, "reason": reason})


PASS = verdict(True)


class Cast:
    """A behaviour by role: each role says its next line, and the last one again and again."""

    def __init__(
        self,
        *,
        explorer: Sequence[Line] = (),
        worker: Sequence[Line] = ("A fine result.",),
        validator: Sequence[Line] = (PASS,),
        summariser: Sequence[Line] = ("Step 1 is done; do step 2.",),
        subagent: Sequence[Line] = ("Nothing was found.",),
    ) -> None:
        self._lines = {
            "explorer": list(explorer or [plan_text("do it")]),
            "worker": list(worker),
            "validator": list(validator),
            "summariser": list(summariser),
            "subagent": list(subagent),
        }
        self.seen: list[tuple[str, dict[str, Any]]] = []  # role and request

    def play(self, role: str, *lines: Line) -> None:
        """Give a role other lines."""
        self._lines[role] = list(lines)

    def __call__(self, body: dict[str, Any]) -> Answer:
        role = role_of(body)
        self.seen.append((role, body))
        lines = self._lines[role]
        line = lines.pop(0) if len(lines) > 1 else lines[0]
        said = line(body) if callable(line) else line
        return said if isinstance(said, Answer) else Answer(said)

    def prompts(self, role: str) -> list[str]:
        """What the role was told beside its system prompt, call by call."""
        return ["\n".join(each["content"] for each in body["messages"][1:]) for who, body in self.seen if who == role]

    @property
    def roles(self) -> list[str]:
        return [role for role, _ in self.seen]


def role_of(body: Mapping[str, Any]) -> str:
    system = str(body["messages"][0]["content"])
    roles = ("explorer", "validator", "worker", "summariser", "subagent", "history")
    role = next(role for role in roles if system.startswith(module(role)))
    return "summariser" if role == "history" else role


def model(
    name: str, tier: Tier = "free", *, provider: str = "one", price: Price | None = FREE, **more: Any
) -> ModelConfig:
    return ModelConfig(name=name, provider=provider, model=name, tier=tier, price=price, **more)


def a_plan(
    servers: Mapping[str, str],
    *models: ModelConfig,
    transport: Literal["aiohttp", "httpx"] = "aiohttp",
    timeout_s: float = 30.0,
    **more: Any,
) -> Plan:
    """A plan with servers by name; one free model on the first of them where no model is named."""
    providers = tuple(ProviderConfig(name=name, base_url=url, concurrency=50) for name, url in servers.items())
    roster = Roster(
        models=models or (model("m1", provider=next(iter(servers))),),
        providers=providers,
        transport=transport,
        timeout_s=timeout_s,
    )
    given: dict[str, Any] = {"day_nanos": 500_000_000, "time_zone": "UTC", "paid_confirmed": True}
    return Plan(roster=roster, **(given | more))


@asynccontextmanager
async def serving(behaviour: Behaviour, *models: ModelConfig, **more: Any) -> AsyncGenerator[tuple[Provider, Plan]]:
    """A provider, and a plan that knows it as `one`."""
    async with Provider(behaviour) as provider:
        yield provider, a_plan({"one": provider.url}, *models, **more)


def a_state(**changes: Any) -> TaskState:
    """A task `t` of session 1, as it stands when it is submitted; of one decision, and to be drafted at once."""
    state = TaskState(
        session=1,
        name="t",
        title="t",
        spec=Place(TextRef("0" * 64), 1),
        type="writing",
        complexity="simple",
        explore=False,
        needs=(),
        attempts=3,
        outputs=(),
        decisions=1,
        submitted_at=0,
    )
    return msgspec.structs.replace(state, **changes)


def faces(**changes: Any) -> Faces:
    async def yes(_: str) -> bool:
        return True

    def see(_: Sequence[Entry]) -> None:
        return

    given: dict[str, Any] = {"observe": see, "confirm": yes, "stop": anyio.Event(), "abort": anyio.Event()}
    return Faces(**(given | changes))


async def run(
    log: EventLog,
    text: str,
    plan: Plan,
    root: Path,
    *,
    looks: Faces | None = None,
    earlier: Earlier | None = None,
    clock: Clock = system_clock,
    environ: Mapping[str, str] = NOTHING,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Run a task file's text in a new session."""
    file = parse_task_file(text, root / "tasks.yaml")
    return await run_file(
        log,
        file,
        plan,
        root=root,
        environ=environ,
        faces=looks or faces(),
        secrets=Secrets([]),
        source=text,
        earlier=earlier,
        clock=clock,
        say=say,
    )


async def resume(
    log: EventLog,
    plan: Plan,
    *,
    looks: Faces | None = None,
    session: int = 1,
    take_over: bool = False,
    clock: Clock = system_clock,
    environ: Mapping[str, str] = NOTHING,
) -> Result:
    return await resume_session(
        log,
        await state_of(log, session),
        plan,
        environ=environ,
        faces=looks or faces(),
        secrets=Secrets([]),
        take_over=take_over,
        clock=clock,
    )


async def state_of(log: EventLog, session: int = 1) -> SessionState:
    return (await fold(log, SessionsView())).sessions[session]


async def money_of(log: EventLog) -> MoneyView:
    return await fold(log, MoneyView())


def raised(plan: Plan, tokens: int) -> Plan:
    return msgspec.structs.replace(plan, session_tokens=tokens)


def asked_models(requests: Sequence[Seen]) -> list[str]:
    return [str(seen.body["model"]) for seen in requests]
