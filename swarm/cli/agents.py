"""`swarm agents`: lists the agents that there are, shows one as it is used, says what is wrong with their files, confirms them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from swarm.agents.found import Found, Oddity, Profile
from swarm.agents.profile import PLAIN, Agent
from swarm.cli.output import Declined, Output, counted
from swarm.cli.recorded import log_errors
from swarm.confirmed import record_profile_trust, trusted_at
from swarm.crew import crew_of, profiles_here
from swarm.errors import UsageError, dollars
from swarm.settings.load import Loaded, load_settings
from swarm.units import shortened

if TYPE_CHECKING:
    from swarm.task import TaskFile

_ACTIONS = """
actions:
  list          the agents that there are, where each is from, and which work it takes (default)
  show NAME     one agent as it is used; with --for FILE, for which tasks of the file
  lint          what is wrong or odd in the files of agents; exits with 1 where one cannot be used
  trust [NAME]  confirm what the agents of this project are told, all or one of them
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    actions = ("list", "show", "lint", "trust")
    parser.add_argument(
        "action", nargs="?", choices=actions, default="list", metavar="ACTION", help="list, show, lint or trust"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="an agent that `list` shows")
    parser.add_argument(
        "--for", dest="file", metavar="FILE", type=Path, help="with the agents of this task file; show: and its tasks"
    )
    parser.add_argument("--yes", action="store_true", help="trust: confirm without being asked")


def run(args: argparse.Namespace) -> int:
    if args.name and args.action in ("list", "lint"):
        raise UsageError(f"`swarm agents {args.action}` takes no name; `swarm agents show {args.name}` shows one")
    action = {"list": _list, "show": _show, "lint": _lint, "trust": _trust}[args.action]
    return action(args, _here(args), args.output)


class _Here(msgspec.Struct, frozen=True, kw_only=True):
    """What is found in this folder: settings, profiles, what is confirmed, and the task file that was named."""

    loaded: Loaded
    found: Found
    trusted: frozenset[str]
    file: TaskFile | None

    def state(self, profile: Profile) -> str:
        """Why a profile takes no part; empty where it may."""
        if profile.of_project and profile.digest not in self.trusted:
            return "not confirmed"
        first = next(each for each in self._usable if each.agent.name == profile.agent.name)
        return "" if first is profile else f"covered by {first.origin}"

    @property
    def _usable(self) -> list[Profile]:
        return [each for each in self.found.profiles if not each.of_project or each.digest in self.trusted]


def _here(args: argparse.Namespace) -> _Here:
    from swarm.cli.validate import read_named

    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    file = read_named(args.file, {})[0] if args.file else None

    async def trusted() -> frozenset[str]:
        with log_errors():
            return await trusted_at(loaded.settings.log)

    found = profiles_here(loaded, Path.cwd(), os.environ, file)
    return _Here(loaded=loaded, found=found, trusted=anyio.run(trusted), file=file)


def _list(args: argparse.Namespace, here: _Here, output: Output) -> int:
    broken = [each for each in here.found.oddities if each.is_error]
    if output.json:
        rows = [_row(each, _said(each, here.state(each))) for each in here.found.profiles]
        output.document("swarm.agents/1", {"agents": rows, "oddities": _told(here.found.oddities)})
        return 0
    header = ["NAME", "FROM", "TYPES", "TAGS", "WORDS", "TOKENS", "STATE"]
    output.table(header, [_cells(each, _said(each, here.state(each))) for each in here.found.profiles])
    if broken:
        files = counted(len({each.path for each in broken}), "file")
        output.note(f"{files} cannot be used; `swarm agents lint` says what is wrong", "yellow")
    return 0


def _cells(profile: Profile, state: str) -> list[str]:
    agent = profile.agent
    types, tags = ", ".join(agent.types) or "-", ", ".join(agent.tags) or "-"
    return [agent.name, profile.origin, types, tags, str(agent.words or ""), str(tokens_of(agent)), state]


def _said(profile: Profile, state: str) -> str:
    """Its state; of one that takes part how, where its types and tags do not say it."""
    agent = profile.agent
    if state or agent.types or agent.tags:
        return state
    return f"the plain {_role_of(agent)}" if agent in PLAIN.values() else "only where named"


def _role_of(agent: Agent) -> str:
    return next(role for role, plain in PLAIN.items() if plain.name == agent.name)


def tokens_of(agent: Agent) -> int:
    """About how many tokens its prompt adds to each call: English has 4 to 5 bytes a token."""
    return -(-len(agent.prompt.encode()) // 4)


def _row(profile: Profile, state: str) -> dict[str, Any]:
    agent = profile.agent
    return {
        "name": agent.name,
        "origin": profile.origin,
        "path": profile.path or None,
        "description": agent.description,
        "prompt": agent.prompt,
        "types": list(agent.types),
        "tags": list(agent.tags),
        "words": agent.words or None,
        "tiers": list(agent.tiers),
        "tokens_cap": agent.tokens,
        "nanos_cap": agent.usd_nanos,
        "prompt_tokens": tokens_of(agent),
        "state": state,
    }


def _show(args: argparse.Namespace, here: _Here, output: Output) -> int:
    if args.name is None:
        raise UsageError("which agent is to be shown? `swarm agents list` lists them")
    profile = _holding(args.name, here)
    state = _said(profile, here.state(profile))
    tasks = _tasks_of(profile.agent.name, here) if here.file is not None else None
    if output.json:
        output.document("swarm.agents.show/1", {**_row(profile, state), **({} if tasks is None else {"tasks": tasks})})
        return 0
    for name, said in _page(profile, state):
        output.line(f"{name:<8} {said}")
    if tasks is not None and here.file is not None:
        output.line(f"{'tasks':<8} {'; '.join(tasks) if tasks else f'none of {here.file.path}'}")
    if profile.agent.prompt:
        output.line()
        output.line(profile.agent.prompt)
    return 0


def _page(profile: Profile, state: str) -> list[tuple[str, str]]:
    agent = profile.agent
    words = f"at most {agent.words:,} words, and never more than its task's level has room for" if agent.words else ""
    caps = [f"{agent.tokens:,} tokens"] if agent.tokens is not None else []
    caps += [dollars(agent.usd_nanos)] if agent.usd_nanos is not None else []
    lines = [
        ("agent", agent.name + (f" ({state})" if state else "")),
        ("from", f"{profile.origin} {profile.path}".strip()),
        ("for", agent.description),
        ("types", ", ".join(agent.types)),
        ("tags", ", ".join(agent.tags)),
        ("answers", words),
        ("tiers", ", ".join(agent.tiers)),
        ("cap", f"{' and '.join(caps)} for a task" if caps else ""),
        ("prompt", f"about {tokens_of(agent)} tokens in each call" if agent.prompt else "that of its role alone"),
    ]
    return [(name, said) for name, said in lines if said]


def _tasks_of(name: str, here: _Here) -> list[str]:
    """The tasks of the file in which the agent takes part, each with its role and the reason."""
    from swarm.cli.outline import outline
    from swarm.connect import Roster
    from swarm.plan import plan_of
    from swarm.task import agents_of

    assert here.file is not None, "only a file has tasks"
    crew = crew_of(here.file, here.found, {each.digest for each in here.found.profiles})  # as if all were confirmed
    plan = plan_of(here.loaded, Roster(models=(), providers=()), confirmed=False)
    return [
        f"{one.task.id} as {said}"
        for one in outline(crew.file, Path.cwd(), plan)
        for role, said in zip(one.task.team, one.team, strict=True)
        if name in {agent.name for agent in agents_of(one.task, role)}
    ]


def _holding(name: str, here: _Here) -> Profile:
    """The profile of that name that a run takes; else one that takes no part, to be looked at. Raises UsageError."""
    named = [each for each in here.found.profiles if each.agent.name == name]
    if not named and name in here.found.broken:
        raise UsageError(f"{here.found.broken[name]} cannot be used; `swarm agents lint` says what is wrong with it")
    if not named:
        near = get_close_matches(name, [each.agent.name for each in here.found.profiles], n=1)
        guess = f"did you mean {near[0]!r}?" if near else "`swarm agents list` lists those that there are"
        raise UsageError(f"there is no agent {shortened(name)}; {guess}")
    unconfirmed = [each for each in named if here.state(each) == "not confirmed"]
    return (unconfirmed or [each for each in named if not here.state(each)])[0]


def _lint(args: argparse.Namespace, here: _Here, output: Output) -> int:
    oddities = [*here.found.oddities, *_types_of_no_task(here)]
    wrong = sum(each.is_error for each in oddities)
    if output.json:
        output.document("swarm.agents.lint/1", {"ok": not wrong, "oddities": _told(oddities)})
        return 1 if wrong else 0
    for each in oddities:
        said = each.problem.show(each.path)
        output.problem(
            said if each.is_error else said.replace("error:", "warning:", 1), "" if each.is_error else "yellow"
        )
    files = counted(len([each for each in here.found.profiles if each.path]), "file")
    warnings = len(oddities) - wrong
    output.line(f"{files} can be used, {counted(wrong, 'error')}, {counted(warnings, 'warning')}")
    return 1 if wrong else 0


def _types_of_no_task(here: _Here) -> list[Oddity]:
    """Of each file the types that no rule gives a task: for them its agent never takes part."""
    from swarm.settings.ruletable import table_of  # reads the table that ships
    from swarm.taskfile.problems import Problem

    known = table_of(here.loaded.settings.complexity).ranks
    found: list[Oddity] = []
    for each in here.found.profiles:
        for name in each.agent.types if each.path else ():
            if name in known:
                continue
            near = get_close_matches(name, known, n=1)
            meant = f" \u2013 did you mean {near[0]!r}?" if near else ""
            message, hint = f"no task is of the type {name!r}{meant}", f"known here: {', '.join(known)}"
            problem = Problem(line=0, column=0, message=message, hint=hint)
            found.append(Oddity(path=each.path, name=each.agent.name, problem=problem, is_error=False))
    return found


def _told(oddities: Sequence[Oddity]) -> list[dict[str, Any]]:
    return [
        {
            "path": each.path,
            "agent": each.name,
            "level": "error" if each.is_error else "warning",
            **msgspec.structs.asdict(each.problem),
        }
        for each in oddities
    ]


def _trust(args: argparse.Namespace, here: _Here, output: Output) -> int:
    waiting = [each for each in here.found.profiles if here.state(each) == "not confirmed"]
    if args.name:
        named = [each for each in waiting if each.agent.name == args.name]
        if not named:
            profile = _holding(args.name, here)
            return _confirmed(output, [], f"{profile.agent.name} ({profile.origin}) needs no confirmation")
        waiting = named
    if not waiting:
        return _confirmed(output, [], "no agent of this project waits for a confirmation")
    for each in waiting:
        output.problem(f"{each.agent.name} ({each.path}) is told:", "bold")
        output.problem("\n".join(f"  {line}" for line in each.agent.prompt.splitlines()), exact=True)
    remedy = "say `swarm agents trust --yes`"
    if not args.yes and not output.confirm(f"Confirm {counted(len(waiting), 'agent')}?", remedy=remedy):
        raise Declined("Nothing was confirmed", remedy=f"to confirm them, {remedy}")
    anyio.run(_record, here.loaded.settings.log, waiting)
    until = "its file" if len(waiting) == 1 else "one of their files"
    return _confirmed(output, waiting, f"trusted: {counted(len(waiting), 'agent')}, until {until} changes")


async def _record(url: str, profiles: Collection[Profile]) -> None:
    from events.log import open_log

    with log_errors():
        async with open_log(url) as log:
            for each in profiles:
                await record_profile_trust(log, each)


def _confirmed(output: Output, profiles: Sequence[Profile], said: str) -> int:
    if output.json:
        output.document("swarm.agents.trust/1", {"confirmed": [each.agent.name for each in profiles]})
    else:
        output.line(said)
    return 0
