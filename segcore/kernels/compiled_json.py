"""JSON in numba: where the values of many objects of one kind stand.

Everything json.loads would refuse is refused, and what is rare or long to tell is as well: whoever
is refused reads the document with json, which has the words for what is wrong.
"""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from typing import Final

import numpy as np

from segcore.kernels.arrays import Bytes, Counts
from segcore.kernels.jit import jit
from segcore.kernels.json_spans import JsonSpans

__all__ = ["after_space", "byte", "json_spans"]

_SPACE, _NEWLINE, _RETURN, _TAB = b" \n\r\t"
_QUOTE, _BACKSLASH, _SLASH, _COMMA, _COLON = b'"\\/,:'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_LIST, _CLOSE_LIST = b"{}[]"
_MINUS, _PLUS, _POINT, _ZERO, _NINE, _E, _A, _F, _U, _D = b"-+.09eafud"
_SHORT_ESCAPES: Final = np.frombuffer(b"bfnrt", np.uint8)
_LOWER: Final = 0x20
"""The bit by which small letters differ from capitals."""
_FIRST_PLAIN: Final = 0x20
_FIRST_SURROGATE_DIGIT: Final = _ZERO + 8
_HEX_DIGITS: Final = 4
_BLOCK: Final = 16

_WORDS: Final = np.frombuffer(b"truefalsenull", np.uint8)
_WORD_BEGINS: Final = np.array([0, 4, 9, 13])

_MAX_DEPTH: Final = 64
_MAX_KEYS: Final = 64
"""Of one object: every key is compared with those before it."""
_MAX_NUMBER_CHARS: Final = 4300

_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _KEY_COLON, _COMMA_OR_END = range(6)
_NOBODY, _ROW = -2, -1


def json_spans(
    data: Bytes, list_name: Bytes, names: Bytes, offsets: Counts, parents: Counts
) -> JsonSpans | None:
    """As ``segcore.kernels.json_spans``; name ``f`` is ``names[offsets[f]:offsets[f + 1]]``."""
    rows, where, begins, ends = _spans(data, list_name, names, offsets, parents)
    if rows < 0:
        return None
    return JsonSpans(begin=int(where[0]), end=int(where[1]), begins=begins, ends=ends)


@jit
def byte(data, at):
    """One byte; numba makes a signed index count from the end where it is negative, which takes time."""
    return data[np.uint64(at)]


@jit
def after_space(data, at):
    """The next place from ``at`` on where no white space stands, or the end."""
    while at < data.size and (
        byte(data, at) == _SPACE
        or byte(data, at) == _NEWLINE
        or byte(data, at) == _RETURN
        or byte(data, at) == _TAB
    ):
        at += 1
    return at


@jit
def _string_end(data, at):
    """The place after the text whose first character stands at ``at``; -1 where it is not sound."""
    while at < data.size:
        while at + _BLOCK <= data.size:
            special = False
            for k in range(_BLOCK):
                c = byte(data, at + k)
                special |= (c == _QUOTE) | (c == _BACKSLASH) | (c < _FIRST_PLAIN)
            if special:
                break
            at += _BLOCK
        stop = min(at + _BLOCK, data.size)
        while at < stop:
            c = byte(data, at)
            if c == _QUOTE:
                return at + 1
            if c < _FIRST_PLAIN:
                return -1
            at += 1
            if c == _BACKSLASH:
                at = _escape_end(data, at)
                if at < 0:
                    return -1
    return -1


@jit
def _escape_end(data, at):
    """The place after the escape whose backslash stands before ``at``; -1 where it is not sound."""
    if at >= data.size:
        return -1
    c = byte(data, at)
    if c in (_QUOTE, _BACKSLASH, _SLASH):
        return at + 1
    for k in range(_SHORT_ESCAPES.size):
        if c == _SHORT_ESCAPES[k]:
            return at + 1
    if c != _U or at + _HEX_DIGITS >= data.size:
        return -1
    for k in range(1, _HEX_DIGITS + 1):
        letter = byte(data, at + k) | _LOWER
        if not (_ZERO <= byte(data, at + k) <= _NINE or _A <= letter <= _F):
            return -1
    # Half a surrogate pair, maybe: json knows whether the other half follows.
    if byte(data, at + 1) | _LOWER == _D and byte(data, at + 2) >= _FIRST_SURROGATE_DIGIT:
        return -1
    return at + 1 + _HEX_DIGITS


@jit
def _digits_end(data, at):
    while at < data.size and _ZERO <= byte(data, at) <= _NINE:
        at += 1
    return at


@jit
def _number_end(data, at):
    """The place after the number that begins at ``at``; -1 where it is not sound."""
    first = at
    if byte(data, at) == _MINUS:
        at += 1
    whole = at
    at = _digits_end(data, at)
    if at == whole or (at > whole + 1 and byte(data, whole) == _ZERO):
        return -1
    if at < data.size and byte(data, at) == _POINT:
        at = _digits_end(data, at + 1)
        if byte(data, at - 1) == _POINT:
            return -1
    if at < data.size and byte(data, at) | _LOWER == _E:
        at += 1
        if at < data.size and (byte(data, at) == _PLUS or byte(data, at) == _MINUS):
            at += 1
        exponent = at
        at = _digits_end(data, at)
        if at == exponent:
            return -1
    return at if at - first <= _MAX_NUMBER_CHARS else -1


@jit
def _word_end(data, at):
    """The place after true, false or null at ``at``; -1 where something else stands there."""
    for word in range(_WORD_BEGINS.size - 1):
        begin = _WORD_BEGINS[word]
        length = _WORD_BEGINS[word + 1] - begin
        if at + length <= data.size and _same(data, at, _WORDS, begin, length):
            return at + length
    return -1


@jit
def _same(data, at, other, begin, length):
    k = 0
    while k < length and byte(data, at + k) == byte(other, begin + k):
        k += 1
    return k == length


@jit
def _spans(data, list_name, names, offsets, parents):
    fields = parents.size
    room = data.size // 512 + 16
    begins = np.zeros((room, fields), np.uint32)
    ends = np.zeros((room, fields), np.uint32)
    rows = 0
    where = np.zeros(2, np.int64)
    refused = (-1, where, begins, ends)
    # Of every open object or list:
    is_object = np.zeros(_MAX_DEPTH + 1, np.bool_)
    field_of = np.full(_MAX_DEPTH + 1, -1, np.int64)  # the field it is the value of
    owner = np.full(_MAX_DEPTH + 1, _NOBODY, np.int64)  # whose fields its keys may name
    key_count = np.zeros(_MAX_DEPTH + 1, np.int64)
    key_begins = np.zeros((_MAX_DEPTH + 1, _MAX_KEYS), np.int64)
    key_lengths = np.zeros((_MAX_DEPTH + 1, _MAX_KEYS), np.int64)
    as_before = np.zeros(_MAX_DEPTH + 1, np.bool_)  # whether its keys were the known ones so far
    # The keys of the last object of every owner; those of a row are mostly the same, in one order.
    known = np.zeros(fields + 1, np.int64)
    known_begins = np.zeros((fields + 1, _MAX_KEYS), np.int64)
    known_lengths = np.zeros((fields + 1, _MAX_KEYS), np.int64)
    known_fields = np.zeros((fields + 1, _MAX_KEYS), np.int64)
    depth = 0
    list_depth = -1
    field = -1  # of the value that follows
    begins_list = list_name.size == 0  # whether the value that follows is the list of rows
    state = _VALUE
    at = 0
    while True:
        at = after_space(data, at)
        if at >= data.size:
            return refused
        c = byte(data, at)
        if state == _KEY_COLON:
            if c != _COLON:
                return refused
            at += 1
            state = _VALUE
            continue
        if state == _COMMA_OR_END and c == _COMMA:
            at += 1
            state = _KEY if is_object[depth] else _VALUE
            continue
        if (
            state == _COMMA_OR_END
            or (state == _KEY_OR_END and c == _CLOSE_OBJECT)
            or (state == _VALUE_OR_END and c == _CLOSE_LIST)
        ):
            if c != (_CLOSE_OBJECT if is_object[depth] else _CLOSE_LIST):
                return refused
            at += 1
            if field_of[depth] >= 0:
                ends[rows - 1, field_of[depth]] = at
            if depth == list_depth:
                where[1] = at
                list_depth = -1
            depth -= 1
            if depth == 0:
                break
            state = _COMMA_OR_END
            continue
        if state in (_KEY, _KEY_OR_END):
            begin = at + 1
            count = key_count[depth]
            if c != _QUOTE or count == _MAX_KEYS:
                return refused
            key_count[depth] = count + 1
            slot = owner[depth] - _ROW
            if slot >= 0 and as_before[depth] and count < known[slot]:
                length = known_lengths[slot, count]
                as_before[depth] = (
                    begin + length < data.size
                    and byte(data, begin + length) == _QUOTE
                    and _same(data, begin, data, known_begins[slot, count], length)
                )
                if as_before[depth]:
                    key_begins[depth, count] = begin
                    key_lengths[depth, count] = length
                    field = known_fields[slot, count]
                    at = begin + length + 1
                    state = _KEY_COLON
                    continue
            at = _string_end(data, begin)
            if at < 0:
                return refused
            length = at - 1 - begin
            for k in range(count):
                if key_lengths[depth, k] == length and _same(
                    data, key_begins[depth, k], data, begin, length
                ):
                    return refused
            for k in range(length):
                if byte(data, begin + k) == _BACKSLASH:
                    return refused
            key_begins[depth, count] = begin
            key_lengths[depth, count] = length
            if slot >= 0:
                for f in range(fields):
                    if (
                        parents[f] == owner[depth]
                        and offsets[f + 1] - offsets[f] == length
                        and _same(data, begin, names, offsets[f], length)
                    ):
                        field = f
                as_before[depth] = False
                known[slot] = count + 1
                known_begins[slot, count] = begin
                known_lengths[slot, count] = length
                known_fields[slot, count] = field
            elif depth == 1 and length == list_name.size:
                begins_list = _same(data, begin, list_name, 0, length)
            state = _KEY_COLON
            continue
        if depth == list_depth:
            if c != _OPEN_OBJECT:
                return refused
            if rows == room:
                room *= 2
                more = np.zeros((room, fields), np.uint32)
                more[:rows] = begins
                begins = more
                more = np.zeros((room, fields), np.uint32)
                more[:rows] = ends
                ends = more
            rows += 1
        if field >= 0:
            begins[rows - 1, field] = at
        if c in (_OPEN_OBJECT, _OPEN_LIST):
            depth += 1
            if depth > _MAX_DEPTH or (begins_list and c == _OPEN_OBJECT):
                return refused
            is_object[depth] = c == _OPEN_OBJECT
            field_of[depth] = field
            key_count[depth] = 0
            as_before[depth] = True
            owner[depth] = _NOBODY
            if depth - 1 == list_depth:
                owner[depth] = _ROW
            elif c == _OPEN_OBJECT and field >= 0:
                owner[depth] = field
            if begins_list:
                where[0] = at
                list_depth = depth
                begins_list = False
            field = -1
            at += 1
            state = _KEY_OR_END if c == _OPEN_OBJECT else _VALUE_OR_END
            continue
        if begins_list or depth == 0:
            return refused
        if c == _QUOTE:
            at = _string_end(data, at + 1)
        elif c == _MINUS or _ZERO <= c <= _NINE:
            at = _number_end(data, at)
        else:
            at = _word_end(data, at)
        if at < 0:
            return refused
        if field >= 0:
            ends[rows - 1, field] = at
            field = -1
        state = _COMMA_OR_END
    if after_space(data, at) < data.size or where[1] == 0:
        return refused
    return rows, where, begins[:rows], ends[:rows]
