"""The folder of a new skill."""

from __future__ import annotations

from pathlib import Path

from skills.lock import SkillError
from skills.reading import MOST_DESCRIPTION, MOST_NAME, usable_name
from skills.skill import FILE

_TEXT = """\
---
name: {name}
description: {description}
metadata:
  tags: {tags}
---

# {title}

## Steps

1. Look first: what to read, and what to find out before anything is changed.
2. Do it: the procedure, with the decisions that come up and how to take them.
3. Check: the command or the question that shows that it worked.

## Pitfalls

- What goes wrong most often, and how to see it.

## Result

What the answer has to hold, and in which form.
"""


def write_template(folder: Path, name: str, description: str = "") -> Path:
    """Write a new skill below `folder` and return its SKILL.md. Raises SkillError; nothing that is there is overwritten."""
    require_name(name)
    said = " ".join(description.split()) or f"What {name} does, in a sentence. Use when a task needs it."
    if len(said) > MOST_DESCRIPTION:
        raise SkillError(f"the description has {len(said):,} characters, and {MOST_DESCRIPTION:,} are allowed")
    title = name.replace("-", " ").capitalize()
    text = _TEXT.format(name=name, description=_quoted(said), tags=name.replace("-", " "), title=title)
    return write_new(folder, name, text)


def require_name(name: str) -> None:
    """Raises SkillError where that cannot be the name of a skill."""
    if not name or usable_name(name) != name or len(name) > MOST_NAME:
        made = usable_name(name)[:MOST_NAME].rstrip("-")
        hint = f"; write {made}" if made else ""
        raise SkillError(
            f"{name[:80]!r} cannot be the name of a skill: lowercase letters, digits and single hyphens, "
            f"{MOST_NAME} characters at most{hint}"
        )


def require_free(folder: Path, name: str) -> None:
    """Raises SkillError where something is there already."""
    if (folder / name).exists():
        raise _taken(folder / name)


def write_new(folder: Path, name: str, text: str) -> Path:
    """Write the SKILL.md of a new skill below `folder` and return its path. Raises SkillError; nothing is overwritten."""
    path = folder / name / FILE
    try:
        path.parent.mkdir(parents=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise _taken(path.parent) from error
    except (OSError, UnicodeEncodeError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise SkillError(f"{path} cannot be written: {why}; correct that, or name another folder") from error
    return path


def _taken(folder: Path) -> SkillError:
    return SkillError(f"{folder} is there already; take another name, or change what is there")


def _quoted(text: str) -> str:
    """A text as a value of YAML: in single quotes, in which nothing but a quote has to be doubled."""
    return "'" + text.replace("'", "''") + "'"
