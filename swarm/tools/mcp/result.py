"""What a server answered to a call, as a text for a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from swarm.tools.base import Said
from swarm.tools.mcp.plain import table_of

MOST_TEXT = 262_144
"""Characters of one answer; what is between its head and its tail is left out."""

_MOST_LINK = 300


def said_of(result: Mapping[str, Any]) -> Said:
    """Read a result as the protocol writes it (JSON). What is no text is told of and not shown."""
    content = result.get("content")
    blocks = cast("list[object]", content) if isinstance(content, list) else []
    texts = [_block(table_of(block)) for block in blocks]
    if (structured := result.get("structuredContent")) is not None and not _is_said(structured, blocks):
        texts.append(json.dumps(structured, ensure_ascii=False))
    text, cut = shortened("\n".join(each for each in texts if each) or "(the tool said nothing)")
    return Said(text=text, failed=result.get("isError") is True, cut=cut)


def shortened(text: str, most: int = MOST_TEXT) -> tuple[str, bool]:
    """Return the head and the tail of a text, cut between lines where there are some, and whether something was left out."""
    text = text.encode("utf-8", "replace").decode()  # half of a surrogate could not be stored
    if len(text) <= most:
        return text, False
    head, tail = text[: most // 2], text[-(most // 2) :]
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] or tail
    left = len(text) - len(head) - len(tail)
    between = "" if head.endswith("\n") else "\n"
    return f"{head}{between}[{left:,} characters left out]\n{tail}", True


def _block(block: Mapping[str, Any]) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "image" | "audio" as kind, "data": str(data)}:
            return f"[{_kind(block, kind)} of {len(data) * 3 // 4:,} bytes: not shown]"
        case {"type": "resource", "resource": resource}:
            return _resource(table_of(resource))
        case {"type": "resource_link"}:
            words = [str(block.get(key, ""))[:_MOST_LINK] for key in ("name", "uri", "description")]
            return f"[resource {' '.join(word for word in words if word)}]"
        case _:
            return f"[{str(block.get('type', 'something'))[:40]}: not shown]"


def _resource(resource: Mapping[str, Any]) -> str:
    uri = str(resource.get("uri", ""))[:_MOST_LINK]
    text, blob = resource.get("text"), resource.get("blob")
    if isinstance(text, str):
        return f"[resource {uri}]\n{text}"
    size = len(blob) * 3 // 4 if isinstance(blob, str) else 0
    return f"[resource {uri}: {_kind(resource, 'data')} of {size:,} bytes, not shown]"


def _kind(block: Mapping[str, Any], otherwise: str) -> str:
    return str(block.get("mimeType") or otherwise)[:80]


def _is_said(structured: object, blocks: list[object]) -> bool:
    """Whether one of the texts is the same: servers say what is structured as text, too."""
    alone: list[object] = [structured]
    if len(table := table_of(structured)) == 1:
        alone += table.values()  # a value that was wrapped to be an object
    for block in blocks:
        text = table_of(block).get("text")
        if not isinstance(text, str):
            continue
        if any(text == each for each in alone):
            return True
        try:
            if json.loads(text) in alone:
                return True
        except (ValueError, RecursionError):
            continue
    return False
