"""Credentials that something before them names: an assignment, a header, a URL, an entry of .netrc or of a list of logins."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from swarm.credentials.chance import is_random
from swarm.credentials.found import Found, compiled

KINDS = frozenset({"named_secret", "authorization", "cookie", "login", "url_password", "url_signature"})

_NAMES = ("secret", "token", "passw", "passphrase", "_pass", "pwd", "credential", "key", "auth", "cookie", "bearer")
HINTS = (*_NAMES, "sig=", "signature=")  # in small letters
_LEAST, _LEAST_PASSWORD = 16, 12
_QUOTE = r"(?:\\{0,8}[\"'`])?"
_SIGNS = r"[^\s\"'`\\,;<>(){}\[\]&|]{1,512}+"
_VALUE = rf"(?P<value>{_SIGNS}(?:\\/{_SIGNS}){{0,16}}+)"  # some writers of JSON put a backslash before each slash
_ASSIGNED = (
    rf"(?P<tail>[A-Za-z0-9_.-]{{0,24}}){_QUOTE}\]?[ \t]{{0,8}}"
    rf"(?:=>|:=|==?|:|>|,(?=[ ]?\\*[\"']))[ \t]{{0,8}}[bru]?(?P<open>{_QUOTE}){_VALUE}"
)
_SPACED = rf"(?P<tail>[A-Za-z0-9_-]{{0,24}})[ \t]{{1,4}}(?P<open>{_QUOTE}){_VALUE}"
# what a name ends in that holds no secret, though a secret's name is in it; "key" alone says too little
_HARMLESS_TAIL = (
    r"(?:_|-|\.|^)(?:ids?|files?|paths?|dirs?|names?|arn|ur[il]s?|endpoint|ttl|hash(?:es)?|sha\d*|md5|digest|finger_?print"
    r"|checksum|version|types?|size|len(?:gth)?|count|algo\w*|format|regex|pattern|e?tag)$"
    r"|(?:Id|Hash|Url|Path|File|Name|Digest|Version|Type)s?$|i[sz]ers?$|i[sz]ation$|ring$|word_?hash|board|stone|frame"
)
_KEY_OF = r"[a-z0-9][_.-]?$"  # of something; a query of a URL may say "key" alone
_NO_SECRET_KEY = (
    r"(?:public|pub|primary|foreign|cache|sort|partition|index|object|map|idempotency|translation|group|unique|dedup\w*"
    r"|restore|storage_object|s3|row|routing|registry|mon|don|tur|whis|hoc|joc|host|known)[_.-]?$"
)
_WORD_BEFORE = r"[A-Za-z0-9_.-]*\Z"
_LOGIN = r"login\s+\S{1,256}\s+\Z"
_HEADER = (
    rf"{_QUOTE}[ \t]{{0,4}}[:=,][ \t]{{0,4}}{_QUOTE}(?:(?P<scheme>[A-Za-z][A-Za-z-]{{2,19}})[ \t]{{1,4}})?"
    r"(?P<value>[A-Za-z0-9._~+/=:-]{8,4096}+)"
)
_BEARER = r"[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{8,4096}+)"
_COOKIES = r"[\"']?[ \t]{0,4}:[ \t]{0,4}[\"']?(?P<line>[^\n\"'\\]{8,2048}+)"
_COOKIE = r"=([^;\s=\"'\\\[\]]{16,})"
_USER_INFO = r"(?P<user>[^\s/:@?#\"'`<>\\\[\]{}()]{0,256}+)(?::(?P<password>[^\s/@\"'`<>\\\[\]{}()]{1,512}+))?@"
_SIGNED = r"(?:sig|signature)=(?P<value>[A-Za-z0-9%+/_=-]{16,1024}+)"
_STANDS_FOR_ONE = (
    r"(?:user|my|db|the|some)?[_-]?(?:name|user|pass|passw(?:or)?d|pwd|pw|secret|token|key|x-oauth-basic|\*+|x+|\.+|[a-z])|%[sdr(].*"
    r"|\$[A-Za-z_].*|:.*"
)
_CREDENTIALS = re.compile(rb"[\x20-\x7e]{1,256}:[\x20-\x7e]{3,}")


def by_name(text: str, lower: str) -> Iterator[Found]:
    """Yield the values that are named for secrets; `lower` is the text in small letters, sign for sign."""
    for name in _NAMES:
        at = lower.find(name)
        while at >= 0:
            end = at + len(name)
            for found in _behind(name, text, lower, at):
                end = max(end, found.end)
                yield found
            at = lower.find(name, end)
    for name in HINTS[len(_NAMES) :]:
        yield from _signatures(name, text, lower)


def in_urls(text: str) -> Iterator[Found]:
    """Yield the passwords of URLs, and users that are a token."""
    at = text.find("://")
    while at >= 0:
        if found := compiled(_USER_INFO).match(text, at + 3):
            user, password = found["user"], found["password"]
            if (
                password
                and len(password) >= 3
                and password != user
                and not compiled(_STANDS_FOR_ONE, re.IGNORECASE).fullmatch(password)
            ):
                yield Found(*found.span("password"), "url_password")
            if is_random(user, least=20):
                yield Found(*found.span("user"), "url_password")
        at = text.find("://", at + 3)


def _behind(name: str, text: str, lower: str, at: int) -> Iterator[Found]:
    end = at + len(name)
    match name:
        case "bearer":
            if (found := compiled(_BEARER).match(text, end)) and is_random(found["value"], least=_LEAST):
                yield Found(*found.span("value"), "authorization")
        case "cookie":
            if found := compiled(_COOKIES).match(text, end):
                for value in compiled(_COOKIE).finditer(text, *found.span("line")):
                    if is_random(value[1], least=_LEAST):
                        yield Found(*value.span(1), "cookie")
        case "auth":
            yield from _authorization(text, lower, at)
        case _:
            yield from _assigned(name, text, lower, at)


def _authorization(text: str, lower: str, at: int) -> Iterator[Found]:
    """Yield what stands behind `Authorization:`, and behind `auth` where that is a user and a password in base64."""
    header = lower.startswith("authorization", at)
    end = at + len("authorization" if header else "auth")
    if not (found := compiled(_HEADER, re.IGNORECASE).match(text, end)):
        return
    scheme, value = (found["scheme"] or "").lower(), found["value"]
    if header and scheme not in {"", "basic"}:
        is_one = is_random(value, least=_LEAST_PASSWORD)
    else:
        bare = header and not scheme and is_random(value, least=_LEAST)
        is_one = bare or (scheme in {"", "basic"} and _is_user_and_password(value))
    if is_one:
        yield Found(*found.span("value"), "authorization")


def _is_user_and_password(value: str) -> bool:
    if len(value) < 8 or len(value) % 4:
        return False
    try:
        return bool(_CREDENTIALS.fullmatch(base64.b64decode(value, validate=True)))
    except binascii.Error:
        return False


def _assigned(name: str, text: str, lower: str, at: int) -> Iterator[Found]:
    if found := compiled(_ASSIGNED).match(text, at + len(name)):
        if not _names_a_secret(name, lower, at, found["tail"]):
            return
        if not found["open"] and text[found.end() : found.end() + 1] in {"(", "[", "{"}:
            return  # a call, or an element of something: code, not a value
        value = found["value"].rstrip(".:")
        password = name.startswith(("pass", "_pass", "pwd"))
        if not value.startswith("$") and is_random(value, least=_LEAST_PASSWORD if password else _LEAST):
            start = found.start("value")
            yield Found(start, start + len(value), "named_secret")
    elif found := compiled(_SPACED).match(text, at + len(name)):
        yield from _spaced(name, text, lower, at, found)


def _spaced(name: str, text: str, lower: str, at: int, found: re.Match[str]) -> Iterator[Found]:
    """Yield what a blank parts from its name: behind an option of a command, and in .netrc."""
    before = _before(text, at)
    if name == "passw" and found["tail"] == "ord" and compiled(_LOGIN).search(text, max(0, at - 280), at):
        if not compiled(_STANDS_FOR_ONE, re.IGNORECASE).fullmatch(found["value"]):
            yield Found(*found.span("value"), "login")
    elif before.startswith("--") and is_random(found["value"], least=_LEAST_PASSWORD):
        yield Found(*found.span("value"), "named_secret")


def _before(text: str, at: int) -> str:
    found = compiled(_WORD_BEFORE).search(text[max(0, at - 32) : at])
    return found[0] if found else ""


def _names_a_secret(name: str, lower: str, at: int, tail: str) -> bool:
    if lower[at - 1 : at] == "[":  # a mark
        return False
    if compiled(_HARMLESS_TAIL, re.IGNORECASE).search(tail):
        return False
    before = _before(lower, at)
    if name == "key" and lower[at - 1 : at] not in {"?", "&"}:
        return bool(compiled(_KEY_OF).search(before)) and not compiled(_NO_SECRET_KEY).search(before)
    return not (name == "token" and before.endswith(("publickey", "public_key")))


def _signatures(name: str, text: str, lower: str) -> Iterator[Found]:
    """Yield the signatures of signed URLs, which whoever has the URL may use."""
    at = lower.find(name)
    while at >= 0:
        found = compiled(_SIGNED, re.IGNORECASE).match(text, at) if lower[at - 1 : at] in {"?", "&", "-", ";"} else None
        if found and is_random(found["value"], least=_LEAST):
            yield Found(*found.span("value"), "url_signature")
        at = lower.find(name, at + len(name))
