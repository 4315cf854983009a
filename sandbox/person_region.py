"""Finds what belongs to the person in a photo: bare skin, and the whole figure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.face_finder import Face, skin_likelihood

_SIDE = 288
"""Longest side, in pixels, of the copy on which regions are found."""


def find_skin(photo: Image.Image, face: Face | None, others: Sequence[Face]) -> Image.Image:
    """A soft mask, in the photo's size, of the main person's bare skin."""
    small = _small(photo)
    scale = small.width / photo.width
    likely = skin_likelihood(small)
    if face is not None:
        likely = ImageChops.darker(likely, _like_the_face(small, face, scale))
    else:
        likely = ImageChops.darker(likely, _smooth_parts(small))
    mask = likely.filter(ImageFilter.MedianFilter(5)).point([0] * 110 + [255] * 146)
    strength = 1.0
    if face is None:
        # A mask that takes in this much holds cloth or walls too; a light touch hides that.
        strength = 0.5 if _share(mask) > 0.2 else 1.0
        mask = _most_colourful(small, mask)
    if face is not None:
        mask = ImageChops.darker(mask, _within_reach(small.size, face, scale))
        for other in others:
            ImageDraw.Draw(mask).ellipse(_head_box(other, scale, 2.0), fill=0)
    mask = _large_parts(mask, least=0.0006)
    if face is None and _share(mask) > 0.35:
        # Too much to be skin alone: keep to where a person would be.
        mask = ImageChops.multiply(mask, _centre(small.size))
    if mask.getbbox() is None:
        mask = _centre(small.size).point([round(v * 0.35) for v in range(256)])
    mask = mask.point([round(v * strength) for v in range(256)])
    return _enlarged(mask, photo.size, blur=1.1)


def find_person(photo: Image.Image, face: Face | None, skin: Image.Image) -> Image.Image:
    """A soft mask of the whole figure: what differs from the picture's rim, and what is skin.

    Backgrounds reach the rim of a photo, people mostly do not, except at the bottom.
    """
    small = _small(photo)
    width, height = small.size
    rim = _rim_difference(small)
    mask = rim.filter(ImageFilter.MedianFilter(5)).point([0] * 60 + [255] * 196)
    mask = mask.filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.MinFilter(9))
    mask = mask.filter(ImageFilter.GaussianBlur(2.5)).point([0] * 118 + [255] * 138)
    mask = ImageChops.lighter(
        mask, skin.resize(small.size, Image.Resampling.BOX).point([0] * 128 + [255] * 128)
    )
    figure = _figure(small.size, face, small.width / photo.width)
    mask = ImageChops.multiply(mask, figure.point([min(255, v * 2) for v in range(256)]))
    core = figure.point([255 if v > 200 else 0 for v in range(256)])
    mask = ImageChops.lighter(mask.point([0] * 100 + [255] * 156), core)
    mask = _large_parts(mask, least=0.02)
    mask = _without_holes(mask)
    if not 0.03 < _share(mask) < 0.93:
        mask = Image.new("L", (width, height), 0)
        mask.paste(255, (round(width * 0.2), round(height * 0.04), round(width * 0.8), height))
    return _enlarged(mask, photo.size, blur=1.5)


def _small(photo: Image.Image) -> Image.Image:
    scale = min(1.0, _SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.BOX)


def _enlarged(mask: Image.Image, size: tuple[int, int], blur: float) -> Image.Image:
    return mask.filter(ImageFilter.GaussianBlur(blur)).resize(size, Image.Resampling.BICUBIC)


def _share(mask: Image.Image) -> float:
    return mask.histogram()[255] / (mask.width * mask.height)


def _near_colour(
    picture: Image.Image, colour: Sequence[int], tolerance: tuple[int, int, int]
) -> Image.Image:
    """White where all three YCbCr channels lie near a colour, black from twice the tolerance."""
    near: Image.Image | None = None
    for channel, want, wide in zip(
        picture.convert("YCbCr").split(), colour, tolerance, strict=True
    ):
        table = [max(0, min(255, round(255 * (2 - abs(v - want) / wide)))) for v in range(256)]
        part = channel.point(table)
        near = part if near is None else ImageChops.darker(near, part)
    return near if near is not None else Image.new("L", picture.size, 0)


def _like_the_face(small: Image.Image, face: Face, scale: float) -> Image.Image:
    """White where a colour is about that of the found face's cheeks and nose."""
    x, y, half = face.x * scale, face.y * scale, face.half_width * scale
    box = (
        max(0, round(x - 0.55 * half)), max(0, round(y + 0.1 * half)),
        round(x + 0.55 * half) + 1, round(y + 0.65 * half) + 1,
    )  # fmt: skip
    cheeks = small.convert("YCbCr").crop(box).split()
    middle = [_median(channel) for channel in cheeks]
    return _near_colour(small, middle, (70, 12, 14))


def _median(channel: Image.Image) -> int:
    histogram, seen = channel.histogram(), 0
    half = channel.width * channel.height / 2
    for value, count in enumerate(histogram):
        seen += count
        if seen >= half:
            return value
    return 128


def _smooth_parts(small: Image.Image) -> Image.Image:
    """White where the picture has little texture: skin does, hair and fabric and leaves do not."""
    light = small.convert("L")
    rough = ImageChops.difference(light, light.filter(ImageFilter.GaussianBlur(2.5)))
    rough = rough.filter(ImageFilter.BoxBlur(2))
    return rough.point([255 if v < 6 else max(0, 255 - (v - 6) * 50) for v in range(256)])


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


def _head_box(face: Face, scale: float, grow: float) -> tuple[float, float, float, float]:
    x, y, half = face.x * scale, face.y * scale, face.half_width * scale * grow
    return (x - half, y - 1.2 * half, x + half, y + 1.4 * half)


def _within_reach(size: tuple[int, int], face: Face, scale: float) -> Image.Image:
    """Where arms and legs of the person with this face can be."""
    x, y, half = face.x * scale, face.y * scale, face.half_width * scale
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    draw.rectangle((x - 7 * half, y + 0.4 * half, x + 7 * half, size[1]), fill=255)
    draw.ellipse((x - 1.4 * half, y - 1.6 * half, x + 1.4 * half, y + 2.2 * half), fill=255)
    return mask


def _centre(size: tuple[int, int]) -> Image.Image:
    """A soft ellipse in the upper middle, where a person most likely is."""
    mask = Image.new("L", size, 0)
    box = (size[0] * 0.25, size[1] * 0.04, size[0] * 0.75, size[1] * 0.7)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(min(size) * 0.05))


def _large_parts(mask: Image.Image, least: float) -> Image.Image:
    """The connected white parts that cover at least this share of the picture."""
    width, height = mask.size
    pixels = bytearray(mask.point([0] * 128 + [1] * 128).tobytes())
    kept = bytearray(width * height)
    for start, value in enumerate(pixels):
        if value != 1:
            continue
        part = _flood(pixels, start, width)
        if len(part) >= least * width * height:
            for index in part:
                kept[index] = 255
    return Image.frombytes("L", (width, height), bytes(kept))


def _flood(pixels: bytearray, start: int, width: int) -> list[int]:
    """Indexes of the part around `start`, which is cleared on the way."""
    value = pixels[start]
    pixels[start] = 255
    part, queue = [start], deque([start])
    while queue:
        index = queue.popleft()
        column = index % width
        for step in (-width, width, -1 if column else 0, 1 if column < width - 1 else 0):
            near = index + step
            if step and 0 <= near < len(pixels) and pixels[near] == value:
                pixels[near] = 255
                part.append(near)
                queue.append(near)
    return part


def _without_holes(mask: Image.Image) -> Image.Image:
    inverse = ImageChops.invert(mask)
    framed = Image.new("L", (mask.width + 2, mask.height + 1), 255)
    framed.paste(inverse, (1, 1))
    pixels = bytearray(framed.point([0] * 128 + [1] * 128).tobytes())
    outside = bytearray(len(pixels))
    for index in _flood(pixels, 0, framed.width):
        outside[index] = 255
    filled = ImageChops.invert(Image.frombytes("L", framed.size, bytes(outside)))
    return filled.crop((1, 1, mask.width + 1, mask.height + 1))


def _rim_difference(small: Image.Image) -> Image.Image:
    """How much each pixel differs from the colours at the left and right rim of its height."""
    width, height = small.size
    wide = min(width, max(2, width // 16))
    soft = small.filter(ImageFilter.GaussianBlur(1.2))
    left = small.resize((1, height), Image.Resampling.BOX, box=(0, 0, wide, height))
    right = small.resize((1, height), Image.Resampling.BOX, box=(width - wide, 0, width, height))
    top = small.resize(
        (1, 1), Image.Resampling.BOX, box=(0, 0, width, min(height, max(2, height // 20)))
    )
    result: Image.Image | None = None
    for rim in (left, right, top):
        away = ImageChops.difference(
            soft, rim.filter(ImageFilter.BoxBlur((0, 6))).resize(small.size)
        )
        bands = away.split()
        most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
        result = most if result is None else ImageChops.darker(result, most)
    spread = result if result is not None else Image.new("L", small.size, 0)
    return spread.point([min(255, v * 3) for v in range(256)])


def _figure(size: tuple[int, int], face: Face | None, scale: float) -> Image.Image:
    """How likely a person standing under the face fills each pixel: a soft mannequin."""
    width, height = size
    if face is None:
        x, y, half = width / 2, height * 0.16, min(width, height) * 0.1
    else:
        x, y, half = face.x * scale, face.y * scale, face.half_width * scale
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    outline = [(1.6, -1.9), (1.9, 0.6), (3.8, 1.8), (5.0, 5.5), (5.0, 16.0), (5.5, 40.0)]
    for (wide0, top), (wide1, bottom) in pairwise(outline):
        draw.polygon(
            [(x - wide0 * half, y + top * half), (x + wide0 * half, y + top * half),
             (x + wide1 * half, y + bottom * half), (x - wide1 * half, y + bottom * half)],
            fill=150,
        )  # fmt: skip
    if face is None:
        # Headless pictures are cut close: whatever else is there, the middle is the garment.
        wide = 0.17 * min(width, height)
        draw.ellipse((x - wide, height * 0.06, x + wide, height * 0.9), fill=255)
    else:
        draw.ellipse((x - half, y - 1.7 * half, x + half, y + 1.4 * half), fill=255)
        draw.rectangle((x - 0.5 * half, y, x + 0.5 * half, y + 2.4 * half), fill=255)
        draw.ellipse((x - 1.3 * half, y + 1.9 * half, x + 1.3 * half, y + 5 * half), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(max(1.0, math.sqrt(half))))
