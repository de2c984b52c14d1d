"""Room kept for the end: a file beside the log that is dropped when the disk is full, so that what is in flight can be recorded.

It lies beside the log and not among its free pages: what runs out first is room for the -wal, which grows with every commit
and takes none of the file's own pages.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SIZE = 1 << 20  # a commit of an answer takes 12 to 40 KiB of the -wal: enough for some fifty calls in flight


class Ballast:
    """The file `<log>.ballast`. `needed` says that the disk was full, and has had no room for it since."""

    def __init__(self, log: Path) -> None:
        self._path = log.with_name(log.name + ".ballast")
        self.needed = False

    def lay(self) -> bool:
        """Lay it where it is missing; say whether it lies there now."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            self.needed = False
            return True
        except OSError:
            return False
        try:
            _fill(file)
        except OSError:  # the disk is full, or has no room for this user
            with contextlib.suppress(OSError):
                self._path.unlink()
            return False
        finally:
            os.close(file)
        self.needed = False
        return True

    def drop(self) -> bool:
        """Give its room back; say whether there was any to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _fill(file: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, SIZE)
    else:  # macOS
        os.write(file, bytes(SIZE))
