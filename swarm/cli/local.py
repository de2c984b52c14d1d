"""`swarm local`: which embedded models there are, getting one, removing one, serving one to other programs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import anyio

from swarm.cli.output import Output
from swarm.cli.streams import write_aside, write_result
from swarm.errors import SwarmError, UsageError
from swarm.models.catalogue import CATALOGUE, CatalogueModel, find_model, megabytes, pulled_path
from swarm.models.pull import LocalModel, Progress, ensure_model, remove
from swarm.settings.load import data_dir

SCHEMA = "swarm.local/1"

_ACTIONS = """\
actions:
  list          the models that swarm knows how to get, and which are here
  pull [MODEL]  get a model; without a name the smallest
  rm MODEL      delete a model's file
  serve [MODEL] serve a model, or any GGUF file by its path, to other programs until Ctrl-C
"""


class ServerEnded(SwarmError):
    """The served model's process ended by itself."""

    def __init__(self, *, model: str) -> None:
        super().__init__(f"the process that served {model} has ended; start it again with `swarm local serve {model}`")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    parser.add_argument(
        "action", choices=("list", "pull", "rm", "serve"), metavar="ACTION", help="list, pull, rm or serve"
    )
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="a name that `list` shows; serve takes a GGUF file, too"
    )
    parser.add_argument("--yes", action="store_true", help="get a missing model without asking")
    parser.add_argument("--port", type=int, default=0, help="serve: the port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--threads", type=int, default=None, help="serve: threads to compute with (default: cores - 1)")


def run(args: argparse.Namespace) -> int:
    action = {"list": _list, "pull": _pull, "rm": _remove, "serve": _serve}[args.action]
    anyio.run(action, args, args.output)
    return 0


def models_dir() -> Path:
    """The folder that pulled models lie in."""
    return data_dir(os.environ) / "models"


def progress_line(output: Output) -> Progress:
    """Return what shows a download on stderr: one line that changes on a terminal, a line each tenth elsewhere."""
    terminal = sys.stderr.isatty()
    shown = -1

    def show(name: str, done: int, total: int) -> None:
        nonlocal shown
        percent = done * 100 // total
        percent -= percent % (1 if terminal else 10)
        if percent == shown or output.quiet:
            return
        shown = percent
        start, end = ("\r" if terminal else "", "\n" if not terminal or done == total else "")
        write_aside(f"{start}{name}: {percent} % of {megabytes(total)}{end}")

    return show


async def _list(_: argparse.Namespace, output: Output) -> None:
    folder = models_dir()
    rows = [(model, pulled_path(model, folder)) for model in CATALOGUE]
    if output.json:
        output.document(SCHEMA, {"folder": str(folder), "models": [_row(model, path) for model, path in rows]})
        return
    output.table(
        ["MODEL", "SIZE", "LICENCE", "HERE"],
        [[model.name, megabytes(model.size_bytes), model.licence, str(path or "no")] for model, path in rows],
    )


async def _pull(args: argparse.Namespace, output: Output) -> None:
    model = find_model(args.model) if args.model else CATALOGUE[0]
    found = await _ensured(model.name, args, output)
    _tell(output, {"model": found.name, "path": str(found.path)}, f"{found.name} is at {found.path}")


async def _remove(args: argparse.Namespace, output: Output) -> None:
    if args.model is None:
        raise UsageError("which model is to be removed? `swarm local list` shows those that are here")
    model = find_model(args.model)
    freed = await remove(model, models_dir(), say=output.note)
    if not freed:
        raise UsageError(f"{model.name} is not here, nothing was removed; `swarm local list` shows what is")
    said = f"removed {model.name}, {megabytes(freed)} are free again"
    _tell(output, {"model": model.name, "freed_bytes": freed}, said)


async def _serve(args: argparse.Namespace, output: Output) -> None:
    from swarm.models.local import open_local

    model = await _ensured(args.model, args, output)
    asked = model.context_tokens
    async with open_local(
        model.path, name=model.name, threads=args.threads, context_tokens=asked, port=args.port
    ) as server:
        words = {"model": server.model, "base_url": server.base_url, "key": server.key}
        said = f"OPENAI_BASE_URL={server.base_url}\nOPENAI_API_KEY={server.key}"
        _tell(output, {**words, "context_tokens": server.context_tokens}, said)
        window = f"{server.context_tokens:,} tokens of context"
        output.note(f"serving {server.model} with {window}, one request at a time; Ctrl-C ends it")
        await server.wait_ended()
    raise ServerEnded(model=args.model or model.name)


async def _ensured(wanted: str | None, args: argparse.Namespace, output: Output) -> LocalModel:
    return await ensure_model(
        wanted, models_dir(), yes=args.yes, ask=output.confirm, say=output.note, progress=progress_line(output)
    )


def _row(model: CatalogueModel, path: Path | None) -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        "context_tokens": model.context_tokens,
        "may_judge": model.may_judge,
        "sha256": model.sha256,
        "sources": [str(source) for source in model.sources],
        "pulled": path is not None,
        "path": None if path is None else str(path),
    }


def _tell(output: Output, document: dict[str, Any], text: str) -> None:
    """Write the result at once: who reads it may wait for it while we go on."""
    if output.json:
        output.document(SCHEMA, document)
    else:
        output.line(text)
    write_result("", flush=True)
