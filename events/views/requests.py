"""What was asked of sessions and is not answered yet."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.control import Request, RequestAnswered


class RequestsView(msgspec.Struct):
    """Open requests by their position, the oldest first; and what was refused, with the reason."""

    open: dict[int, Entry] = {}
    refused: dict[int, str] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case RequestAnswered(request=request, refused=refused):
                self.open.pop(request, None)
                if refused:
                    self.refused[request] = refused
            case event if isinstance(event, Request):
                self.open[entry.position] = entry
            case _:
                pass
