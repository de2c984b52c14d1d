"""`swarm export`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import anyio
import pytest

from events.log import open_log
from events.testing.builders import a_task, closed, new, opened
from swarm.cli.main import main
from tests.export.collector import Collector, attributes_of, collecting, require_right
from tests.tui.recordings import EVIL, at_home, recorded_log
from tests.whatif.coverage import LEANING
from tests.whatif.worlds import entries_of, write

_READ = (
    "verify",
    "ps --all",
    "show",
    "why",
    "log",
    "trail",
    "report waste",
    "budget",
    "status",
    "cache",
    "skills stats",
)
PRICES = '[models.a]\nprice = "1/2"\n'


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session that somebody interrupted, with titles that a terminal would act upon."""
    return recorded_log(tmp_path, monkeypatch)


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished session of 24 tasks on three models."""

    async def record() -> None:
        async with open_log(tmp_path / "log.db") as log:
            await write(log, entries_of(LEANING, Random(7), 24))
            await log.append([new(closed(), topic="claim/s1")])

    at_home(tmp_path, monkeypatch)
    anyio.run(record)
    return str(tmp_path / "log.db")


def swarm(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert main(list(words)) == code, capsys.readouterr().err
    said = capsys.readouterr()
    return said.out, said.err


def test_every_reading_command_answers_on_a_shared_log_and_with_the_same_numbers(
    finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    swarm(capsys, "export", "share", "--all", "--log", finished, "--to", "told.db")
    Path("prices.toml").write_text(PRICES)
    for line in _READ:
        assert _code(capsys, *line.split(), "--log", "told.db") == 0, line
    for words in (
        ("cost", "--by", "tier,role"),
        ("whatif", "--policy", "uniform"),
        ("whatif", "--policy", "cheapest"),
        ("whatif", "--budget", "$0.0001"),
        ("whatif", "--tiers", "free,cheap"),
    ):
        home, told = (json.loads(swarm(capsys, *words, "--json", "--log", each)[0]) for each in (finished, "told.db"))
        assert _numbers(home) == _numbers(told) and home.get("kind") == told.get("kind"), words


def _code(capsys: pytest.CaptureFixture[str], *words: str) -> int:
    code = main(list(words))
    assert "Traceback" not in capsys.readouterr().err
    return code


def _numbers(found: Any) -> list[Any]:
    """All that is no text, in its order."""
    if isinstance(found, dict):
        return _numbers(list(cast("dict[str, Any]", found).values()))
    if isinstance(found, list):
        return [each for value in cast("Sequence[Any]", found) for each in _numbers(value)]
    return [] if isinstance(found, str) else [found]


def test_a_shared_log_is_told_with_what_it_holds_and_what_went_with_it(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = swarm(capsys, "export", "share", "s1", "--log", log, "--to", "told.db")
    assert out == "told.db: 1 session, 26 events, none of their texts\n"
    assert "s1 had not finished: it is shared as far as it stood" in err
    assert Path(f"{log}.key").stat().st_mode & 0o777 == 0o600 and Path("told.db").stat().st_mode & 0o777 == 0o600
    again = swarm(capsys, "export", "share", "s1", "--log", log, "--to", "told.db", code=2)[1]
    assert "told.db is there already; name another file with `--to`" in again
    document = json.loads(swarm(capsys, "export", "share", "--shift-times", "--log", log, "--to", "b.db", "--json")[0])
    assert (document["schema"], document["events"], document["unfinished"]) == ("swarm.share/1", 26, [1])
    first = json.loads(swarm(capsys, "log", "-n", "1", "--json", "--log", "b.db")[0])
    assert first["at"] < "2026-11-15", "at least a week earlier"


def test_nothing_is_sent_anywhere_but_where_an_endpoint_is_named(
    log: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b,x-other=c")
        out, _ = swarm(capsys, "export", "otel", "--log", log)
        assert not collector.requests
        sent, _ = swarm(capsys, "export", "otel", "--log", log, "--endpoint-from-env", "--header", "x-other=d")
        assert sent == f"1 session: 14 spans and 21 data points sent to {collector.url}\n"
        headers = collector.requests[0][1]
        assert (headers["x-key"], headers["x-other"]) == ("a b", "d")
        assert [json.loads(line) for line in out.splitlines()] == [body for *_, body in collector.requests]
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert "is not set" in swarm(capsys, "export", "otel", "--log", log, "--endpoint-from-env", code=2)[1]


def test_an_export_that_broke_off_is_repeated_with_the_same_ids(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    with collecting() as collector:
        words = ("export", "otel", "--log", log, "--endpoint", collector.url)
        collector.answers = [(200, {}, {}), (400, {}, {"message": "no metrics here"})]
        _, err = swarm(capsys, *words, code=1)
        assert "/v1/metrics answered with 400 ('no metrics here'); mend that and export again" in err
        swarm(capsys, *words)
    first, again = ([span["spanId"] for span in spans] for spans in _halves(collector))
    assert first == again and len(set(first)) == 14


def _halves(collector: Collector) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    spans = collector.spans()
    return spans[: len(spans) // 2], spans[len(spans) // 2 :]


def test_a_file_is_written_whole_and_the_same_each_time(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one.jsonl", "two.jsonl", "one.jsonl"):
        swarm(capsys, "export", "otel", "--log", log, "--to", name)
    one = Path("one.jsonl").read_bytes()
    assert one == Path("two.jsonl").read_bytes() and not list(Path().glob(".*.part"))
    bodies = [json.loads(line) for line in one.splitlines()]
    for body in bodies:
        require_right(body)
    assert "Mend" not in one.decode() and "schemas/1.41.0" in one.decode()
    swarm(capsys, "export", "otel", "--log", log, "--to", "new.jsonl", "--conventions", "genai-dev")
    assert "gen_ai.client.inference.usage.input_tokens" in Path("new.jsonl").read_text()
    assert "cannot be written" in swarm(capsys, "export", "otel", "--log", log, "--to", "none/x", code=2)[1]


def test_an_interrupted_session_is_left_out_of_all_and_exported_where_it_is_named(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = swarm(capsys, "export", "otel", "--since", "2026-11-01", "--log", log)
    assert out == "" and "left out, for they have not finished: s1" in err
    assert swarm(capsys, "export", "otel", "s1", "--log", log)[0]


def test_a_finished_session_is_one_of_all(finished: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = swarm(capsys, "export", "otel", "--all", "--log", finished)
    (resource,) = json.loads(out.splitlines()[0])["resourceSpans"]
    assert "left out" not in err and attributes_of(resource["resource"])["service.name"] == "swarm"


def test_rows_are_calls_tasks_and_sessions_with_exact_amounts(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls = list(csv.DictReader(io.StringIO(swarm(capsys, "export", "csv", "--log", log)[0])))
    assert [(row["task"], row["state"], row["cost_usd"]) for row in calls] == [
        ("build", "settled", "0"),
        ("build", "settled", "0.001234567"),
        ("docs", "unknown", "0.003"),
        ("docs", "failed", "0"),
        ("ship", "open", "0"),
    ]
    out, _ = swarm(capsys, "export", "jsonl", "--rows", "tasks", "--log", log)
    tasks = [json.loads(line) for line in out.splitlines()]
    assert [(row["task"], row["status"], row["cost_nanos"]) for row in tasks[:2]] == [
        ("build", "accepted", 1_234_567),
        ("docs", "failed", 3_000_000),
    ]
    assert tasks[0]["title"] == f"Build it {EVIL}" and tasks[0]["began"].startswith("2026-11-21T10:00:")
    (session,) = (
        json.loads(line)
        for line in swarm(capsys, "export", "jsonl", "--rows", "sessions", "--log", log)[0].splitlines()
    )
    assert (session["accepted"], session["tasks"], session["cost_usd"]) == (1, 4, "0.004234567")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("share",), "name it with `--to FILE.db`"),
        (("otel", "--rows", "calls"), "--rows goes with `swarm export csv"),
        (("csv", "--content"), "--content goes with `swarm export otel"),
        (("otel", "s1", "--all"), "give one of them"),
        (("otel", "--conventions", "0.9"), "known are 1.41 and genai-dev"),
        (("otel", "--endpoint", "collector"), "is no endpoint of OTLP"),
        (("otel", "--header", "a=b"), "name that with --endpoint"),
        (("otel", "--endpoint", "http://h", "--header", "a:b"), "a header is written NAME=VALUE"),
        (("csv", "s9"), "there is no session s9"),
        (("csv", "--since", "2099-01-01"), "no session began since 2099-01-01"),
        (("jsonl", "--json"), "leave it out"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    log: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in swarm(capsys, "export", *words, "--log", log, code=2)[1]


def test_a_name_that_a_spreadsheet_would_calculate_is_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def record() -> None:
        async with open_log("log.db") as log:
            await log.append([new(opened(title="=HYPERLINK(1)"), topic="sessions"), a_task()])

    at_home(tmp_path, monkeypatch)
    anyio.run(record)
    assert ",'=HYPERLINK(1)," in swarm(capsys, "export", "csv", "--rows", "sessions", "--log", "log.db")[0]
