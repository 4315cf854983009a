"""Finds the bare skin of the people in a photo and gives it another tone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageMath

from sandbox.face_finder import Face, skin_likelihood
from sandbox.people import Color
from sandbox.regions import enlarged, mask_of, outline, parts, share, small_copy, thickness

_Tone = tuple[float, float, float]
"""Luma, then how red and how little blue for that luma: shade changes the first alone."""


def find_skin(photo: Image.Image, faces: Sequence[Face]) -> Image.Image:
    """A soft mask, in the photo's size, of bare skin: in the faces' own tone where there are any.

    Without a face the tone is that of the largest place that looks like skin.
    """
    small = small_copy(photo)
    scale = small.width / photo.width
    ycbcr = small.convert("YCbCr").filter(ImageFilter.MedianFilter(3))
    total = Image.new("L", small.size, 0)
    for face in faces:
        reach = _within_reach(small.size, face, scale)
        oval = _face_oval(small.size, face, scale)
        head, half = (oval, face.y * scale), face.half_width * scale
        best = oval
        for tone in _face_tones(ycbcr, face, scale):
            mask = ImageChops.lighter(ImageChops.darker(_alike(ycbcr, tone), reach), oval)
            mask = _limbs(mask, ycbcr, tone, half, head)
            # What covers a fifth of the picture is not skin alone: a jumper of that colour.
            if share(mask) < 0.2:
                best = mask
                break
        total = ImageChops.lighter(total, best)
    if not faces:
        total = _faceless(small, ycbcr)
    return enlarged(total, photo.size, blur=1.0)


def recolour(picture: Image.Image, mask: Image.Image, tone: Color, light: float) -> Image.Image:
    """The whole picture in colours that turn what `mask` covers into `tone`, `light` brighter."""
    luma, blue, red = picture.convert("YCbCr").split()
    # Means over a small copy: exact enough, and the same for every size of photo.
    small = (96, 96)
    weight = mask.resize(small, Image.Resampling.BOX).tobytes()
    total = sum(weight)
    if not total:
        return picture

    def mean(channel: Image.Image) -> float:
        values = channel.resize(small, Image.Resampling.BOX).tobytes()
        return sum(v * w for v, w in zip(values, weight, strict=True)) / total

    want = Image.new("RGB", (1, 1), tone).convert("YCbCr").tobytes()
    have = max(20.0, mean(luma))
    # Dark photos stay darker and bright ones brighter than the tone itself: light is the photo's.
    goal = min(232.0, want[0] * (1 + light) * 0.84 + have * 0.16)
    gain = goal / have
    luma = luma.point([_toned(level, have, goal, gain) for level in range(256)])
    blue = _shift(blue, mean(blue), want[1])
    red = _shift(red, mean(red), want[2])
    return Image.merge("YCbCr", (luma, blue, red)).convert("RGB")


def _toned(level: int, have: float, want: float, gain: float) -> int:
    if level <= have:
        return round(level * gain)
    # Above the mean the rest of the range is squeezed, so that highlights never clip.
    return round(want + (level - have) * (252 - want) / max(1.0, 255 - have))


def _shift(channel: Image.Image, have: float, want: float) -> Image.Image:
    return channel.point([min(255, max(0, round(want + (v - have) * 0.6))) for v in range(256)])


def _roughness(small: Image.Image) -> Image.Image:
    light = small.convert("L")
    rough = ImageChops.difference(light, light.filter(ImageFilter.GaussianBlur(2.5)))
    return rough.filter(ImageFilter.BoxBlur(2))


def _edges(ycbcr: Image.Image) -> Image.Image:
    """How much the picture changes across two pixels, in light and in colour."""
    found: Image.Image | None = None
    for channel, weight in zip(ycbcr.split(), (1, 2, 2), strict=True):
        step = ImageChops.subtract(
            channel.filter(ImageFilter.MaxFilter(3)), channel.filter(ImageFilter.MinFilter(3))
        ).point([min(255, v * weight) for v in range(256)])
        found = step if found is None else ImageChops.lighter(found, step)
    return found if found is not None else Image.new("L", ycbcr.size, 0)


def _closed(mask: Image.Image) -> Image.Image:
    """The mask in black and white, small gaps closed: shadows between fingers are part of skin."""
    plain = mask.filter(ImageFilter.MedianFilter(3)).point([0] * 128 + [255] * 128)
    return plain.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))


def _limbs(
    mask: Image.Image,
    ycbcr: Image.Image,
    tone: _Tone,
    half: float,
    head: tuple[Image.Image, float] | None,
) -> Image.Image:
    """The parts of the mask that hang on the head, and those that can be a neck, arm or leg.

    `half` is half the width of a face; `head` its oval and the height of its eyes.
    """
    mask, edges = _closed(mask), _edges(ycbcr)
    cut, most = (44, 18) if head else (60, 45)
    # Cut along plain edges, so that a hand does not hold on to the skirt it rests on.
    core = ImageChops.darker(mask, edges.point([255 if v < cut else 0 for v in range(256)]))
    inside = b""
    if head is not None:
        core = ImageChops.lighter(core, head[0])
        inside = head[0].tobytes()
    luma, levels, width = ycbcr.getchannel(0).tobytes(), edges.tobytes(), mask.width
    near_edge = edges.filter(ImageFilter.MaxFilter(5)).tobytes()
    kept = bytearray(len(luma))
    for part in parts(core):
        if head is None or not any(inside[index] for index in part):
            if not 0.1 < len(part) / half**2 < most or thickness(part, width) > 2.4 * half:
                continue
            if _mean_at(part, luma) < 0.6 * tone[0] or _mean_at(part, levels) > _TEXTURE:
                continue
            # A shade of cloth or stone fades into the rest of it; skin ends where cloth begins.
            if _mean_at(outline(part, width), near_edge) < _PLAIN_EDGE:
                continue
            top, bottom = part[0] // width, max(part) // width
            if head and top < head[1] - 1.2 * half and bottom > head[1] + 2 * half:
                continue  # Reaches from above the head to the chest: a door frame or a trunk.
        for index in part:
            kept[index] = 255
    sure = Image.frombytes("L", mask.size, bytes(kept))
    close = ImageChops.darker(sure.filter(ImageFilter.MaxFilter(5)), mask)
    # Shine and shadow within a limb, but nothing that lies farther off.
    loose = ImageChops.darker(
        sure.filter(ImageFilter.MaxFilter(9)), _alike(ycbcr, tone, 1.5 if head else 1.15)
    )
    return _closed(ImageChops.lighter(close, loose))


_PLAIN_EDGE, _TEXTURE = 52, 30


def _mean_at(part: list[int], levels: bytes) -> float:
    return sum(levels[index] for index in part) / max(1, len(part))


def _alike(ycbcr: Image.Image, tone: _Tone, loosely: float = 1.0) -> Image.Image:
    """White where the tone is about the same in whatever light, grey as it gets another one."""
    luma, blue, red = ycbcr.split()
    _, redness, warmth = tone
    # In little light a step of one level is already another colour.
    reach = loosely * (0.22 * math.hypot(redness, warmth) + 0.01 + 0.4 / (tone[0] + 8))

    def distance(given: dict[str, Any]) -> Any:
        shade = given["float"](given["luma"]) + 8.0
        away_red = (given["red"] - 128.0) / shade - redness
        away_warm = (128.0 - given["blue"]) / shade - warmth
        away = (away_red * away_red + away_warm * away_warm) ** 0.5 / reach
        level = (1.5 - away) * 255.0
        return given["convert"](given["max"](given["min"](level, 255.0), 0.0), "L")

    near: Image.Image = ImageMath.lambda_eval(distance, luma=luma, blue=blue, red=red)
    lit = [255 if 0.5 * tone[0] <= v <= 60 + 1.6 * tone[0] else 0 for v in range(256)]
    return ImageChops.darker(near, luma.point(lit))


def _tone_of(ycbcr: Image.Image, mask: Image.Image) -> _Tone:
    luma, blue, red = (_median(channel, mask) for channel in ycbcr.split())
    return float(luma), (red - 128) / (luma + 8), (128 - blue) / (luma + 8)


def _median(channel: Image.Image, mask: Image.Image) -> int:
    histogram, seen = channel.histogram(mask), 0
    half = sum(histogram) / 2
    for value, count in enumerate(histogram):
        seen += count
        if seen >= half:
            return value
    return 128


def _face_tones(ycbcr: Image.Image, face: Face, scale: float) -> list[_Tone]:
    """The tone of the neck if that is bare, for cheeks shine and blush; and that of the cheeks."""
    x, y, half = face.x * scale, face.y * scale, face.half_width * scale
    tones = []
    for wide, top, bottom in ((0.6, 0.12, 0.68), (0.35, 1.7, 2.1)):
        mask = Image.new("L", ycbcr.size, 0)
        box = (x - wide * half, y + top * half, x + wide * half, y + bottom * half)
        ImageDraw.Draw(mask).ellipse(box, fill=255)
        tones.append(_tone_of(ycbcr, mask))
    cheeks, neck = tones
    apart = math.hypot(cheeks[1] - neck[1], cheeks[2] - neck[2])
    if apart > 0.6 * math.hypot(cheeks[1], cheeks[2]) or neck[0] < 0.4 * cheeks[0]:
        return [cheeks]
    return [(max(cheeks[0], neck[0]), neck[1], neck[2]), cheeks]


def _faceless(small: Image.Image, ycbcr: Image.Image) -> Image.Image:
    """Skin by its likeliest colour: that of the largest smooth part that can be a limb."""
    area, widest = small.width * small.height, 0.2 * min(small.size)
    likely = skin_likelihood(small)
    smooth = ImageChops.darker(likely, _roughness(small).point(_VERY_SMOOTH))
    for seed in (smooth.point(_LIKELY), likely.point(_MAYBE)):
        whole = _most_colourful(small, seed.filter(ImageFilter.MedianFilter(3)))
        found: list[tuple[bool, float, _Tone]] = []
        for part in parts(whole):
            if len(part) >= 0.002 * area and thickness(part, small.width) <= widest:
                tone = _tone_of(ycbcr, mask_of(part, small.size))
                found.append((_can_be_skin(tone), len(part) * min(0.2, tone[1]), tone))
        for _, _, tone in sorted(found, reverse=True)[:3]:
            mask = _limbs(_alike(ycbcr, tone), ycbcr, tone, 0.07 * min(small.size), None)
            if mask.getbbox() is not None:
                return mask
    return _centre(small.size).point([round(v * 0.35) for v in range(256)])


_LIKELY, _MAYBE = [0] * 140 + [255] * 116, [0] * 50 + [255] * 206
_VERY_SMOOTH = [255 if v < 6 else max(0, 255 - (v - 6) * 50) for v in range(256)]


def _can_be_skin(tone: _Tone) -> bool:
    _, redness, warmth = tone
    return 0.09 <= redness <= 0.34 and 0.03 <= warmth <= 0.34 and 0.95 < redness / warmth < 2.8


def _most_colourful(small: Image.Image, mask: Image.Image) -> Image.Image:
    """The redder part of a mask that plainly holds two things: skin, and beige cloth or walls.

    Otsu's split; the mask stays as it is if its two halves are not far apart.
    """
    _, blue, red = small.convert("YCbCr").split()
    spread = ImageChops.subtract(red, blue)
    histogram = spread.histogram(mask)
    total = sum(histogram) or 1
    mean = sum(value * count for value, count in enumerate(histogram)) / total
    variance = sum(count * (v - mean) ** 2 for v, count in enumerate(histogram)) / total or 1.0
    below = sum_below = 0
    best, threshold = 0.0, 0.0
    for value, count in enumerate(histogram):
        below += count
        sum_below += value * count
        if 0 < below < total:
            low = sum_below / below
            high = (mean * total - sum_below) / (total - below)
            apart = (high - low) ** 2 * below * (total - below) / total**2 / variance
            if apart > best:
                best, threshold = apart, low + _SPLIT_AT * (high - low)
    if best < _TWO_THINGS:
        return mask
    return ImageChops.darker(mask, spread.point([255 if v > threshold else 0 for v in range(256)]))


_TWO_THINGS = 0.72
"""Share of the variance between two halves above which they are two things (one thing: 0.64)."""
_SPLIT_AT = 0.62


def _within_reach(size: tuple[int, int], face: Face, scale: float) -> Image.Image:
    """Where arms and legs of the person with this face can be."""
    x, y, half = face.x * scale, face.y * scale, face.half_width * scale
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    draw.rectangle((x - 7 * half, y - 2.5 * half, x + 7 * half, size[1]), fill=255)
    draw.ellipse((x - 1.4 * half, y - 1.6 * half, x + 1.4 * half, y + 2.2 * half), fill=255)
    return mask


def _face_oval(size: tuple[int, int], face: Face, scale: float) -> Image.Image:
    x, y, half = face.x * scale, face.y * scale, face.half_width * scale
    mask = Image.new("L", size, 0)
    box = (x - 0.8 * half, y - 0.6 * half, x + 0.8 * half, y + 1.5 * half)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def _centre(size: tuple[int, int]) -> Image.Image:
    """A soft ellipse in the upper middle, where a person most likely is."""
    mask = Image.new("L", size, 0)
    box = (size[0] * 0.25, size[1] * 0.04, size[0] * 0.75, size[1] * 0.7)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(min(size) * 0.05))
