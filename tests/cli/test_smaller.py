"""`swarm log prune` and `swarm log archive`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from events.log import open_log
from events.testing import builders as make
from events.testing.builders import SetClock, a_text, new
from events.types.base import TextRef
from swarm.cli.main import main
from swarm.cli.smaller import moment_of, names_of
from swarm.errors import UsageError
from tests.events.aged import DAY, live
from tests.terminal import terminal
from tests.tui.recordings import at_home

NOON = 1_795_262_400_000_000  # 2026-11-21 12:00:00 UTC


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two sessions of 100 days ago, one that was not finished, and two of today."""
    at_home(tmp_path, monkeypatch)
    path = tmp_path / "log.db"

    async def record() -> None:
        clock, random = SetClock(time.time_ns() // 1000 - 100 * DAY * 1_000_000), Random(1)
        async with open_log(path, clock=clock) as log:
            await live(log, clock, random, first=1, sessions=2)
            text = a_text("what it was told")
            opened = new(make.opened(settings=TextRef(text.digest)), session=3, topic="sessions")
            await log.append([opened, new(make.claimed(), session=3, topic="claim/s3")], texts=[text])
            clock.move(100 * DAY - 3600)
            await live(log, clock, random, first=4, sessions=2)

    anyio.run(record)
    return str(path)


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_prune_says_what_would_go_and_what_stays_and_does_nothing(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(log).read_bytes()
    assert main(["log", "prune", "--texts-before", "90d", "--dry-run", "--log", log]) == 0
    said = capsys.readouterr()
    assert (
        said.out.startswith("would drop ") and "of 2 sessions that ended before" in said.out and "s1 to s2" in said.out
    )
    assert "1 older session with texts kept: s3 can still be resumed" in said.err
    assert Path(log).read_bytes() == before


def test_prune_drops_texts_once_and_show_and_verify_tell_that_they_are_gone(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "log", "prune", "--texts-before", "90d", "--yes", "--log", log)
    assert found["schema"] == "swarm.log.prune/1" and found["done"] and found["sessions"] == ["s1", "s2"]
    assert found["kept"] == {"s3": "unfinished"} and found["texts"] > 10 and found["shrunk"]
    assert main(["log", "prune", "--texts-before", "90d", "--yes", "--log", log]) == 0
    assert "has texts to drop" in capsys.readouterr().out
    assert main(["verify", "--log", log]) == 0
    assert f"{found['texts']} texts were pruned" in capsys.readouterr().err
    assert main(["log", "--texts", "--session", "s1", "--log", log]) == 0
    assert "is no longer kept" in capsys.readouterr().out
    assert main(["show", "s1", "--log", log]) == 0


def test_archive_cuts_off_what_is_older_and_both_files_answer(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = document(capsys, "cost", "--by", "day,model,role,agent,tier", "--log", log)
    total = document(capsys, "ps", "--all", "--log", log)["sessions"]
    found = document(capsys, "log", "archive", "--before", "90d", "--yes", "--log", log)
    file = found["file"]
    assert found["done"] and found["sessions"] == ["s1", "s2"] and found["blocking"] == ["s3"]
    assert Path(file).parent == Path(log).parent and Path(file).stat().st_mode & 0o777 == 0o600
    untold = {"tasks": None, "waste": None}  # of what came of tasks that are no longer there
    assert document(capsys, "cost", "--by", "day,model,role,agent,tier", "--log", log) == {**whole, **untold}
    assert document(capsys, "cost", "day", "--log", log)["tasks"] is not None
    rest = document(capsys, "ps", "--all", "--log", log)["sessions"]
    archived = document(capsys, "ps", "--all", "--log", file)["sessions"]
    assert [one["session"] for one in archived] == ["s2", "s1"] and rest + archived == total
    for words in (["show", "s1"], ["log"], ["verify"], ["cost"]):
        assert main([*words, "--log", file]) == 0
        capsys.readouterr()
    assert main(["verify", "--log", log]) == 0
    assert f"what was before is in {file}, which was read, too, and joins" in capsys.readouterr().err
    assert main(["show", "s1", "--log", log]) == 2
    assert "there is no session s1 in this log" in capsys.readouterr().err


def test_archive_without_anything_old_says_what_is_in_the_way(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "archive", "--before", "90d", "--yes", "--log", log]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("archived ") and f"`swarm cancel s3 --log {log}` ends what is not to go on" in said.err
    assert main(["log", "archive", "--before", "90d", "--yes", "--log", log]) == 0
    assert "s3 can still be resumed; end what is not to go on with `swarm cancel s3`" in capsys.readouterr().out
    assert main(["log", "archive", "--before", "500d", "--dry-run", "--log", log]) == 0
    assert "no session that is older than that has ended" in capsys.readouterr().out


def test_an_archive_that_was_moved_is_named_to_verify(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(document(capsys, "log", "archive", "--before", "90d", "--yes", "--log", log)["file"])
    moved = file.rename(tmp_path / "old.db")
    assert main(["verify", "--log", log]) == 0
    assert f"what was before is in {file}, which is not there; name it with --with FILE" in capsys.readouterr().err
    found = document(capsys, "verify", "--log", log, "--with", str(moved))
    assert found["ok"] and found["archives"] == [str(moved)] and found["elsewhere"] is None
    assert main(["verify", "--log", log, "--with", str(file)]) == 2
    assert f"--with {file}: there is no such file" in capsys.readouterr().err
    moved.write_bytes(moved.read_bytes()[:-1] + b"x")
    assert main(["verify", "--log", log, "--with", str(moved)]) == 1
    assert "not byte for byte the file that was written" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["prune", "--texts-before", "90d"], ["archive", "--before", "90d"]])
def test_nobody_who_can_be_asked_is_exit_5_and_changes_nothing(
    log: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(log).read_bytes()
    assert main(["log", *words, "--log", log]) == 5
    assert f"say `swarm log {' '.join(words)} --yes --log {log}`" in capsys.readouterr().err
    assert Path(log).read_bytes() == before


def test_on_a_terminal_it_asks_and_no_is_the_answer_of_an_empty_line(log: str) -> None:
    before = Path(log).read_bytes()
    for answer, code in (("\n", 5), ("y\n", 0)):
        with terminal("log", "archive", "--before", "90d", "--log", log) as shown:
            shown.wait_for("off the log?")
            assert Path(log).read_bytes() == before
            shown.press(answer)
            assert shown.end() == code, shown.text
    assert Path(log).read_bytes() != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prune"], "say which are old with --texts-before"),
        (["archive"], "say which are old with --before"),
        (["archive", "--texts-before", "90d"], "with --before"),
        (["prune", "--before", "90d"], "with --texts-before"),
        (["prune", "--texts-before", "soon"], "write a date such as 2026-08-31, or an age such as 90d or 12w"),
        (["archive", "--before", "2026-02-30"], "write a date"),
        (["archive", "--before", "99999d9"], "write a date"),
        (["archive", "--before", "9999-01-01"], "still to come"),
        (["archive", "--before", "90d", "--yes", "--to", "/nowhere/x.db"], "its folder does not exist"),
        (["prone"], "there is no task prone"),
        (["prone", "--texts-before", "90d"], "--texts-before belongs to the actions prune and archive"),
        (["s1", "--session", "s2"], "both name what is wanted; give one of them"),
        (["--before", "90d"], "belongs to the actions prune and archive; name one of them"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(
    log: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", *words, "--log", log]) == 2
    assert said in capsys.readouterr().err


def test_without_a_log_nothing_is_made(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "prune", "--texts-before", "1d", "--yes", "--log", log + ".missing"]) == 2
    assert "begin with `swarm run" in capsys.readouterr().err and not Path(log + ".missing").exists()


def test_a_moment_is_the_local_midnight_of_a_date_or_an_age() -> None:
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")
    assert moment_of("2026-11-21", "--before", now=NOON, zone=berlin) == NOON - 13 * 3600 * 1_000_000
    assert moment_of("0d", "--before", now=NOON, zone=berlin) == NOON - 13 * 3600 * 1_000_000
    summer = moment_of("2026-08-23", "--before", now=NOON, zone=berlin)
    assert moment_of("90d", "--before", now=NOON, zone=berlin) == summer == NOON - (90 * 24 + 14) * 3600 * 1_000_000
    assert moment_of("2w", "--before", now=NOON, zone=berlin) == moment_of("14", "--before", now=NOON, zone=berlin)
    with pytest.raises(UsageError, match="still to come"):
        moment_of("2026-11-22", "--before", now=NOON, zone=berlin)


def test_sessions_are_named_in_ranges() -> None:
    assert names_of([1, 2, 3, 5, 8, 9]) == "s1 to s3, s5, s8 to s9"
    assert names_of(range(1, 40, 2)).endswith("s15 and 12 more")
