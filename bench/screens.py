"""A `swarm` command on a terminal of its own, measured from outside: what it costs, and what it writes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.processes import installed

_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_S = 60.0


class Screen:
    """The other end of the terminal."""

    def __init__(self, process: subprocess.Popen[bytes], parent: int) -> None:
        self.process, self._parent = process, parent
        self.bytes = 0  # written by the command so far
        self.shown = b""  # of it what was not forgotten

    def read(self, seconds: float) -> None:
        """Read what is written within so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self._parent], [], [], left)
            if ready and not self._take():
                return

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until a text is drawn. Raises SystemExit where it is not in a minute."""
        end = time.monotonic() + _LONGEST_S
        while (found := re.search(pattern, self.text)) is None:
            ready, _, _ = select.select([self._parent], [], [], end - time.monotonic())
            if not ready or not self._take():
                raise SystemExit(f"{pattern!r} was not drawn: {self.text[-2000:]}")
        return found

    def forget(self) -> None:
        self.shown = b""

    def press(self, keys: str) -> None:
        os.write(self._parent, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make it another size: all of it is drawn anew."""
        _resize(self._parent, columns, rows)
        self.process.send_signal(signal.SIGWINCH)  # the terminal is nobody's own, so that the kernel sends it to nobody

    @property
    def text(self) -> str:
        """What was shown, without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown.decode(errors="replace"))

    @property
    def cpu_s(self) -> float:
        """Seconds of a processor that the command has used so far, all of its threads, and the kernel for it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _take(self) -> bool:
        try:
            part = os.read(self._parent, 65536)
        except OSError:  # Linux reports the end of a terminal as an error
            part = b""
        self.bytes += len(part)
        self.shown += part
        return bool(part)


@contextmanager
def screen(words: Sequence[str], folder: Path, *, columns: int = 140, rows: int = 40) -> Generator[Screen]:
    """Run a command with all three streams on a terminal; it is ended with the block."""
    parent, child = pty.openpty()
    _resize(child, columns, rows)
    environ = {
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", os.defpath),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
    }
    with subprocess.Popen(
        [*installed(), *words], stdin=child, stdout=child, stderr=child, env=environ, cwd=folder
    ) as process:
        os.close(child)
        try:
            yield Screen(process, parent)
        finally:
            process.kill()
            os.close(parent)


def _resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
