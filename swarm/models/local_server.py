"""The child process that serves one local model, and ends when its stdin does.

Run as `python -P -m swarm.models.local_server`. It imports nothing of ours. The first line of stdin is a JSON object
with the fields of `swarm.models.local.Order`; stdout gets one JSON line: `{"port": .., "context_tokens": ..}` once a
request was answered, else `{"missing": ".."}` (no engine) or `{"failed": ".."}`. What the engine prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

_FIT_FROM_BYTES = 2_000_000_000  # fitting a model into the memory that is free takes .2 s: not for small ones
_PROMPT_CACHE_MIB = 256  # the engine's own default is 8 GiB


def main() -> int:
    report = _take_stdout()
    _die_with_parent()
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        engine: Any = import_module("xllamacpp")
    except ImportError as error:
        return _say(report, {"missing": str(error)})
    try:
        server = engine.Server(_params(engine, order))
    except RuntimeError as error:
        return _say(report, {"failed": str(error)})
    port = int(server.listening_address.rsplit(":", 1)[1])
    _say(report, {"port": port, "context_tokens": _window(port, order["key"])})
    threading.Event().wait()  # the engine answers on threads of its own, until stdin ends
    return 0


def _params(engine: Any, order: dict[str, Any]) -> Any:
    params = engine.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["alias"]}  # else answers and logs would carry the path
    params.hostnames = ["127.0.0.1"]
    params.port = order["port"]
    params.api_keys = [order["key"]]
    params.n_ctx = order["context_tokens"]
    params.n_parallel = 1  # more slots share the window and are no faster on a CPU
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    params.n_threads_http = 2
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.fit_params = Path(order["path"]).stat().st_size > _FIT_FROM_BYTES
    params.offline = True
    params.ui = params.endpoint_slots = False
    params.verbosity = 2  # errors and warnings
    return params


def _window(port: int, key: str) -> int:
    """Ask the server for its window in tokens: what it was given, or what its model was trained for if less."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        meta = json.load(connection.getresponse())["data"][0]["meta"]
    finally:
        connection.close()
    return int(min(meta["n_ctx"], meta["n_ctx_train"]))


def _take_stdout() -> int:
    """Return a descriptor of stdout for the report alone, and send whatever else is printed to stderr."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _say(report: int, words: dict[str, Any]) -> int:
    os.write(report, json.dumps(words).encode() + b"\n")
    os.close(report)
    return 1


def _end_with_stdin() -> None:
    """Leave as soon as the parent has closed our stdin, in order or by dying."""
    while os.read(0, 1024):  # not through sys.stdin: its lock, held by this thread, would abort an ordinary exit
        pass
    os._exit(0)


def _die_with_parent() -> None:
    """Have Linux kill this process when its parent dies: while the engine loads it holds the GIL, so no thread can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of <linux/prctl.h>


if __name__ == "__main__":
    sys.exit(main())
