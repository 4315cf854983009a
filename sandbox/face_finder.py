"""Finds frontal faces in a photo with Pillow alone: skin colour, and the light pattern of a face.

No trained model. Places where two dark spots lie in skin-coloured surroundings are compared with
the light of an average face: eyes and brows dark, cheeks and nose bright, mouth dark. Profiles, tilted and tiny heads are missed, which is why whoever calls it has
to do well without a face too.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from PIL import Image, ImageChops, ImageFilter

from sandbox.heads import Mood, draw_head
from sandbox.people import PEOPLE
from sandbox.sketch import Sketch

_WORK_SIDE = 640
_CANON = 9.0
"""Half a face's width in pixels at the scale where it is looked for."""
_STEP = 1.22
_LEAST_HALF = 7.0
_LEAST_LIKENESS = 0.55

# The window of a face that is compared, in half widths around the point between the eyes.
_LEFT, _TOP, _RIGHT, _BOTTOM = -0.85, -0.55, 0.85, 1.2
_COLUMNS, _ROWS = 17, 18


@dataclass(frozen=True, slots=True)
class Face:
    """A face in pixels of the photo: the point between the eyes and half its width.

    `likeness` (0 to 1) tells how much it looks like one.
    """

    x: float
    y: float
    half_width: float
    likeness: float


def skin_likelihood(photo: Image.Image) -> Image.Image:
    """How much each pixel has a colour that human skin of any tone can have (0 to 255)."""
    _, blue, red = photo.convert("YCbCr").split()
    cr = red.point([_ramp(level, 130, 137, 166, 176) for level in range(256)])
    cb = blue.point([_ramp(level, 82, 92, 125, 130) for level in range(256)])
    # Skin is always redder than it is blue, by more in warm light.
    spread = ImageChops.subtract(red, blue).point([_ramp(v, 8, 14, 70, 88) for v in range(256)])
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
    light = work.convert("L").point(_LOG)
    skin = skin_likelihood(work)
    candidates: list[tuple[int, float, float, float]] = []
    half = max(_LEAST_HALF, 0.035 * min(size))
    while half < min(size) * 0.45:
        for score, x, y in _candidates(light, skin, half):
            candidates.append((score, x, y, half))
        half *= _STEP
    faces = [_refine(light, x, y, half) for _, x, y, half in candidates]
    faces = [_weighed(face, work, skin) for face in faces]
    likely = [face for face in faces if face.likeness >= _LEAST_LIKENESS]
    return [
        Face(f.x / scale, f.y / scale, f.half_width / scale, f.likeness)
        for f in _without_overlaps(likely)
    ]


def _candidates(
    light: Image.Image, skin: Image.Image, half: float
) -> list[tuple[int, float, float]]:
    """Where two dark spots lie side by side in skin colour, at one size: score and place."""
    scale = _CANON / half
    small = (round(light.width * scale), round(light.height * scale))
    if min(small) < 2.5 * _CANON:
        return []
    level = light.resize(small, Image.Resampling.BOX)
    spot = level.filter(ImageFilter.BoxBlur((2, 1)))
    # An eye may sit a pixel off; the darkest spot nearby counts.
    dark = level.filter(ImageFilter.BoxBlur(1)).filter(ImageFilter.MinFilter(3))
    eyes = ImageChops.lighter(_at(dark, -0.42, 0), _at(dark, 0.42, 0))
    cheeks = ImageChops.darker(_at(spot, -0.4, 0.48), _at(spot, 0.4, 0.48))
    nose = _at(spot, 0, 0.25)
    pattern = ImageChops.darker(ImageChops.subtract(cheeks, eyes), ImageChops.subtract(nose, eyes))
    mouth = ImageChops.subtract(cheeks, _at(dark, 0, 0.85))
    pattern = ImageChops.add(pattern.point(_TIMES_6), mouth.point(_TIMES_6), scale=2)
    inner = skin.resize(small, Image.Resampling.BOX).filter(ImageFilter.BoxBlur((5, 7)))
    score = ImageChops.multiply(pattern, _at(inner, 0, 0.35).point(_MOSTLY))
    pixels, width = score.tobytes(), score.width
    tops = score.filter(ImageFilter.MaxFilter(7)).tobytes()
    margin = round(0.6 * _CANON)
    peaks = [
        (value, (index % width) / scale, (index // width) / scale)
        for index, value in enumerate(pixels)
        if value >= 25
        and value == tops[index]
        # `offset` wraps round, so what lies at the rim is made up of both ends.
        and margin <= index % width < width - margin
        and margin // 2 <= index // width < score.height - round(1.1 * _CANON)
    ]
    return heapq.nlargest(10, peaks)


_TIMES_6 = [min(255, v * 6) for v in range(256)]
_MOSTLY = [min(255, max(0, (v - 90) * 3)) for v in range(256)]


def _at(source: Image.Image, dx: float, dy: float) -> Image.Image:
    return ImageChops.offset(source, -round(dx * _CANON), -round(dy * _CANON))


def _refine(light: Image.Image, x: float, y: float, half: float) -> Face:
    """The likeliest face close to a candidate."""
    best = Face(x, y, half, 0.0)
    for reach in (0.16, 0.07):
        centre = best
        for grow in (0.9, 1.0, 1.1) if reach > 0.1 else (0.95, 1.0, 1.05):
            for dx in (-reach, 0.0, reach):
                for dy in (-reach, 0.0, reach):
                    h = centre.half_width * grow
                    px, py = centre.x + dx * h, centre.y + dy * h
                    likeness = _likeness(light, px, py, h)
                    if likeness > best.likeness:
                        best = Face(px, py, h, likeness)
    return best


def _weighed(face: Face, work: Image.Image, skin: Image.Image) -> Face:
    """The face with its likeness joined by how it stands out and where it is."""
    half, (width, height) = face.half_width, skin.size
    score = face.likeness
    off_middle = abs(face.x / width - 0.5)
    if score < 0.5 or half < 0.033 * min(width, height) or off_middle > 0.4:
        return Face(face.x, face.y, half, 0.0)
    score += 0.3 * (_stands_out(work, face) - 0.5)
    score += 0.06 * math.log2(half / (0.04 * min(width, height)))
    if height > 1.2 * width:
        # In an upright picture of a person the head is at the top.
        score -= 2.5 * max(0.0, face.y / height - 0.42)
    else:
        score -= 0.9 * max(0.0, face.y / height - 0.6)
    if face.y < 1.9 * half:
        score -= 0.2  # No room for the top of a head.
    box = (face.x - 0.6 * half, face.y - 0.4 * half, face.x + 0.6 * half, face.y + 1.1 * half)
    score -= 0.9 * max(0.0, 0.7 - _mean(skin, *box))
    return Face(face.x, face.y, half, max(0.0, score))


def _stands_out(work: Image.Image, face: Face) -> float:
    """How much of the head's oval has the colour of its cheeks while what is beside it has not."""
    x, y, half = face.x, face.y, face.half_width
    cells = 25
    box = (round(x - 2 * half), round(y - 1.7 * half), round(x + 2 * half), round(y + 2.3 * half))
    around = work.crop(box).resize((cells, cells), Image.Resampling.BOX).convert("YCbCr")
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


def _likeness(light: Image.Image, x: float, y: float, half: float) -> float:
    """Correlation of a window with the average face; 0 if it leaves the picture by far."""
    box = (x + _LEFT * half, y + _TOP * half, x + _RIGHT * half, y + _BOTTOM * half)
    if box[0] < 0 or box[1] < 0 or box[2] > light.width or box[3] > light.height:
        return 0.0
    window = light.resize((_COLUMNS, _ROWS), Image.Resampling.BOX, box=box)
    values = _flattened(window.tobytes())
    norm = math.sqrt(sum(map(mul, values, values)))
    if norm < 60:  # An even patch: whatever pattern it has is noise.
        return 0.0
    return float(sum(map(mul, values, _average_face())) / norm)


def _flattened(pixels: bytes) -> list[float]:
    """Values less their mean and their slope in both directions: light from a side drops out."""
    mid_x, mid_y = (_COLUMNS - 1) / 2, (_ROWS - 1) / 2
    count = _COLUMNS * _ROWS
    mean = sum(pixels) / count
    slope_x = slope_y = 0.0
    for index, value in enumerate(pixels):
        slope_x += (index % _COLUMNS - mid_x) * value
        slope_y += (index // _COLUMNS - mid_y) * value
    slope_x /= _ROWS * _COLUMNS * (_COLUMNS**2 - 1) / 12
    slope_y /= _COLUMNS * _ROWS * (_ROWS**2 - 1) / 12
    return [
        value - mean - slope_x * (i % _COLUMNS - mid_x) - slope_y * (i // _COLUMNS - mid_y)
        for i, value in enumerate(pixels)
    ]


# Where an average face is darker (below 0) or brighter than its surroundings, as soft spots:
# x, y, width, height in half widths of the face, and how much.
_SPOTS = (
    (-0.42, -0.03, 0.20, 0.12, -1.0),
    (0.42, -0.03, 0.20, 0.12, -1.0),
    (-0.44, -0.30, 0.26, 0.09, -0.75),
    (0.44, -0.30, 0.26, 0.09, -0.75),
    (0.0, -0.45, 0.35, 0.15, 0.45),
    (0.0, 0.15, 0.11, 0.30, 0.65),
    (-0.48, 0.40, 0.22, 0.20, 0.75),
    (0.48, 0.40, 0.22, 0.20, 0.75),
    (0.0, 0.56, 0.17, 0.06, -0.45),
    (0.0, 0.90, 0.28, 0.09, -0.70),
    (0.0, 1.20, 0.25, 0.12, 0.35),
)


@lru_cache(maxsize=1)
def _average_face() -> tuple[float, ...]:
    """The spots and the drawn faces in equal parts over the compared window, as a unit vector."""
    total = [0.0] * (_COLUMNS * _ROWS)
    drawn = _drawn_faces()
    for pattern, weight in ((_spots(), 1.0), *((d, 1.0 / len(drawn)) for d in drawn)):
        values = _flattened(pattern)
        norm = math.sqrt(sum(map(mul, values, values)))
        total = [t + weight * v / norm for t, v in zip(total, values, strict=True)]
    norm = math.sqrt(sum(map(mul, total, total)))
    return tuple(value / norm for value in total)


def _spots() -> bytes:
    values = []
    for row in range(_ROWS):
        y = _TOP + (row + 0.5) * (_BOTTOM - _TOP) / _ROWS
        for column in range(_COLUMNS):
            x = _LEFT + (column + 0.5) * (_RIGHT - _LEFT) / _COLUMNS
            light = sum(
                amount * math.exp(-(((x - cx) / wide) ** 2 + ((y - cy) / high) ** 2) / 1.6)
                for cx, cy, wide, high, amount in _SPOTS
            )
            values.append(round(127 + 60 * light))
    return bytes(values)


def _drawn_faces() -> list[bytes]:
    unit = 12.0
    size = (math.ceil((_RIGHT - _LEFT) * unit), math.ceil((_BOTTOM - _TOP) * unit))
    faces = []
    for person in PEOPLE:
        if person.glasses or person.beard == "full" or person.scarf:
            continue
        for turn in (-0.07, 0.07):
            sketch = Sketch(size, (-_LEFT * unit, -_TOP * unit), unit, detail=2)
            draw_head(sketch, person, Mood(turn=turn, smile=0.5))
            drawn = Image.new("RGB", size, person.skin)
            picture = sketch.finish()
            drawn.paste(picture, (0, 0), picture)
            window = drawn.convert("L").point(_LOG).filter(ImageFilter.GaussianBlur(unit * 0.06))
            faces.append(window.resize((_COLUMNS, _ROWS), Image.Resampling.BOX).tobytes())
    return faces


def _without_overlaps(faces: Sequence[Face]) -> list[Face]:
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: (-f.likeness, -f.half_width, f.x, f.y)):
        if all(
            math.hypot(face.x - k.x, face.y - k.y) > 1.5 * max(face.half_width, k.half_width)
            for k in kept
        ):
            kept.append(face)
    return kept
