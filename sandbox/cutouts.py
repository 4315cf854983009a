"""Cuts products and people out of their photos, without a seam of the old background."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from sandbox.clothing import find_clothing
from sandbox.findings import look_at
from sandbox.photos import open_cut_out, reduced
from sandbox.regions import small_copy
from sandbox.subjects import spread

_WORKING_AREA = 600_000
"""Pixels to which a product's photo is reduced before the product is cut out to be worn."""


def cut_out(photo: Image.Image, mask: Image.Image) -> Image.Image:
    """RGBA: what the mask covers, its edge in its own colours instead of the background's."""
    return with_alpha(own_coloured(photo, mask), mask)


def own_coloured(photo: Image.Image, mask: Image.Image) -> Image.Image:
    """The photo with the subject's colours carried on over its edge; inside it is untouched."""
    small = small_copy(photo)
    inside = mask.resize(small.size, Image.Resampling.BOX).point([0] * 250 + [255] * 6)
    inside = inside.filter(ImageFilter.MinFilter(3))
    if inside.getbbox() is None:
        return photo
    wide = spread(small, inside).resize(photo.size, Image.Resampling.BICUBIC)
    return Image.composite(photo, wide, mask.point([0] * 252 + [255] * 4))


def with_alpha(picture: Image.Image, mask: Image.Image) -> Image.Image:
    result = picture.convert("RGBA")
    result.putalpha(mask)
    return result


def product_of(path: Path, part: str = "") -> Image.Image:
    """The product in a picture file as RGBA, cropped to itself.

    Where a person wears it, it is what that person wears on this `part` (top, bottom, one_piece).
    """
    picture = reduced(open_cut_out(path), _WORKING_AREA)
    alpha = picture.getchannel("A")
    if not any(alpha.histogram()[:250]):
        photo = picture.convert("RGB")
        findings = look_at(photo)
        worn = findings.face is not None and bool(part)
        alpha = find_clothing(findings, part) if worn else findings.product
        picture = cut_out(photo, alpha)
    else:
        alpha = solid(alpha)
        picture.putalpha(alpha)
    box = alpha.point([0] * 60 + [255] * 196).filter(ImageFilter.MedianFilter(3)).getbbox()
    return picture.crop(box) if box else picture


def solid(alpha: Image.Image) -> Image.Image:
    """The transparency of a cut-out without what is half clear: the shadow that it threw."""
    return alpha.point([max(0, round((v - 150) * 255 / 105)) for v in range(256)])


def shadow_of(mask: Image.Image, blur: float, move: tuple[int, int]) -> Image.Image:
    """A soft shadow (L) that something with this mask throws, moved by so many pixels."""
    moved = Image.new("L", mask.size, 0)
    moved.paste(mask, move)
    soft = moved.resize([max(1, side // 4) for side in mask.size], Image.Resampling.BOX)
    soft = soft.filter(ImageFilter.GaussianBlur(max(0.5, blur / 4)))
    return ImageChops.multiply(
        soft.resize(mask.size, Image.Resampling.BICUBIC), Image.new("L", mask.size, 150)
    )
