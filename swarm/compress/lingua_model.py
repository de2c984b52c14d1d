"""A token classifier of LLMLingua-2's shape, read from a folder and run by onnxruntime (the extra `lingua`). Nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from swarm.compress.lingua import Piece
from swarm.errors import SwarmError

MODEL, TOKENIZER, CONFIG = "model.onnx", "tokenizer.json", "config.json"
"""What the folder holds, under the names that exports give them."""

KEEP, LABELS = 1, 2
"""Of the two numbers that the model gives for a piece the second is for keeping it."""

_MOST_PIECES = 512  # in a window, as those models were trained
_INPUTS = frozenset(("input_ids", "attention_mask", "token_type_ids"))
_AS_EXPORTED = "export the model anew (`swarm` reads what `optimum-cli export onnx --task token-classification` writes)"


class LinguaUnusable(SwarmError):
    """The model that is to leave words out cannot be used. Texts are made shorter without it."""

    def __init__(self, folder: Path, why: str, remedy: str) -> None:
        super().__init__(
            f"the model of `tokens.lingua` in {folder} is not used: {why}; {remedy}. Texts are shortened by sentences alone"
        )


class _Config(msgspec.Struct):
    """What is read of the model's own settings."""

    model_type: str = ""
    max_position_embeddings: int = _MOST_PIECES

    @property
    def most_pieces(self) -> int:
        # those of the family of RoBERTa begin to count positions behind that of the padding
        kept = 2 if "roberta" in self.model_type else 0
        return min(_MOST_PIECES, self.max_position_embeddings - kept)


class Classifier:
    """Such a model, opened."""

    def __init__(self, folder: Path) -> None:
        """Read the model and try it. Raises LinguaUnusable where the extra, a file or the right form is missing."""
        self._folder = folder
        runtime, tokenizers = self._packages()
        for name in (MODEL, TOKENIZER, CONFIG):
            if not (folder / name).is_file():
                raise LinguaUnusable(folder, f"it has no {name}", "name the folder that an export was written to")
        try:
            config = msgspec.json.decode((folder / CONFIG).read_bytes(), type=_Config)
            self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
            self._session = _session(runtime, folder / MODEL)
        except Exception as error:  # both packages raise what they like
            raise self._broken(str(error)) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        before, behind = self._around
        self.window = config.most_pieces - len(before) - len(behind)
        if self.window < 1:
            raise self._broken(f"it reads {config.most_pieces} pieces at once")
        if unknown := self._inputs - _INPUTS:
            raise self._broken(f"it asks for {', '.join(sorted(unknown))}")
        self.judge([self._tokenizer.encode("a").ids[-1]])

    def divide(self, text: str) -> Sequence[Piece]:
        try:
            read = self._tokenizer.encode(text, add_special_tokens=False)
        except Exception as error:
            raise self._broken(str(error)) from error
        return [Piece(start, end, number) for (start, end), number in zip(read.offsets, read.ids, strict=True)]

    def judge(self, numbers: Sequence[int]) -> Sequence[float]:
        import numpy as np

        before, behind = self._around
        ids = np.array([[*before, *numbers, *behind]], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        try:
            (logits,) = self._session.run([self._output], {name: given[name] for name in self._inputs})
        except Exception as error:
            raise self._broken(str(error)) from error
        if logits.shape != (1, ids.size, LABELS):
            raise self._broken(f"for {ids.size} pieces it gives numbers of the shape {logits.shape}")
        own = logits[0, len(before) : len(before) + len(numbers)].astype(np.float64)
        surely = 1 / (1 + np.exp(np.clip(own[:, 1 - KEEP] - own[:, KEEP], -50, 50)))
        return [round(float(each), 4) for each in surely]  # further digits depend on the machine

    @cached_property
    def _around(self) -> tuple[list[int], list[int]]:
        """The numbers of the pieces that the model wants before and behind a text."""
        read = self._tokenizer.encode("a")
        first = read.special_tokens_mask.index(0) if 0 in read.special_tokens_mask else len(read.ids)
        own = len(self._tokenizer.encode("a", add_special_tokens=False).ids)
        return read.ids[:first], read.ids[first + own :]

    @cached_property
    def _inputs(self) -> frozenset[str]:
        return frozenset(each.name for each in self._session.get_inputs())

    @cached_property
    def _output(self) -> str:
        names: list[str] = [each.name for each in self._session.get_outputs()]
        return "logits" if "logits" in names else names[0]

    def _packages(self) -> tuple[Any, Any]:
        try:
            return import_module("onnxruntime"), import_module("tokenizers")
        except ImportError as error:
            remedy = "`pip install 'pheroswarm[lingua]'`, in a clone `pip install -c constraints.txt -e '.[lingua]'`"
            raise LinguaUnusable(self._folder, f"{error.name or 'onnxruntime'} is not installed", remedy) from error

    def _broken(self, why: str) -> LinguaUnusable:
        return LinguaUnusable(self._folder, " ".join(why.split()), _AS_EXPORTED)


def _session(runtime: Any, path: Path) -> Any:
    runtime.set_default_logger_severity(4)  # what is wrong is raised; it must not be written to the terminal as well
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
