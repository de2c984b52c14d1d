"""Reading a SKILL.md for the catalogue: leniently, with a warning for all that the format has otherwise."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import msgspec

from skills.files import Refused, read_head
from skills.frontmatter import MOST_BYTES, Front, Keys, Unreadable, front_of, keys_of
from skills.simpleyaml import Value
from skills.skill import FILE, Finding, Place, Skill

KNOWN = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
"""The keys of the format."""

MOST_NAME, MOST_DESCRIPTION, MOST_COMPATIBILITY = 64, 1024, 500
"""Characters, by the format's specification."""

_FIRST_BYTES = 2048
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NO_WORD = re.compile(r"[^\w-]+|_+")
_TAG_GAP = re.compile(r"[\s,;]+")


class Read(msgspec.Struct, frozen=True):
    """What a file came to: the skill, None where it is left out; and what is odd in it, the reason first."""

    folder: str
    skill: Skill | None
    findings: tuple[Finding, ...] = ()


def read_skill(folder: str, place: Place) -> Read | None:
    """Read the catalogue line of the skill in `folder`; None where none lies there."""
    path = f"{folder}/{FILE}"
    try:
        head, size = read_head(path, _FIRST_BYTES)
        front = front_of(head, whole=len(head) == size)
        if front is None:
            head, size = read_head(path, MOST_BYTES)
            front = front_of(head, whole=len(head) == size)
        if front is None:
            raise Unreadable(f"the front matter has more than {MOST_BYTES:,} bytes", "shorten it")
        keys = keys_of(front.text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Refused as error:
        return _left_out(path, str(error))
    except Unreadable as error:
        return _left_out(path, error.message, error.hint, line=error.line)
    except OSError as error:
        return _left_out(path, f"the file cannot be read: {(error.strerror or str(error)).lower()}")
    return _taken(path, place, front, keys, hashlib.sha256(head[: front.size]).hexdigest(), size)


def _left_out(path: str, message: str, hint: str = "", *, line: int = 0) -> Read:
    said = f"{message}; the skill is left out"
    return Read(
        path.removesuffix(f"/{FILE}"), None, (Finding(path=path, message=said, hint=hint, line=line, is_error=True),)
    )


def _taken(path: str, place: Place, front: Front, keys: Keys, digest: str, size: int) -> Read:
    (folder, _, _), values = path.rpartition("/"), keys.values
    called = folder.rpartition("/")[2]
    description = " ".join(_text(values.get("description")).split())
    if not description:
        return _left_out(path, "there is no description", "say what the skill does, and when it is of use")
    name = usable_name(_text(values.get("name"))) or usable_name(called)
    if not name:
        return _left_out(path, "neither the file nor its folder has a name that can be used", "give it a name")
    odd = tuple(Finding(path=path, message=said) for said in _oddities(front, keys, name, called))
    skill = Skill(
        name=name,
        description=description,
        folder=folder,
        origin=place.origin,
        digest=digest,
        head_bytes=front.size,
        body_bytes=size - front.size,
        own_tags=_tags(values.get("metadata")),
        allowed_tools=_tools(values.get("allowed-tools")),
        license=_text(values.get("license")),
        compatibility=_text(values.get("compatibility")),
    )
    return Read(folder, skill, odd)


def _oddities(front: Front, keys: Keys, name: str, folder: str) -> Iterator[str]:
    """What the format has otherwise, where the skill can be used all the same."""
    values, written = keys.values, _text(keys.values.get("name"))
    if keys.mended:
        yield f"{keys.mended}; it was read as if its values were in quotes"
    if front.has_mark:
        yield "the file begins with a byte order mark"
    if front.has_returns:
        yield "the lines end with \\r\\n"
    if not written:
        yield f"there is no name; it is {name!r} here, after its folder"
    elif written != name:
        yield f"{written[:80]!r} is no name by the format; it is {name!r} here"
    elif name != folder:
        yield f"the name {name!r} is not that of its folder {folder!r}"
    if len(name) > MOST_NAME:
        yield f"the name has {len(name)} characters, and {MOST_NAME} are allowed"
    if (size := len(_text(values.get("description")).strip())) > MOST_DESCRIPTION:
        yield f"the description has {size:,} characters, and {MOST_DESCRIPTION:,} are allowed"
    for key in values:
        if key not in KNOWN:
            yield f"unknown key {key[:80]!r}"


def usable_name(written: str) -> str:
    """The name in the form that the format asks for; empty where nothing is left of it.

    >>> usable_name("My_Skill 2"), usable_name("--"), usable_name("pdf")
    ('my-skill-2', '', 'pdf')
    """
    if _NAME.fullmatch(written):
        return written
    return re.sub("-{2,}", "-", _NO_WORD.sub("-", written.strip().lower())).strip("-")


def _text(value: Value | None) -> str:
    return value.strip() if isinstance(value, str) else ""


def _tags(metadata: Value | None) -> tuple[str, ...]:
    """`metadata.tags`: words with spaces or commas between them, or a list."""
    if not isinstance(metadata, dict):
        return ()
    return tuple(dict.fromkeys(tag for tag in _TAG_GAP.split(metadata.get("tags", "").lower().strip("[]")) if tag))


def _tools(value: Value | None) -> tuple[str, ...] | None:
    if value is None or isinstance(value, dict):
        return None
    return tuple(re.findall(r"[^\s,(]+(?:\([^()]{0,200}\))?", value)) if isinstance(value, str) else tuple(value)
