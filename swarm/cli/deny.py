"""`swarm deny ID`: a person refuses, from another terminal, the use of a tool that waits for a word; the model is told why."""

from __future__ import annotations

import argparse

import anyio

from swarm.cli import approval


def add_arguments(parser: argparse.ArgumentParser) -> None:
    approval.add_arguments(parser)
    parser.add_argument("--reason", default="", metavar="WHY", help="what the model is told")


def run(args: argparse.Namespace) -> int:
    async def refuse() -> int:
        return await approval.decide(args, allowed=False, reason=args.reason)

    return anyio.run(refuse)
