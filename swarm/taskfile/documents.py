"""Texts that stand beside the keys: the body of a Markdown file, whose front matter the keys are, and prompt files."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from swarm.taskfile.problems import START, Place, Report, Wrong, nearest
from swarm.taskfile.yamltree import Mapping, Node, Scalar
from swarm.units import shortened

MARKDOWN = (".md", ".markdown")
MOST_BYTES = 1 << 20

_FENCE = re.compile(r"---[ \t]*(?:\r\n|\n|\Z)")


class Parts(msgspec.Struct, frozen=True):
    """A task file: how much of its text is YAML, and the text behind that, None where all of it is YAML."""

    keys: int
    body: Scalar | None


def parts_of(report: Report, path: Path) -> Parts:
    """Divide a file into front matter and body. YAML is no such file, nor is a pipe that does not begin with front matter.

    Raises Wrong where front matter is not closed.
    """
    text = report.text
    markdown = path.suffix.lower() in MARKDOWN
    opening = _FENCE.match(text)
    if not markdown and not (opening and path.suffix.lower() not in (".yaml", ".yml")):
        return Parts(len(text), None)
    if opening is None:
        return Parts(0, _body(report, 0))
    closing = next((found for found in _FENCE.finditer(text, opening.end()) if text[found.start() - 1] in "\r\n"), None)
    if closing is None:
        if not markdown:
            return Parts(len(text), None)
        raise Wrong(
            START, "the front matter that is opened here is not closed", "write '---' on a line behind its keys"
        )
    return Parts(closing.start(), _body(report, closing.end()))


def _body(report: Report, start: int) -> Scalar | None:
    """Return the body as a text of the tree, None where there is nothing in it."""
    body = report.text[start:]
    if not body.strip():
        return None
    first = start + len(body) - len(body.lstrip())
    return Scalar(body, False, report.place_at(first, 1), (start, len(report.text)))


def with_body(root: Mapping, body: Scalar) -> Mapping:
    """Return the keys of one task with the body as its prompt. Raises Wrong where another prompt stands there."""
    for key, _ in root.pairs:
        if key.text in ("prompt", "prompt_file"):
            raise Wrong(key.place, f"{key.text!r} stands here, and a text below", "take one of them out")
        if key.text == "tasks":
            raise Wrong(body.place, "this text belongs to none of the tasks", "write it under the 'prompt' of a task")
    return Mapping([*root.pairs, (Scalar("prompt", True, body.place, body.span), body)], root.place)


def with_prompt_file(node: Mapping, folder: Path, where: str) -> Mapping:
    """Return a task with the text of its prompt file as its prompt; what has none is returned as it is.

    Raises Wrong at the name of a file that cannot be read.
    """
    name = node.get("prompt_file")
    if name is None:
        return node
    if node.get("prompt") is not None:
        place = next(key.place for key, _ in node.pairs if key.text == "prompt_file")
        raise Wrong(place, f"{where} has a 'prompt' and a 'prompt_file'", "take one of them out")
    if not isinstance(name, Scalar) or not name.text.strip():
        raise Wrong(name.place, f"'prompt_file' of {where} is no path", "name a file beside the task file")
    text = read_text(name.text.strip(), folder, name.place, f"'prompt_file' of {where}")
    pairs: list[tuple[Scalar, Node]] = [(key, under) for key, under in node.pairs if key.text != "prompt_file"]
    prompt = Scalar(text, False, name.place, (0, 0))  # its places are in another file
    return Mapping([*pairs, (Scalar("prompt", True, name.place, (0, 0)), prompt)], node.place)


def read_text(written: str, folder: Path, place: Place, where: str) -> str:
    """Return the text of a file below the task file's folder, or the one in which swarm was started."""
    try:
        found = (folder / written).resolve()
        if not any(found.is_relative_to(top.resolve()) for top in (folder, Path())):
            message = f"{where} is {shortened(written)}, which leads out of the project"
            raise Wrong(place, message, "name a file below the task file's folder")
        with found.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        why = (getattr(error, "strerror", "") or str(error)).lower()
        raise Wrong(place, f"{where} cannot be read: {why}", f"check the path{_near(folder, written)}") from None
    if len(raw) > MOST_BYTES:
        raise Wrong(place, f"{where} is larger than 1 MiB", "name large texts under 'input'")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Wrong(place, f"{where} is not UTF-8 text", "save the file as UTF-8") from None
    if "\0" in text or not text.strip():
        raise Wrong(place, f"{where} is empty or no text", "write the prompt to that file")
    return text


def _near(folder: Path, written: str) -> str:
    try:
        beside = [one.name for one in (folder / written).parent.iterdir()]
    except (OSError, ValueError):
        return ""
    return nearest(Path(written).name, beside)
