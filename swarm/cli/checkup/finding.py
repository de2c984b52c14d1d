"""What a look at one thing came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

State = Literal["ok", "warn", "fail"]
"""As it should be; works, with something to know; something will not work, or is not what was written."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `swarm doctor`."""

    name: str
    said: str
    state: State = "ok"
    remedy: str = ""  # what to type or to do; empty where nothing has to be done
    mend: Callable[[], Awaitable[str]] | None = None  # does what `--fix` may do, and says what it did
