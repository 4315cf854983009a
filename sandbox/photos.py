"""Opens photos upright, fits them to sizes, and signs and saves what was made of them."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo


def open_upright(path: Path) -> Image.Image:
    """The picture as RGB in the orientation in which it is meant to be seen, on white if cut out."""
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        if not upright.has_transparency_data:
            return upright.convert("RGB")
        cut_out = upright.convert("RGBA")
    picture = Image.new("RGB", cut_out.size, (255, 255, 255))
    picture.paste(cut_out, (0, 0), cut_out)
    return picture


def open_cut_out(path: Path) -> Image.Image:
    """The picture as RGBA in the orientation in which it is meant to be seen."""
    with Image.open(path) as opened:
        return ImageOps.exif_transpose(opened).convert("RGBA")


def open_mask(path: Path, size: tuple[int, int]) -> Image.Image:
    """A mask in plain black and white, brought to `size` pixels."""
    mask = open_upright(path).convert("L").resize(size, Image.Resampling.NEAREST)
    return mask.point([0] * 128 + [255] * 128)


def within_area(size: tuple[int, int], area: float | None) -> tuple[int, int]:
    """`size`, reduced in its proportions to at most `area` pixels if it has more."""
    width, height = size
    if not area or width * height <= area:
        return size
    shrink = math.sqrt(area / (width * height))
    return max(1, int(width * shrink)), max(1, int(height * shrink))


def reduced(picture: Image.Image, area: float | None) -> Image.Image:
    """The picture itself, or a copy reduced to at most `area` pixels."""
    size = within_area(picture.size, area)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the picture, enlarged or reduced to fill `size` pixels."""
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def signature(size: tuple[int, int]) -> Image.Image:
    """The plate that marks a picture of `size` pixels: SANDBOX, light on dark."""
    return _plate(max(9, round(min(size) * 0.022)))


@lru_cache(maxsize=64)
def _plate(height: int) -> Image.Image:
    # Kept, because opening the font takes longer than all else about a small picture.
    font = ImageFont.load_default(height)
    left, top, right, bottom = font.getbbox("SANDBOX")
    pad = max(2, round(height * 0.45))
    plate = Image.new(
        "RGB", (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad), (24, 26, 32)
    )
    ImageDraw.Draw(plate).text((pad - left, pad - top), "SANDBOX", font=font, fill=(245, 245, 246))
    return plate


def sign(picture: Image.Image) -> None:
    """Write SANDBOX in the bottom right corner, on a plate so that it reads anywhere."""
    plate = signature(picture.size)
    place = (max(0, picture.width - plate.width), max(0, picture.height - plate.height))
    picture.paste(plate, place)


def save_picture(picture: Image.Image, to: Path, file_format: object = "png") -> str:
    """Write the picture as JPEG where that is asked for and it can be one, else as PNG.

    Returns the extension. PNGs also say SANDBOX in their text, for those whose pixels must not.
    """
    if file_format == "jpeg" and picture.mode == "RGB":
        picture.save(to, "JPEG", quality=95)
        return "jpeg"
    text = PngInfo()
    text.add_text("Comment", "SANDBOX")
    picture.save(to, "PNG", compress_level=1, pnginfo=text)
    return "png"
