"""A writer of brush streams, one bit after the other."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data" / "label_studio"

SIZES = (3, 4, 8, 16)


def pack(*codes: str) -> list[int]:
    bits = "".join(codes)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def head(words: int, *, word_bits: int = 8, sizes: tuple[int, ...] = SIZES) -> str:
    return f"{words:032b}{word_bits - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)


def same(n: int, word: int, *, index: int = 3, sizes: tuple[int, ...] = SIZES) -> str:
    return f"1{index:02b}{n - 1:0{sizes[index]}b}{word:08b}"


def each(*words: int, index: int = 3, sizes: tuple[int, ...] = SIZES) -> str:
    return f"0{index:02b}{len(words) - 1:0{sizes[index]}b}" + "".join(f"{word:08b}" for word in words)


def ten_bytes_with_padding(bits: int) -> list[int]:
    sizes = (16 - bits,) * 4  # makes the one run end where the padding is to begin
    return pack(head(8, sizes=sizes), same(8, 255, sizes=sizes), "0" * bits)
