"""`swarm models test`: one tiny call of each model, made, capped and recorded as the calls of any run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import Entry, open_log
from events.types.call import CallFailed, CallReserved, CallSettled, CallUnknown
from events.types.control import CancelRequested
from swarm.cli.asking import ask
from swarm.cli.models_known import KnownModel, cooling_down, known_models, named
from swarm.cli.output import counted
from swarm.cli.recorded import decimal_usd, log_errors
from swarm.cli.running import CAP_IT, carry_out
from swarm.cli.secrets import secrets_of
from swarm.cycle import TAKEN_UP
from swarm.engine.requests import person
from swarm.errors import UsageError, dollars
from swarm.plan import Plan, plan_of
from swarm.roster import NoModelHere, is_other_log, roster_from
from swarm.session import Result, TaskResult, run_file
from swarm.settings.load import Loaded, data_dir, load_settings
from swarm.task import Limits, RoleConfig, Task, TaskFile

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.engine.faces import Faces

PROMPT = "Answer with the one word: ready"
ANSWER_TOKENS = 256
"""Room for a model that thinks before it says its word."""


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one model. `failure` is wait, stop or switch where a call failed, "unknown" where it may have been billed."""

    model: KnownModel
    outcome: str  # "ok", "failed" or "not asked"
    failure: str = ""
    said: str = ""
    milliseconds: int | None = None
    tokens: int = 0
    nanos: int = 0


class Heard:
    """What the calls of each task came to, as the session's events say it. `tell` is told of each as it comes."""

    def __init__(self, names: Mapping[str, str], tell: Callable[[str], None]) -> None:
        """`names` has the models by their tasks."""
        self._names, self._tell = names, tell
        self.settled: dict[str, CallSettled] = {}
        self.failed: dict[str, CallFailed | CallUnknown] = {}
        self.reserved: dict[str, CallReserved] = {}

    def take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            match entry.event:
                case CallReserved() as event:
                    self.reserved[entry.task] = event
                case CallSettled() as event:
                    self.settled[entry.task] = event
                    self._tell(f"{self._names[entry.task]} answered")
                case CallFailed() | CallUnknown() as event:
                    self.failed[entry.task] = event
                    self._tell(f"{self._names[entry.task]} did not answer")
                case _:
                    pass


def act(args: argparse.Namespace, output: Output) -> int:
    flags = {"log": args.log} if args.log else {}
    loaded = load_settings(Path.cwd(), environ=os.environ, flags=flags)
    return anyio.run(_test, args, loaded, output)


async def _test(args: argparse.Namespace, loaded: Loaded, output: Output) -> int:
    known, _ = await known_models(loaded.settings)
    wanted = chosen(known, args.names, paid=args.paid)
    other = is_other_log(loaded, Path.cwd(), os.environ)
    reasons = {each.name: each.out or (_uncapped(each) if other else "") for each in wanted}
    asked = [each for each in wanted if not reasons[each.name]]
    results = [Tested(model=each, outcome="not asked", said=why) for each in wanted if (why := reasons[each.name])]
    code = 0
    if asked:
        found, code = await _asked(args, asked, loaded, output)
        results = [*found, *results]
    _tell(results, output)
    if code in (130, 143) or any(each.outcome == "ok" for each in results):
        return code if code in (130, 143) else 0
    return code if code in (3, 5) else NoModelHere.exit_code


def chosen(known: Sequence[KnownModel], names: Sequence[str], *, paid: bool) -> list[KnownModel]:
    """The models that are to be tested: the named ones, else those that would take part; what costs money only if `paid`.

    Raises UsageError, NoModelHere.
    """
    wanted = named(known, names)
    if not names:
        wanted = [each for each in wanted if not each.out and (paid or each.is_free)]
        if not wanted:
            if any(not each.out for each in known):
                raise UsageError("no free model is here; `--paid` asks those that cost money, too")
            raise NoModelHere
        return wanted
    if dear := [each.name for each in wanted if not each.is_free and not each.out and not paid]:
        raise UsageError(f"{', '.join(dear)} costs money; say `--paid` to ask it all the same")
    return wanted


def _uncapped(each: KnownModel) -> str:
    if each.is_free:
        return ""
    return f"the caps of your own log do not hold on another one; leave `--log` out, or run it: {CAP_IT}"


async def _asked(
    args: argparse.Namespace, models: Sequence[KnownModel], loaded: Loaded, output: Output
) -> tuple[list[Tested], int]:
    """Ask each in a session of its own kind; what came of it, and the session's exit code."""
    settings, file, plan = loaded.settings, tasks_for(models), _plan(models, loaded, paid=args.paid)
    watched = sys.stderr.isatty() and len(models) > 1
    heard = Heard({task.id: task.title for task in file.tasks}, output.note if watched else output.detail)
    args.progress, args.yes = "none", args.paid
    output.note(f"asking {counted(len(models), 'model')} for one word")
    with log_errors():
        async with open_log(settings.log) as log:

            async def session(faces: Faces) -> Result:
                return await run_file(
                    log,
                    file,
                    plan,
                    root=Path.cwd(),
                    environ=os.environ,
                    faces=msgspec.structs.replace(faces, observe=heard.take),
                    secrets=secrets_of(settings),
                    say=output.detail,
                )

            result, code = await carry_out(args, output, session)
            bars = await cooling_down(models, log, settings)
    output.detail(f"recorded as {result.session}")
    await _end(result, args.log)
    by_task = {task.name: task for task in result.tasks}
    pairs = zip(models, file.tasks, strict=True)
    return [tested(model, by_task[task.id], task.id, heard, bars.get(model.name, "")) for model, task in pairs], code


async def _end(result: Result, log: str | None) -> None:
    """Cancel what is left of the session: nobody goes on with a test, and a plain `swarm resume` would."""
    if any(task.status == "open" or task.cause in TAKEN_UP for task in result.tasks):
        reason = "a test of models is not gone on with"
        await ask(argparse.Namespace(name=result.session, log=log), CancelRequested(by=person(), reason=reason))


def tasks_for(models: Sequence[KnownModel]) -> TaskFile:
    """A task for each model, which it alone may do in one attempt."""
    tasks = tuple(
        Task(
            id=f"m{number}",
            title=each.name,
            prompt=PROMPT,
            explore=False,
            roles={"worker": RoleConfig(models=(each.name,))},
            limits=Limits(attempts=1, answer_tokens=ANSWER_TOKENS),
        )
        for number, each in enumerate(models, 1)
    )
    return TaskFile(path="", name=f"test of {counted(len(models), 'model')}", tasks=tasks)


def _plan(models: Sequence[KnownModel], loaded: Loaded, *, paid: bool) -> Plan:
    """The rules of the session: one request a call, nobody judges, so that no verdict teaches anything of these models."""
    embedded = _embedded_path(models)
    mute = [(msgspec.structs.replace(each.config, judge=False), each.provider) for each in models]
    plan = plan_of(loaded, roster_from(mute, loaded.settings, embedded=embedded), confirmed=paid)
    return msgspec.structs.replace(plan, tries=1, patience_s=0.0)  # nor is it waited for whoever cools down


def _embedded_path(models: Sequence[KnownModel]) -> str:
    from swarm.connect import EMBEDDED
    from swarm.models.catalogue import find_model, pulled_path

    folder = data_dir(os.environ) / "models"
    here = [pulled_path(find_model(each.name), folder) for each in models if each.provider.name == EMBEDDED]
    return str(here[-1]) if here else ""


def tested(model: KnownModel, task: TaskResult, id: str, heard: Heard, bar: str) -> Tested:
    """What the events of its task say of a model; of one that was not asked `bar`, where it cools down."""
    settled, failed = heard.settled.get(id), heard.failed.get(id)
    if task.status == "accepted" and settled is not None:
        return Tested(
            model=model,
            outcome="ok",
            said=(task.text or "").strip(),
            milliseconds=settled.duration_ms,
            tokens=task.tokens,
            nanos=task.cost_nanos,
        )
    barred = bar if task.cause == "no model" else ""
    said = failed.reason if failed is not None else barred or task.reason or "it was interrupted"
    failure = failed.failure if isinstance(failed, CallFailed) else "unknown" if failed is not None else ""
    return Tested(
        model=model,
        outcome="failed" if id in heard.reserved else "not asked",
        failure=failure,
        said=said.removeprefix(f"{model.name}: "),
        milliseconds=settled.duration_ms if settled else None,
        tokens=task.tokens,
        nanos=task.cost_nanos,
    )


_STYLES: Mapping[str, str] = {"ok": "green", "failed": "red", "not asked": "dim"}


def _tell(results: Sequence[Tested], output: Output) -> None:
    if output.json:
        output.document("swarm.models.test/1", {"models": [_fields(each) for each in results]})
        return
    output.table(
        ("MODEL", "RESULT", "FAILURE", "MS", "TOKENS", "COST", "SAID"),
        [
            (
                each.model.name,
                (each.outcome, _STYLES[each.outcome]),
                each.failure,
                "" if each.milliseconds is None else f"{each.milliseconds:,}",
                f"{each.tokens:,}" if each.tokens else "",
                dollars(each.nanos) if each.nanos else "",
                each.said,
            )
            for each in results
        ],
    )
    ok = sum(each.outcome == "ok" for each in results)
    output.note(f"{ok} of {counted(len(results), 'model')} answered")


def _fields(each: Tested) -> dict[str, Any]:
    return {
        "name": each.model.name,
        "tier": each.model.config.tier,
        "outcome": each.outcome,
        "failure": each.failure or None,
        "said": each.said,
        "milliseconds": each.milliseconds,
        "tokens": each.tokens,
        "usd": decimal_usd(each.nanos),
    }
