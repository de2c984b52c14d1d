"""The server that does what no server should, over HTTP on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.tools.mcp_hostile import NOTHING, Server


class OverHttp(BaseHTTPRequestHandler):
    """The same over streamable HTTP, each answer as JSON. A path of digits is the status that it answers with."""

    protocol_version = "HTTP/1.1"
    seen: list[Mapping[str, str]] = []  # noqa: RUF012 - of the one server of a test

    def do_POST(self) -> None:
        message: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(dict(self.headers))
        said: list[Mapping[str, Any]] = []
        status = self.path.strip("/")
        if status.isdigit():
            self.reply(int(status), b"no")
        elif self.path == "/silent" or message.get("params", NOTHING).get("name") == "never":
            time.sleep(2)
        else:
            Server("http", said.append).take(message)
            self.reply(200 if said else 202, json.dumps(said[0]).encode() if said else b"")

    def do_GET(self) -> None:
        self.reply(405, b"")

    do_DELETE = do_GET  # noqa: N815 - as the library wants it

    def reply(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def http_server() -> Generator[str]:
    """Give the address of a server."""
    OverHttp.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), OverHttp)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
