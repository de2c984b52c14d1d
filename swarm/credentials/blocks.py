"""Private keys in blocks: PEM, OpenSSH and PGP, whole or cut, quoted, indented, escaped, or in base64 once more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from swarm.credentials.chance import is_random
from swarm.credentials.found import Found, compiled

KIND = "private_key"
HINTS = ("PRIVATE KEY", "LS0tLS1CRUdJTi")  # the latter is how base64 of "-----BEGIN " begins

_FRAME = r"-----(?P<which>BEGIN|END) (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_MOST = 32_768  # characters between the frames; a key of 16,384 bits has 13,000
_MARK = r"\[secret:\w+\]"
_RUN = r"[A-Za-z0-9+/=]{16,}"
_RUN_OF_PROGRAM = r"\\(?:u[0-9A-Fa-f]{4}|.)|(?P<run>[A-Za-z0-9+/=]{16,}+)"  # not the end of an escape
_IN_ESCAPE = r"\\u([0-9A-Fa-f]{0,3})\Z"
_STRUCTURE = r"[\"'{}`]"  # a block with these in it is written in pieces, and what is around them must stay
_BREAK = r"(?:\r?\n|\\+r\\+n|\\+n)"
_LEAD = r"[ \t|>+#*/-]{0,16}"  # what stands before each line of a quoted or indented block
# the body of a block that has no end: lines of base64 and headers such as "Proc-Type: 4,ENCRYPTED"
_BODY = (
    rf"(?:{_BREAK}{_LEAD}(?:[A-Z][A-Za-z-]{{1,20}}: [^\n\\\"'{{}}\[]{{0,80}}|[A-Za-z0-9+/=]{{0,128}})(?={_BREAK}|\Z))*"
)
# the same before an end that has no beginning; read from the text's end to its beginning, so everything is turned round;
# no group is possessive here: Python 3.11.2 goes on one letter late behind one that ends in a look ahead
_TURNED = r"(?:[ \t]{0,4}(?:\n\r?|n\\+(?:r\\+)?)(?:[A-Za-z0-9+/=](?!\\)){1,128}[ \t|>+#*/-]{0,16})+"
_ENCODED = r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}+={0,2}"
_ENCODED_NAMES = ("UFJJVkFURSBLRV", "QUklWQVRFIEtFW", "BSSVZBVEUgS0VZ")  # "PRIVATE KEY" at each place of a group


def private_keys(text: str) -> Iterator[Found]:
    """Yield the blocks that hold a private key, as far as they do: marks that stand in one are left out."""
    if HINTS[0] in text:
        yield from _framed(text)
    if HINTS[1] in text:
        for found in compiled(_ENCODED).finditer(text):
            if any(name in found[0][:96] for name in _ENCODED_NAMES):
                yield Found(found.start(), found.end(), KIND)


def _framed(text: str) -> Iterator[Found]:
    frames = list(compiled(_FRAME).finditer(text))
    for at, frame in enumerate(frames):
        after = frames[at + 1] if at + 1 < len(frames) else None
        if frame["which"] == "BEGIN":
            closed = after and after["which"] == "END" and after.start() - frame.end() <= _MOST
            yield from _block(text, frame, after if closed else None)
        elif not at or frames[at - 1]["which"] == "END":
            before = text[max(0, frame.start() - _MOST) : frame.start()][::-1]
            if (found := compiled(_TURNED).match(before)) and _is_key(found[0][::-1]):
                start = frame.start() - found.end()
                escape = compiled(_IN_ESCAPE).search(text[max(0, start - 5) : start])
                yield Found(start + 4 - len(escape[1]) if escape else start, frame.end(), KIND)


def _block(text: str, begin: re.Match[str], end: re.Match[str] | None) -> Iterator[Found]:
    if end is None:
        body = compiled(_BODY).match(text, begin.end())
        stop = body.end() if body else begin.end()
        if _is_key(text[begin.end() : stop]):
            yield Found(begin.start(), stop, KIND)
        return
    inside = text[begin.end() : end.start()]
    if not _is_key(compiled(_MARK).sub(" ", inside)):
        return
    if compiled(_STRUCTURE).search(inside):
        runs = compiled(_RUN_OF_PROGRAM, re.DOTALL).finditer(text, begin.end(), end.start())
        yield from (Found(*run.span("run"), KIND) for run in runs if run["run"])
        return
    start = begin.start()
    for mark in compiled(_MARK).finditer(text, begin.end(), end.start()):
        if start < mark.start():
            yield Found(start, mark.start(), KIND)
        start = mark.end()
    yield Found(start, end.end(), KIND)


def _is_key(inside: str) -> bool:
    return any(is_random(run, least=16) for run in compiled(_RUN).findall(inside))
