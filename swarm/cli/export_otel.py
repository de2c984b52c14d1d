"""`swarm export otel`: sessions as spans and metrics of OpenTelemetry, to a file or to an endpoint that is named."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import anyio

from events.log import EventLog, session_name
from swarm.cli.export_file import open_file
from swarm.cli.export_sessions import sessions_meant
from swarm.cli.output import counted
from swarm.cli.recorded import log_errors, recorded, settings_of
from swarm.errors import UsageError
from swarm.export.names import OPT_IN, VERSIONS, Names, Version
from swarm.export.send import Taken, open_sender, require_endpoint
from swarm.export.stream import Request, Telling, is_finished, requests_of
from swarm.units import shortened

if TYPE_CHECKING:
    from swarm.cli.output import Output

_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)=(.*)")
_ENDPOINT, _HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"


def act(args: argparse.Namespace, output: Output) -> int:
    telling = Telling(
        names=Names(_version(args.conventions, os.environ)), content=args.content, cost_as=tuple(args.cost_as or ())
    )
    endpoint, headers = _where(args, os.environ)
    to = args.to if args.to is not None or endpoint else "-"
    if output.json and to == "-":
        raise UsageError("what goes to stdout is JSON already; leave --json out, or name a file with --to")
    anyio.run(_export, args, output, telling, endpoint, headers, None if to in (None, "-") else Path(to).expanduser())
    return 0


async def _export(
    args: argparse.Namespace,
    output: Output,
    telling: Telling,
    endpoint: str,
    headers: Mapping[str, str],
    file: Path | None,
) -> None:
    settings = settings_of(args)
    spans = points = 0
    async with recorded(settings.log) as log, AsyncExitStack() as stack:
        sessions, left = await _sessions(log, args)
        if left:
            names = ", ".join(map(session_name, left[:5])) + (" and others" if len(left) > 5 else "")
            output.note(f"left out, for they have not finished: {names}; who names one exports it as far as it stands")
        transport = settings.transport
        sender = (
            await stack.enter_async_context(open_sender(endpoint, headers, transport=transport)) if endpoint else None
        )
        write = stack.enter_context(open_file(file, output)) if file is not None or sender is None else None
        with log_errors():
            async for request in _requests(log, sessions, telling):
                if write is not None:
                    write(request.body + b"\n")
                if sender is not None:
                    await sender.send(request)
                spans += request.items if request.signal == "traces" else 0
                points += request.items if request.signal == "metrics" else 0
    _tell(output, spans, points, sessions, file, endpoint, sender.taken if sender else None)


async def _requests(log: EventLog, sessions: Sequence[int], telling: Telling) -> AsyncIterator[Request]:
    until = (await log.head()).position
    for session in sessions:
        async for request in requests_of(log, session, telling, until=until):
            yield request


async def _sessions(log: EventLog, args: argparse.Namespace) -> tuple[list[int], list[int]]:
    """The sessions that are exported, and those that are not because they go on."""
    meant = await sessions_meant(log, args)
    if args.sessions or not (args.all or args.since):
        return list(meant), []
    ended = [session for session in meant if await is_finished(log, session)]
    return ended, [session for session in meant if session not in set(ended)]


def _tell(
    output: Output,
    spans: int,
    points: int,
    sessions: Sequence[int],
    file: Path | None,
    endpoint: str,
    taken: Taken | None,
) -> None:
    if output.json:
        document: dict[str, object] = {"sessions": list(sessions), "spans": spans, "data_points": points}
        if taken is not None:
            document |= {"endpoint": endpoint, "rejected": taken.rejected, "said": taken.said}
        output.document("swarm.otel/1", {**document, "file": str(file) if file else None})
        return
    told = f"{counted(len(sessions), 'session')}: {counted(spans, 'span')} and {counted(points, 'data point')}"
    if taken is None:
        output.note(f"{told} written" + (f" to {file}" if file else ""))
        return
    output.line(f"{told} sent to {endpoint}")
    if taken.rejected:
        output.problem(f"{taken.rejected:,} of them were not taken; it is of no use to send these again", "yellow")
    for said in taken.said:
        output.problem(f"the endpoint says: {said}", "yellow")


def _where(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The endpoint, "" where nothing is sent, and the headers. Raises UsageError."""
    endpoint, headers = args.endpoint or "", {}
    if args.endpoint_from_env:
        if endpoint:
            raise UsageError("--endpoint and --endpoint-from-env both say where to; give one of them")
        endpoint = environ.get(_ENDPOINT, "")
        if not endpoint:
            raise UsageError(f"--endpoint-from-env: {_ENDPOINT} is not set; set it, or name the URL with --endpoint")
        written = [part.strip() for part in environ.get(_HEADERS, "").split(",") if part.strip()]
        headers = _headers([unquote(part) for part in written], _HEADERS)
    if args.header and not endpoint:
        raise UsageError("--header is for an endpoint; name that with --endpoint")
    headers |= _headers(args.header or (), "--header")
    return require_endpoint(endpoint) if endpoint else "", headers


def _headers(written: Sequence[str], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in written:
        match = _HEADER.fullmatch(each)
        if match is None or not match[2].isprintable() or not match[2].isascii():
            name = shortened(each.partition("=")[0])  # what stands behind it may be a key
            raise UsageError(f"{where}: a header is written NAME=VALUE in plain characters, and {name} is not")
        found[match[1]] = match[2].strip()
    return found


def _version(named: str | None, environ: Mapping[str, str]) -> Version:
    opted = OPT_IN in [word.strip() for word in environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")]
    version = named or (VERSIONS[-1] if opted else VERSIONS[0])
    for each in VERSIONS:
        if version == each:
            return each
    raise UsageError(f"--conventions {shortened(version)}: known are {' and '.join(VERSIONS)}")
