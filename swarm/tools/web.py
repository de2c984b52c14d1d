"""Fetching pages: GET over http and https, to hosts of the open internet and those that the user named."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from swarm.messages import ToolSpec
from swarm.tools.addresses import is_named
from swarm.tools.base import Fresh, Said, Tool, ToolRefused
from swarm.version import VERSION

if TYPE_CHECKING:
    import ssl

FETCH_BYTES = 2 * (1 << 20)
FETCH_S = 20.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses that a host's name has."""

Route = Callable[[str, str, int], str | None]
"""Gives the URL of the proxy that leads to scheme, host and port; None for the straight way."""

_MOST_REDIRECTS = 5
_LONGEST_URL = 2_000
_TEXT = re.compile(r"text/.+|application/(?:.+\+)?(?:json|xml|yaml|javascript|toml)|application/(?:x-)?ndjson")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_CHARSETS = re.compile(
    r"utf-?(?:8|16|32)(?:-?[bl]e)?|(?:us-)?ascii|latin-?1|(?:iso-?|windows-|cp)[\d-]+|koi8-[ru]|gb\w+|big5|shift[_-]jis|euc-\w+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPEC = ToolSpec(
    "fetch",
    "Get a web page or document as text; `links` to see where links lead.",
    {
        "type": "object",
        "properties": {"url": {"type": "string"}, "links": {"type": "boolean"}},
        "required": ["url"],
        "additionalProperties": False,
    },
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered, its body not unpacked."""

    url: str
    status: int
    content_type: str
    encoding: str
    location: str  # where a redirect leads, as a whole URL
    body: bytes
    is_cut: bool
    fresh: Fresh | None = None  # None: it is not to be given again


class FetchTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every fetch."""

    allow: Sequence[str]
    proxy: Route | None
    tls: Callable[[], ssl.SSLContext] | None
    resolve: Resolve | None
    most_bytes: int


def fetch_tool(
    *,
    allow: Sequence[str] = (),
    proxy: Route | None = None,
    tls: Callable[[], ssl.SSLContext] | None = None,
    resolve: Resolve | None = None,
    most_bytes: int = FETCH_BYTES,
    seconds: float = FETCH_S,
) -> Tool:
    """Return `fetch`.

    A host is asked where every address that its name has is one of the open internet, or where `allow` names it itself (as
    `localhost:8000`, not as `*.example.com`): what is connected to is an address that was looked at. A redirect is followed on the
    same host and to hosts in `allow`; of any other the model is told, so that the policy sees it. With a `proxy` names are
    resolved by that, and addresses in the URL alone can be looked at. At most `most_bytes` of an answer are read.
    """
    terms = FetchTerms(allow=tuple(allow), proxy=proxy, tls=tls, resolve=resolve, most_bytes=most_bytes)

    async def used(arguments: Mapping[str, Any]) -> Said:
        return await _fetch(arguments["url"], bool(arguments.get("links", False)), terms, seconds)

    async def asked_again(arguments: Mapping[str, Any], fresh: Fresh) -> Said:
        return await _fetch(arguments["url"], bool(arguments.get("links", False)), terms, seconds, fresh)

    return Tool(
        spec=_SPEC,
        in_copy=False,
        effect="none",
        use=used,
        subject="url",
        repeatable=True,
        tags=("web", "http", "download", "url", "page"),
        depends_on=f"{VERSION} {most_bytes} {sorted(allow)}",
        ask_again=asked_again,
    )


async def _fetch(url: str, links: bool, terms: FetchTerms, seconds: float, known: Fresh | None = None) -> Said:
    """`known` is how a former answer can be asked about."""
    import anyio

    from swarm.tools.web_get import NoAnswer

    if len(url) > _LONGEST_URL:
        raise ToolRefused(f"the URL has {len(url):,} characters; one of at most {_LONGEST_URL:,} is fetched")
    try:
        with anyio.fail_after(seconds):
            answer = await _followed(url.strip(), terms, known)
            if isinstance(answer, Said):
                return answer
            if answer.status == 304 and known is not None:
                return Said(text="", same=True, fresh=answer.fresh)
            return await _told(answer, links)
    except NoAnswer as error:
        return Said(text=str(error), failed=True)
    except TimeoutError:
        return Said(text=f"{url} gave no whole answer within {seconds:g} s", failed=True)


async def _followed(url: str, terms: FetchTerms, known: Fresh | None) -> Answer | Said:
    """Get an answer that is no redirect, or say where one leads that is not followed."""
    from swarm.tools.web_get import get, parsed

    at = parsed(url)
    for hop in range(_MOST_REDIRECTS + 1):
        answer = await get(at, terms, known)
        if not answer.location:
            return answer if hop == 0 else _behind_redirects(answer)
        to = parsed(answer.location)
        upgraded = to.host == at.host and (at.scheme, at.port, to.scheme, to.port) == ("http", 80, "https", 443)
        if to.origin() != at.origin() and not upgraded and not is_named(to.host or "", to.port or 0, terms.allow):
            return Said(text=f"{at} leads on to another host; fetch {to} if that is what you want", failed=True)
        at = to
    return Said(text=f"{url} leads on and on: after {_MOST_REDIRECTS} redirects there was no answer", failed=True)


def _behind_redirects(answer: Answer) -> Answer:
    """The answer, which is asked about each time: where redirects lead may be another place by then."""
    fresh = answer.fresh
    if fresh is not None:
        fresh = msgspec.structs.replace(fresh, seconds=0.0) if fresh.url else None
    return msgspec.structs.replace(answer, fresh=fresh)


async def _told(answer: Answer, links: bool) -> Said:
    kind = answer.content_type.partition(";")[0].strip().lower()
    body, is_cut = _unpacked(answer)
    size = f"{len(body):,} bytes{' and more' if is_cut else ''}"
    if not (_TEXT.fullmatch(kind) if kind else b"\0" not in body[:8_192]):
        return Said(text=f"{answer.url} is {kind or 'binary'} ({size}), and only text is fetched", failed=True)
    text = _decoded(body, answer.content_type)
    if kind in ("text/html", "application/xhtml+xml") or (not kind and "<html" in text[:1_000].lower()):
        text = await _page(text, answer.url, links)
    head = f"[{answer.url}: {answer.status}, {kind or 'no content type'}, {size}{', cut' if is_cut else ''}]"
    fresh = answer.fresh if answer.status == 200 else None
    return Said(text=f"{head}\n{_CONTROL.sub('', text)}", failed=answer.status >= 400, cut=is_cut, fresh=fresh)


def _unpacked(answer: Answer) -> tuple[bytes, bool]:
    """Return the body, unpacked to four times the bytes that may be read at most, and whether there was more."""
    if answer.encoding in ("", "identity"):
        return answer.body, answer.is_cut
    if answer.encoding not in ("gzip", "x-gzip", "deflate"):
        raise ToolRefused(f"{answer.url} came packed as {answer.encoding[:40]!r}, which was not asked for")
    most = 4 * max(len(answer.body), FETCH_BYTES)
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a head; without one, as some servers send `deflate`
        unpacker = zlib.decompressobj(bits)
        try:
            body = unpacker.decompress(answer.body, most)
        except zlib.error:
            continue
        return body, answer.is_cut or not unpacker.eof
    raise ToolRefused(f"{answer.url} came packed as {answer.encoding!r}, and that cannot be unpacked")


def _decoded(body: bytes, content_type: str) -> str:
    """Return the text by the charset that is said in the header, or by the page itself; UTF-8 where there is none."""
    said = _CHARSET.search(content_type) or _CHARSET.search(body[:1_024].decode("latin-1"))
    name = said[1] if said and _CHARSETS.fullmatch(said[1]) else "utf-8"
    try:
        return body.decode(name, "replace").removeprefix("\ufeff")
    except LookupError:
        return body.decode("utf-8", "replace")


async def _page(html: str, url: str, links: bool) -> str:
    """Have a child process make text of a page: a page made for it would hold up everything here."""
    import json
    from pathlib import Path

    from swarm.tools.child import ask_child

    seconds = 10
    order = json.dumps({"html": html, "url": url, "links": links, "seconds": seconds}).encode()
    words = [sys.executable, "-P", "-m", "swarm.tools.page"]
    answer = await ask_child(words, cwd=Path("/"), seconds=seconds, most_bytes=4 * FETCH_BYTES, told=order)
    if answer.exit_code != 0:
        return f"[the page could not be made readable, it is given as it is]\n{html}"
    return answer.output.decode("utf-8", "replace")
