"""What a failed try means: a provider's status and body, or a broken connection, read into a ProviderError.

nothing was sent     the name did not resolve, no connection came about     SWITCH   not sent, not charged
429                  too many requests                                      WAIT     not charged
429                  a limit by the day                                     SWITCH   not charged
402, 429, 400        the account's quota or credit is used up               STOP     not charged
401, 403, 400        the key                                                STOP     not charged
408, 409, 425, 5xx   before an answer began                                 WAIT     not charged
3xx, other 4xx       a request that will not do                             STOP     not charged
time-out, cut        after the request was begun                            WAIT     charged
nonsense             an answer that is none                                 WAIT     charged
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import cast

import msgspec

from swarm.errors import Failure, ProviderError
from swarm.models.rpc_details import details_in

MAX_SAID = 300
"""As much of a provider's own words stands in an error; the rest is noise."""

MAX_RETRY_AFTER_S = 86_400.0
"""A wish for more than a day is taken as a day."""

_QUOTA = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|exceeded your current quota|billing|out of credit", re.I
)
_NO_CREDIT = re.compile(r"credit balance is too low|prepa(id|yment) credits? (is|are) depleted", re.I)
_BAD_KEY = re.compile(r"API_KEY_(INVALID|SERVICE_BLOCKED)|API key (not valid|expired|not found)", re.I)
_DAILY = re.compile(r"per[-_ ]?day|daily|\bRPD\b|\bTPD\b", re.I)
_BY_TIME = re.compile(r"per[-_ ]?(day|hour|minute|second)|daily", re.I)
_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ]window|maximum context|context size|too many tokens|prompt is too long|input is too long"
    r"|request too large|exceeds? the (maximum|limit).{0,40}tokens|exceed context limit",
    re.I,
)
_REFUSED = re.compile(r"content[_ ](filter|policy)|moderation|flagged|safety (system|policy)", re.I)
_RETRY_IN = re.compile(r"(?:retry|try again) (?:in|after) (\d+(?:\.\d+)?) ?(ms|milliseconds|s\b|sec|m\b|min)?", re.I)
_USED_UP = "has no quota or credit left"
_CANNOT_PASS = frozenset({501, 505, 511})  # the server says that it will never do this


class Source:
    """Who was asked, in an error's words, and what must not stand in one. Its repr shows no secret."""

    __slots__ = ("_secrets", "key_hint", "model", "server")

    def __init__(self, *, model: str, server: str, key_hint: str | None = None, secrets: tuple[str, ...] = ()) -> None:
        self.model, self.server, self.key_hint = model, server, key_hint
        self._secrets = tuple(secret for secret in secrets if secret)

    def quote(self, text: str) -> str:
        """Return a stranger's text on one line, without secrets and control characters, cut at MAX_SAID."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        text = " ".join("".join(char if char.isprintable() else " " for char in text[: MAX_SAID * 8]).split())
        return text if len(text) <= MAX_SAID else text[: MAX_SAID - 1] + "…"


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, source: Source, now: float, began: bool = False
) -> ProviderError:
    """Say what an answer with this status means. Pure.

    `headers` are looked up by lower-case names, `now` is Unix time (for a Retry-After that is a date). `began` says that
    the status came inside an answer that had begun: then it stays charged, whatever it is.
    """
    said, code = what_was_said(body)
    details = details_in(_shape_of(body))
    words = f"{code} {said} {details.words}"
    wait = retry_after(headers, now)
    if wait is None:
        wait = _bounded(details.retry_s) if details.retry_s is not None else _retry_in(said) if status == 429 else None
    failure, happened, remedy = _meaning(status, headers, words, code, has_wait=wait is not None, source=source)
    quoted = source.quote(said)
    message = (
        f"{source.model}: {source.server} {happened}{f': {quoted}' if quoted else ''}{f'; {remedy}' if remedy else ''}"
    )
    return ProviderError(
        message,
        failure=failure,
        sent=True,
        charged=began,
        status=status,
        retry_after_s=wait if failure is not Failure.STOP else None,
        used_up=happened.startswith(_USED_UP),
    )


def failed_inside(
    raw: bytes | msgspec.Raw,
    status_of: Callable[[Mapping[str, object]], int | None],
    *,
    source: Source,
    began: bool,
) -> ProviderError:
    """Say what an error inside an answer with status 200 means: its own code says which, and only a 4xx before any answer is
    free. `status_of` finds the status that it would have had, `began` says that a part of an answer was there."""
    try:
        error: object = msgspec.json.decode(raw)
    except UNREADABLE:
        error = bytes(raw).decode(errors="replace")
    said = {"error": error}
    status = status_of(cast("dict[str, object]", error)) if isinstance(error, dict) else None
    if status is None:
        return broken_off(source, f"it answered with an error: {' '.join(said_in(said))}")
    body = b'{"error": %b}' % bytes(raw)
    return classify(status, {}, body, source=source, now=0.0, began=began or status >= 500)


def _meaning(
    status: int, headers: Mapping[str, str], words: str, code: str, *, has_wait: bool, source: Source
) -> tuple[Failure, str, str]:
    """Return the failure, what happened, and what to do about it."""
    # Gemini speaks of quota and billing at each limit, and says when to come back or that it is one by the minute or day
    comes_back = has_wait or _BY_TIME.search(words)
    is_used_up = status == 429 and _QUOTA.search(code if comes_back else words)
    if status == 402 or is_used_up or (status in (400, 403, 429) and _NO_CREDIT.search(words)):
        return (
            Failure.STOP,
            f"{_USED_UP} for this account ({status})",
            "top it up or use another provider",
        )
    if status == 429:
        failure = Failure.SWITCH if _DAILY.search(words) else Failure.WAIT
        return failure, "takes no more requests for now (429)", ""
    if status in (401, 403) and _REFUSED.search(words):
        return Failure.STOP, f"refused the content ({status})", ""
    if status in (401, 403) or (status == 400 and _BAD_KEY.search(words)):
        return Failure.STOP, f"refused the key ({status})", _key_remedy(source)
    if 300 <= status < 400:
        where = source.quote(headers.get("location", "").partition("?")[0]) or "nowhere"
        return (
            Failure.STOP,
            f"redirects to {where} ({status}), and a key is not sent on",
            "set the base URL to the right address",
        )
    if status in (400, 413, 422) and (status == 413 or _TOO_LONG.search(words)):
        return (
            Failure.STOP,
            f"says that the request is longer than the model's context ({status})",
            "shorten it or use another model",
        )
    if status == 400 and _REFUSED.search(words):
        return Failure.STOP, "refused the content (400)", ""
    if status == 404:
        return (
            Failure.STOP,
            "knows no such model or address (404)",
            "check the model's name and the base URL (`swarm config show`)",
        )
    if status in (408, 409, 425) or (status >= 500 and status not in _CANNOT_PASS):
        return Failure.WAIT, f"failed ({status})", ""
    return Failure.STOP, f"did not accept the request ({status})", ""


def _key_remedy(source: Source) -> str:
    return (
        f"set {source.key_hint} to a valid key" if source.key_hint else "check the key of this provider in the settings"
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds after which the provider wants to be asked again, None where it does not say or says nonsense."""
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return _bounded(millis / 1000)
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return _bounded((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now)


def _retry_in(said: str) -> float | None:
    found = _RETRY_IN.search(said)
    if found is None:
        return None
    unit = (found[2] or "s").lower()
    scale = 0.001 if unit.startswith("mil") or unit == "ms" else 60.0 if unit.startswith("m") else 1.0
    return _bounded(float(found[1]) * scale)


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,12}(\.\d{1,12})?\s*", text, re.ASCII):
        return None
    return float(text)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises at somebody else's bytes: no JSON, no text, too large a number, brackets that go too deep."""


def what_was_said(body: bytes) -> tuple[str, str]:
    """Return the message and the code of an error body, in any of the shapes that servers use; of a web page, its title."""
    shape = _shape_of(body)
    if shape is None:
        text = body[:4096].decode(errors="replace")
        if not text.lstrip("\ufeff \t\r\n").startswith("<"):
            return text.strip(), ""
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.I | re.S)
        return f"a web page{f' titled {title[1].strip()!r}' if title else ''}", ""
    return said_in(shape)


def _shape_of(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except UNREADABLE:
        return None


def said_in(shape: object) -> tuple[str, str]:
    """Return the message and the code of an error as it was decoded from JSON."""
    if isinstance(shape, list) and shape:
        shape = cast(list[object], shape)[0]
    if not isinstance(shape, dict):
        return (str(shape) if isinstance(shape, str | int | float) else ""), ""
    fields = cast(dict[str, object], shape)
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = cast(dict[str, object], inner)
    elif isinstance(inner, str):
        return inner, str(fields.get("code") or "")
    said = next((fields[key] for key in ("message", "detail", "msg") if fields.get(key)), "")
    code = " ".join(str(fields[key]) for key in ("code", "type", "status") if isinstance(fields.get(key), str | int))
    return (said if isinstance(said, str) else msgspec.json.encode(said).decode()), code


def unreached(source: Source, reason: str) -> ProviderError:
    """The request never left: the model is out, another can be asked."""
    return ProviderError(
        f"{source.model}: {source.server} cannot be reached: {source.quote(reason)}; check the address, the network and "
        "whether the server runs",
        failure=Failure.SWITCH,
        sent=False,
        charged=False,
    )


def broken_off(source: Source, reason: str) -> ProviderError:
    """The request was begun and no whole answer came back: it may be billed."""
    return ProviderError(
        f"{source.model}: {source.server} gave no whole answer: {source.quote(reason)}; the call may be billed",
        failure=Failure.WAIT,
        sent=True,
        charged=True,
    )


def runaway(source: Source, limit: int) -> ProviderError:
    """The answer was cut because it went on beyond every bound; it would do so again."""
    return ProviderError(
        f"{source.model}: {source.server} went on beyond {limit:,} bytes, many times what was asked for, and was cut; "
        "the call may be billed",
        failure=Failure.STOP,
        sent=True,
        charged=True,
    )
