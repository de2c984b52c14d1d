"""The golden log of answers that are given again, beside those of `tests/events/golden.py` and made as they are.

`python -m tests.events.golden_answers` makes it again beside its expected views; never done for a released one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import msgspec

from events.log import EventLog, open_log, session_name
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.answer import ANSWERS, EXACT, NEAR, AnswersCleared, AnswerServed, AnswerSuggested
from events.types.base import Captured, Said
from events.types.call import CallKey
from tests.events.golden import DATA, Scribe, views_of

GIVEN, GIVEN_EXPECTED = DATA / "golden-answers.db", DATA / "golden-answers.json"
KEY = CallKey("key", "all but the question")


async def write_answers(log: EventLog, clock: SetClock) -> None:
    """An answer that another task gets, to the letter and nearly; then a person clears them."""
    scribe = Scribe(log, clock)
    opened = make.opened(title="answers", settings=scribe.put("{}"))
    await scribe.append(scribe.new(opened, "sessions"), scribe.new(make.claimed(), f"claim/{session_name(1)}"))
    source = 0
    for name, how in (("ask", ""), ("again", EXACT), ("nearly", NEAR)):
        scribe.at(name)
        await scribe.append(scribe.new(make.submitted(title=name)))
        scribe.at(name, 1)
        await scribe.append(scribe.new(make.planned(title=name)))
        scribe.at(name, 1, 1)
        draft = scribe.put("It rhymes.")
        if how:
            await scribe.append(scribe.new(_served(scribe, source, how)))
        else:
            asked = await scribe.call("worker", key=KEY)
            (source,) = await scribe.append(scribe.settled(asked, "It rhymes."))
        accepted, ended = make.accepted(draft=draft), make.task_accepted(result=draft)
        await scribe.append(scribe.new(make.drafted(draft=draft)), scribe.new(accepted), scribe.new(ended))
    scribe.at("apart", 1, 1)
    await scribe.append(scribe.new(AnswerSuggested(source=source, cosine=0.96, tokens=60)))
    scribe.at("")
    await scribe.append(scribe.new(AnswersCleared(by="ada@host", reason="another house style"), ANSWERS))
    await scribe.append(scribe.new(make.closed(), f"claim/{session_name(1)}"))


def _served(scribe: Scribe, source: int, how: str) -> AnswerServed:
    return AnswerServed(
        source=source,
        key=KEY.all,
        how=how,
        role="worker",
        agent="maker",
        model="small",
        tier="free",
        messages=(Said("system", scribe.put("You write code.")), Said("user", scribe.put(f"worker: {how}"))),
        answer=scribe.put("It rhymes."),
        max_output_tokens=500,
        ordinal=1,
        captured=(Captured("brief", scribe.put(f"worker: {how}")),),
        cosine=0.97 if how == NEAR else 0.0,
        saved_input_tokens=100,
        saved_output_tokens=20,
        saved_nanos=700,
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        clock = SetClock()
        async with open_log(path, clock=clock) as log:
            await write_answers(log, clock)
        async with open_log(path, read_only=True) as log:
            expected = await views_of(log)
        shutil.copyfile(path, GIVEN)
    GIVEN_EXPECTED.write_bytes(msgspec.json.format(msgspec.json.encode(expected), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
