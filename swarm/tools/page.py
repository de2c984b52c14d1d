"""The child process that makes readable text of an HTML page: the parser takes very long over some that are made to hurt.

Run as `python -P -m swarm.tools.page`. It imports nothing of ours. Stdin is one JSON object: `html`, `url`, `links` and
`seconds`. Stdout gets the text.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

_UNSEEN = frozenset(
    ["script", "style", "noscript", "template", "svg", "math", "iframe", "object", "canvas", "select", "textarea"]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_LOOSE = frozenset(["p", "li", "dt", "dd", "tr", "td", "th", "option", "html", "body"])  # their end may be left out
_BREAKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tr",
        "ul",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "title",
    ]
)
_APART = frozenset(["p", "pre", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "title"])
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def main() -> int:
    order: dict[str, Any] = json.load(sys.stdin)
    seconds: int = order["seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # it ends even if its parent was killed
    sys.stdout.buffer.write(text_of(order["html"], order["url"], links=order["links"]).encode("utf-8", "replace"))
    return 0


def text_of(html: str, url: str = "", *, links: bool = False) -> str:
    """Return what a reader sees of a page: headings, lists and tables in Markdown's way, and where links lead if asked for.

    What a browser does not show (scripts, hidden elements) is left out.
    """
    page = _Page(url, links=links)
    page.feed(html)
    page.close()
    return page.text()


class _Page(HTMLParser):
    def __init__(self, url: str, *, links: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._url, self._links = url, links
        self._parts: list[str] = []
        self._unseen = ""  # the element that hides what is in it
        self._depth = 0  # of elements of that name
        self._pre = 0
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen:
            self._depth += tag == self._unseen
            return
        given = {name: value or "" for name, value in attrs}
        if tag in _UNSEEN or (tag not in _VOID | _LOOSE and _is_hidden(given)):
            self._unseen, self._depth = tag, 1
            return
        self._break(tag)
        self._parts.append(self._opening(tag, given))
        self._pre += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self.handle_starttag(tag, attrs)  # others are opened by that in HTML, and never closed

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._depth -= tag == self._unseen
            if not self._depth:
                self._unseen = ""
            return
        if tag == "a" and self._href:
            self._parts.append(f" ({self._href})")
            self._href = ""
        self._break(tag)
        self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._parts.append(data if self._pre else re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """Return what was gathered, without space where lines begin and end, and with one empty line at most between two."""
        whole = re.sub(r"[ \t]*\n", "\n", "".join(self._parts).replace("\x00", ""))
        whole = re.sub(r"\n (?=\S)", "\n", whole)
        return re.sub(r"\n{3,}", "\n\n", whole).strip()

    def _opening(self, tag: str, given: dict[str, str]) -> str:
        """What stands where an element begins."""
        if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            return "#" * int(tag[1]) + " "
        if tag == "a" and self._links:
            self._href = _target(self._url, given.get("href", ""))
        if tag == "img":
            return f"[{given['alt'].strip()}]" if given.get("alt", "").strip() else ""
        return {"li": "- ", "td": " | ", "th": " | ", "br": "\n"}.get(tag, "")

    def _break(self, tag: str) -> None:
        if tag in _APART:
            self._parts.append("\n\n")
        elif tag in _BREAKS:
            self._parts.append("\n")


def _is_hidden(given: dict[str, str]) -> bool:
    return "hidden" in given or given.get("aria-hidden") == "true" or bool(_HIDING.search(given.get("style", "")))


def _target(url: str, href: str) -> str:
    try:
        whole = urljoin(url, href.strip())
    except ValueError:
        return ""
    return whole if whole.startswith(("http://", "https://")) and not href.startswith("#") else ""


if __name__ == "__main__":
    sys.exit(main())
