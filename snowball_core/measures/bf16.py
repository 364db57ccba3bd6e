"""The lattice: bits, values, spacing and order of bfloat16 and float32 numbers.

An array of *words* holds floating-point numbers as they were stored: ``uint16`` words are bfloat16 bit patterns (numpy has
no bfloat16), ``float32`` arrays are float32 numbers. Every function here takes either and keeps the shape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint16] | npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
Leaders = npt.NDArray[np.int32]


class Format(NamedTuple):
    """A floating-point format: its safetensors name and the layout of its bits."""

    name: str
    bits: npt.DTypeLike
    mantissa: int
    sign_mask: int


_FORMATS = {
    np.dtype(np.uint16): Format("BF16", np.uint16, 7, 0x8000),
    np.dtype(np.float32): Format("F32", np.uint32, 23, 0x8000_0000),
}
_EXPONENT_BIAS = 127


def format_of(words: Words) -> Format:
    """The floating-point format that an array of words is in.

    Raises
    ------
    TypeError
        If the dtype is neither ``uint16`` (bfloat16 bits) nor ``float32``.
    """
    try:
        return _FORMATS[words.dtype]
    except KeyError:
        raise TypeError(f"words must be uint16 (bfloat16 bits) or float32; got {words.dtype}") from None


def bits(words: Words) -> npt.NDArray[np.unsignedinteger]:
    """The bit patterns of ``words`` as unsigned integers (``uint16`` or ``uint32``), without a copy."""
    return words.view(format_of(words).bits)


def values(words: Words) -> npt.NDArray[np.float32]:
    """The values of ``words``, as float32. Exact: every bfloat16 is a float32.

    Examples
    --------
    >>> values(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    if format_of(words).name == "F32":
        return words.astype(np.float32, copy=False)
    return (words.astype(np.uint32) << 16).view(np.float32)


def from_values(numbers: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """The bfloat16 bit patterns nearest to float32 ``numbers``, ties to even; NaN stays NaN.

    Examples
    --------
    >>> [hex(word) for word in from_values([1.0, -2.0, 1.00390625])]
    ['0x3f80', '0xc000', '0x3f80']
    """
    single = np.asarray(numbers, np.float32)
    wide = single.view(np.uint32)
    rounding = np.uint32(0x7FFF) + ((wide >> 16) & 1)
    # Adding the rounding to a NaN could carry into the sign or turn it into an infinity.
    nan = ((wide >> 16) | 0x0040).astype(np.uint16)
    with np.errstate(over="ignore"):
        rounded = ((wide + rounding) >> 16).astype(np.uint16)
    return np.where(np.isnan(single), nan, rounded)


def finite_rows(words: Words) -> Truths:
    """Whether each row (the last axis) holds finite numbers only; shape of the other axes.

    Examples
    --------
    >>> finite_rows(np.array([[0x3F80, 0x7F7F], [0x7F80, 0], [0xFFC0, 0]], np.uint16)).tolist()
    [True, False, False]
    """
    layout = format_of(words)
    infinity = (layout.sign_mask - 1) >> layout.mantissa << layout.mantissa
    finite: Truths = ((bits(words) & np.array(layout.sign_mask - 1, layout.bits)) < infinity).all(axis=-1)
    return finite


def nan_rows(words: Words) -> Truths:
    """Whether each row (the last axis) holds a NaN; shape of the other axes.

    Examples
    --------
    >>> nan_rows(np.array([[0x3F80, 0x7F7F], [0x7F80, 0], [0xFFC0, 0]], np.uint16)).tolist()
    [False, False, True]
    """
    layout = format_of(words)
    infinity = (layout.sign_mask - 1) >> layout.mantissa << layout.mantissa
    holds: Truths = ((bits(words) & np.array(layout.sign_mask - 1, layout.bits)) > infinity).any(axis=-1)
    return holds


def is_finite(words: Words) -> bool:
    """Whether every number is finite.

    The largest pattern read as a signed and as an unsigned integer: of the positive numbers the infinity and the NaNs are the
    largest, of the negative ones too. Nothing is copied.

    Examples
    --------
    >>> is_finite(np.array([0x7F7F, 0xFF7F], np.uint16)), is_finite(np.array([0xFF80], np.uint16))
    (True, False)
    """
    layout = format_of(words)
    infinity = (layout.sign_mask - 1) >> layout.mantissa << layout.mantissa
    pattern = bits(words)
    signed = pattern.view(np.int16 if layout.name == "BF16" else np.int32)
    return not words.size or bool(signed.max() < infinity and pattern.max() < infinity + layout.sign_mask)


def ulp(words: Words) -> Floats:
    """The lattice spacing at each value, in weight units, read from the exponent field.

    For bfloat16 ``2 ** (E - 134)``, for float32 ``2 ** (E - 150)``; an exponent field E of 0 (zero and subnormals) counts
    as 1. There is no constant ULP: near 1 a bfloat16 cell is 0.0078 wide, near 0.1 it is 0.00049.

    Examples
    --------
    >>> ulp(from_values([1.0, 0.1])).tolist()
    [0.0078125, 0.00048828125]
    """
    layout = format_of(words)
    exponent = (bits(words) & ~np.array(layout.sign_mask, layout.bits)) >> layout.mantissa
    exponent = np.maximum(exponent.astype(np.int64), 1)
    spacing: Floats = np.ldexp(1.0, exponent - _EXPONENT_BIAS - layout.mantissa)
    return spacing


def ordinal(words: Words) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    """The place of each value on the number line of its format, in cells.

    Monotone in the value; neighbours on the lattice differ by 1; both zeros are 0. ``int32`` for bfloat16, ``int64`` for
    float32 (their differences need 33 bits). NaN has an ordinal too, beyond infinity, and no meaning.

    Examples
    --------
    >>> ordinal(np.array([0x0000, 0x8000, 0x0001, 0x8001, 0x3F80], np.uint16)).tolist()
    [0, 0, 1, -1, 16256]
    """
    layout = format_of(words)
    integer: type[np.signedinteger[Any]] = np.int32 if layout.name == "BF16" else np.int64
    pattern: npt.NDArray[Any] = bits(words).astype(integer)
    magnitude = pattern & (layout.sign_mask - 1)
    return np.where(pattern & layout.sign_mask, -magnitude, magnitude)


def narrow_ordinal(words: Words) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """:func:`ordinal` in the narrowest integer that holds it: ``int16`` for bfloat16, ``int32`` for float32.

    For minima, maxima and comparisons at four times the speed. A *difference* of two may overflow: widen first.

    Examples
    --------
    >>> narrow_ordinal(np.array([0x0000, 0x8000, 0x0001, 0x8001, 0x3F80], np.uint16)).tolist()
    [0, 0, 1, -1, 16256]
    """
    layout = format_of(words)
    pattern: npt.NDArray[Any] = words.view(np.int16 if layout.name == "BF16" else np.int32)
    shift = 15 if layout.name == "BF16" else 31
    sign = pattern >> shift
    place: npt.NDArray[np.int16] = ((pattern & (layout.sign_mask - 1)) ^ sign) - sign
    return place


def from_narrow_ordinal(place: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The numbers at places given by narrow ordinals, as float32; the inverse of :func:`narrow_ordinal` up to −0.

    Examples
    --------
    >>> from_narrow_ordinal(narrow_ordinal(np.array([1.5, -2.0], np.float32))).tolist()
    [1.5, -2.0]
    """
    sign = place >> (8 * place.itemsize - 1)
    magnitude = ((place ^ sign) - sign).astype(np.uint32)
    number = (magnitude << np.uint32(16) if place.itemsize == 2 else magnitude).view(np.float32)
    signed: npt.NDArray[np.float32] = np.where(sign, -number, number)
    return signed
