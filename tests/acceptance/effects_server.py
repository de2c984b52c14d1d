"""A server of tools with an effect on the world, as a program: `post` adds a line to the file that it was started with.

The first time it never answers, so that somebody can end who uses it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

POST: dict[str, Any] = {
    "name": "post",
    "description": "Post a line.",
    "inputSchema": {"type": "object", "properties": {}},
}


def answer_to(request: dict[str, Any], file: Path) -> dict[str, Any] | None:
    match request["method"]:
        case "initialize":
            info = {"name": "effects", "version": "1"}
            version = request["params"]["protocolVersion"]
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return {"tools": [POST]}
        case "tools/call":
            posted = file.read_text() if file.exists() else ""
            file.write_text(f"{posted}posted\n")
            return {"content": [{"type": "text", "text": "It is posted."}]} if posted else None
        case _:
            return {}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked and (result := answer_to(asked, Path(sys.argv[1]))) is not None:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}) + "\n")
            sys.stdout.flush()
