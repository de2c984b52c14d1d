"""A token classifier of LLMLingua-2's shape that fits in a test: a graph of one node, which looks each piece up in a table.

The file is written as ONNX has it, a protocol buffer: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

FLOAT, INT64 = 1, 7
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def part(field: int, said: bytes | str) -> bytes:
    raw = said.encode() if isinstance(said, str) else said
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def value(name: str, kind: int, *dimensions: str | int) -> bytes:
    shape = b"".join(part(1, part(2, each) if isinstance(each, str) else whole(1, each)) for each in dimensions)
    return part(1, name) + part(2, part(1, whole(1, kind) + part(2, shape)))


def graph(table: Sequence[Sequence[float]], inputs: Sequence[str]) -> bytes:
    """The model whose logits for a piece are its row of the table."""
    width = len(table[0])
    raw = struct.pack(f"<{width * len(table)}f", *(number for row in table for number in row))
    tensor = whole(1, len(table)) + whole(1, width) + whole(2, FLOAT) + part(8, "table") + part(9, raw)
    node = part(1, "table") + part(1, "input_ids") + part(2, "logits") + part(4, "Gather")
    given = b"".join(part(11, value(name, INT64, "batch", "pieces")) for name in inputs)
    output = part(12, value("logits", FLOAT, "batch", "pieces", width))
    return (
        whole(1, 8)
        + part(7, part(1, node) + part(2, "tiny") + part(5, tensor) + given + output)
        + part(8, whole(2, 13))
    )


def write_model(
    folder: Path,
    surely: Mapping[str, float],
    *,
    inputs: Sequence[str] = ("input_ids", "attention_mask", "token_type_ids"),
    labels: int = 2,
    pieces: int = 512,
) -> Path:
    """Write a model to a folder that gives words these logits for being kept; of others each letter has that of a space."""
    letters = [letter for code in range(33, 127) for letter in (chr(code), f"##{chr(code)}")]
    vocabulary = {each: number for number, each in enumerate(dict.fromkeys([*SPECIAL, *letters, *surely]))}
    table = [[0.0, surely.get(each, surely.get(" ", -1.0)), *([0.0] * (labels - 2))][:labels] for each in vocabulary]
    around = [{"SpecialToken": {"id": each, "type_id": 0}} for each in ("[CLS]", "[SEP]")]
    single = [around[0], {"Sequence": {"id": "A", "type_id": 0}}, around[1]]
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": vocabulary[each],
                "content": each,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for each in SPECIAL
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {
                each: {"id": each, "ids": [vocabulary[each]], "tokens": [each]} for each in ("[CLS]", "[SEP]")
            },
        },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
        "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    (folder / "model.onnx").write_bytes(graph(table, inputs))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": pieces}), "utf-8")
    return folder
