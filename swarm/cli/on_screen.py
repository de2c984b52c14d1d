"""A screen on a terminal, and what ends it beside a key: a signal leaves the terminal as it was, and one that is gone is left."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

from swarm.cli.streams import is_gone

if TYPE_CHECKING:
    from textual.app import App

_ENDS = (signal.SIGTERM, signal.SIGHUP)
_LOOK_S = (
    0.25  # how often it is looked whether the terminal is there: of thirty writes to none, Textual waits at the next
)
_STREAMS = (0, 1, 2)


async def shown(app: App[Any]) -> int:
    """Show the screen until somebody leaves it; return 0, or 128 and the number of the signal that ended it.

    A terminal that was closed counts as SIGHUP, also where it is nobody's to send that.
    """
    loop = asyncio.get_running_loop()
    ended: list[int] = []

    def end(number: int) -> None:
        if is_gone(0):
            _let_go()
        ended.append(number)
        app.exit()

    async def look() -> None:
        while not is_gone(0):  # noqa: ASYNC110  # nobody tells where no SIGHUP is sent
            await asyncio.sleep(_LOOK_S)
        end(signal.SIGHUP)

    heard = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup has it
    for number in heard:
        loop.add_signal_handler(number, end, number)
    looking = asyncio.create_task(look())
    try:
        await app.run_async()
    finally:
        looking.cancel()
        for number in heard:
            loop.remove_signal_handler(number)
    return 128 + ended[0] if ended else 0


def _let_go() -> None:
    """Let what is still drawn go nowhere: a terminal that is gone refuses it, and reads as an end that never ends."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in _STREAMS:
        if os.isatty(stream) or is_gone(stream):
            os.dup2(nowhere, stream)
    os.close(nowhere)
