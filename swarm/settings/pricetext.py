"""Prices as people write them: "0.15/0.60" to a price row."""

from __future__ import annotations

import re

from swarm.messages import FREE, Price, Step
from swarm.units import kind_of, parse_tokens, parse_usd, shortened

FORM = (
    '"0.15/0.60" (US dollars per million tokens: input/output[/cached input[/cache write[/reasoning]]]) or "free"; '
    'behind it, where there are such, "; request 0.01" and "; above 200k: 0.30/0.90"'
)
CLASSES = ("input_nanos", "output_nanos", "cached_nanos", "cache_write_nanos", "reasoning_nanos")
"""In the order in which they are written."""

_STEP = re.compile(r"above([^:]+):(.+)")


def parse_price(value: object, *, source: str = "settings", name: str = "") -> Price:
    """Return the price row of "free" or of a text such as FORM shows.

    A class of input or output that is left empty, or out, costs as any other of it. The row's id is the source and the name,
    or without a name the price as written. Raises ValueError with the sentence to show.
    """
    if not isinstance(value, str):
        raise ValueError(f"a price is a text such as {FORM}, not {kind_of(value)}")
    written = "".join(value.split())
    if written == "free":
        return FREE
    first, *more = written.split(";")
    request_nanos, steps = 0, list[Step]()
    for part in more:
        if part.startswith("request") and not request_nanos:
            request_nanos = parse_usd(part.removeprefix("request"))
        elif step := _STEP.fullmatch(part):
            steps.append(Step(above_tokens=parse_tokens(step[1]), **_rates(step[2], value)))
        else:
            raise ValueError(f"{shortened(value)} is not a price; write it as {FORM}")
    lengths = [step.above_tokens for step in steps]
    if lengths != sorted(set(lengths)):
        raise ValueError(
            f"{shortened(value)} is not a price: its steps go from the shortest input to the longest; write it as {FORM}"
        )
    row = f"{source}:{name or written}"
    return Price(row=row, request_nanos=request_nanos, steps=tuple(steps), **_rates(first, value))


def _rates(written: str, whole: str) -> dict[str, int]:
    parts = written.split("/")
    if not 2 <= len(parts) <= len(CLASSES) or not parts[0] or not parts[1]:
        raise ValueError(f"{shortened(whole)} is not a price; write it as {FORM}")
    return {name: parse_usd(part) for name, part in zip(CLASSES, parts, strict=False) if part}
