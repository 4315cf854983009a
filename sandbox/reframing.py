"""Grows a photo to another ratio: its own pixels in the middle, what is around carried on."""

from __future__ import annotations

import math

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from sandbox.findings import look_at
from sandbox.photos import reduced, sign
from sandbox.regions import share, small_copy
from sandbox.subjects import spread

_MOST_GROWTH = 2.6
"""How many times as long a side may become; beyond that the other one is cut."""


def ratio_of(text: str, otherwise: float) -> float:
    """Width by height of "4:5"."""
    across, _, down = text.partition(":")
    try:
        return float(across) / float(down)
    except (ValueError, ZeroDivisionError):
        return otherwise


def size_of(ratio: str, area: float) -> tuple[int, int]:
    """The pixel size of about `area` pixels in the ratio, sides in multiples of eight."""
    wanted = min(max(ratio_of(ratio, 1.0), 0.2), 5.0)
    width = math.sqrt(area * wanted)
    return max(64, int(width / 8) * 8), max(64, int(width / wanted / 8) * 8)


def reframe(
    photo: Image.Image, ratio: str, *, area: float | None = None, variant: int = 0
) -> Image.Image:
    """The photo in the ratio ("4:5"), one side grown and its own pixels kept in the middle.

    Only if the result would have more than `area` pixels is the photo reduced first.
    """
    wanted = ratio_of(ratio, photo.width / photo.height)
    photo = _cut(photo, wanted)
    size = _grown(photo.size, wanted)
    if area and size[0] * size[1] > area:
        share = photo.width * photo.height / (size[0] * size[1])
        photo = reduced(photo, area * share)
        size = _grown(photo.size, wanted)
    result = _surroundings(photo, size, variant)
    result.paste(photo, ((size[0] - photo.width) // 2, (size[1] - photo.height) // 2))
    sign(result)
    return result


def _grown(size: tuple[int, int], wanted: float) -> tuple[int, int]:
    width, height = size
    if width / height < wanted:
        return max(width, round(height * wanted)), height
    return width, max(height, round(width / wanted))


def _cut(photo: Image.Image, wanted: float) -> Image.Image:
    """The middle of a photo that would otherwise be lost in its surroundings."""
    size = _grown(photo.size, wanted)
    growth = max(size[0] / photo.width, size[1] / photo.height)
    if growth <= _MOST_GROWTH:
        return photo
    width, height = photo.size
    if size[0] > width:
        height = max(1, round(height * _MOST_GROWTH / growth))
    else:
        width = max(1, round(width * _MOST_GROWTH / growth))
    left, top = (photo.width - width) // 2, (photo.height - height) // 2
    return photo.crop((left, top, left + width, top + height))


def _surroundings(photo: Image.Image, size: tuple[int, int], variant: int) -> Image.Image:
    """The background mirrored at the photo's rims, the softer the farther from them."""
    shrink = max(1.0, max(size) / 900)
    small = (max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink)))
    inner = (
        min(small[0], max(1, round(photo.width / shrink))),
        min(small[1], max(1, round(photo.height / shrink))),
    )
    left, top = (small[0] - inner[0]) // 2, (small[1] - inner[1]) // 2
    softer = _mirrored(_without_subject(photo, inner), small, (left, top))
    gap = Image.new("L", small, 255)
    gap.paste(0, (left, top, left + inner[0], top + inner[1]))
    unit = max(1.0, max(small) * 0.008)
    for step in (1, 2.5, 6):
        blurred = softer.filter(ImageFilter.GaussianBlur(unit * step))
        far = gap.filter(ImageFilter.GaussianBlur(unit * step)).point(
            [0] * 96 + [min(255, (v - 96) * 4) for v in range(96, 256)]
        )
        softer = Image.composite(blurred, softer, far)
    if variant % 4:
        # Other pictures of the same task fall off into other light.
        soft = min(unit * 12, max(left, top) / 3)
        away = gap.filter(ImageFilter.GaussianBlur(soft)).point(
            [max(0, min(255, (v - 110) * 2)) for v in range(256)]
        )
        other = ImageEnhance.Brightness(softer).enhance((1.0, 0.8, 0.7, 0.6)[variant % 4])
        softer = Image.composite(other, softer, away)
    return softer.resize(size, Image.Resampling.BICUBIC)


def _without_subject(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The photo's background alone, in `size`; the subject's place filled from around it."""
    small = small_copy(photo)
    subject = look_at(photo).subject.resize(small.size, Image.Resampling.BOX)
    away = subject.point([255] * 24 + [0] * 232).filter(ImageFilter.MinFilter(9))
    core = photo.resize(size, Image.Resampling.BOX)
    if share(away) < 0.05:
        return core
    filled = spread(small, away).filter(ImageFilter.GaussianBlur(2))
    return Image.composite(
        core,
        filled.resize(size, Image.Resampling.BICUBIC),
        away.filter(ImageFilter.GaussianBlur(2)).resize(size, Image.Resampling.BICUBIC),
    )


def _mirrored(photo: Image.Image, size: tuple[int, int], place: tuple[int, int]) -> Image.Image:
    """Copies of the photo, each the mirror image of its neighbour, the middle one at `place`."""
    tiled = Image.new("RGB", size)
    across = -(-place[0] // photo.width)
    down = -(-place[1] // photo.height)
    for column in range(-across, across + 2):
        for row in range(-down, down + 2):
            tile = ImageOps.mirror(photo) if column % 2 else photo
            tile = ImageOps.flip(tile) if row % 2 else tile
            tiled.paste(tile, (place[0] + column * photo.width, place[1] + row * photo.height))
    return tiled
