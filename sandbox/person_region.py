"""Finds the whole figure of the person in a photo."""

from __future__ import annotations

import math
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.face_finder import Face
from sandbox.regions import enlarged, large_parts, share, small_copy, without_holes


def find_person(photo: Image.Image, face: Face | None, skin: Image.Image) -> Image.Image:
    """A soft mask of the whole figure: what differs from the picture's rim, and what is skin.

    Backgrounds reach the rim of a photo, people mostly do not, except at the bottom.
    """
    small = small_copy(photo)
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
    mask = large_parts(mask, least=0.02)
    mask = without_holes(mask)
    if not 0.03 < share(mask) < 0.93:
        mask = Image.new("L", (width, height), 0)
        mask.paste(255, (round(width * 0.2), round(height * 0.04), round(width * 0.8), height))
    return enlarged(mask, photo.size, blur=1.5)


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
