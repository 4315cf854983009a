"""Finds faces in a photo with Pillow alone: the pattern of a face, skin colour, and the place.

The whole picture is compared with a coarse pattern at many sizes; the likeliest places are looked
at again with a finer one, turned a little to both sides, and weighed with how skin-coloured they
are and where they lie. Profiles and tiny heads are missed, which is why whoever calls it has to
do well without a face too.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import mul
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageMath

from sandbox.face_pattern import COARSE, FINE, LEFT, SPAN, TOP, Pattern

_WORK_SIDE = 640
_STEP = 1.2
_LEAST_HALF = 7.0
_CANDIDATES = 40

_COARSE_CELLS, _FINE_CELLS = 10, 18
_COARSE_HALF, _FINE_HALF = _COARSE_CELLS / SPAN, _FINE_CELLS / SPAN
"""Half a face's width in pixels where it is looked for: one cell of a pattern is one pixel."""

# Below this deviation a window is an even patch, whatever pattern its noise has.
_LEAST_LIGHT, _LEAST_COLOUR = 4.0, 3.0

_UPRIGHT = 8.0
"""What a tilt of one radian squared takes off the log odds: most heads are held straight."""

_LEAST_FIRST, _LEAST_OTHER = 1.8, 3.2
"""Likeness from which on the plainest place of a picture is a face, and any other one."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in pixels of the photo: the point between the eyes and half its width.

    `tilt` turns it clockwise, in radians. `likeness` (log odds, higher is surer) tells how much
    it looks like one.
    """

    x: float
    y: float
    half_width: float
    likeness: float = 0.0
    tilt: float = 0.0


@dataclass(frozen=True, slots=True)
class _Level:
    """The photo at one size: its lightness, its colour and its likely skin."""

    half: float
    light: Image.Image
    colour: Image.Image
    skin: Image.Image

    def resized(self, half: float, size: tuple[int, int]) -> _Level:
        kind = Image.Resampling.BOX if size[0] <= self.light.width else Image.Resampling.BILINEAR
        return _Level(
            half,
            self.light.resize(size, kind),
            self.colour.resize(size, kind),
            self.skin.resize(size, kind),
        )


def skin_likelihood(photo: Image.Image) -> Image.Image:
    """How much each pixel has a colour that human skin of any tone can have (0 to 255)."""
    _, blue, red = photo.convert("YCbCr").split()
    cr = red.point([_ramp(level, 127, 135, 178, 190) for level in range(256)])
    cb = blue.point([_ramp(level, 60, 78, 127, 133) for level in range(256)])
    # Skin is always redder than it is blue, by more in warm light.
    spread = ImageChops.subtract(red, blue).point([_ramp(v, 4, 11, 105, 120) for v in range(256)])
    return ImageChops.darker(ImageChops.darker(cr, cb), spread)


def _ramp(value: int, low: int, full: int, full_end: int, high: int) -> int:
    """0 outside low..high, 255 within full..full_end, a slope between."""
    if value <= low or value >= high:
        return 0
    if value < full:
        return round(255 * (value - low) / (full - low))
    if value > full_end:
        return round(255 * (high - value) / (high - full_end))
    return 255


_LOG = [round(46 * math.log(1 + level / 6)) for level in range(256)]


def find_faces(photo: Image.Image) -> list[Face]:
    """The faces that are plain to see, the most lifelike first; often none."""
    scale = min(1.0, _WORK_SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    work = photo.convert("RGB").resize(size, Image.Resampling.BOX)
    faces = _without_overlaps([f for f in _judged(work) if f.likeness >= _LEAST_FIRST])
    return [
        replace(f, x=f.x / scale, y=f.y / scale, half_width=f.half_width / scale)
        for f in faces
        # People in one picture are about as large and as plain to see as each other.
        if f is faces[0]
        or (f.likeness >= _LEAST_OTHER and 0.6 < f.half_width / faces[0].half_width < 1.6)
    ]


def _judged(work: Image.Image) -> Iterator[Face]:
    ycbcr = work.convert("YCbCr")
    luma, blue, red = ycbcr.split()
    colour = ImageChops.subtract(red, blue, scale=1, offset=100)
    whole = _Level(0.0, luma.point(_LOG), colour, skin_likelihood(work))
    fine: dict[float, _Level] = {}
    for x, y, half in _candidates(whole):
        if half not in fine:
            grow = _FINE_HALF / half
            size = (round(work.width * grow), round(work.height * grow))
            fine[half] = whole.resized(half, size)
        yield _weighed(_refine(fine[half], Face(x, y, half)), whole, ycbcr)


def _candidates(whole: _Level) -> list[tuple[float, float, float]]:
    """The likeliest places by the coarse pattern: x, y and half width."""
    width, height = whole.light.size
    found: list[tuple[float, float, float, float]] = []
    half = max(_LEAST_HALF, 0.03 * min(width, height))
    while half < min(width, height) * 0.36:
        scale = _COARSE_HALF / half
        size = (round(width * scale), round(height * scale))
        if min(size) <= _COARSE_CELLS:
            break
        for z, x, y in _coarse_peaks(whole.resized(half, size)):
            found.append((z, x / scale, y / scale, half))
        half *= _STEP
    kept: list[tuple[float, float, float, float]] = []
    for one in sorted(found, reverse=True):
        if all(
            math.hypot(one[1] - k[1], one[2] - k[2]) > 0.3 * k[3] or not 0.7 < one[3] / k[3] < 1.4
            for k in kept
        ):
            kept.append(one)
        if len(kept) == _CANDIDATES:
            break
    return [(x, y, half) for _, x, y, half in kept]


def _coarse_peaks(level: _Level) -> list[tuple[float, float, float]]:
    cells = _COARSE_CELLS
    size = (level.light.width - cells + 1, level.light.height - cells + 1)
    odds = ImageMath.lambda_eval(
        lambda given: given["light"] + given["colour"] + COARSE.offset,
        light=_correlation(level.light, COARSE.light, _LEAST_LIGHT, size),
        colour=_correlation(level.colour, COARSE.colour, _LEAST_COLOUR, size),
    )
    # Log odds -6 to +6.75 on 0 to 255: enough to compare neighbours.
    levels = odds.point(lambda v: v * 20 + 120).convert("L")
    skin = level.skin.filter(ImageFilter.BoxBlur((2, 3)))
    at = (cells // 2, round((0.35 - TOP) * _COARSE_HALF))
    skin = skin.crop((at[0], at[1], at[0] + size[0], at[1] + size[1]))
    levels = ImageChops.multiply(levels, skin.point(_MOSTLY))
    tops = levels.filter(ImageFilter.MaxFilter(3)).tobytes()
    peaks = [
        (value / 20 - 6, index % size[0] + cells / 2, index // size[0] - TOP * _COARSE_HALF)
        for index, value in enumerate(levels.tobytes())
        if value >= 60 and value == tops[index]
    ]
    return heapq.nlargest(15, peaks)


_MOSTLY = [min(255, max(0, (v - 25) * 4)) for v in range(256)]


def _correlation(
    source: Image.Image, weights: Sequence[float], least: float, size: tuple[int, int]
) -> Image.Image:
    """The weighted sum of every window of cells, over the deviation of its values."""
    cells = _COARSE_CELLS
    values = source.convert("F")
    right, bottom = size

    def moved(column: int, row: int) -> Image.Image:
        return values.crop((column, row, column + right, row + bottom))

    def add(given: dict[str, Any]) -> Any:
        weighted: Any = 0.0
        mean: Any = 0.0
        square: Any = 0.0
        for row in range(cells):
            for column in range(cells // 2):
                one, two = given[f"{column}.{row}"], given[f"{cells - 1 - column}.{row}"]
                both = one + two
                weighted = both * weights[row * cells + column] + weighted
                mean = both + mean
                square = one * one + two * two + square
        count = float(cells * cells)
        variance = square / count - (mean / count) * (mean / count)
        return weighted / given["max"](variance, least * least) ** 0.5

    named = {f"{c}.{r}": moved(c, r) for c in range(cells) for r in range(cells)}
    ratio: Image.Image = ImageMath.lambda_eval(add, **named)
    return ratio


def _odds(level: _Level, face: Face, pattern: Pattern) -> float:
    """Log odds of a face there, by the fine pattern."""
    grow = _FINE_HALF / level.half
    step = face.half_width / level.half
    cos, sin = math.cos(face.tilt) * step, math.sin(face.tilt) * step
    left, top = LEFT * _FINE_HALF, TOP * _FINE_HALF
    turn = (
        cos, -sin, face.x * grow + cos * left - sin * top,
        sin, cos, face.y * grow + sin * left + cos * top,
    )  # fmt: skip
    total = pattern.offset
    for plane, weights, least in (
        (level.light, pattern.light, _LEAST_LIGHT),
        (level.colour, pattern.colour, _LEAST_COLOUR),
    ):
        cells = plane.transform(
            (_FINE_CELLS, _FINE_CELLS), Image.Transform.AFFINE, turn, Image.Resampling.BILINEAR
        ).tobytes()
        mean = sum(cells) / len(cells)
        deviation = math.sqrt(sum(map(mul, cells, cells)) / len(cells) - mean * mean)
        total += sum(map(mul, cells, weights)) / max(least, deviation)
    return total - _UPRIGHT * face.tilt**2


def _refine(level: _Level, face: Face) -> Face:
    """The likeliest face close to a candidate: moved, resized and turned in small steps."""
    best = replace(face, likeness=_odds(level, face, FINE))
    for reach in (1.0, 0.5):
        start = best
        tries = [replace(start, tilt=start.tilt + turn * reach) for turn in (-0.2, 0.2)]
        best = _best(level, best, tries)
        start, step = best, 0.12 * reach * best.half_width
        tries = [
            replace(start, x=start.x + dx * step, y=start.y + dy * step)
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            if dx or dy
        ]
        best = _best(level, best, tries)
        start = best
        sizes = (1 - 0.12 * reach, 1 + 0.12 * reach)
        tries = [replace(start, half_width=start.half_width * size) for size in sizes]
        best = _best(level, best, tries)
    return best


def _best(level: _Level, best: Face, tries: Sequence[Face]) -> Face:
    for one in tries:
        if abs(one.tilt) < 0.45 and (odds := _odds(level, one, FINE)) > best.likeness:
            best = replace(one, likeness=odds)
    return best


def _weighed(face: Face, whole: _Level, ycbcr: Image.Image) -> Face:
    """The face with its likeness joined by its colour and its place."""
    half, (width, height) = face.half_width, ycbcr.size
    score = face.likeness
    if score < -1:
        return face
    score += 3 * (min(0.8, _stands_out(ycbcr, face)) - 0.4)
    score += 0.6 * math.log2(half / (0.05 * min(width, height)))
    box = (face.x - 0.6 * half, face.y - 0.4 * half, face.x + 0.6 * half, face.y + 1.1 * half)
    score -= 4 * max(0.0, 0.8 - _mean(whole.skin, *box))
    score -= 5 * max(0.0, abs(face.x / width - 0.5) - 0.3)
    if height > 1.2 * width:
        # In an upright picture of a person the head is at the top.
        score -= 6 * max(0.0, face.y / height - 0.45)
    else:
        score -= 4 * max(0.0, face.y / height - 0.6)
    if face.y < 1.4 * half:
        score -= 2  # No room for the top of a head.
    return replace(face, likeness=score)


def _stands_out(ycbcr: Image.Image, face: Face) -> float:
    """How much of the head's oval has the colour of its cheeks while what is beside it has not."""
    x, y, half = face.x, face.y, face.half_width
    cells = 25
    box = (round(x - 2 * half), round(y - 1.7 * half), round(x + 2 * half), round(y + 2.3 * half))
    around = ycbcr.crop(box).resize((cells, cells), Image.Resampling.BOX)
    values = around.tobytes()
    grid: list[tuple[float, float, tuple[int, int, int]]] = []
    for index in range(cells * cells):
        px = (index % cells + 0.5) * 4 / cells - 2
        py = (index // cells + 0.5) * 4 / cells - 1.7
        grid.append((px, py, (values[3 * index], values[3 * index + 1], values[3 * index + 2])))
    cheeks = [c for px, py, c in grid if abs(px) < 0.6 and 0.1 < py < 0.65]
    middle = [sorted(c[band] for c in cheeks)[len(cheeks) // 2] for band in range(3)]

    def share(cells_: list[tuple[int, int, int]]) -> float:
        alike = sum(
            (abs(c[1] - middle[1]) + abs(c[2] - middle[2])) / 16 + abs(c[0] - middle[0]) / 75 < 1
            for c in cells_
        )
        return alike / max(1, len(cells_))

    inside = share([c for px, py, c in grid if (px / 0.8) ** 2 + ((py - 0.25) / 1.1) ** 2 < 1])
    left = share([c for px, py, c in grid if -1.95 < px < -1.3 and -0.7 < py < 0.9])
    right = share([c for px, py, c in grid if 1.3 < px < 1.95 and -0.7 < py < 0.9])
    top = share([c for px, py, c in grid if abs(px) < 0.8 and py < -1.3])
    return inside - (left + right + top) / 3


def _mean(mask: Image.Image, left: float, top: float, right: float, bottom: float) -> float:
    """The mean of a mask (0 to 1) over a box, as far as it lies in the picture."""
    box = (
        max(0.0, left), max(0.0, top),
        max(1.0, min(mask.width, right)), max(1.0, min(mask.height, bottom)),
    )  # fmt: skip
    if box[2] - box[0] < 1 or box[3] - box[1] < 1:
        return 0.0
    return mask.resize((1, 1), Image.Resampling.BOX, box=box).tobytes()[0] / 255.0


def _without_overlaps(faces: Sequence[Face]) -> list[Face]:
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: (-f.likeness, -f.half_width, f.x, f.y)):
        if all(
            math.hypot(face.x - k.x, face.y - k.y) > 1.5 * max(face.half_width, k.half_width)
            for k in kept
        ):
            kept.append(face)
    return kept
