"""Profiles in files of their own: front matter with the keys, the prompt below.

A file of ours is read strictly where a key is ours and leniently where it is another program's. One of another program
(`.claude/agents`) is read leniently throughout: what cannot be taken from it is left out, and said.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from swarm.agents.modules import troubles_of
from swarm.agents.profile import Agent
from swarm.task import NAME_RULE, is_id, made_id
from swarm.taskfile import yamltree
from swarm.taskfile.agents import AGENT, agent_of
from swarm.taskfile.documents import Parts, parts_of
from swarm.taskfile.problems import START, Full, Place, Problem, Report, Wrong, nearest
from swarm.taskfile.promptfiles import prompt_of, require_fit
from swarm.taskfile.values import TEXT, At, Key, Keys, items_of
from swarm.taskfile.yamltree import Mapping, Node, Scalar, Sequence
from swarm.toolnames import NONE, known_as
from swarm.units import shortened

MOST_BYTES = 256 * 1024
"""Of a file that is read at all."""

FRONT: Keys = {name: key for name, key in AGENT.items() if name != "prompt"} | {
    "description": Key(TEXT, AGENT["description"].says)
}

_UNUSED = {
    "disallowedTools": "write what it does not use with a '-' under `tools`",
    "model": "the choice takes the model; `tiers: [free]` bounds it",
    "permissionMode": "agents ask for nothing here",
    "hooks": "nothing is run for an agent here",
    "mcpServers": "servers stand in the settings",
    "maxTurns": "`limits: {turns: 3}` of a task bounds it",
}
"""Keys of other programs that somebody may count on, and why they change nothing."""

_SILENT = ("color", "version", "author", "license", "metadata", "memory", "background", "effort", "isolation")
"""Keys of other programs of which nothing need be said."""

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):[ \t]*(.*)")


class ReadProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file came to: the agent, None where it cannot be used; what is wrong, and what is odd in it."""

    name: str
    agent: Agent | None
    digest: str = ""  # SHA-256 of its text, for which a person's confirmation stands
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class _Reading:
    """One file while it is read. `foreign` is one of another program: there, what is wrong is only odd."""

    def __init__(self, text: str, path: Path, *, foreign: bool) -> None:
        self.path, self.foreign = path, foreign
        self.wrong, self.odd = Report(text), Report(text)

    @property
    def strict(self) -> Report:
        """Where that is told which makes a profile of ours unusable."""
        return self.odd if self.foreign else self.wrong


def load_profile(path: Path, *, foreign: bool) -> ReadProfile:
    """Read the profile at `path`. What cannot be read is told in the result, nothing is raised."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        return _unreadable(path, f"the file cannot be read: {(error.strerror or str(error)).lower()}", foreign)
    if len(raw) > MOST_BYTES:
        return _unreadable(path, f"the file has more than {MOST_BYTES:,} bytes, and is no profile", foreign)
    try:
        return read_profile(raw.decode("utf-8"), path, foreign=foreign)
    except UnicodeDecodeError as error:
        return _unreadable(path, f"the file is not UTF-8 text: byte 0x{raw[error.start]:02x}", foreign)


def read_profile(text: str, path: Path, *, foreign: bool) -> ReadProfile:
    """Read the text of a profile; its file's name is its own where it says no other."""
    digest = _digest(text)
    reading = _Reading(text.removeprefix("\ufeff"), path, foreign=foreign)
    name, agent = made_id(path.stem), None
    with suppress(Full):
        parts, root = _parts(reading)
        found = _fields(root, reading)
        name = found.pop("name", name)
        if "prompt_file" in found:
            digest = _digest(f"{text}\0{found['prompt_file']}")
        agent = _agent(name, found, parts, reading)
    return ReadProfile(
        name=name,
        agent=None if reading.wrong.problems else agent,
        digest=digest,
        errors=reading.wrong.problems,
        warnings=reading.odd.problems,
    )


def _parts(reading: _Reading) -> tuple[Parts, Mapping]:
    """The front matter as a tree, and where the text below begins."""
    try:
        parts = parts_of(reading.strict, reading.path)
    except Wrong as wrong:
        reading.strict.add(wrong.place, wrong.message, wrong.hint)
        return Parts(0, None), Mapping([], START)
    try:
        root = yamltree.compose(reading.strict, end=parts.keys)
    except Wrong as wrong:
        if not reading.foreign:
            reading.wrong.add(wrong.place, wrong.message, wrong.hint)
            return parts, Mapping([], START)
        reading.odd.add(
            wrong.place, f"the front matter is no YAML and was read line by line: {wrong.message}", wrong.hint
        )
        root = _lines(reading.odd.text[: parts.keys])
    if root is None or isinstance(root, Mapping):
        return parts, root or Mapping([], START)
    reading.strict.add(root.place, "the front matter holds no keys with values", "write it as `types: [docs]`")
    return parts, Mapping([], START)


def _lines(front: str) -> Mapping:
    """The `key: value` lines of a front matter that is no YAML; all else in it is left out."""
    pairs: list[tuple[Scalar, Node]] = []
    for number, line in enumerate(front.splitlines(), 1):
        if found := _LINE.fullmatch(line.rstrip()):
            key = Scalar(found[1], True, Place(number, 1, len(found[1])), (0, 0))
            place = Place(number, found.start(2) + 1, max(1, len(found[2])))
            pairs.append((key, _value(found[2], place)))
    return Mapping(pairs, START)


def _value(written: str, place: Place) -> Node:
    def scalar(text: str) -> Scalar:
        text = text.strip()
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        return Scalar(text[1:-1] if quoted else text, not quoted, place, (0, 0))

    if written.startswith("[") and written.endswith("]"):
        return Sequence([scalar(one) for one in written[1:-1].split(",") if one.strip()], place)
    return scalar(written)


def _fields(root: Mapping, reading: _Reading) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, under in root.pairs:
        with reading.strict.collect():
            if key.text in FRONT or key.text == "name":
                if isinstance(under, Scalar) and under.is_null:
                    raise Wrong(key.place, f"{key.text!r} has no value", "give it one, or take the line out")
                found[key.text] = _read(key.text, under, reading)
            else:
                _unknown(key, reading)
    return found


def _read(key: str, node: Node, reading: _Reading) -> Any:
    at = At(reading.strict, f"{key!r}")
    if key == "prompt_file":
        return prompt_of(node, reading.path.parent, at.where)
    if key == "tools" and reading.foreign:
        return _foreign_tools(node, at, reading)
    if key == "skills" and reading.foreign and isinstance(node, Scalar):
        node = _separate(node)
    return _name(node, at, reading) if key == "name" else FRONT[key].kind.read(node, at)


def _foreign_tools(node: Node, at: At, reading: _Reading) -> tuple[str, ...]:
    """The tools that a profile of another program names, as they are called here; what there is not is left out."""
    node = _separate(node) if isinstance(node, Scalar) else node
    named = [str(TEXT.read(each, at)).strip() for each in items_of(node)]
    found: dict[str, None] = {}
    for name in named:
        word = name if name == "*" else known_as(name)
        if word:
            found[word] = None
        else:
            reading.odd.add(node.place, f"{shortened(name)} in {at.where} is no tool here, and is left out")
    return tuple(found) or (NONE,)


def _separate(node: Scalar) -> Sequence:
    """The names of a text that has commas between them; one in brackets keeps those in it."""
    names = [each.strip() for each in re.split(r",(?![^(]*\))", node.text)]
    return Sequence([Scalar(name, False, node.place, (0, 0)) for name in names if name], node.place)


def _name(node: Node, at: At, reading: _Reading) -> str:
    written: str = TEXT.read(node, at).strip()
    if is_id(written):
        return written
    if not reading.foreign:
        raise Wrong(node.place, f"{shortened(written)} cannot be the name of an agent", NAME_RULE)
    made = made_id(written)
    reading.odd.add(node.place, f"the name {shortened(written)} is {made!r} here", NAME_RULE)
    return made


def _unknown(key: Scalar, reading: _Reading) -> None:
    """Tell of a key that is not ours; one that is nearly ours is a slip."""
    if key.text in _SILENT:
        return
    if why := _UNUSED.get(key.text):
        reading.odd.add(key.place, f"{key.text!r} changes nothing here: {why}")
    elif key.text == "prompt":
        raise Wrong(key.place, "'prompt' stands in the front matter", "write the prompt below it")
    elif meant := nearest(key.text, FRONT):
        raise Wrong(key.place, f"unknown key {shortened(key.text)}{meant}", f"keys here: name, {', '.join(FRONT)}")
    else:
        reading.odd.add(key.place, f"unknown key {shortened(key.text)}", f"keys here: name, {', '.join(FRONT)}")


def _agent(name: str, found: dict[str, Any], parts: Parts, reading: _Reading) -> Agent | None:
    body, of_files = parts.body, found.pop("prompt_file", "")
    if body is None and not of_files:
        reading.strict.add(START, "there is no text below the front matter", "write there what the agent is told")
        return None
    prompt = "\n\n".join(text for text in (body.text.strip() if body else "", of_files) if text)
    place = body.place if body else START
    try:
        require_fit(prompt, place, "the prompt")
    except Wrong as wrong:
        reading.strict.add(wrong.place, wrong.message, wrong.hint)
        return None
    for trouble in troubles_of(body.text.lstrip()) if body else ():
        line = Place(place.line + trouble.line - 1, 1, 1)
        reading.strict.add(line, f"in the prompt {trouble.message}", trouble.hint)
    return agent_of(name, {**found, "prompt": prompt})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _unreadable(path: Path, message: str, foreign: bool) -> ReadProfile:
    problem = Problem(line=0, column=0, message=message, hint="mend it, or move it away")
    told: dict[str, Any] = {"warnings" if foreign else "errors": (problem,)}
    return ReadProfile(name=made_id(path.stem), agent=None, **told)
