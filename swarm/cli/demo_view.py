"""The live view of the demo. Its run ends with the command: it is waited for, and Ctrl-C ends it."""

from __future__ import annotations

import inspect
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anyio
from anyio import to_thread
from textual.binding import Binding, BindingType

from events.bus import follow
from events.log import EventLog
from swarm.cli.output import Output
from swarm.cli.progress import Progress, progress_of
from swarm.cli.recorded import recorded
from swarm.cli.watched import Outcome, number_of, outcome_of, shown
from swarm.settings.load import Loaded, load_settings
from tui.app import WatchApp

if TYPE_CHECKING:
    from swarm.cli.detach import Launched


class DemoApp(WatchApp):
    """The live view, which Ctrl-C leaves to end the run."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "end", "end the demo", show=False)]

    CSS_PATH = str(Path(inspect.getfile(WatchApp)).with_name("swarm.tcss"))  # else it is looked for beside us

    ends = False

    def action_end(self) -> None:
        self.ends = True
        self.exit()


async def play(launched: Launched, folder: Path, url: str, output: Output) -> Outcome:
    """Show the demo until somebody leaves the view, and wait for its end, as lines where that takes a while.

    Raises LogError, LogTrouble.
    """
    with anyio.open_signal_receiver(signal.SIGINT) as ctrl_c:
        async with recorded(url) as log:
            app = await shown(log, launched, _built_in(folder), named=url, kind=DemoApp)
            outcome = await outcome_of(log, launched)
            if outcome is None:
                await _to_the_end(log, launched, output, ctrl_c, stop=isinstance(app, DemoApp) and app.ends)
                outcome = await outcome_of(log, launched)
    assert outcome is not None, "its process has ended"
    return outcome


def _built_in(folder: Path) -> Loaded:
    """Settings that nobody has changed: the demo goes by none of the user's."""
    return load_settings(folder, environ={"HOME": str(folder)})


async def _to_the_end(
    log: EventLog, launched: Launched, output: Output, ctrl_c: AsyncIterator[signal.Signals], *, stop: bool
) -> None:
    """Say what the run does until its process has ended. Ctrl-C ends it, and `stop` does as if that was pressed now."""
    progress = progress_of("auto", output)
    if stop:
        _interrupt(launched, progress)
    else:
        progress.tell(f"{launched.session} goes on to its end; Ctrl-C ends it now")
    try:
        async with anyio.create_task_group() as beside:
            beside.start_soon(progress.run)
            beside.start_soon(_observe, log, number_of(launched), progress)
            beside.start_soon(_obey, ctrl_c, launched, progress)
            await to_thread.run_sync(launched.process.wait)
            beside.cancel_scope.cancel()
    finally:
        progress.close()


async def _observe(log: EventLog, session: int, progress: Progress) -> None:
    head = (await log.head()).position
    async for entries in follow(log, after=0):
        own = [entry for entry in entries if entry.session == session]
        progress.recall([entry for entry in own if entry.position <= head])
        progress.observe([entry for entry in own if entry.position > head])


async def _obey(ctrl_c: AsyncIterator[signal.Signals], launched: Launched, progress: Progress) -> None:
    async for _ in ctrl_c:
        _interrupt(launched, progress)


def _interrupt(launched: Launched, progress: Progress) -> None:
    progress.tell("stopping: no new call; calls in flight get 10 s")
    launched.process.send_signal(signal.SIGINT)
