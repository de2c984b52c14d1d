"""Rows of OpenRouter's list of models, written by hand after its documentation."""

from __future__ import annotations

import json
from typing import Any


def row(id: str, *, created: int = 1, context: int | None = 131_072, **more: Any) -> dict[str, Any]:
    """A free model that carries out instructions; `more` says otherwise."""
    free = {"prompt": "0", "completion": "0", "request": "0", "image": "0"}
    return {
        "id": id,
        "canonical_slug": id.removesuffix(":free"),
        "name": id.title(),
        "created": created,
        "description": "A model.",
        "context_length": context,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": free,
        "top_provider": {"context_length": context, "max_completion_tokens": None, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature", "tools"],
        "expiration_date": None,
        **more,
    }


def listing(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"data": rows}).encode()
