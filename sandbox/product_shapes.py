"""Guesses from a product's outline, or reads from a prompt, how a person wears or holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageOps

from sandbox.wording import PLACE_WORDS, WORN_WORDS, first_named

_GRID = 96
"""Rows and columns of the copy on which outlines are looked at."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a product is put on. Shares are of its width or height.

    `where` is top, bottom, one_piece, head, eyes or hands. `collar` is the share of its height
    above the neck, as of a hood; `body` the share of its width without sleeves, `middle` where
    that body has its middle.
    """

    where: str
    collar: float
    body: float
    middle: float
    sleeveless: bool


def shape_of(product: Image.Image, prompt: str) -> Shape:
    """The shape of a product (RGBA, cropped to itself)."""
    alpha = product.getchannel("A").resize((_GRID, _GRID), Image.Resampling.BOX)
    rows = _rows(alpha)
    where = first_named(prompt, {**WORN_WORDS, **PLACE_WORDS}) or _place(product.size, alpha, rows)
    collar = _collar(alpha, rows) if where == "top" else 0.0
    shares = {"bottom": (0.06, 0.12), "one_piece": (0.2, 0.3, 0.4)}.get(where, (0.45, 0.55, 0.65))
    body = min(max(0.12, _central_run(alpha, share)) for share in shares)
    narrow = where != "bottom" and _width(rows, 0.2) < 0.85 * _width(rows, 0.7)
    return Shape(where, collar, body, _middle(alpha), narrow and not collar)


def _rows(alpha: Image.Image) -> list[tuple[int, int]]:
    """For each row the first column of the product and the one after its last."""
    levels = alpha.tobytes()
    rows = []
    for top in range(0, len(levels), _GRID):
        covered = [x for x, v in enumerate(levels[top : top + _GRID]) if v > 110]
        rows.append((covered[0], covered[-1] + 1) if covered else (_GRID // 2, _GRID // 2))
    return rows


def _place(size: tuple[int, int], alpha: Image.Image, rows: Sequence[tuple[int, int]]) -> str:
    wide, tall = size
    uneven = sum(ImageChops.difference(alpha, ImageOps.mirror(alpha)).tobytes())
    even = uneven < 0.45 * sum(alpha.tobytes())
    if wide > 1.9 * tall:
        return "eyes" if even else "hands"
    widths = [_width(rows, share) for share in (0.3, 0.5, 0.7, 0.9)]
    straight = max(widths) - min(widths) < 0.1 and min(widths) > 0.8
    if not even or _solidity(alpha, rows) > 0.92:
        return "hands"
    if straight and _central_run(alpha, 0.02) < 0.5 and _width(rows, 0.03) < 0.5:
        return "hands"  # A bag, its handle in the middle of its top.
    flared = tall > 1.1 * wide and widths[3] > 1.35 * _width(rows, 0.15)
    if tall > 1.45 * wide or (flared and not _collar(alpha, rows)):
        return "one_piece"
    return "top"


def _width(rows: Sequence[tuple[int, int]], share: float) -> float:
    left, right = rows[round((_GRID - 1) * share)]
    return (right - left) / _GRID


def _collar(alpha: Image.Image, rows: Sequence[tuple[int, int]]) -> float:
    """Where a garment whose top is narrow, as a hood is, gets as wide as shoulders."""
    if _width(rows, 0.08) > 0.45 or _central_run(alpha, 0.08) < 0.1:
        return 0.0  # Straps leave the middle free.
    for number, (left, right) in enumerate(rows[: _GRID // 2]):
        if right - left > 0.55 * _GRID:
            return number / _GRID
    return 0.0


def _central_run(alpha: Image.Image, share: float) -> float:
    """How wide the part of a row around the middle is."""
    row = round((_GRID - 1) * share)
    levels = alpha.crop((0, row, _GRID, row + 1)).tobytes()
    left = right = _GRID // 2
    while left > 0 and levels[left - 1] > 110:
        left -= 1
    while right < _GRID - 1 and levels[right + 1] > 110:
        right += 1
    return (right - left + 1) / _GRID


def _middle(alpha: Image.Image) -> float:
    columns = alpha.resize((_GRID, 1), Image.Resampling.BOX).tobytes()
    return (sum(x * v for x, v in enumerate(columns)) / max(1, sum(columns)) + 0.5) / _GRID


def _solidity(alpha: Image.Image, rows: Sequence[tuple[int, int]]) -> float:
    """The share of its convex hull that the outline fills: near 1 for jars, less for garments."""
    points = sorted(
        {(x, y) for y, (left, right) in enumerate(rows) if right > left for x in (left, right)}
    )
    if len(points) < 3:
        return 1.0
    hull = _half_hull(points)[:-1] + _half_hull(points[::-1])[:-1]
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(hull, [*hull[1:], hull[0]], strict=True))
    return 2 * sum(alpha.tobytes()) / 255 / max(1, abs(twice))


def _half_hull(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    hull: list[tuple[int, int]] = []
    for x, y in points:
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    return hull
