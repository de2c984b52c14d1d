"""`swarm approve ID`: a person allows, from another terminal, the use of a tool that waits for a word."""

from __future__ import annotations

import argparse

import anyio

from swarm.cli import approval


def add_arguments(parser: argparse.ArgumentParser) -> None:
    approval.add_arguments(parser)
    parser.add_argument("--list", action="store_true", help="show what waits, and allow nothing")
    parser.add_argument("--yes", action="store_true", help="allow it without being asked whether that is meant")


def run(args: argparse.Namespace) -> int:
    if args.list:
        return anyio.run(approval.list_waiting, args)

    async def allow() -> int:
        return await approval.decide(args, allowed=True)

    return anyio.run(allow)
