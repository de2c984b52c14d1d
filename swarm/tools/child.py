"""A child process of ours that answers on stdout: bounded in time and output, and gone when it is not needed any more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import msgspec
from anyio.abc import Process

_REAP_S = 5.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a child said."""

    output: bytes
    complaint: str  # its stderr
    exit_code: int | None  # None: it was ended, for its time or its output
    timed_out: bool = False


async def ask_child(
    words: Sequence[str], *, cwd: Path, seconds: float, most_bytes: int, told: bytes | None = None
) -> Answer:
    """Run a program, give it `told` on stdin, and return what it says within `seconds`, up to `most_bytes`.

    It gets nothing of our environment but PATH. When this returns or is cancelled, it is gone.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    process = await anyio.open_process(
        words, stdin=DEVNULL if told is None else PIPE, cwd=cwd, env=environment, start_new_session=True
    )
    heard, complaint = bytearray(), bytearray()
    try:
        with anyio.move_on_after(seconds) as patience:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_tell, process, told)
                tasks.start_soon(_hear_complaint, process, complaint)
                await _hear(process, heard, most_bytes)
                if len(heard) > most_bytes:
                    tasks.cancel_scope.cancel()
        ended = len(heard) <= most_bytes and not patience.cancelled_caught
        code = await process.wait() if ended else None
    finally:
        with anyio.move_on_after(_REAP_S, shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()
    said = complaint.decode("utf-8", "replace").strip()
    return Answer(output=bytes(heard[:most_bytes]), complaint=said, exit_code=code, timed_out=patience.cancelled_caught)


async def _tell(process: Process, told: bytes | None) -> None:
    if process.stdin is not None and told is not None:
        try:
            await process.stdin.send(told)
            await process.stdin.aclose()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it did not want to hear all of it


async def _hear(process: Process, heard: bytearray, most_bytes: int) -> None:
    if process.stdout is not None:
        async for chunk in process.stdout:
            heard += chunk
            if len(heard) > most_bytes:
                return


async def _hear_complaint(process: Process, complaint: bytearray) -> None:
    if process.stderr is not None:
        async for chunk in process.stderr:
            complaint += chunk[: max(0, 4_096 - len(complaint))]
