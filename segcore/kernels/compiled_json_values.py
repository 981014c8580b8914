"""JSON in numba: the numbers and texts at places of a document that was found sound."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from typing import Final

import numpy as np

from segcore.kernels.arrays import Bools, Bytes, Counts, Floats
from segcore.kernels.compiled_json import after_space, byte
from segcore.kernels.jit import jit
from segcore.kernels.json_spans import JsonTexts

__all__ = ["json_numbers", "json_texts"]

_QUOTE, _BACKSLASH, _COMMA, _OPEN_LIST, _CLOSE_LIST = b'"\\,[]'
_MINUS, _PLUS, _POINT, _ZERO, _NINE, _E, _U = b"-+.09eu"
_LOWER: Final = 0x20
"""The bit by which small letters differ from capitals."""
_ASCII: Final = 128
_SHORT_ESCAPES: Final = np.frombuffer(b"bfnrt", np.uint8)
_SHORT_VALUES: Final = np.frombuffer(b"\b\f\n\r\t", np.uint8)
_MAX_EXPONENT: Final = 10_000

_MAX_EXACT: Final = np.uint64(1 << 53)
_MAX_DIGITS: Final = np.uint64(10**18)
"""One digit more still fits into 64 bits."""
_SPLIT: Final = 2.0**27 + 1
_SLACK: Final = 2.0**-40
_POWERS: Final = np.array([float(10**k) for k in range(23)])
"""Powers of ten a double holds exactly: one division or multiplication by one is rounded rightly."""


def json_numbers(data: Bytes, begins: Counts, *, length: int) -> tuple[Floats, Bools, Bools]:
    """As ``segcore.kernels.json_numbers``."""
    values, exact, integers = _numbers(data, begins, length)
    return values, exact, integers


def json_texts(data: Bytes, begins: Counts, ends: Counts) -> JsonTexts:
    """As ``segcore.kernels.json_texts``."""
    text, offsets, plain = _texts(data, begins, ends)
    return JsonTexts(text=text, offsets=offsets, plain=plain)


@jit
def _number(data, at):
    """The number at ``at``, whether it is exactly that, whether it is an integer, and what follows.

    It must have been found sound before.
    """
    negative = byte(data, at) == _MINUS
    if negative:
        at += 1
    digits = np.uint64(0)
    shift = 0
    exact = True
    whole = True
    while True:
        c = byte(data, at)
        if _ZERO <= c <= _NINE:
            exact &= digits < _MAX_DIGITS
            if exact:
                digits = digits * np.uint64(10) + np.uint64(c - _ZERO)
            if not whole:
                shift -= 1
        elif c == _POINT:
            whole = False
        else:
            break
        at += 1
        if at == data.size:
            break
    integer = whole
    if at < data.size and byte(data, at) | _LOWER == _E:
        integer = False
        at += 1
        down = byte(data, at) == _MINUS
        if down or byte(data, at) == _PLUS:
            at += 1
        exponent = 0
        while at < data.size and _ZERO <= byte(data, at) <= _NINE:
            exponent = min(10 * exponent + (np.int64(byte(data, at)) - _ZERO), _MAX_EXPONENT)
            at += 1
        shift += -exponent if down else exponent
    value = np.float64(digits)
    exact &= -_POWERS.size < shift < _POWERS.size
    if digits > _MAX_EXACT:
        exact &= shift < 0
        if exact:
            value, exact = _quotient(digits, _POWERS[-shift])
    elif exact:
        value = value * _POWERS[shift] if shift >= 0 else value / _POWERS[-shift]
    return -value if negative else value, exact, integer, at


@jit
def _quotient(digits, power):
    """``digits / power`` rounded to a double, and whether it is certain that it is rounded rightly.

    The quotient in doubles, and what it lacks, by the exact product of T. J. Dekker, "A
    floating-point technique for extending the available precision", 1971.
    """
    high = np.float64(digits)
    low = np.float64(np.int64(digits - np.uint64(high)))
    first = high / power
    a, b = _halves(first)
    c, d = _halves(power)
    product = first * power
    error = ((a * c - product) + a * d + b * c) + b * d
    second = ((high - product) - error + low) / power
    value = first + second
    # What is lacking is known to 50 bits: where a little more or less changes nothing, it is right.
    return value, value == first + second * (1 + _SLACK) and value == first + second * (1 - _SLACK)


@jit
def _halves(value):
    """Two doubles of half the digits whose sum is ``value``."""
    wide = value * _SPLIT
    high = wide - (wide - value)
    return high, value - high


@jit
def _numbers(data, begins, count):
    values = np.full((begins.size, max(count, 1)), np.nan)
    exact = np.zeros(begins.size, np.bool_)
    integers = np.zeros(begins.size, np.bool_)
    for r in range(begins.size):
        at = np.int64(begins[r])
        sound = True
        whole = True
        found = 0
        if count:
            sound = byte(data, at) == _OPEN_LIST
            at = after_space(data, at + 1)
        while sound and found < max(count, 1):
            c = byte(data, at)
            sound = c == _MINUS or _ZERO <= c <= _NINE
            if sound:
                values[r, found], sound, integer, at = _number(data, at)
                whole &= integer
                found += 1
                if count:
                    at = after_space(data, at)
                    sound &= byte(data, at) == (_CLOSE_LIST if found == count else _COMMA)
                    at = after_space(data, at + 1)
        exact[r] = sound
        integers[r] = sound and whole
        if not sound:
            values[r] = np.nan
    return values, exact, integers


@jit
def _texts(data, begins, ends):
    room = 0
    for r in range(begins.size):
        room += max(np.int64(ends[r]) - np.int64(begins[r]), 0)
    text = np.empty(room, np.uint8)
    offsets = np.zeros(begins.size + 1, np.int64)
    plain = np.zeros(begins.size, np.bool_)
    n = 0
    for r in range(begins.size):
        first = n
        at = np.int64(begins[r])
        stop = np.int64(ends[r]) - 1
        sound = at < stop and byte(data, at) == _QUOTE
        at += 1
        while sound and at < stop:
            c = byte(data, at)
            if c == _BACKSLASH:
                at += 1
                c = byte(data, at)
                sound = c != _U
                for k in range(_SHORT_ESCAPES.size):
                    if c == _SHORT_ESCAPES[k]:
                        c = _SHORT_VALUES[k]
                        break
            sound &= c < _ASCII
            text[n] = c
            n += 1
            at += 1
        if not sound:
            n = first
        plain[r] = sound
        offsets[r + 1] = n
    return text[:n], offsets, plain
