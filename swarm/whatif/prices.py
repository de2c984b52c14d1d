"""The same usage at other price rows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from swarm.messages import Price
from swarm.money.prices import cost_nanos, most_nanos
from swarm.whatif.record import CallRecord, SessionRecord


def at_prices(session: SessionRecord, prices: Mapping[str, Price]) -> SessionRecord:
    """The session with the amounts of its calls at other prices. Models without a row keep what was recorded."""
    calls = {
        at: at_price(call, prices[call.model]) if call.model in prices else call for at, call in session.calls.items()
    }
    return msgspec.structs.replace(session, calls=calls)


def at_price(call: CallRecord, price: Price) -> CallRecord:
    """The call at another price row: what was held by its bounds, what was charged by its usage."""
    held = most_nanos(price, call.most_input_tokens, call.max_output_tokens)
    charged = held if call.usage is None else cost_nanos(price, call.usage)
    if call.state == "failed":
        charged = 0
    return msgspec.structs.replace(call, price=price.row, held_nanos=held, charged_nanos=charged)
