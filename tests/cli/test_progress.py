"""What a person sees while a run runs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from events.log import Entry
from events.types.any import AnyEvent
from events.types.base import TextRef
from events.types.call import CallOverran, CallReserved
from events.types.task import StepPlanned, TaskSubmitted
from swarm.cli.output import Output
from swarm.cli.progress import Live, change_of
from tests.acceptance.processes import environment
from tests.provider import Provider, provider_thread
from tests.team import play, swarm

DAG = """
tasks:
  plan: {prompt: Plan the garden., explore: true}
  plant: {prompt: Plant the garden., needs: plan, check: {contains: draft}}
  burn: {prompt: Burn the garden., needs: plant, check: {contains: fire}, limits: {attempts: 2}}
  rest: {prompt: Rest., needs: burn}
"""


def on_a_terminal(provider: Provider, folder: Path, *words: str, term: str = "xterm") -> tuple[int, str]:
    """Run the command with stderr on a terminal of its own; return its exit code and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "swarm.cli.main", "run", "dag.yaml", "--endpoint", provider.url, *words],
        cwd=folder,
        env=environment(folder, {"TERM": term, "COLUMNS": "100"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side is closed: the process has ended
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    return process.wait(30), sent.decode()


def test_on_a_terminal_a_small_block_is_painted_over_and_every_task_has_a_last_line(tmp_path: Path) -> None:
    (tmp_path / "dag.yaml").write_text(DAG)
    with provider_thread(play) as provider:
        code, sent = on_a_terminal(provider, tmp_path, "--model", "m")
    assert code == 1
    assert "Traceback" not in sent
    after = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", sent[sent.rindex("\x1b[J") :] if "\x1b[J" in sent else sent)
    for line in ("✔ plan  accepted", "✔ plant  accepted", "✘ burn  failed", "⊘ rest  cancelled"):
        assert line in after
    assert "s1: 2 of 4 accepted" in after
    assert "go on with" not in after
    assert sum(f"burn/1  attempt {attempt} rejected" in sent for attempt in (1, 2)) == 2


def entry(event: AnyEvent, position: int, *, step: int = 0) -> Entry:
    return Entry(
        position=position,
        id=b"",
        at=position,
        topic="s1",
        project="",
        session=1,
        task="t",
        step=step,
        attempt=step,
        cause=0,
        event=event,
    )


def test_a_dumb_terminal_gets_lines_and_nothing_is_painted(tmp_path: Path) -> None:
    (tmp_path / "dag.yaml").write_text(DAG)
    with provider_thread(play) as provider:
        code, sent = on_a_terminal(provider, tmp_path, "--model", "m", term="dumb")
    assert code == 1
    assert "\x1b" not in sent
    assert "● plan  explorer on m" in sent


def test_the_end_of_many_tasks_names_those_that_were_not_accepted(tmp_path: Path) -> None:
    wanted = ["fire" if number % 10 == 3 else "draft" for number in range(30)]
    task = "  t{}: {{prompt: Write., check: {{contains: {}}}, limits: {{attempts: 1}}}}"
    lines = ["tasks:", *(task.format(number, word) for number, word in enumerate(wanted))]
    (tmp_path / "dag.yaml").write_text("\n".join(lines))
    with provider_thread(play) as provider:
        code, sent = on_a_terminal(provider, tmp_path, "--model", "m")
    assert code == 1
    end = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", sent).replace("\r", "").splitlines()[-7:]
    assert end[0] == "✔ 27 tasks accepted"
    assert [line.split()[:3] for line in end[1:4]] == [["✘", f"t{n}", "failed"] for n in (3, 13, 23)]
    assert end[6] == "failed: t3, t13, t23; see why with: swarm why s1/t3"


def test_the_block_is_painted_over_from_the_left_and_a_line_of_it_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    display = Live(Output())
    call = CallReserved(
        role="worker",
        agent="generalist",
        model="a\n日本語" * 20,
        tier="free",
        messages=(),
        max_output_tokens=1,
        tokens=1,
        cost_nanos=0,
        price="free",
        scopes=(),
        ordinal=1,
    )
    submitted = TaskSubmitted(spec=TextRef("x"), title="t", decisions=1, type="writing", complexity="simple")
    display.observe([entry(submitted, 1), entry(StepPlanned(title="t", total=1), 2, step=1), entry(call, 3, step=1)])
    display.paint()
    display.paint()
    painted = capsys.readouterr().err
    assert painted.count("\n") == 4  # twice a task and the sum
    assert "\r\x1b[2A\x1b[J" in painted
    lines = re.sub(r"\r\x1b\[2A\x1b\[J", "", painted).splitlines()
    assert all(sum(2 if char in "日本語" else 1 for char in line) < 40 for line in lines)


def test_in_a_pipe_each_change_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "dag.yaml").write_text(DAG)
    with provider_thread(play) as provider:
        words = ("run", "dag.yaml", "--endpoint", provider.url, "--model", "m")
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
        lines = done.stderr.splitlines()
        for line in ("● plan  explorer on m", "✔ plan/1  accepted by critic@m", "✔ plant/1  accepted by its checks"):
            assert line in lines
        assert any(line.startswith("✘ burn  failed: 2 drafts were rejected") for line in lines)
        assert "\x1b" not in done.stderr
        silent = swarm(*words, "--progress", "none", home=tmp_path, cwd=tmp_path)
        assert not any(line.startswith(("●", "✔")) for line in silent.stderr.splitlines())
        events = swarm(*words, "--progress", "json", "-q", home=tmp_path, cwd=tmp_path).stderr.splitlines()
    kinds = [json.loads(line)["kind"] for line in events]
    assert kinds.count("call.reserved") == kinds.count("call.settled") == 6
    assert kinds[-1] == "task.cancelled"


def test_who_counts_more_than_was_reserved_is_named_where_the_run_is_shown() -> None:
    over = CallOverran(reservation=177, scopes=("s1",), tokens=139_426, cost_nanos=229_126_000, model="liar")
    assert change_of(entry(over, 178, step=1)) == (
        "! t/1  liar counted 139,426 tokens and $0.2291 more than was reserved; see `swarm why 177`"
    )
