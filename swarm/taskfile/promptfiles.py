"""Prompts of agents and roles that lie in files: one, several, or all of a folder, put together into one text of sections.

A file without a heading gets its name as one. What a file says in its front matter of `when` it holds, holds for its sections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from skills.levels import code_free_lines
from swarm.agents.modules import HEADING, BadWhen, is_when, parse_when, troubles_of
from swarm.agents.profile import MOST_PROMPT_BYTES
from swarm.taskfile.documents import MARKDOWN, read_text
from swarm.taskfile.problems import Place, Wrong
from swarm.taskfile.values import At, items_of
from swarm.taskfile.yamltree import Mapping, Node, Scalar
from swarm.units import shortened

MOST_FILES = 200
"""Of one folder."""

_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_WHEN = re.compile(r"when[ \t]*:(.*)")
_FILE_HINT = "name Markdown files or folders of them, from the folder of this file"


def prompt_of(node: Node, folder: Path, where: str) -> str:
    """The text that the files named by a node make. Raises Wrong at the name of one that cannot be used."""
    found: list[str] = []
    for name in items_of(node):
        if not isinstance(name, Scalar) or not name.text.strip():
            raise Wrong(name.place, f"{where} is no path", _FILE_HINT)
        written = name.text.strip()
        if not (folder / written).is_dir():
            found.append(_read(written, folder, name.place, where))
            continue
        files = _files_in(folder / written)
        if not files:
            raise Wrong(
                name.place, f"{where} is the folder {shortened(written)}, in which no Markdown lies", _FILE_HINT
            )
        found += [_read(str(Path(written) / file), folder, name.place, where) for file in files]
    text = "\n\n".join(found)
    require_fit(text, node.place, where)
    return text


def require_fit(text: str, place: Place, where: str) -> None:
    """Raise Wrong where a prompt is larger than what a call may carry."""
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MOST_PROMPT_BYTES:
        message = f"{where} has {size:,} bytes, and each call carries it"
        raise Wrong(place, message, f"write at most {MOST_PROMPT_BYTES:,}; long texts are given by `input`")


def require_conditions(text: str, place: Place, where: str) -> None:
    """Raise Wrong for the first condition of a prompt that cannot be read."""
    for trouble in troubles_of(text):
        raise Wrong(place, f"in line {trouble.line} of {where} {trouble.message}", trouble.hint)


def with_agents_prompts(root: Mapping, folder: Path, at: At) -> Mapping:
    """The keys of a file, where the prompts of its agents were read that lie in files. What cannot be read is reported."""
    return _under(root, "agents", lambda agent, name: _in_place(agent, folder, at.within(f"agent {name!r}")))


def with_roles_prompts(task: Mapping, folder: Path, at: At) -> Mapping:
    """The same for the keys of a task, or of what tasks have in common, and the prompts of its roles."""
    where = at.where
    return _under(
        task, "roles", lambda role, name: _in_place(role, folder, at.within(f"{name!r} of 'roles' of {where}"))
    )


def _under(root: Mapping, key: str, change: Callable[[Mapping, str], Mapping]) -> Mapping:
    """A mapping, where what stands under the names of one of its keys is changed."""
    known = root.get(key)
    if not isinstance(known, Mapping):
        return root
    named: list[tuple[Scalar, Node]] = [
        (name, change(each, name.text) if isinstance(each, Mapping) else each) for name, each in known.pairs
    ]
    changed = Mapping(named, known.place)
    return Mapping([(name, changed if name.text == key else under) for name, under in root.pairs], root.place)


def _in_place(node: Mapping, folder: Path, at: At) -> Mapping:
    files = node.get("prompt_file")
    if files is None:
        return node
    text = "unread"  # it has one, only that nobody knows which
    with at.report.collect():
        if node.get("prompt") is not None:
            place = next(key.place for key, _ in node.pairs if key.text == "prompt_file")
            raise Wrong(place, f"{at.where} has a 'prompt' and a 'prompt_file'", "take one of them out")
        text = prompt_of(files, folder, f"'prompt_file' of {at.where}").replace("{{", r"\{{")
    pairs = [(key, under) for key, under in node.pairs if key.text not in ("prompt", "prompt_file")]
    prompt = Scalar(text, False, files.place, (0, 0))  # its places are in other files
    return Mapping([*pairs, (Scalar("prompt", True, files.place, (0, 0)), prompt)], node.place)


def _files_in(folder: Path) -> list[str]:
    names = [
        path.name for path in folder.iterdir() if path.suffix.lower() in MARKDOWN and path.stem.lower() != "readme"
    ]
    return [name for name in sorted(names)[:MOST_FILES] if (folder / name).is_file()]


def _read(written: str, folder: Path, place: Place, where: str) -> str:
    """The sections of one file."""
    text = read_text(written, folder, place, where).replace("\r\n", "\n")
    front = _FRONT.match(text)
    body = text[front.end() :] if front else text
    try:
        when = _when_of(front[1].split("\n")) if front else ""
    except BadWhen as error:
        raise Wrong(place, f"in {shortened(written)} {error}", error.hint) from None
    skipped = text.count("\n", 0, front.end()) if front else 0
    for trouble in troubles_of(body):
        raise Wrong(place, f"in line {trouble.line + skipped} of {shortened(written)} {trouble.message}", trouble.hint)
    if not body.strip():
        raise Wrong(
            place, f"{shortened(written)} in {where} holds nothing but its front matter", "write the prompt below it"
        )
    return _sections(body.strip("\n"), Path(written).stem.replace("-", " ").replace("_", " "), when)


def _when_of(front: Iterable[str]) -> str:
    """The condition of a front matter, as a comment; other keys are other programs'."""
    for line in front:
        if match := _WHEN.match(line):
            return f"<!-- when: {parse_when(match[1].strip().strip(chr(34) + chr(39))).said} -->"
    return ""


def _sections(text: str, name: str, when: str) -> str:
    """A text that begins with a heading, with a condition below each of its widest headings that has none of its own."""
    lines = text.split("\n")
    headings = [(number, len(found[1])) for number, line in code_free_lines(text) if (found := HEADING.match(line))]
    first = headings[0][0] if headings else len(lines)
    if any(line.strip() for line in lines[:first]):
        widest = min((level for _, level in headings), default=1)
        lines.insert(0, f"{'#' * widest} {name}\n")
        headings = [(0, widest), *((number + 1, level) for number, level in headings)]
    widest = min(level for _, level in headings)
    for number, level in reversed(headings):
        following = next((line for line in lines[number + 1 :] if line.strip()), "")
        if when and level == widest and not is_when(following):
            lines.insert(number + 1, when)
    return "\n".join(lines)
