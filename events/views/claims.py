"""Sessions that are not finished, and who owns those that somebody owns."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.session import SessionClaimed, SessionClosed, SessionRenewed
from events.views.sessions import Claim, claim_of


class ClaimsView(msgspec.Struct):
    """By number: the sessions of which something is left to do, and the claims that are held."""

    unfinished: set[int] = set()
    claims: dict[int, Claim] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case SessionClaimed() as event:
                self.unfinished.add(entry.session)
                self.claims[entry.session] = claim_of(entry.position, event)
            case SessionRenewed(valid_until=until):
                if entry.session in self.claims:
                    self.claims[entry.session].valid_until = until
            case SessionClosed(finished=finished):
                if finished:
                    self.unfinished.discard(entry.session)
                self.claims.pop(entry.session, None)
            case _:
                pass
