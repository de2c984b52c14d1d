"""The version of this program, as pyproject.toml says it: to ask the installation takes 15 ms of every start."""

from __future__ import annotations

VERSION = "0.1.0"
