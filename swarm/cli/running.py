"""What `run` and `resume` share: the models that take part, the display, Ctrl-C, and how the result is told."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import anyio
import msgspec

from events.log import Entry, EventLog, LogError, session_name, system_clock
from events.types.session import Estimated
from swarm.cli.asked_raise import asked_raise
from swarm.cli.estimated import beside, summary_document
from swarm.cli.hints import to_type
from swarm.cli.output import Declined, Output, counted
from swarm.cli.progress import MODES, Progress, progress_of
from swarm.cli.recorded import decimal_usd, local_time
from swarm.connect import EMBEDDED, SCRIPTED, Roster, Script, embedded_model, endpoint
from swarm.cycle import TAKEN_UP
from swarm.engine.faces import Asking, Faces, Wanted, Word
from swarm.errors import BudgetExceeded, ConfirmationNeeded, ProviderError, SwarmError, UsageError, dollars, gravest
from swarm.messages import FREE
from swarm.roster import found_here, free_part, roster_from
from swarm.session import Result, TaskResult
from swarm.settings.load import Loaded, ModelConfig, ProviderConfig, Settings
from swarm.settings.pricetable import old_prices

CONFIRM_PAID = "set a budget in the task file (`budget: $0.10`), or say `--yes`"
CAP_IT = "give this run a cap in dollars, such as `--budget '$0.10'`"
MOST_NAMED = 10


class LogFailed(SwarmError):
    """The log failed while a session ran; what it acknowledged is there, and the session can go on from it."""

    def __init__(self, why: LogError, *, resume: str) -> None:
        super().__init__(f"{why}; after that go on with `{resume}`: what was acknowledged before is kept")


class EndpointSilent(SwarmError):
    """The server of the command line does not say which models it has."""

    exit_code = 4

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"--endpoint {url}: {why.removeprefix('endpoint: ')}")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    models = parser.add_argument_group("models")
    models.add_argument("--endpoint", metavar="URL", help="use nothing but this OpenAI-compatible server")
    models.add_argument("--model", metavar="NAME", help="with --endpoint: its model (default: the first that it lists)")
    models.add_argument(
        "--price", metavar="IN/OUT", help="with --endpoint: US dollars per million tokens (default: free on loopback)"
    )
    parser.add_argument("--budget", metavar="AMOUNT", help="cap this run: $0.10 or 20k tokens")
    parser.add_argument("--yes", action="store_true", help="say yes to downloads and to paid calls, never to commands")
    parser.add_argument("--progress", choices=MODES, default="auto", help="default: a block on a terminal, else lines")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="run it in the background and open the live view on it; q leaves it running",
    )
    parser.add_argument("--watched", action="store_true", help=argparse.SUPPRESS)  # said by the process that shows it


async def roster_of(
    args: argparse.Namespace, loaded: Loaded, output: Output, *, local: bool = False, script: str | None = None
) -> Roster:
    """The models that take part: the embedded one alone, one endpoint alone, one of a script alone, or all that are found.

    Raises NoModelHere where there is none, EndpointSilent, EngineMissing, and UsageError for options that do not go
    together, or a script that cannot be read.
    """
    settings = loaded.settings
    require_endpoint(args)
    alone = [name for name, given in (("--local", local), ("--endpoint", args.endpoint), ("--script", script)) if given]
    if len(alone) > 1:
        raise UsageError(f"{' and '.join(alone)} exclude each other; name one of them")
    if script:
        return scripted(Path(script))
    embedded = ""
    pairs: list[tuple[ModelConfig, ProviderConfig]]
    if args.endpoint:
        pairs = [await _endpoint(args, settings)]
    elif local:
        embedded, pair = await _embedded(args, output)
        pairs = [pair]
    else:
        return await found_here(settings, os.environ)
    return roster_from(pairs, settings, embedded=embedded)


def require_endpoint(args: argparse.Namespace) -> None:
    """Raises UsageError where options say more of a server that is not named."""
    if (args.model or args.price) and not args.endpoint:
        raise UsageError("--model and --price go with --endpoint URL; models of your own stand in the settings")


def scripted(path: Path) -> Roster:
    """One free model that says what a script holds. Raises ScriptUnusable."""
    from swarm.models.script import read_script

    read_script(path)  # said before anything is recorded
    model = ModelConfig(name=SCRIPTED, provider=SCRIPTED, model=SCRIPTED, tier="free", price=FREE)
    script = Script(path=str(path.absolute()))
    return Roster(models=(model,), providers=(ProviderConfig(name=SCRIPTED, base_url=""),), script=script)


async def _endpoint(args: argparse.Namespace, settings: Settings) -> tuple[ModelConfig, ProviderConfig]:
    try:
        return await endpoint(
            args.endpoint, model=args.model, price=args.price, environ=os.environ, transport=settings.transport
        )
    except ProviderError as error:
        raise EndpointSilent(args.endpoint, str(error)) from error


async def _embedded(args: argparse.Namespace, output: Output) -> tuple[str, tuple[ModelConfig, ProviderConfig]]:
    from swarm.cli.local import models_dir, progress_line
    from swarm.models.local import EngineMissing
    from swarm.models.pull import ensure_model

    if find_spec("xllamacpp") is None:  # said before anything is fetched
        raise EngineMissing(reason="it is not installed")
    model = await ensure_model(
        args.local_model,
        models_dir(),
        yes=args.yes and not args.dry_run,
        ask=_fetch_nothing if args.dry_run else output.confirm,
        say=output.note,
        progress=progress_line(output),
    )
    row = embedded_model(model.name, model.path, context_tokens=model.context_tokens, may_judge=model.may_judge)
    return str(model.path), row


def _fetch_nothing(question: str, *, remedy: str) -> bool:
    raise UsageError("--dry-run fetches nothing, and that model is not here yet; get it first with `swarm local pull`")


def tell_small(roster: Roster, output: Output) -> None:
    """Say what can be expected where nothing but the embedded model works."""
    small = [model.name for model in roster.models if model.provider == EMBEDDED]
    if small and len(small) == len(roster.models):
        output.note(
            f"{small[0]} is a small model on this machine: it judges nobody, so its work is accepted by the task's own "
            "checks alone, and what no check covers may be wrong"
        )


def tell_old_prices(roster: Roster, output: Output) -> None:
    """Say where the price of a model that may cost something is an old one."""
    today = local_time(system_clock(), None).date()
    if said := old_prices(((model.name, model.price) for model in roster.models), today):
        output.note(said, "warn")


async def carry_out(
    args: argparse.Namespace,
    output: Output,
    session: Callable[[Faces], Awaitable[Result]],
    *,
    watched: bool = False,
) -> tuple[Result, int]:
    """Run a session under a display and under Ctrl-C; return its result and the exit code.

    With `watched` somebody looks at it in the live view, whose words are waited for where there is nobody to ask here.
    Raises what the session raises; LogFailed for what the log says once the session is open.
    """
    progress = progress_of(args.progress, output)
    opened: list[int] = []

    def recall(entries: Sequence[Entry]) -> None:
        opened.extend(entry.session for entry in entries[:1])
        progress.recall(entries)

    faces = Faces(
        observe=progress.observe,
        recall=recall,
        say=output.note,
        confirm=_confirmation(args, output, progress),
        raise_by=_raising(output, progress),
        approve=_approving(output, progress) if output.can_ask else _heard_from_the_log if watched else None,
        reply=_replying(output, progress) if output.can_ask else _heard_from_the_log if watched else None,
        stop=anyio.Event(),
        abort=anyio.Event(),
    )
    received: list[int] = []
    result: Result | None = None
    try:
        async with anyio.create_task_group() as beside:
            beside.start_soon(_obey_signals, faces, progress, received)
            beside.start_soon(progress.run)
            result = await session(faces)
            beside.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = gravest(group)
        if isinstance(error, LogError) and opened:
            resume = to_type("resume", session_name(opened[0]), log=args.log)
            raise LogFailed(error, resume=resume) from group
        raise error from group
    finally:
        progress.close()
    assert result is not None, "the block is left with a result or with an error"
    code = result.exit_code
    if result.interrupted and received and received[0] == signal.SIGTERM:
        code = 143
    return result, code


async def _obey_signals(faces: Faces, progress: Progress, received: list[int]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            received.append(number)
            if faces.stop.is_set():
                faces.abort.set()
                progress.tell("ending now")
            else:
                faces.stop.set()
                progress.tell(
                    "stopping: no new call; calls in flight get 10 s, a local model none (once more ends all now)"
                )


def _confirmation(args: argparse.Namespace, output: Output, progress: Progress) -> Callable[[str], Awaitable[bool]]:
    async def confirm(question: str) -> bool:
        if args.yes:
            return True
        progress.hold(True)
        try:
            if await output.confirm_beside(question, remedy=CONFIRM_PAID):
                return True
        finally:
            progress.hold(False)
        raise Declined("Paid calls were not allowed", remedy=f"to go on with them, {CONFIRM_PAID}")

    return confirm


def _raising(output: Output, progress: Progress) -> Callable[[BudgetExceeded], Awaitable[int]]:
    """Asks by how much a cap is raised. `--yes` says nothing to that: a cap is there to hold."""

    async def raise_by(refusal: BudgetExceeded) -> int:
        progress.hold(True)
        try:
            return await asked_raise(refusal, output)
        finally:
            progress.hold(False)

    return raise_by


def _approving(output: Output, progress: Progress) -> Callable[[Wanted], Awaitable[Word]]:
    """Asks whether a tool may be used. `--yes` says nothing to that."""

    async def approve(wanted: Wanted) -> Word:
        from swarm.cli.asked_tool import asked_tool  # only where a tool is asked about

        progress.hold(True)
        try:
            return await asked_tool(wanted, output)
        finally:
            progress.hold(False)

    return approve


def _replying(output: Output, progress: Progress) -> Callable[[Asking], Awaitable[str]]:
    """Asks what an agent wants to know. `--yes` says nothing to that."""

    async def reply(asking: Asking) -> str:
        from swarm.cli.asked_question import asked_question  # only where an agent asks

        progress.hold(True)
        try:
            return await asked_question(asking, output)
        finally:
            progress.hold(False)

    return reply


async def _heard_from_the_log(asked: Wanted | Asking) -> NoReturn:
    """Who is there gives the word in the live view, which records it; whoever waits for it reads it there."""
    while True:
        await anyio.sleep_forever()


async def way_on(log: EventLog, result: Result) -> Sequence[str]:
    """What is typed behind `swarm resume` and the session so that it goes on; empty where nothing is left or needed."""
    if all(task.cause not in TAKEN_UP for task in result.tasks):
        return ()
    from swarm.cli.raising import way_of  # only where something was stopped

    return await way_of(log, int(result.session.removeprefix("s")))


def tell(
    result: Result,
    output: Output,
    code: int,
    *,
    log: str | None,
    estimate: Estimated | None = None,
    way: Sequence[str] = (),
    told: bool = False,
) -> None:
    """Write the result: texts on stdout, what they cost and how to go on on stderr; `way` is what that takes.

    With --quiet only what was not done is said, unless it was `told` already.
    """
    if output.json:
        output.document("swarm.run/1", _document(result, code, estimate))
    else:
        _texts(result, output)
    for task in result.tasks:
        if task.unjudged:
            output.note(
                f"{task.name}: accepted but unjudged: no model here may judge, only the form was looked at", "yellow"
            )
    _changes(result, output, log)
    if output.quiet and not (told or output.json):
        _errors(result, output)
    accepted = sum(task.status == "accepted" for task in result.tasks)
    maybe = sum(task.maybe_paid for task in result.tasks)
    unsure = f", {counted(maybe, 'call')} maybe paid" if maybe else ""
    output.note(
        f"{result.session}: {accepted} of {len(result.tasks)} accepted, {result.tokens:,} tokens, "
        f"{dollars(result.cost_nanos)}{unsure}"
    )
    output.note(f"how that was, beside the sessions before: `swarm report session {result.session}`", "dim")
    if estimate and result.cost_nanos:
        output.note(f"{result.session} {beside(estimate, result.cost_nanos)}")
    output.detail(f"head {result.head} (keep it for `swarm verify --head`)")
    if any(task.status == "open" or task.cause in TAKEN_UP for task in result.tasks):
        output.note(f"go on with: {to_type('resume', result.session, *way, log=log)}")
    if halted := [task.name for task in result.tasks if task.status == "halted" and task.cause == "budget"]:
        show = to_type("show", f"{result.session}/{halted[0]}", log=log)
        output.note(
            f"halted at a cap: {show} tells what is handed over; a new run goes on from it with `--from {result.session}`"
        )
    failed = [task.name for task in result.tasks if task.status == "failed" and task.cause not in TAKEN_UP]
    if failed:
        named = ", ".join(failed[:MOST_NAMED]) + (
            f" and {len(failed) - MOST_NAMED} more" if failed[MOST_NAMED:] else ""
        )
        output.note(f"failed: {named}; see why with: {to_type('why', f'{result.session}/{failed[0]}', log=log)}")


def _changes(result: Result, output: Output, log: str | None) -> None:
    """Where that is which tools changed, and what is typed to have it otherwise."""
    for task in result.tasks:
        if task.changed:
            name, many = f"{result.session}/{task.name}", counted(len(task.changed), "file")
            them = "it" if len(task.changed) == 1 else "them"
            show, apply, undo = (
                to_type(*words, log=log) for words in (("show", name, "--diff"), ("apply", name), ("undo", name))
            )
            output.note(
                f"{task.name}: {many} changed; `{apply}` takes {them} over, `{show}` shows {them}"
                if task.kept
                else f"{task.name}: {many} changed in your files; `{undo}` takes {them} back"
            )


def _errors(result: Result, output: Output) -> None:
    """What was not done and why, for who sees nothing else of the run: cron mails it."""
    for task in result.tasks:
        if task.status in ("failed", "halted"):
            output.problem(f"{result.session}/{task.name}  {task.status}: {task.reason}")


def _texts(result: Result, output: Output) -> None:
    shown = [task for task in result.tasks if task.text is not None and not task.outputs]
    for task in shown:
        if len(result.tasks) > 1:
            output.line(f"## {task.name}", "bold")
        output.line(task.text or "")


def _document(result: Result, code: int, estimate: Estimated | None) -> dict[str, Any]:
    return {
        "session": result.session,
        "exit_code": code,
        "interrupted": result.interrupted,
        "tokens": result.tokens,
        "total_nanos": result.cost_nanos,
        "total_usd": decimal_usd(result.cost_nanos),
        "estimate": summary_document(estimate),
        "head": str(result.head),
        "tasks": [_task(task) for task in result.tasks],
    }


def _task(task: TaskResult) -> dict[str, Any]:
    return {**msgspec.structs.asdict(task), "outputs": list(task.outputs)}


def refuse_paid(roster: Roster, own_cap: bool, other_log: bool, output: Output) -> Roster:
    """A cap holds within one log: on another one only what has a cap of its own may be paid.

    Raises ConfirmationNeeded where nothing is left.
    """
    free = free_part(roster)
    if not other_log or own_cap or free == roster:
        return roster
    output.note(
        "this is not the log of your settings: its caps are its own, so nothing paid takes part without a budget",
        "yellow",
    )
    if not free.models:
        raise ConfirmationNeeded(
            "Every model is paid, and the caps of your own log do not hold on another one.", remedy=CAP_IT
        )
    return free
