"""What the four kinds of local servers answer, written by hand from their documentation, as pages of a provider on loopback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.provider import Answer

Pages = dict[str, Answer]


def page(body: object, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(body).encode())


def pulled(name: str, size: str = "8.2B", *, at: str = "2026-11-01T10:00:00Z", **more: Any) -> dict[str, Any]:
    """A row of Ollama's /api/tags."""
    details = {"format": "gguf", "family": "qwen3", "parameter_size": size, "quantization_level": "Q4_K_M"}
    return {"name": name, "model": name, "modified_at": at, "size": 5_000, "digest": "a1", "details": details, **more}


def ollama(*rows: Mapping[str, Any], running: Mapping[str, int] | None = None) -> Pages:
    """`running` has the models in memory with the windows that they were loaded with."""
    loaded = [{**pulled(name), "size_vram": 1, "context_length": window} for name, window in (running or {}).items()]
    return {"/api/tags": page({"models": list(rows)}), "/api/ps": page({"models": loaded})}


def lm_studio() -> Pages:
    loaded = [{"id": "qwen3-8b-here", "config": {"context_length": 16_384, "flash_attention": True}}]
    rows: list[dict[str, Any]] = [
        {"type": "llm", "key": "big-on-disk", "loaded_instances": [], "params_string": "70B"},
        {"type": "embedding", "key": "nomic", "loaded_instances": [{"id": "nomic", "config": {}}]},
        {"type": "llm", "key": "qwen3-8b", "loaded_instances": loaded, "params_string": "8B"},
    ]
    whole = [{"publisher": "ada", "display_name": row["key"], "max_context_length": 40_960, **row} for row in rows]
    return {"/api/v1/models": page({"models": whole})}


def older_lm_studio() -> Pages:
    unknown = {"error": "Unexpected endpoint or method. (GET /api/v1/models)"}
    rows: list[dict[str, Any]] = [
        {"id": "gemma-3-1b-it", "type": "llm", "state": "loaded", "loaded_context_length": 4_000},
        {"id": "llama-3-8b", "type": "llm", "state": "not-loaded"},
    ]
    whole = [{"object": "model", "arch": "gemma", "max_context_length": 32_768, **row} for row in rows]
    return {"/api/v1/models": page(unknown), "/api/v0/models": page({"object": "list", "data": whole})}


def llama_cpp(path: str = "/home/ada/models/Qwen3-8B-Q4_K_M.gguf", parameters: int = 8_190_735_360) -> Pages:
    props = {"default_generation_settings": {"id": 0, "n_ctx": 12_288}, "total_slots": 1, "model_path": path}
    meta = {"vocab_type": 2, "n_ctx_train": 40_960, "n_params": parameters, "size": 5_000}
    row = {"id": path, "object": "model", "owned_by": "llamacpp", "meta": meta}
    return {"/props": page(props), "/v1/models": page({"object": "list", "data": [row], "models": [{"name": path}]})}


def vllm(name: str = "Qwen/Qwen3-32B") -> Pages:
    row = {"id": name, "object": "model", "owned_by": "vllm", "root": name, "max_model_len": 32_768}
    return {"/v1/models": page({"object": "list", "data": [row]})}
