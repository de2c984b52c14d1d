"""Uses of tools in words: what was used on what, what allowed it, how it ended, what it changed."""

from __future__ import annotations

from collections.abc import Sequence

from events.types.tool import ApprovalGiven, SandboxProbed, ToolFinished
from events.types.tree import ABSENT, FileChange
from events.views.attempts import Use
from swarm.insight.reason import many

MOST_NAMED = 4
_SOON_MS = 1_000  # what took less is not said to have taken time


def use_said(use: Use) -> str:
    """A use in one line."""
    head = f"{named(use.tool, use.source)} {use.on}".rstrip()
    word = word_said(use.word) if use.word is not None else ""
    match use.state:
        case "waiting":
            return f"{head}: {word or f'waits for a person ({use.rule}): {use.question}'}"
        case "open":
            return f"{head}: begun, and no end is recorded ({word or use.rule})"
        case "refused":
            return f"{head}: {word or f'refused, {use.rule}'}"
        case "done" | "failed":
            return f"{head}: {f'{word}, ' if word else ''}{ended_said(use, failed=use.state == 'failed')}"


def ended_said(use: Use | ToolFinished, *, failed: bool) -> str:
    """How a use ended that was not refused, and what it changed."""
    if isinstance(use, ToolFinished) and use.given:
        asked = ", which still holds, as who said it was asked" if use.keeping is not None else ""
        return f"given the result of {use.given} again{asked}"
    parts = [f"exit code {use.exit_code}"] if use.exit_code is not None else []
    if not parts and (failed or not use.files):
        parts.append((use.reason or "it came to nothing") if failed else "done")
    if use.files:
        parts.append(f"changed {files_said(use.files)}")
    if use.cut:
        parts.append("its output was cut")
    if use.duration_ms >= _SOON_MS:
        parts.append(f"{use.duration_ms / 1000:.1f} s")
    return ", ".join(parts)


def used_said(event: ToolFinished) -> str:
    """Which tool a use was of, and on what."""
    head = named(event.tool, event.source)
    return f"{head} ({event.on})" if event.on else head


def files_said(files: Sequence[FileChange]) -> str:
    """Paths of changed files, of many the first."""
    paths = [f"{file.path}{' (removed)' if file.after.kind == ABSENT else ''}" for file in files[:MOST_NAMED]]
    return ", ".join(paths) + (f" and {many(len(files) - MOST_NAMED, 'file')} more" if files[MOST_NAMED:] else "")


def named(tool: str, source: str) -> str:
    return f"{tool} of the MCP server {source}" if source else tool


def word_said(word: ApprovalGiven) -> str:
    """What a person said to a use."""
    kept = {"session": " for the rest of the session", "project": " for this project"}.get(word.remember, "")
    why = f": {word.reason}" if word.reason else ""
    return f"{'allowed' if word.allowed else 'refused'} by {word.by or 'a person'}{kept}{why}"


def sandbox_said(event: SandboxProbed) -> str:
    """What holds commands, and what it cannot keep."""
    version = f" {event.version}" if event.version else ""
    held = "nothing holds commands" if event.backend == "none" else f"{event.backend}{version} holds commands"
    missing = f"; it cannot keep {', '.join(event.missing)}" if event.missing and event.backend != "none" else ""
    return f"{held}{missing}" + (f" ({event.reason})" if event.reason else "")
