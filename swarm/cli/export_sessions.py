"""Which sessions of a log are meant: those that are named, all, those since a moment, or the last one."""

from __future__ import annotations

import argparse

from events.bus import read_all
from events.log import EventLog, system_clock
from events.types.session import SessionOpened
from swarm.cli.moments import moment_of
from swarm.cli.names import NO_SESSION, find_session
from swarm.errors import UsageError


async def sessions_meant(log: EventLog, args: argparse.Namespace) -> tuple[int, ...]:
    """The numbers of the sessions, in their order, each once. Raises UsageError where there is none."""
    if not args.all and args.since is None:
        named = [await find_session(log, text) for text in args.sessions or [None]]
        return tuple(sorted(set(named)))
    since = 0 if args.since is None else moment_of(args.since, "--since", now=system_clock(), zone=None)
    found = [
        entry.session
        async for page in read_all(log, topic="sessions")
        for entry in page
        if isinstance(entry.event, SessionOpened) and entry.at >= since
    ]
    if not found:
        raise UsageError(
            NO_SESSION if args.since is None else f"no session began since {args.since}; `swarm ps --all` lists them"
        )
    return tuple(sorted(set(found)))
