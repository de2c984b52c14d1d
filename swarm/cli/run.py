"""`swarm run FILE`, `swarm run -`, `swarm run "prompt"`: the main job."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.log import EventLog, open_log
from swarm.cli.given import STDIN, Given, only, overrides_of, read_given
from swarm.cli.output import Output
from swarm.cli.recorded import log_errors
from swarm.cli.report_file import add_report_argument, leave_report, require_report
from swarm.cli.running import (
    add_model_arguments,
    carry_out,
    refuse_paid,
    roster_of,
    tell,
    tell_old_prices,
    tell_small,
    way_on,
)
from swarm.cli.secrets import secrets_of
from swarm.cli.watched import require_screen, watched
from swarm.confirmed import trusted_at, trusted_digests
from swarm.crew import crew_of, profiles_here
from swarm.errors import UsageError
from swarm.estimate.weighed import Weighed
from swarm.plan import Plan, is_capped, plan_of, require_schedule
from swarm.roster import is_free, is_other_log
from swarm.session import Result, run_file
from swarm.settings.load import Loaded, load_settings
from swarm.task import with_budget

if TYPE_CHECKING:
    from swarm.engine.earlier import Earlier
    from swarm.engine.faces import Faces
    from swarm.estimate.weigh import Run as ForeseeableRun
    from swarm.task import Budget, TaskFile


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is run, by which rules, with which models; nothing was called yet."""

    given: Given
    whole: TaskFile  # as it was written, before `--only`: its commands are what a person confirms
    plan: Plan
    loaded: Loaded
    redact: Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="FILE|PROMPT", help='a task file, - for one from a pipe, or what is to be done: "Say hello."'
    )
    parser.add_argument(
        "--schedule",
        metavar="NAME",
        default="",
        help="this is a run of that schedule, for cron: it counts under its cap and in `swarm cost --by schedule`",
    )
    parser.add_argument("--firing", type=int, default=0, help=argparse.SUPPRESS)  # said by the process of a firing
    add_run_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """All that bounds and changes a run, whatever starts it."""
    parser.add_argument(
        "--set", metavar="K=V", action="append", default=[], help="give a variable of the file a value; repeatable"
    )
    parser.add_argument(
        "--only", metavar="ID", action="append", default=[], help="run this task and what it needs; repeatable"
    )
    parser.add_argument(
        "--from",
        dest="earlier",
        metavar="ID",
        help="go on from a session (s4) or a task of it (s4/build): what it accepted is taken over and not paid again",
    )
    parser.add_argument(
        "--local", action="store_true", help="use nothing but the embedded model; gets it where it is missing"
    )
    parser.add_argument(
        "--local-model", metavar="NAME", help="with --local: a name that `swarm local list` shows, or a GGUF file"
    )
    parser.add_argument(
        "--script",
        metavar="FILE",
        help="rehearse: let a model of a script (TOML) say what it holds, tools included, and ask no other",
    )
    parser.add_argument("--trust", action="store_true", help="confirm the file's shell commands")
    parser.add_argument(
        "--detach", action="store_true", help="run it in the background and say how to watch and to end it"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be asked of whom and what it would cost; calls nothing"
    )
    add_report_argument(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from swarm.cli.main import COMMANDS

    if args.local_model and not args.local:
        raise UsageError("--local-model goes with --local")
    ways = [name for name in ("dry-run", "detach", "watch") if getattr(args, name.replace("-", "_"))]
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in ways)} exclude each other; name one of them")
    if args.watch:
        require_screen(", or say `--detach` to run it in the background")
    if args.dry_run and args.earlier:
        raise UsageError("--dry-run foresees a run from its beginning; it does not go with --from")
    require_report(args)
    if args.what == "-" and sys.stdin.isatty():
        args.output.note("reading from the terminal: a task file or what is to be done, then Ctrl-D")
    commands = [name for group in COMMANDS.values() for name in group]
    given = read_given(args.what, overrides=overrides_of(args.set), commands=commands)
    if require_schedule(args.schedule):
        given = msgspec.structs.replace(given, type="cron")
    carried_out = _dry_run if args.dry_run else _detached if args.detach or args.watch else _run
    return anyio.run(carried_out, args, given)


async def _dry_run(args: argparse.Namespace, given: Given) -> int:
    """Show what is foreseen of the run. No model is asked, nothing is fetched or written to the log."""
    from swarm.cli.foresight import foresee, known_at
    from swarm.cli.plan import show_foreseen

    if args.endpoint and not args.model:
        raise UsageError("--dry-run asks no server which models it has; name one with `--model NAME`")
    prepared = await _prepared(args, given)
    known = await known_at(prepared.loaded.settings.log)
    with log_errors():
        prepared = _with_crew(prepared, await trusted_at(prepared.loaded.settings.log), args)
    show_foreseen(prepared.given.file, foresee(_foreseeable(prepared, args), known), args.output, whole=True)
    return 0


def _foreseeable(prepared: Prepared, args: argparse.Namespace) -> ForeseeableRun:
    from swarm.estimate.weigh import Run

    return Run(
        file=prepared.given.file,
        plan=prepared.plan,
        root=Path.cwd(),
        redact=prepared.redact,
        confirm_above=prepared.loaded.settings.confirm_above_nanos,
        yes=args.yes,
    )


async def _weighed(log: EventLog, prepared: Prepared, args: argparse.Namespace, earlier: Earlier | None) -> Weighed:
    """Ask where the run would probably cost much, or pass a cap. What was accepted earlier costs nothing."""
    if is_free(prepared.plan.roster):
        return Weighed()
    from swarm.cli.foresight import weigh_for  # only what may cost something is estimated

    run = _foreseeable(prepared, args)
    if earlier is not None:
        from swarm.engine.earlier import fates

        fate = fates(earlier, run.file.tasks)
        left = tuple(task for task in run.file.tasks if fate[task.id] != "as it is")
        if not left:
            return Weighed()
        run = msgspec.structs.replace(run, file=msgspec.structs.replace(run.file, tasks=left))
    return await weigh_for(run, log, args.output)


async def _run(args: argparse.Namespace, given: Given) -> int:
    from swarm.freelist import kept_fresh  # neither a dry run nor a detached one needs it

    output: Output = args.output
    prepared = await _prepared(args, given)
    with log_errors():
        async with open_log(prepared.loaded.settings.log) as log:
            earlier = await _earlier(log, args)
            prepared = await _trusted(log, prepared, args)
            weighed = await _weighed(log, prepared, args, earlier)
            plan = prepared.plan
            if weighed.confirmed:  # who says yes to the cost is not asked about paid calls again
                plan = msgspec.structs.replace(plan, paid_confirmed=True)

            settings = prepared.loaded.settings

            async def session(faces: Faces) -> Result:
                async with kept_fresh(plan.roster, settings, os.environ, tell=output.detail):
                    return await run_file(
                        log,
                        prepared.given.file,
                        plan,
                        root=Path.cwd(),
                        environ=os.environ,
                        faces=faces,
                        secrets=secrets_of(settings),
                        source=given.source,
                        type_=given.type,
                        say=output.note,
                        estimate=weighed.estimate,
                        earlier=earlier,
                    )

            result, code = await carry_out(args, output, session, watched=args.watched)
            way = await way_on(log, result)
            tell(result, output, code, log=args.log, estimate=weighed.estimate, way=way, told=args.progress == "json")
            await leave_report(log, result, args, settings, output)
    return code


async def _detached(args: argparse.Namespace, given: Given) -> int:
    """Ask what has to be asked, then leave the run to a process of its own, and look at it with `--watch`."""
    from swarm.cli.detach import child_words, confirm_paid, launch, tell_launch

    output: Output = args.output
    prepared = await _prepared(args, given)
    with log_errors():
        async with open_log(prepared.loaded.settings.log) as log:
            earlier = await _earlier(log, args)
            prepared = await _trusted(log, prepared, args)
            weighed = await _weighed(log, prepared, args, earlier)
            paid = weighed.confirmed or confirm_paid(prepared.plan, output)
            launched = await launch(log, child_words(args, paid=paid), stdin=given.piped, as_json=args.json)
    if isinstance(launched, int):
        return launched
    if args.watch:
        return await watched(launched, args, prepared.loaded)
    tell_launch(launched, args, output)
    return 0


async def _prepared(args: argparse.Namespace, given: Given) -> Prepared:
    output: Output = args.output
    whole = _with_budget(given.file, args.budget)
    file = only(whole, args.only) if args.only else whole
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    roster = await roster_of(args, loaded, output, local=args.local, script=args.script)
    own_cap = is_capped(file)
    roster = refuse_paid(roster, own_cap, is_other_log(loaded, Path.cwd(), os.environ), output)
    tell_small(roster, output)
    tell_old_prices(roster, output)
    plan = plan_of(loaded, roster, confirmed=args.yes or own_cap, type_=given.type, schedule=args.schedule)
    return Prepared(
        given=msgspec.structs.replace(given, file=file),
        whole=whole,
        plan=msgspec.structs.replace(plan, firing=args.firing),
        loaded=loaded,
        redact=secrets_of(loaded.settings).redact,
    )


async def _earlier(log: EventLog, args: argparse.Namespace) -> Earlier | None:
    """What the run goes on from. Raises UsageError where that is not there, or cannot be gone on from."""
    if args.earlier is None:
        return None
    from swarm.cli.names import find
    from swarm.engine.earlier import earlier_of

    name = await find(log, args.earlier)
    if name.step:
        raise UsageError(f"--from {name}: a run goes on from a session or a task of it, such as s{name.session}")
    return await earlier_of(log, name.session, name.task, root=Path.cwd())


def _with_crew(prepared: Prepared, trusted: Collection[str], args: argparse.Namespace) -> Prepared:
    """The same with the agents that may take part; a person is told of those that wait for a confirmation."""
    file = prepared.given.file
    crew = crew_of(file, profiles_here(prepared.loaded, Path.cwd(), os.environ, file), trusted)
    if crew.told:
        args.output.note(crew.told)
    return msgspec.structs.replace(prepared, given=msgspec.structs.replace(prepared.given, file=crew.file))


async def _trusted(log: EventLog, prepared: Prepared, args: argparse.Namespace) -> Prepared:
    """See that the file's commands are confirmed; return what is run, with the agents that may take part."""
    from swarm.cli.trust import require_trust

    piped = prepared.whole.path == STDIN
    remedy = "look at them and run it with `--trust`" if piped else ""
    await require_trust(
        log, prepared.whole, trusted=args.trust, output=args.output, redact=prepared.redact, remedy=remedy
    )
    return _with_crew(prepared, await trusted_digests(log), args)


def _with_budget(file: TaskFile, budget: str | None) -> TaskFile:
    """The file with the cap of the command line, which takes the place of its own; it is split as that was."""
    if budget is None:
        return file
    return with_budget(file, budget_of(budget))


def budget_of(text: str) -> Budget:
    """The cap that a command line names. Raises UsageError."""
    from swarm.task import parse_budget

    try:
        return parse_budget(text)
    except ValueError as error:
        raise UsageError(f"--budget {text}: {error}") from error
