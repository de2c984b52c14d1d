"""What one command may use of the machine, beside its time."""

from __future__ import annotations

import os
from functools import cache

import msgspec

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A command that goes past one of these is ended. Threads count as processes."""

    memory_bytes: int  # of all its processes together
    processes: int
    disk_bytes: int = 4 * GIBIBYTE  # that it adds to the work copy and the private folder
    file_bytes: int = 4 * GIBIBYTE  # of one file; the system refuses the rest
    output_bytes: int = GIBIBYTE  # printed; what is kept of it is another number, and much smaller


@cache
def usual_limits() -> Limits:
    """Three quarters of the machine's memory, and as many processes as a build on all of its cores starts."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Limits(memory_bytes=max(GIBIBYTE, memory * 3 // 4), processes=max(1024, 64 * (os.cpu_count() or 1)))
