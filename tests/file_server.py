"""A file over HTTP on loopback: ranges, redirects, and connections that break, for tests of downloads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer:
    """What is served, how, and what was asked. Change the fields while it runs."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges: list[str | None] = []  # of each request for the file, in order
        self.breaks: list[int] = []  # the next requests get that many bytes, then a closed connection
        self.hold: threading.Event | None = None  # where set, an answer that breaks off waits for it before it does
        self.honour_range = True
        self.status = 200
        self.redirect: str | None = None  # where /moved sends on to
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that makes it

    def do_GET(self) -> None:
        files = self.server.files
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", files.redirect or "/moved")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = self.headers.get("Range")
        files.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and files.honour_range else 0
        body = files.content[start:]
        self.send_response(206 if start else files.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(files.content) - 1}/{len(files.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not files.breaks:
            self.wfile.write(body)
            return
        self.wfile.write(body[: files.breaks.pop(0)])
        self.wfile.flush()
        if files.hold is not None:
            files.hold.wait(30)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: FileServer) -> None:
        self.files = files
        super().__init__(("127.0.0.1", 0), _Handler)


@contextmanager
def file_server(content: bytes) -> Generator[FileServer]:
    """Serve `content` at every path but /moved, which redirects."""
    files = FileServer(content)
    server = _Server(files)
    files.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield files
    finally:
        if files.hold is not None:
            files.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
