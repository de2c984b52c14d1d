"""The cases of a skill as runs: each is done twice in a folder of its own, once told of the skill and once told of none."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from events.log import EventLog
from events.views.base import fold
from events.views.skills import SkillsView
from skills.evals import FOLDER, Case
from skills.skill import Skill
from swarm.connect import SCRIPTED, Roster, Script
from swarm.engine.faces import Faces
from swarm.errors import UsageError
from swarm.insight.difference import Count, Difference, Stratum, difference
from swarm.messages import FREE
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.session import Result, run_file
from swarm.settings.load import ModelConfig, ProviderConfig
from swarm.task import Budget, TaskFile, with_budget
from swarm.taskfile.read import parse_task_file

_VERDICTS = {"accepted": True, "rejected": False}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a case went. `passed` is None where it came to no verdict, for the `reason`."""

    passed: bool | None
    session: str = ""
    tokens: int = 0
    cost_nanos: int = 0
    carried: int = 0  # tokens of the skill's text in its requests, about
    told: bool = False  # the skill's text stood in a request
    reason: str = ""
    at_cap: bool = False  # a budget has too little left for it


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A case, done with the skill and without it."""

    skill: str
    case: str
    with_it: Outcome
    without: Outcome

    @property
    def is_compared(self) -> bool:
        return self.with_it.passed is not None and self.without.passed is not None


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What the cases of a skill say of it: those of them that came to a verdict both ways."""

    skill: str
    with_it: Count
    without: Count
    tokens_with: int
    tokens_without: int
    gain: Difference | None

    @property
    def helps(self) -> bool:
        """Something passes with it, and no less than without it."""
        return self.with_it.passed > 0 and self.with_it.passed >= self.without.passed


def worth(skill: str, trials: Sequence[Trial]) -> Worth:
    """Sum the trials of a skill up."""
    compared = [trial for trial in trials if trial.skill == skill and trial.is_compared]
    with_it, without = (_count([getattr(trial, way) for trial in compared]) for way in ("with_it", "without"))
    return Worth(
        skill=skill,
        with_it=with_it,
        without=without,
        tokens_with=sum(trial.with_it.tokens for trial in compared),
        tokens_without=sum(trial.without.tokens for trial in compared),
        gain=difference([Stratum(with_it, without)]),
    )


def _count(outcomes: Sequence[Outcome]) -> Count:
    passed = sum(outcome.passed is True for outcome in outcomes)
    return Count(passed, len(outcomes) - passed)


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What all runs of an evaluation share."""

    log: EventLog
    plan: Plan
    environ: Mapping[str, str]
    secrets: Secrets
    carry_out: Callable[[Callable[[Faces], Awaitable[Result]]], Awaitable[Result]]


async def run_case(
    bench: Bench, skill: Skill, name: str, case: Case, *, told: bool, place: Path, budget: Budget | None, scripted: bool
) -> Outcome:
    """Do a case in the empty folder `place`, told of the skill or of none. `scripted` has its good or its bad answer given.

    Raises UsageError where the case is no task.
    """
    root, config = place / "case", place / "config"
    root.mkdir()
    shutil.copytree(skill.folder, config / "swarm" / "skills" / skill.name, ignore=_without_cases)
    for path, text in case.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    file = case_file(skill.name, name, case, told=told, root=root)
    plan = bench.plan
    if scripted:
        script = write_script(place / "script.toml", case.good if told else case.bad)
        plan = msgspec.structs.replace(plan, roster=scripted_roster(str(script)))

    async def session(faces: Faces) -> Result:
        return await run_file(
            bench.log,
            file if budget is None else with_budget(file, budget),
            plan,
            root=root,
            environ={**bench.environ, "XDG_CONFIG_HOME": str(config)},
            faces=faces,
            secrets=bench.secrets,
            type_="eval",
        )

    return await _outcome(bench.log, await bench.carry_out(session), skill.name)


def _without_cases(_: str, names: list[str]) -> list[str]:
    """The answers are not for whoever is measured by them."""
    return [name for name in names if name == FOLDER]


async def _outcome(log: EventLog, result: Result, skill: str) -> Outcome:
    (task,) = result.tasks
    view = await fold(log, SkillsView(), session=int(result.session.removeprefix("s")))
    uses = [use for carried, use in view.uses.items() if carried.skill == skill]
    passed = True if task.status == "accepted" else _VERDICTS.get(task.cause)
    return Outcome(
        passed=passed,
        session=result.session,
        tokens=task.tokens,
        cost_nanos=task.cost_nanos,
        carried=sum(use.tokens for use in uses),
        told=any(use.loads for use in uses),
        reason=task.reason,
        at_cap=task.cause == "budget",
    )


def case_file(skill: str, name: str, case: Case, *, told: bool, root: Path) -> TaskFile:
    """A case as a task file. It has one try: what counts is whether the first draft passes. Raises UsageError."""
    import yaml

    section: dict[str, Any] = {
        "name": "case",
        "prompt": case.prompt,
        "check": case.check,
        "skills": [skill] if told else "none",
        "limits": {"attempts": 1},
        "changes": "keep",
    }
    section |= {"input": list(case.files)} if case.files else {}
    section |= {"tools": case.tools} if case.tools is not None else {}
    try:
        return parse_task_file(yaml.safe_dump(section, allow_unicode=True), root / "case.yaml")
    except UsageError as error:
        raise UsageError(f"the case {name!r} of the skill {skill!r} is no task: {error}") from error


def write_script(path: Path, answer: str) -> Path:
    """A script with one answer to everything; it is TOML, whose strings are those of JSON."""
    says = msgspec.json.encode(answer).decode().replace("\x7f", "\\u007f")
    path.write_text(f"[[line]]\nsays = {says}\n", "utf-8")
    return path


def scripted_roster(script: str) -> Roster:
    """One free model that says what stands in a script."""
    model = ModelConfig(name="script", provider=SCRIPTED, model="script", tier="free", price=FREE)
    return Roster(models=(model,), providers=(ProviderConfig(name=SCRIPTED, base_url=""),), script=Script(path=script))
