"""What people look at, measured beside its bars: help, status line, live view, replay, and what tests say of the rest.

python -m bench.faces [--quick] [--json] [--rounds N] [--folder DIR]

Each command is started as a user starts it, the screens on a terminal of 140 x 40; what they cost is their own process's CPU. The
writer that pours events in is another process. Linux only: it reads /proc. Bars: docs/explanation/measurements.md. A whole run takes
some five minutes, `--quick` two.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import anyio

from bench import replay, watching
from bench.options import parser_of, to_its_end
from bench.processes import ROOT, Process, finished, installed
from bench.table import Bar, Figure, show

TESTS: dict[str, tuple[str, ...]] = {
    "1 what the help imports": (
        "tests/test_imports.py::test_the_help_of_all_commands_imports_nothing_that_is_not_needed_to_print_it",
    ),
    "4 resized under load, its writer killed": ("tests/acceptance/test_watched_run.py",),
    "7 any seek equals the fold": ("tests/tui/test_timeline.py",),
    "8 sizes, NO_COLOR, fixed screens": (
        "tests/tui/test_app.py",
        "tests/tui/test_screens.py",
        "tests/tui/test_replay.py",
    ),
    "9 broken task files": (
        "tests/test_task_broken.py",
        "tests/acceptance/test_run.py::test_a_broken_file_is_refused_before_anything_is_called_or_written",
    ),
    "10 examples": ("tests/test_task.py", "tests/test_docs.py", "tests/test_examples.py"),
    "11 piped: no escapes, one document": (
        "tests/cli/test_progress.py::test_in_a_pipe_each_change_is_a_line",
        "tests/cli/test_main.py::test_with_json_a_failure_is_one_document_on_stdout",
        "tests/acceptance/test_run.py::test_in_the_environment_of_cron_a_run_works_asks_nothing_and_ends_with_the_right_code",
        "tests/acceptance/test_run.py::test_the_result_as_a_document_says_what_was_spent_and_where_the_log_ends",
    ),
    "12 --dry-run asks nobody": ("tests/cli/test_estimates.py",),
    "13 interrupted and resumed": (
        "tests/cli/test_demo.py",
        "tests/test_session_stops.py::test_an_interrupted_session_keeps_its_answers_and_goes_on_where_it_was",
    ),
}
SLOW_TESTS = {"10 what documentation shows": ("tests/test_doc_pages.py",)}
"""What a quick run leaves to the suite."""


def commands(folder: Path, log: Path, rounds: int) -> list[Figure]:
    bare: list[Process] = []
    help_: list[Process] = []
    line: list[Process] = []
    for _ in range(rounds):
        bare.append(finished([sys.executable, "-c", "pass"], folder))
        help_.append(finished([*installed(), "--help"], folder))
        line.append(finished([*installed(), "status", "--line", "--log", str(log)], folder))
    python = median(each.wall_ms for each in bare)
    ratio = median(mine.wall_ms / base.wall_ms for mine, base in zip(help_, bare, strict=True))
    helped, lined = median(each.wall_ms for each in help_), median(each.wall_ms for each in line)
    beside = f"{cpu_of(help_)}; a bare Python {python:.0f} ms"
    return [
        Figure("1 swarm --help, to its end", helped, "ms", beside, Bar(100)),
        Figure("1 the same beside a bare Python", ratio, "x", "", Bar(4)),
        Figure("2 swarm status --line, 100,000 events", lined, "ms", cpu_of(line), Bar(150)),
    ]


def cpu_of(rounds: Sequence[Process]) -> str:
    return f"{median(each.cpu_ms for each in rounds):.0f} ms of CPU"


def views(folder: Path, log: Path, rounds: int, seconds: float) -> list[Figure]:
    frames = [watching.first_frame(log, folder) for _ in range(rounds)]
    first, first_cpu = (median(each) * 1000 for each in zip(*frames, strict=True))
    loads = [watching.under_load(folder, seconds=seconds) for _ in range(max(1, rounds // 3))]
    rate, late = median(load.rate for load in loads), max(load.late_s for load in loads)
    idle_kb = median(load.idle_kb_s for load in loads)
    found = [
        Figure(
            "3 swarm watch, to its first frame", first, "ms", f"100,000 events; {first_cpu:.0f} ms of CPU", Bar(1000)
        ),
        Figure(
            f"4 swarm watch, {rate:,.0f} events/s: its CPU",
            100 * median(load.cpu for load in loads),
            "%",
            f"{median(load.kb_s for load in loads):.0f} kB/s to the terminal, for {seconds:g} s",
            Bar(40),
        ),
        Figure("4 events that it lost", max(load.lost for load in loads), "", "", Bar(0)),
        Figure("4 how late it shows the last one, at most", late, "s", "", Bar(1)),
        Figure(
            "4 runs in which its header fell behind a second", sum(load.fell_behind for load in loads), "", "", Bar(0)
        ),
        Figure("5 swarm watch at rest: its CPU", 100 * median(load.idle_cpu for load in loads), "%", "", Bar(3)),
        Figure("5 at rest: to the terminal", idle_kb, "kB/s", "200 tasks that grow older", Bar(2)),
    ]
    if watching.has_option("--slow"):
        slow = watching.under_load(folder, seconds=seconds, options=["--slow"])
        found.append(
            Figure("6 swarm watch --slow, 10,000 events/s", slow.kb_s, "kB/s", f"{100 * slow.cpu:.0f} % CPU", Bar(50))
        )
    return found


def seeks(folder: Path) -> list[Figure]:
    took = {**anyio.run(replay.seeks, folder, "sessions"), **anyio.run(replay.seeks, folder, "session")}
    return [
        Figure(
            f"7 replay: any seek in 100,000 events, {what}",
            took[f"{kind} p95"] * 1000,
            "ms",
            f"p95 of CPU; median {took[f'{kind} seek'] * 1000:.1f} ms",
            Bar(100),
        )
        for kind, what in (("sessions", "many sessions"), ("session", "one session"))
    ]


def tests(what: str, names: Sequence[str]) -> Figure:
    """How many of the tests that make a check fail."""
    words = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *names]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-200:]]
    failed = sum(int(number) for number in re.findall(r"(\d+) (?:failed|error)", said[0]))
    passed = re.search(r"(\d+) passed", said[0])
    if not failed and (done.returncode or passed is None):
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    beside = f"{passed[1] if passed else 0} passed: {names[0].partition('::')[0]}" + (" ..." if names[1:] else "")
    return Figure(what, failed, "fail", beside, Bar(0))


def measure(folder: Path, *, quick: bool, rounds: int) -> list[Figure]:
    found = seeks(folder)
    log = folder / "sessions.db"
    found = [*commands(folder, log, rounds), *views(folder, log, rounds, 4.0 if quick else 10.0), *found]
    found += [tests(what, names) for what, names in {**TESTS, **({} if quick else SLOW_TESTS)}.items()]
    return sorted(found, key=lambda figure: int(figure.what.partition(" ")[0]))


def main() -> None:
    args = parser_of(__doc__, "3 rounds, shorter load, and not every test").parse_args()
    rounds = args.rounds or (3 if args.quick else 9)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        found = measure(Path(folder), quick=args.quick, rounds=rounds)
    if not watching.has_option("--slow"):
        sys.stderr.write("6: `swarm watch` has no --slow here\n")
    show(f"faces, medians of {rounds} rounds", found, as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
