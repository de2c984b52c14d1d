"""`swarm demo`: a scripted team works through a small project, without a key or a network. Only the models are not real."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import anyio

from events.log import EventLog, open_log, session_name, system_clock
from events.views.base import fold
from events.views.sessions import SessionsView
from swarm.cli.detach import launch
from swarm.cli.output import Output
from swarm.cli.progress import MODES
from swarm.cli.recorded import decimal_usd, log_errors
from swarm.cli.running import carry_out
from swarm.cli.sessions import state_of
from swarm.cli.watched import has_screen, tell_broken_off
from swarm.connect import SCRIPTED, Roster, Script
from swarm.errors import UsageError, dollars
from swarm.messages import FREE, Price
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.session import Result, run_file
from swarm.settings.load import ModelConfig, ProviderConfig, data_dir
from swarm.taskfile.read import load_task_file

if TYPE_CHECKING:
    from swarm.engine.faces import Faces
    from swarm.task import TaskFile

PAUSE_S = 1.0  # of each answer: about fifteen seconds along the longest chain of needs
DAY_NANOS = 1_000_000_000_000  # a thousand dollars, none of them real: the demo can be watched as often as one likes
FILES = ("tasks.yaml", "script.toml", "kettle.py", "commits.txt")
PAID = Price(row="demo:3/15", input_nanos=3_000_000_000, output_nanos=15_000_000_000)
EXPLAINED = "fix"
"""The task with the most to explain: a retry, an escalation and a budget that is nearly used up."""


class DemoFolder(UsageError):
    """The files of the demo cannot be written."""

    def __init__(self, error: OSError) -> None:
        why = (error.strerror or str(error)).lower()
        super().__init__(
            f"the files of the demo cannot be written to {error.filename} ({why}); "
            "mend that, or set XDG_DATA_HOME to a folder that can be written to"
        )


class DemoRuns(UsageError):
    """Another process plays the demo right now, and both would write the same files."""

    def __init__(self, session: str, log: str) -> None:
        super().__init__(f"a demo is running already; look at it with `swarm watch --log {log} {session}`")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="let the models answer at once, and open no view")
    parser.add_argument(
        "--progress",
        choices=MODES,
        default="auto",
        help="default: the live view on a terminal, else lines; live: a block",
    )
    parser.add_argument(
        "--plain", dest="progress", action="store_const", const="plain", help="lines, also on a terminal"
    )
    parser.set_defaults(yes=False)


def run(args: argparse.Namespace) -> int:
    return anyio.run(_watched if _is_watched(args) else _demo, args)


def _is_watched(args: argparse.Namespace) -> bool:
    output: Output = args.output
    is_plain = args.fast or args.progress != "auto" or output.json or output.quiet or output.in_ci
    return not is_plain and has_screen()


async def _watched(args: argparse.Namespace) -> int:
    """Play the demo in a process of its own, with the live view in front of it."""
    from swarm.cli.demo_view import play

    output: Output = args.output
    folder, url = _places(args, os.environ)
    unpack(folder)
    output.note(_opening(len(task_file(folder).tasks)))
    with log_errors():
        async with open_log(url) as log:
            await _refuse_second(log, url)
            words = ["demo", "--no-input", "--plain", f"--log={url}"]
            launched = await launch(log, words, stdin=None, as_json=False)
        if isinstance(launched, int):
            return launched
        outcome = await play(launched, folder, url, output)
    if outcome.result is None:
        tell_broken_off(launched, outcome.code, url, output)
    else:
        _tell(outcome.result, outcome.code, folder, url, output)
    return outcome.code


async def _demo(args: argparse.Namespace) -> int:
    output: Output = args.output
    folder, url = _places(args, os.environ)
    unpack(folder)
    file = task_file(folder)
    plan = demo_plan(folder, pause_s=0.0 if args.fast else PAUSE_S)
    output.note(_opening(len(file.tasks)))
    with log_errors():
        async with open_log(url) as log:
            await _refuse_second(log, url)

            async def session(faces: Faces) -> Result:
                return await run_file(
                    log,
                    file,
                    plan,
                    root=folder,
                    environ={},
                    faces=faces,
                    secrets=Secrets.from_environ(os.environ),
                    source=(folder / "tasks.yaml").read_text("utf-8"),  # 2 KB, written a moment ago
                    type_="demo",
                )

            result, code = await carry_out(args, output, session)
    _tell(result, code, folder, url, output)
    return code


def task_file(folder: Path, *, python: str = sys.executable) -> TaskFile:
    """The tasks of the demo, whose test cases are run with a Python."""
    return load_task_file(folder / "tasks.yaml", overrides={"python": python})


def _opening(tasks: int) -> str:
    return (
        f"{tasks} tasks that get a small release out. Two free models and a paid one answer from a script; "
        "no key, network or money of yours is used"
    )


def demo_plan(folder: Path, *, pause_s: float) -> Plan:
    """The team of the demo: two free models, and one that has a price."""
    models = tuple(
        ModelConfig(name=name, provider=SCRIPTED, model=name, tier="free" if price is FREE else "paid", price=price)
        for name, price in (("sparrow", FREE), ("finch", FREE), ("falcon", PAID))
    )
    roster = Roster(
        models=models,
        providers=(ProviderConfig(name=SCRIPTED, base_url=""),),
        script=Script(path=str(folder / "script.toml"), pause_s=pause_s),
    )
    return Plan(roster=roster, day_nanos=DAY_NANOS, paid_confirmed=True)


def _places(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Path, str]:
    """The folder that is the demo's project, and its log. Raises UsageError where the log is none to look at afterwards."""
    home = data_dir(environ)
    if args.log is None:
        return home / "demo", str(home / "demo.db")
    if args.log == "memory:":
        raise UsageError("--log memory: keeps nothing to look at afterwards; leave it out, or name a file")
    return home / "demo", str(Path(args.log).expanduser().absolute())


def unpack(folder: Path) -> None:
    """Put the demo's files where its session can find them later, as they were shipped. Raises DemoFolder."""
    shipped = resources.files("swarm").joinpath("demo")
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in FILES:
            (folder / name).write_bytes(shipped.joinpath(name).read_bytes())
    except OSError as error:
        raise DemoFolder(error) from error


async def _refuse_second(log: EventLog, url: str) -> None:
    sessions = (await fold(log, SessionsView())).sessions.values()
    now = system_clock()
    for one in sessions:
        if one.type == "demo" and state_of(one, now=now) == "running":
            raise DemoRuns(session_name(one.number), quote(url))


def commands(session: str, url: str) -> list[tuple[str, str]]:
    """What to type to look at a session of the demo, and what each shows."""
    log = f"--log {quote(url)}"
    return [
        (f"swarm show {log} {session}", "each task, its steps and verdicts"),
        (f"swarm show {log} {session}/{EXPLAINED}", "the retry and the escalation, try by try"),
        (f"swarm why {log} {session}/{EXPLAINED}", "why it ended as it did"),
        (f"swarm cost {log} --by model,task", "what was spent, on what"),
        (
            f"swarm replay {log} {session} --check",
            "each try again from the log, no model is asked: it comes to the same",
        ),
        (f"swarm log {log}", "every event"),
        (f"swarm replay {log} {session}", "all of it on the screen, played from the log"),
    ]


def _tell(result: Result, code: int, folder: Path, url: str, output: Output) -> None:
    shown = commands(result.session, url)
    if output.json:
        output.document(
            "swarm.demo/1",
            {
                "session": result.session,
                "exit_code": code,
                "log": url,
                "folder": str(folder),
                "tasks": {task.name: task.status for task in result.tasks},
                "tokens": result.tokens,
                "total_nanos": result.cost_nanos,
                "total_usd": decimal_usd(result.cost_nanos),
                "commands": [command for command, _ in shown],
            },
        )
        return
    accepted, skipped = (sum(task.status == status for task in result.tasks) for status in ("accepted", "skipped"))
    output.line(
        f"{result.session}: {accepted} of {len(result.tasks)} accepted, {skipped} skipped, {result.tokens:,} tokens, "
        f"{dollars(result.cost_nanos)} (scripted, so paid by nobody); files in {folder / 'out'}",
        "bold",
    )
    if any(task.status == "open" for task in result.tasks):
        output.line(f"swarm resume --log {quote(url)} {result.session}  # go on with it")
    for command, what in shown:
        output.line(f"{command}  # {what}")
    output.note("on work of your own: swarm init, then swarm run --local task.yaml")
