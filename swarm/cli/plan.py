"""`swarm plan FILE`: shows what a task file comes to, and will probably cost, as text or as a diagram. Nothing is called or written."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.types.tool import SandboxProbed
from swarm.cli.foresight import Foreseen, foresee, known_at
from swarm.cli.given import overrides_of
from swarm.cli.recorded import log_errors
from swarm.cli.validate import read_named
from swarm.confirmed import trusted_at
from swarm.connect import Roster
from swarm.crew import crew_of, profiles_here
from swarm.errors import UsageError
from swarm.estimate.weigh import Known, Run
from swarm.plan import is_capped, plan_of
from swarm.roster import AllLeftOut, NoModelHere, found_here
from swarm.settings.load import Loaded, load_settings
from swarm.settings.secrets import settings_secrets

if TYPE_CHECKING:
    from swarm.cli.outline import Planned
    from swarm.cli.output import Output
    from swarm.task import TaskFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a task file, or - for one from a pipe")
    parser.add_argument(
        "--set", metavar="K=V", action="append", default=[], help="give a variable of the file a value; repeatable"
    )
    parser.add_argument("--mermaid", action="store_true", help="write it as a Mermaid diagram, for a README or a wiki")


def run(args: argparse.Namespace) -> int:
    from swarm.cli import plan_tools
    from swarm.cli.plan_page import mermaid

    output: Output = args.output
    if args.mermaid and output.json:
        raise UsageError("--mermaid and --json exclude each other; name one of them")
    file, _ = read_named(args.file, overrides_of(args.set))
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    known, trusted = anyio.run(_known, loaded.settings.log)
    file = crew_of(file, profiles_here(loaded, Path.cwd(), os.environ, file), trusted).file
    foreseen = foresee(_run(file, loaded, output), known)
    if args.mermaid:
        for line in mermaid(foreseen.planned):
            output.line(line)
    else:
        rules = loaded.settings.tools
        sandbox = anyio.run(plan_tools.held, foreseen.planned, rules)
        show_foreseen(file, foreseen, output, sandbox=sandbox)
        for line in () if output.json else plan_tools.lines(foreseen.planned, rules, sandbox):
            output.line(line)
    return 0


async def _known(url: str) -> tuple[Known, frozenset[str]]:
    with log_errors():
        return await known_at(url), await trusted_at(url)


def show_foreseen(
    file: TaskFile, foreseen: Foreseen, output: Output, *, whole: bool = False, sandbox: SandboxProbed | None = None
) -> None:
    """Write what is foreseen of a run; on a page the prompts only where the `whole` of it is wanted, as data always.

    `sandbox` is what would hold its commands, where that was looked for.
    """
    from swarm.cli.estimate_page import document, page_of, prompts

    if output.json:
        made = {"estimate": document(foreseen), "no_estimate": foreseen.why_not, "sandbox": _sandbox(sandbox)}
        output.document("swarm.plan/1", {**_document(file, foreseen.planned), **made})
        return
    for line in page_of(file, foreseen):
        output.line(line)
    for line in prompts(foreseen) if whole else ():
        output.line(line)


def _run(file: TaskFile, loaded: Loaded, output: Output) -> Run:
    roster = _roster(loaded, output)
    return Run(
        file=file,
        plan=plan_of(loaded, roster, confirmed=is_capped(file)),
        root=Path.cwd(),
        redact=settings_secrets(loaded.settings, os.environ).redact,
        confirm_above=loaded.settings.confirm_above_nanos,
    )


def _roster(loaded: Loaded, output: Output) -> Roster:
    """The models that would take part in a run from here; none where none is set up."""
    try:
        return anyio.run(found_here, loaded.settings, os.environ)
    except AllLeftOut as error:
        output.note(str(error))
    except NoModelHere:
        output.note("no model is set up here, so none is named below; `swarm doctor` says how to get one")
    return Roster(models=(), providers=())


def _document(file: TaskFile, planned: Sequence[Planned]) -> dict[str, Any]:
    depth = max(one.level for one in planned)
    return {
        "path": file.path,
        "name": file.name,
        "budget": msgspec.to_builtins(file.budget),
        "levels": [[one.task.id for one in planned if one.level == level] for level in range(1, depth + 1)],
        "tasks": [_task(one) for one in planned],
    }


def _sandbox(probed: SandboxProbed | None) -> dict[str, Any] | None:
    return None if probed is None else {name: getattr(probed, name) for name in probed.__struct_fields__}


def _task(one: Planned) -> dict[str, Any]:
    task = one.task
    return {
        "id": task.id,
        "title": task.title,
        "level": one.level,
        "needs": list(task.needs),
        "when": msgspec.to_builtins(task.when),
        "each": msgspec.to_builtins(task.each),
        "inputs": msgspec.to_builtins(one.sources),
        "type": one.complexity.type,
        "complexity": one.complexity.level,
        "factors": list(one.complexity.factors),
        "roles": list(one.roles),
        "agents": list(one.team),
        "judged": one.judged,
        "tools": list(one.tools),
        "changes": one.changes if one.tools else None,
        "network": task.network,
        "models": {role: [{"model": arm.model, "tier": arm.tier} for arm in arms] for role, arms in one.arms.items()},
        "checks": [msgspec.to_builtins(check) for check in task.checks],
        "accept": list(task.accept),
        "outputs": [msgspec.to_builtins(output) for output in task.written],
        "budget": msgspec.to_builtins(task.budget),
        "attempts": task.limits.attempts,
        "escalations": task.limits.escalations,
        "words": task.limits.words,
        "answer_tokens": task.limits.answer_tokens,
        "priority": task.priority,
        "start": task.start or None,
    }
