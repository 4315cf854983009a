"""Parts of a small copy of a photo: connected regions, holes, and back to the photo's size."""

from __future__ import annotations

from collections import deque

from PIL import Image, ImageChops, ImageFilter

_SIDE = 288
"""Longest side, in pixels, of the copy on which regions are found."""


def small_copy(photo: Image.Image) -> Image.Image:
    """The photo reduced to the size on which regions are found."""
    scale = min(1.0, _SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.BOX)


def enlarged(mask: Image.Image, size: tuple[int, int], blur: float) -> Image.Image:
    """A small mask in the photo's size, its edge softened by `blur` small pixels."""
    return mask.filter(ImageFilter.GaussianBlur(blur)).resize(size, Image.Resampling.BICUBIC)


def share(mask: Image.Image) -> float:
    """How much of a mask is plain white (0 to 1)."""
    return mask.histogram()[255] / (mask.width * mask.height)


def parts(mask: Image.Image) -> list[list[int]]:
    """The connected white parts, each as the indexes of its pixels."""
    width = mask.width
    pixels = bytearray(mask.point([0] * 128 + [1] * 128).tobytes())
    return [
        _flood(pixels, start, width)
        for start, value in enumerate(mask.tobytes())
        if value > 127 and pixels[start] == 1
    ]


def mask_of(part: list[int], size: tuple[int, int]) -> Image.Image:
    """White at the pixels with these indexes."""
    pixels = bytearray(size[0] * size[1])
    for index in part:
        pixels[index] = 255
    return Image.frombytes("L", size, bytes(pixels))


def outline(part: list[int], width: int) -> list[int]:
    """The pixels of a part that touch something else."""
    own = set(part)
    return [i for i in part if not own.issuperset((i - width, i + width, i - 1, i + 1))]


def thickness(part: list[int], width: int) -> float:
    """About how many pixels across a part is where it is long: area over half its outline."""
    return 2 * len(part) / max(1, len(outline(part, width)))


def large_parts(mask: Image.Image, least: float) -> Image.Image:
    """The connected white parts that cover at least this share of the picture."""
    kept = bytearray(mask.width * mask.height)
    for part in parts(mask):
        if len(part) >= least * len(kept):
            for index in part:
                kept[index] = 255
    return Image.frombytes("L", mask.size, bytes(kept))


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


def without_holes(mask: Image.Image) -> Image.Image:
    """The mask with every black part that does not reach its rim made white, the bottom apart."""
    inverse = ImageChops.invert(mask)
    framed = Image.new("L", (mask.width + 2, mask.height + 1), 255)
    framed.paste(inverse, (1, 1))
    pixels = bytearray(framed.point([0] * 128 + [1] * 128).tobytes())
    outside = bytearray(len(pixels))
    for index in _flood(pixels, 0, framed.width):
        outside[index] = 255
    filled = ImageChops.invert(Image.frombytes("L", framed.size, bytes(outside)))
    return filled.crop((1, 1, mask.width + 1, mask.height + 1))
