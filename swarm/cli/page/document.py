"""The whole page of a report: one document that needs nothing else, runs no script, and may load nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from functools import cache
from importlib.resources import files

import msgspec

from swarm.cli.page import figures, tasks
from swarm.cli.page.elements import Child, Element, cut, element, markup
from swarm.insight.account import Account
from swarm.insight.efficiency import figures_of
from swarm.insight.reason import Reason

_TITLE = 160  # characters
_FACT = 200


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a page tells. The same gives the same bytes."""

    title: str
    about: tuple[tuple[str, str], ...]  # what it is of, in words and their values
    account: Account
    attempts: tasks.Attempts
    reasons: Sequence[tuple[str, Reason]]
    zone: tzinfo | None
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()  # where more stands


def page(of: Page) -> str:
    """The document. Whatever texts the log has stand in it as texts."""
    sections = list(_sections(of))
    title = cut(of.title, _TITLE)
    body = [
        element("a", "Skip to the figures", href="#figures", class_="skip"),
        _header(of, title),
        _contents(sections),
        element("main", *(_section(*each) for each in sections)),
        _footer(of),
    ]
    document = element("html", _head(title), element("body", *body), lang="en")
    # the style is ours and holds nothing of a log; its hash is of what stands between the tags, to the byte
    return "<!doctype html>\n" + markup(document).replace("<style></style>", f"<style>{_style()}</style>", 1) + "\n"


def policy() -> str:
    """The content security policy: nothing is loaded, nothing runs, one style sheet counts, and that by its hash."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _style() -> str:
    return (files("swarm.cli.page") / "style.css").read_text(encoding="utf-8")


def _head(title: str) -> Element:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy()),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title} - swarm report"),
        element("style"),
    )


def _header(of: Page, title: str) -> Element:
    facts = [element("li", element("strong", f"{name}: "), cut(value, _FACT)) for name, value in of.about if value]
    notes = [element("p", note, class_="note") for note in of.notes]
    return element("header", element("h1", title), element("ul", *facts), *notes)


def _contents(sections: Iterable[tuple[str, str, Sequence[Child]]]) -> Element:
    links = [element("li", element("a", name, href=f"#{anchor}")) for anchor, name, _ in sections]
    return element("nav", element("ul", *links), aria_label="Contents")


def _section(anchor: str, name: str, content: Sequence[Child]) -> Element:
    return element("section", element("h2", name, id=anchor), *content, aria_labelledby=anchor)


def _sections(of: Page) -> Iterable[tuple[str, str, Sequence[Child]]]:
    account = of.account
    told = len(of.reasons)
    yield "figures", "Figures", [figures.facts(figures_of(account), account)]
    yield "time", "Money and tokens over time", [*figures.over_the_time(account, of.zone)]
    if account.costs:
        yield "tiers", "Tiers", [*figures.tiers(account)]
        yield "costs", "What calls cost", [*figures.sums(account)]
    yield "verdicts", "Drafts and verdicts", [*figures.verdicts(account)]
    yield "tasks", "Tasks", [*tasks.tasks(account, of.attempts)]
    if of.reasons:
        yield "why", "Why it went so", [*tasks.why(of.reasons, len(account.tasks) - told)]
    yield "stages", "What stages saved", [*tasks.stages(account)]
    yield "waste", "What was spent for nothing", [*tasks.waste(account)]


def _footer(of: Page) -> Element:
    commands = [element("li", element("code", command)) for command in of.commands]
    said = "The same figures, and more of them, in a terminal:"
    return element("footer", element("p", said, class_="note"), element("ul", *commands))
