"""Pages of reports as tests look at them: parsed, with their tables; and logs whose every text is chosen."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

import msgspec

from events.log import EventLog
from events.testing import builders as make
from events.types.choice import Excluded
from events.types.stage import StageApplied
from events.types.task import AttemptAbandoned, CheckResult, OutputFile, TaskFailed
from swarm.cli.budget_scope import here
from swarm.cli.page.document import page
from swarm.cli.report_html import page_of_period, page_of_session
from swarm.insight.budgets import shared_scopes
from swarm.insight.periods import Name

VOID = {"meta", "br", "hr"}
SCOPES = ("log", "day:2026-11-21@UTC", "s1")


class Parsed(HTMLParser):
    """What a page is made of. A tag that is not closed in its order is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[tuple[str, str]] = Counter()
        self.tables: dict[str, list[list[str]]] = {}
        self.words = ""
        self._open: list[str] = []
        self._caption = ""
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update((tag, name) for name, _ in attrs)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "caption":
            self._caption = ""
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if "caption" in self._open:
            self._caption += data
        elif "td" in self._open or ("th" in self._open and "table" in self._open):
            self.tables[self._caption][-1][-1] += data

    def rows(self, caption: str) -> dict[str, list[str]]:
        """The cells of the table whose caption begins so, by the first of each row."""
        (found,) = [rows for name, rows in self.tables.items() if name.startswith(caption)]
        return {row[0]: row[1:] for row in found[1:]}


async def page_of(log: EventLog, what: int | Name = "all", *, now: int | None = None) -> str:
    """The page of a session, or of a period as it is at a moment."""
    where = here(argparse.Namespace(log="memory:"))
    if now is not None:
        where = msgspec.structs.replace(where, shared=shared_scopes("project", "", now), now=now)
    return page(
        await (page_of_session(log, what, where) if isinstance(what, int) else page_of_period(log, what, where))
    )


async def record(log: EventLog, text: Callable[[], str], *, tasks: int = 2) -> None:
    """A session with tasks in which each text that anybody could have written is one that is given."""

    def some(number: int) -> tuple[str, ...]:
        return tuple(text() for _ in range(number))

    await log.append(
        [make.new(make.opened(title=text(), path=text(), directory=text()), topic="sessions", project=text())]
    )
    for number in range(tasks):
        name, agent, model = f"task{number}", text(), text()

        async def add(*events: object, name: str = name) -> int:
            new = [make.new(event, task=name, step=1, attempt=1, project="p") for event in events]  # type: ignore[arg-type]
            return (await log.append(new, texts=[make.a_text("text")])).positions[-1]

        await add(make.submitted(title=text(), type=text(), team=some(2)))
        excluded = tuple(Excluded(model=text(), rule=text()) for _ in range(2))
        chosen = make.chosen(agent=agent, model=model, why=text(), excluded=excluded, skipped=excluded)
        applied = StageApplied(stage=text(), before=9, after=3, how="used", on=text(), form="log")
        call = make.reserved(
            role=text(), agent=agent, model=model, tier=text(), why=text(), scopes=SCOPES, skills=some(2), price=text()
        )
        at = await add(make.planned(title=text()), chosen, applied, call)
        check = CheckResult(name=text(), passed=False, detail=text())
        await add(make.settled(at, answered_by=text()), make.drafted(agent=agent, model=model))
        rejected = make.rejected(reason=text(), judge=text(), why_judge=text(), checks=(check,))
        lost = await add(rejected, AttemptAbandoned(role="worker", reason=text()), call)
        await add(make.failed(lost, reason=text()))
        if number % 2:
            await add(TaskFailed(reason=text(), cause="rejected"))
        else:
            accepted = make.accepted(judge=text(), reason=text(), checks=(check,))
            outputs = (OutputFile(path=text(), digest=""),)
            await add(accepted, make.task_accepted(outputs=outputs))
    await log.append([make.new(make.closed(reason=text()), topic="claim/s1")])


def in_turn(texts: Sequence[str]) -> Callable[[], str]:
    """Gives one text after the other, each with its number, so that all differ."""
    given = Counter[str]()

    def text() -> str:
        given["texts"] += 1
        return f"{given['texts']}{texts[given['texts'] % len(texts)]}"

    return text


HARMLESS = ("word",)


def hostile(address: str) -> list[str]:
    """Texts that would break out of where they stand, run, load or hide something."""
    return [
        "</title></style></svg><script>alert(1)</script>",
        f'<img src="{address}/i" onerror="alert(1)">',
        f"'><svg onload=alert(1)><image href={address}/v>",
        '" onmouseover="alert(1)" style="display:none',
        f"</caption></table></section><iframe src={address}/f></iframe>",
        "javascript:alert(document.title)",
        f"<style>@import url({address}/s); body {{ display: none }}</style>",
        "<!-- --><![CDATA[ ]]><?php",
        f'<meta http-equiv="refresh" content="0;url={address}/r"><base href="{address}/">',
        "&lt;script&gt;&#60;b&#x3e;&quot;",
        "{{7*7}}${7*7}<%= 7*7 %>`code`",
        "\u202egnp.exe\u202c\u2066\u200f\u200b",
        "\x1b[31m\x00\x08\x7f\x9b\r\nnext\tline",
        f"<a href='javascript:alert(1)'><form action={address}/p><input autofocus onfocus=alert(1)>",
        "<foreignObject><math><mtext></p><textarea>",
    ]
