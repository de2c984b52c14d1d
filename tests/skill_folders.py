"""Skills in real folders, as people write them."""

from __future__ import annotations

from pathlib import Path

from skills.library import Library, open_library
from skills.lock import Lock, trusted_now
from skills.skill import Origin, Place

BODY = "# How\n\nLook at the plan first.\n\n## Pitfalls\n\nNone.\n"


def write_skill(
    folder: Path,
    name: str,
    description: str = "",
    *,
    more: str = "",
    body: str = BODY,
    files: dict[str, str] | None = None,
) -> Path:
    """Write a skill below `folder` and return its own one. `more` are further lines of its front matter."""
    home = folder / name
    said = description or f"Helps with {name}. Use when asked."
    write(home / "SKILL.md", f"---\nname: {name}\ndescription: {said}\n{more}---\n{body}")
    for path, text in (files or {}).items():
        write(home / path, text)
    return home


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def opened(folder: Path, origin: Origin = "user", lock: Lock | None = None) -> Library:
    return open_library([Place(folder, origin)], lock or Lock())


def trusting(folder: Path) -> Lock:
    """A lock for all skills of a project's folder as they are now."""
    found = opened(folder, "project").found
    return Lock().adding({each.skill.folder: trusted_now(each.skill) for each in found})
