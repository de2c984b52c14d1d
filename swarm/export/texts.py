"""What is told of a text that an event refers to: of a plan and a task what they count, of anything else that it was there."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from swarm.export.mask import Mask

_NOTHING: dict[str, Any] = {}


def text_told(field: str, text: str, mask: Mask) -> str:
    """What stands in the place of the text that a field refers to, in the form in which it is read there."""
    match field:
        case "settings" | "spec":
            return mask.json(text)
        case "items" | "calls" | "tools":
            return _list(field, text, mask)
        case "arguments" | "answer_schema":
            return msgspec.json.encode({"text": mask.length(text)}).decode()
        case _:
            return mask.length(text)


def _list(field: str, text: str, mask: Mask) -> str:
    try:
        items = msgspec.json.decode(text, type=list[Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return mask.length(text)
    return msgspec.json.encode([_item(field, each, mask) for each in items]).decode()


def _item(field: str, item: Any, mask: Mask) -> Any:
    whole = mask.length(msgspec.json.encode(item).decode())
    if field == "items" or not isinstance(item, dict):
        return whole
    told = cast("dict[str, Any]", item)
    name = mask.word(str(told.get("name", "")))
    if field == "tools":
        return {"name": name, "description": whole, "parameters": _NOTHING}
    arguments = msgspec.json.encode({"text": whole}).decode()
    return {"id": mask.token(str(told.get("id", ""))), "name": name, "arguments": arguments}
