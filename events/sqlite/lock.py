"""The lock beside the log: processes write in turn, and one that waits too long can say for whom."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from events.log import LogBusy, LogUnusable
from events.processes import describe

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0002, 0.01


class FileLock:
    """An flock (flock(2): it goes with its process) on `<log>.lock`, a file that holds the pid of who took it last.

    Used by the writer thread alone, which it blocks while it waits.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason, remedy = error.strerror or str(error), "see its permissions, or name another log with `--log`"
            raise LogUnusable(url=str(path), reason=reason, remedy=remedy) from error
        self._name = f"{os.getpid():<10}".encode()
        self.held = False

    def take(self, timeout: float, url: str) -> None:
        """Raises LogBusy, naming the holder, after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LogBusy(url=url, holder=self._holder(), seconds=timeout) from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                break
        self.held = True
        if os.pread(self._file, len(self._name), 0) != self._name:  # a file that is not written to costs no sync
            os.pwrite(self._file, self._name, 0)

    def release(self) -> None:
        self.held = False
        fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def held_for(self, timeout: float, url: str) -> Generator[None]:
        """Take it, unless it is held already, for the body alone. Raises LogBusy."""
        if self.held:
            yield
            return
        self.take(timeout, url)
        try:
            yield
        finally:
            self.release()

    def _holder(self) -> str:
        try:
            return describe(int(os.pread(self._file, 10, 0) or b"0"))
        except ValueError:
            return "another process"

    def close(self) -> None:
        os.close(self._file)
