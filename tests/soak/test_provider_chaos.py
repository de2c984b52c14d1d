"""What servers send in truth, byte by byte: the session ends with the right status, the money is right, and no error escapes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

import anyio
import pytest

from events.log import EventLog, open_log
from events.types.call import CallFailed, CallReserved, CallSettled, CallUnknown
from swarm.models.transport import TransportKind
from swarm.replay import replay
from swarm.session import Result
from tests.ledger_agents import entries_of
from tests.provider import ABSENT, Answer, provider_thread
from tests.running import DEAR, Cast, a_plan, model, money_of, run, serving
from tests.team import swarm

pytestmark = pytest.mark.soak

TEXT = "Grüße an 世界 🌱, mit allem."
USAGE = {"prompt_tokens": 40, "completion_tokens": 7}
COST = 40 * 1_000 + 7 * 4_000  # at the price of tests.running.DEAR
SECOND = "A draft at the second try."

Ends = Literal["provider", "reservation", "unknown", "failed"]
"""What becomes of the reservation: settled by the provider's count, settled at its own amount, maybe paid, or free."""


@dataclass(frozen=True)
class Case:
    """How the first draft is answered, and what becomes of it. One that comes to nothing is asked for again."""

    name: str
    answer: Answer
    ends: Ends = "provider"
    text: str = TEXT
    cost: int = COST


def chunk(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    """One chunk of a stream, with a piece of text or with whatever else."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": more.pop("finish", None)}]
    return json.dumps({"id": "c1", "model": "m1", "choices": choices, **more}, ensure_ascii=False).encode()


def chunks(*, usage: object = USAGE, finish: str | None = "stop", done: bool = True) -> list[bytes]:
    """The data of an honest answer."""
    said = [chunk({"role": "assistant", "content": ""})]
    said += [chunk({"content": TEXT[start : start + 5]}) for start in range(0, len(TEXT), 5)]
    if finish is not None:
        said.append(chunk({}, finish=finish))
    if usage is not ABSENT:
        said.append(chunk(usage=usage))
    return [*said, b"[DONE]"] if done else said


def wire(datas: Sequence[bytes], *, start: bytes = b"data: ", end: bytes = b"\n\n") -> bytes:
    return b"".join(start + data + end for data in datas)


def sent(body: bytes, *, size: int = 1 << 20, **more: Any) -> Answer:
    """The bytes as they are, so many in one write."""
    return Answer(pieces=[body[start : start + size] for start in range(0, len(body), size)], **more)


def broken(name: str, answer: Answer, *, ends: Ends = "unknown") -> Case:
    return Case(name, answer, ends=ends, text=SECOND)


def forever() -> Awaitable[object]:
    return anyio.Event().wait()


ERROR = b'{"error": {"message": "overloaded", "code": 503}}'
WHOLE = chunks()
PARTS = [{"type": "text", "text": TEXT}]
DOCUMENT = json.dumps({"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}], "usage": USAGE}).encode()
GROWING = [
    *(chunk({"content": letter}, usage={**USAGE, "completion_tokens": n}) for n, letter in enumerate(TEXT)),
    chunk({}, finish="stop", usage=USAGE),
    b"[DONE]",
]
READABLE = (
    Case("CRLF", sent(wire(WHOLE, end=b"\r\n\r\n"))),
    Case("CR alone", sent(wire(WHOLE, end=b"\r\r"))),
    Case("no space behind the colon", sent(wire(WHOLE, start=b"data:"))),
    Case("comments", sent(wire(WHOLE, start=b": keep-alive\n\n: OPENROUTER PROCESSING\ndata: "))),
    Case("other fields", sent(wire(WHOLE, start=b"event: message\nid: 7\nretry: 10\ndata: "))),
    Case("byte order mark", sent(b"\xef\xbb\xbf" + wire(WHOLE))),
    Case("one byte a write, which splits every UTF-8 character", sent(wire(WHOLE), size=1)),
    Case("three bytes a write, with CRLF", sent(wire(WHOLE, end=b"\r\n\r\n"), size=3)),
    Case("no [DONE]", sent(wire(chunks(done=False)))),
    Case("no [DONE], and no end of the last line", sent(wire(chunks(done=False)).rstrip())),
    Case("no finish_reason", sent(wire(chunks(finish=None)))),
    Case("words behind [DONE]", sent(wire([*WHOLE, b"garbage", b"{"]))),
    Case("data that cannot be read behind the end", sent(wire([*chunks(done=False), b"{half"]))),
    Case("a document though a stream was asked for", Answer(TEXT, stream=False, usage=USAGE)),
    Case("a document in many pieces", sent(DOCUMENT, size=2)),
    Case("null where lists and texts stand", sent(wire([b'{"choices": null}', chunk({"content": None}), *WHOLE]))),
    Case("fields that nobody knows", sent(wire([chunk({"content": "", "x": {"y": [1, None]}}, z=[[]]), *WHOLE]))),
    Case("content in parts", sent(wire([chunk({"content": PARTS}, finish="stop"), chunk(usage=USAGE), b"[DONE]"]))),
    Case("thoughts beside the text", sent(wire([chunk({"reasoning_content": "hm", "content": None}), *WHOLE]))),
    Case("usage in every chunk, growing", sent(wire(GROWING))),
    Case("usage before the text", sent(wire([chunk(usage=USAGE), *chunks(usage=ABSENT)]))),
    Case("a reset behind the last chunk", Answer(TEXT, usage=USAGE, done=False, chunks=2, cut_after=5, cut_by="reset")),
    Case(  # so they stand beside the prompt: 40 + 99 tokens were read, and 7 written
        "more cached than read",
        sent(wire(chunks(usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 99}}))),
        cost=139 * 1_000 + 7 * 4_000,
    ),
    Case("a detail of the usage that is none", sent(wire(chunks(usage={**USAGE, "completion_tokens_details": "?"})))),
)
WRONG_COUNTS: tuple[object, ...] = (
    None,
    ABSENT,
    {},
    [],
    "many",
    7,
    {"prompt_tokens": -40, "completion_tokens": 7},
    {"prompt_tokens": 40, "completion_tokens": -1},
    {"prompt_tokens": "40", "completion_tokens": "7"},
    {"prompt_tokens": 40.0, "completion_tokens": 7.5},
    {"prompt_tokens": True, "completion_tokens": False},
    {"prompt_tokens": 10**30, "completion_tokens": 7},
    {"prompt_tokens": None, "completion_tokens": 7},
    {"completion_tokens": 7},
)
MISCOUNTED = [
    Case(
        f"usage {'missing' if usage is ABSENT else json.dumps(usage)}",
        sent(wire(chunks(usage=usage))),
        ends="reservation",
    )
    for usage in WRONG_COUNTS
]
BROKEN = (
    broken("an error in the first event", sent(wire([ERROR]))),
    broken("too many requests, in the first event", sent(wire([ERROR.replace(b"503", b"429")])), ends="failed"),
    broken("an error in the middle", sent(wire([*WHOLE[:3], ERROR]))),
    broken("an error as finish_reason", sent(wire([*WHOLE[:3], chunk({}, finish="error")]))),
    broken("the end in the middle", sent(wire(WHOLE[:4]))),
    broken("the end in the middle of a character", sent(wire(WHOLE)[: wire(WHOLE).index(b"\xf0\x9f") + 2])),
    broken("a reset in the middle", Answer(TEXT, cut_after=2, cut_by="reset")),
    broken("a close in the middle", Answer(TEXT, cut_after=2)),
    broken("a reset before the head", Answer(TEXT, cut_after=-1, cut_by="reset")),
    broken("a close before the head", Answer(TEXT, cut_after=-1)),
    broken("nothing at all", Answer(body=b"")),
    broken("an empty stream", sent(b"")),
    broken("comments and nothing else", sent(b": ping\n\n" * 50)),
    broken("[DONE] and nothing else", sent(wire([b"[DONE]"]))),
    broken("a page", Answer(body=b"<!doctype html><html><body>Welcome</body></html>")),
    broken("a list", Answer(body=b"[1, 2]")),
    broken("data that is no JSON", sent(wire([WHOLE[0], b"{half", *WHOLE[1:]]))),
    broken("data that is no UTF-8", sent(wire([b'{"choices": [{"delta": {"content": "\xff\xfe"}}]}']))),
    broken("types that are not those of the protocol", sent(wire([b'{"choices": {"0": "x"}}', *WHOLE]))),
    broken("a body in an encoding that it is not", sent(wire(WHOLE), headers={"content-encoding": "gzip"})),
    broken("an error of the gateway", Answer(status=502, body=b"<html>Bad Gateway</html>"), ends="failed"),
    broken("too many requests", Answer(status=429, body=b"{}", headers={"retry-after": "0.01"}), ends="failed"),
    broken("come back soon", Answer(status=503, body=b"{}", headers={"retry-after": "soon"}), ends="failed"),
    broken("a silence before the head", Answer(before_head=forever)),
)  # fmt: skip
FRAMES = (
    b"HTTP/1.1 abc\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\x15\x03\x01\x00\x02\x02\x16",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + wire(WHOLE[:2]),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + wire(WHOLE[:2]),
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n no: fold\r\n\x00bad\r\n\r\n" + wire(WHOLE[:2]),
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm.calls.FIRST_PAUSE_S", 0.01)


class Outcome(NamedTuple):
    result: Result
    first: CallSettled | CallUnknown | CallFailed  # what became of the first draft's call
    reserved: CallReserved  # its reservation
    requests: int


async def play(answer: Answer, root: Path, transport: TransportKind, *, more: str = "") -> Outcome:
    """Run a task whose first draft is answered so, and look at the money."""
    cast = Cast(worker=[answer, SECOND])
    async with open_log(root / "log.db") as log:
        async with serving(
            cast, model("m1", "paid", price=DEAR), transport=transport, timeout_s=0.3, day_nanos=10**13
        ) as (server, plan):
            with anyio.fail_after(30):
                result = await run(log, f"prompt: Write to the world.\n{more}", plan, root)
            requests = len(server.requests)
        await check_money(log, result)
        entries = await entries_of(log)
    position, reserved = next((each.position, each.event) for each in entries if isinstance(each.event, CallReserved))
    first = next(
        each.event
        for each in entries
        if isinstance(each.event, CallSettled | CallUnknown | CallFailed) and each.event.reservation == position
    )
    return Outcome(result, first, reserved, requests)


async def check_money(log: EventLog, result: Result) -> None:
    """Each reservation has one end, and every scope holds the sum of what was settled and what was maybe paid."""
    entries = await entries_of(log)
    reserved = {entry.position: entry.event for entry in entries if isinstance(entry.event, CallReserved)}
    tokens = nanos = 0
    ended: list[int] = []
    for entry in entries:
        match entry.event:
            case CallSettled() as settled:
                tokens, nanos = tokens + settled.tokens, nanos + settled.cost_nanos
                assert min(settled.tokens, settled.cost_nanos, settled.input_tokens, settled.output_tokens) >= 0
            case CallUnknown(reservation=position):
                tokens, nanos = tokens + reserved[position].tokens, nanos + reserved[position].cost_nanos
            case CallFailed():
                pass
            case _:
                continue
        ended.append(entry.event.reservation)
    assert sorted(ended) == sorted(reserved)
    money = await money_of(log)
    assert not money.open
    for name in next(iter(reserved.values())).scopes[:2]:
        assert (money.scope(name).spent.tokens, money.scope(name).spent.nanos) == (tokens, nanos)
    assert (result.tokens, result.cost_nanos) == (tokens, nanos)
    assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("case", [*READABLE, *MISCOUNTED], ids=lambda case: case.name)
async def test_an_answer_that_can_be_read_is_read_and_paid_as_it_was_counted(
    case: Case, transport: TransportKind, tmp_path: Path
) -> None:
    result, first, reserved, requests = await play(case.answer, tmp_path, transport)
    assert (result.exit_code, result.tasks[0].text, result.tasks[0].maybe_paid) == (0, case.text, 0)
    assert requests == 2, "the draft and its judge"
    assert isinstance(first, CallSettled)
    assert (first.basis, first.cost_nanos) == (case.ends, case.cost if case.ends == "provider" else reserved.cost_nanos)


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
async def test_an_answer_that_is_none_stays_charged_or_is_free_and_is_asked_for_again(
    case: Case, transport: TransportKind, tmp_path: Path
) -> None:
    result, first, _, requests = await play(case.answer, tmp_path, transport)
    assert (result.exit_code, result.tasks[0].text) == (0, case.text)
    assert type(first) is (CallUnknown if case.ends == "unknown" else CallFailed), first
    assert result.tasks[0].maybe_paid == (case.ends == "unknown")
    assert requests == 3


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_an_answer_that_goes_on_beyond_its_limit_is_cut_charged_as_reserved_and_asked_for_with_more_room(
    transport: TransportKind, tmp_path: Path
) -> None:
    endless = sent(wire([chunk({"content": "x" * 100_000})] * 100))
    result, first, reserved, requests = await play(endless, tmp_path, transport)
    assert (result.exit_code, result.tasks[0].maybe_paid, requests) == (0, 0, 3)
    assert isinstance(first, CallSettled)
    assert (first.finish, first.basis, first.tokens) == ("length", "reservation", reserved.tokens)


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_an_event_without_end_is_cut_off_and_its_model_not_asked_again(
    transport: TransportKind, tmp_path: Path
) -> None:
    result, first, _, requests = await play(sent(b"data: " + b"x" * 10_000_000), tmp_path, transport)
    assert (result.exit_code, result.tasks[0].maybe_paid, requests) == (4, 1, 1)
    assert isinstance(first, CallUnknown)


async def test_a_bill_a_million_times_the_reservation_is_recorded_in_full_and_ends_further_calls(
    tmp_path: Path,
) -> None:
    dear = sent(wire(chunks(usage={"prompt_tokens": 40, "completion_tokens": 10**8})))
    result, first, reserved, requests = await play(dear, tmp_path, "aiohttp")
    assert (result.exit_code, result.tasks[0].status, requests) == (3, "halted", 1)
    assert isinstance(first, CallSettled)
    assert first.cost_nanos == 40 * 1_000 + 10**8 * 4_000 > reserved.cost_nanos


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("silent", [Answer(TEXT, before_head=forever), Answer(TEXT, before_piece=forever)])
async def test_a_server_that_falls_silent_costs_the_time_of_the_task_and_no_more(
    silent: Answer, transport: TransportKind, tmp_path: Path
) -> None:
    more = "limits: {time: 0.2s, attempts: 1}\n"
    result, call, _, requests = await play(silent, tmp_path, transport, more=more)
    assert (result.exit_code, result.tasks[0].status, result.tasks[0].maybe_paid) == (1, "failed", 1)
    assert isinstance(call, CallUnknown) and requests == 1


class Raw:
    """A server that answers its first request with these bytes and hangs up, and every other one as a team."""

    def __init__(self, answer: bytes) -> None:
        self._answer: bytes | None = answer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
            said, self._answer = self._answer, None
            if said is None:
                document = json.dumps(
                    {"choices": [{"message": {"content": team(body)}, "finish_reason": "stop"}], "usage": USAGE}
                )
                said = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(document)}\r\n\r\n{document}".encode()
            writer.write(said)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def team(body: dict[str, Any]) -> str:
    return Cast(worker=[SECOND])(body).text


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: repr(frame[:40]))
async def test_an_answer_that_is_no_http_stays_charged_and_is_asked_for_again(
    frame: bytes, transport: TransportKind, tmp_path: Path
) -> None:
    server = await asyncio.start_server(Raw(frame), "127.0.0.1", 0)
    async with server, open_log(tmp_path / "log.db") as log:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        plan = a_plan({"one": url}, model("m1", "paid", price=DEAR), transport=transport, timeout_s=2)
        with anyio.fail_after(20):
            result = await run(log, "prompt: Write to the world.\n", plan, tmp_path)
        await check_money(log, result)
    assert (result.exit_code, result.tasks[0].text, result.tasks[0].maybe_paid) == (0, SECOND, 1)


def mutated(body: bytes, random: Random) -> bytes:
    """The bytes with some of them changed, cut out, doubled or put elsewhere."""
    said = bytearray(body)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(said) + 1)
        until = at + random.choice((1, 1, 8, 60))
        match random.randrange(6):
            case 0:
                said[at:until] = random.randbytes(min(until, len(said)) - at)
            case 1:
                del said[at:until]
            case 2:
                said[at:at] = said[at:until]
            case 3:
                said[at:at] = random.choice(SCRAPS)
            case 4:
                del said[at:]
            case _:
                elsewhere = random.randrange(len(said) + 1)
                said[elsewhere:elsewhere] = said[at:until]
    return bytes(said)


SCRAPS = (
    b"\r", b"\n\n", b"\r\n", b"data:", b"data: [DONE]\n\n", b"event: error\n", b": x\n", b"null", b"{", b"}}", b"\x00", b"\xff",
    b'"error": {"code": 429},', b'"usage": {"prompt_tokens": -1},', b'"finish_reason": "length"', b"\\ud800", b"1e999", b"[" * 3000,
)  # fmt: skip


@pytest.mark.cases(24, 3000)
async def test_whatever_a_stream_holds_the_session_ends_and_the_money_is_right(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    body = mutated(wire(chunks(usage=random.choice((USAGE, ABSENT)))), random)
    answer = sent(body, size=random.choice((1, 7, 1 << 20)))
    result, _, _, _ = await play(answer, tmp_path, random.choice(("aiohttp", "httpx")))
    assert (result.exit_code, result.tasks[0].status) == (0, "accepted"), body
    assert "fault" not in result.tasks[0].reason


@pytest.mark.parametrize("case", [READABLE[6], BROKEN[2], BROKEN[6], BROKEN[14]], ids=lambda case: case.name)
def test_the_installed_command_takes_it_and_shows_no_traceback(case: Case, tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("prompt: Write to the world.\n")
    with provider_thread(Cast(worker=[case.answer, SECOND])) as server:
        done = swarm("run", "task.yaml", "--endpoint", server.url, "--model", "m1", home=tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, case.text)
    assert "Traceback" not in done.stderr
