"""A run as a process of its own, which outlives its terminal and its parent: `--detach`, and what `--watch` looks at.

The parent asks what has to be asked, starts the child, and reads the log until the child has claimed its session: that is
the launch. What the child would say on a terminal goes to a file beside the log.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from events.log import EventLog, session_name
from events.types.session import SessionClaimed
from swarm.cli.hints import to_type
from swarm.cli.output import Declined, Output
from swarm.cli.running import CONFIRM_PAID
from swarm.cli.streams import write_result
from swarm.errors import UsageError
from swarm.paths import runs_folder
from swarm.plan import Plan

LOOK_S = 0.1  # how often the child is looked at while nothing new stands in the log

END_S = 2.0  # how long a child that is not to run after all may take to end


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """A session that runs in a process of its own; `log` is the file in which it says what it would on a terminal."""

    session: str
    log: str
    process: subprocess.Popen[bytes]


def confirm_paid(plan: Plan, output: Output) -> bool:
    """Ask about paid calls now, where the run would later; return whether a person said yes.

    Without a yes, or where nobody can be asked, a task halts at its first paid call. Raises Declined where nothing is free.
    """
    paid = [model.name for model in plan.roster.models if model.price is not None and not model.price.is_free]
    if not paid or plan.paid_confirmed or not output.can_ask:
        return False
    question = f"{', '.join(paid)}: paid, and nothing but the built-in cap of a day bounds this run. May they be used?"
    if output.confirm(question, remedy=CONFIRM_PAID):
        return True
    if len(paid) == len(plan.roster.models):
        remedy = f"to run it with them, {CONFIRM_PAID}"
        raise Declined("Paid calls were not allowed, nothing was started", remedy=remedy)
    output.note("it runs without them; a task that needs one halts, and `swarm resume --yes` goes on with it")
    return False


async def launch(log: EventLog, words: Sequence[str], *, stdin: str | None, as_json: bool) -> Launched | int:
    """Start the run, a command line of `swarm`, as a child and wait until it has its session.

    Where the child ended before that, its words are told as they are, and its exit code is returned. Ctrl-C ends the child.
    """
    folder = runs_folder(log.url)
    head = (await log.head()).position
    with _new_file(folder) as (file, path):
        child = _start(words, file, stdin)
        try:
            session = await _claimed_by(log, child, after=head)
        except BaseException:
            _end(child)
            raise
        if session is None:
            return _relayed(path, child.returncode, as_json=as_json)
        name = session_name(session)
        return Launched(session=name, log=str(path.replace(folder / f"{name}.log")), process=child)


def tell_launch(launched: Launched, args: argparse.Namespace, output: Output, *, does: str = "runs") -> None:
    """Write the launch record: who runs, where it writes, and how to watch and end it."""
    watch = to_type("watch", launched.session, log=args.log)
    cancel = to_type("cancel", launched.session, log=args.log)
    if output.json:
        record = {"session": launched.session, "pid": launched.process.pid, "log": launched.log}
        output.document("swarm.launch/1", {**record, "watch": watch, "cancel": cancel})
        return
    output.line(f"{launched.session} {does} in the background as process {launched.process.pid}")
    output.line(f"  what it says  {launched.log}")
    output.line(f"  watch it      {watch}")
    output.line(f"  end it        {cancel}")


def child_words(args: argparse.Namespace, *, paid: bool) -> list[str]:
    """The command line of the child: that of the parent, without what only a terminal has."""
    words = ["run", *_shared_words(args, paid=paid), *_valued(args, "local_model", "script")]
    words += ["--local"] if args.local else []
    words += [f"--schedule={args.schedule}"] if args.schedule else []
    words += [f"--from={args.earlier}"] if args.earlier else []
    words += [f"--set={each}" for each in args.set] + [f"--only={each}" for each in args.only]
    return [*words, "--", args.what]


def option_words(args: argparse.Namespace, *, yes: bool) -> list[str]:
    """The options of a run itself as words: with which models it runs, under which cap, with which values, which tasks of it."""
    words = [*(["--local"] if args.local else []), *(["--yes"] if yes else [])]
    words += _valued(args, "local_model", "script", "endpoint", "model", "price", "budget", "report")
    return words + [f"--set={each}" for each in args.set] + [f"--only={each}" for each in args.only]


def resuming_words(args: argparse.Namespace, session: str, *, paid: bool) -> list[str]:
    """The same of `swarm resume`; the parent has found out which session is meant."""
    words = ["resume", *_shared_words(args, paid=paid)]
    words += ["--take-over"] if args.take_over else []
    words += [f"--raise={args.more}"] if args.more else []
    return [*words, session]


def _shared_words(args: argparse.Namespace, *, paid: bool) -> list[str]:
    words = ["--no-input", "--progress", args.progress if args.progress in ("json", "none") else "plain"]
    for name in ("json", "quiet", "debug"):
        words += [f"--{name}"] if getattr(args, name) else []
    words += ["--yes"] if args.yes or paid else []
    words += ["--watched"] if args.watch else []
    words += ["--verbose"] * (args.verbose or 0)
    return words + _valued(args, "endpoint", "model", "price", "budget", "log", "color", "report")


def _valued(args: argparse.Namespace, *names: str) -> list[str]:
    given = ((name.replace("_", "-"), getattr(args, name)) for name in names)
    return [f"--{name}={value}" for name, value in given if value is not None]


def _start(words: Sequence[str], said: IO[bytes], stdin: str | None) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as given:
        given.write((stdin or "").encode())
        given.seek(0)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "swarm.cli.main", *words],
            stdin=given,
            stdout=said,
            stderr=said,
            start_new_session=True,  # a hang-up or Ctrl-C of the terminal is not for it
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child whose session is not open yet: it has called nothing."""
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:  # it waits for the log
        child.kill()
        child.wait()


async def _claimed_by(log: EventLog, child: subprocess.Popen[bytes], *, after: int) -> int | None:
    """The session that the child opened; None where it ended without one."""
    while True:
        ended = child.poll() is not None  # looked at first: what it wrote before stands in the log now
        while entries := await log.read(after=after):
            after = entries[-1].position
            for entry in entries:
                if isinstance(entry.event, SessionClaimed) and entry.event.pid == child.pid:
                    return entry.session
        if ended:
            return None
        await log.wait(after, timeout=LOOK_S)


@contextmanager
def _new_file(folder: Path) -> Generator[tuple[IO[bytes], Path]]:
    """A file for what the child says, readable by its owner alone; gone at the end where it got no other name."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix="starting-", suffix=".log", dir=folder)  # 0600
    except OSError as error:
        raise UsageError(
            f"what the run says cannot be written to {folder} ({error.strerror}); correct its permissions, "
            "or run it without `--detach`"
        ) from error
    try:
        with os.fdopen(number, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _relayed(path: Path, code: int, *, as_json: bool) -> int:
    """Tell what the child said; return its exit code as a shell has it."""
    said = path.read_text("utf-8", "replace")
    for line in said.splitlines():
        if as_json and _is_document(line):
            write_result(line + "\n")
        else:
            Output().problem(line)
    if code < 0:
        Output().problem(f"error: the run was ended by signal {-code} before its session was open; start it again")
    return shell_code(code)


def shell_code(code: int) -> int:
    """An exit code as a shell has it: 128 and the signal where one ended the process."""
    return code if code >= 0 else 128 - code


def _is_document(line: str) -> bool:
    with suppress(json.JSONDecodeError):
        return isinstance(json.loads(line), dict)
    return False
