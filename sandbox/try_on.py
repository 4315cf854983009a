"""Makes the pictures of a try-on: the garment where the person's clothes are, in the photo's light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageMath, ImageStat

from sandbox.clothing import find_clothing
from sandbox.cutouts import shadow_of
from sandbox.findings import look_at
from sandbox.photos import sign
from sandbox.regions import small_copy
from sandbox.subjects import spread

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Fit:
    """How one of the pictures differs from the others: how large, how far down, how light."""

    large: float
    down: float
    light: float


_FITS = (
    _Fit(1.0, 0.0, 0.0), _Fit(1.14, 0.035, 0.08), _Fit(0.9, -0.02, -0.07), _Fit(1.22, 0.06, -0.03),
    _Fit(1.05, -0.04, 0.04), _Fit(0.95, 0.05, 0.1),
)  # fmt: skip


def try_on(photo: Image.Image, garment: Image.Image, part: str, variant: int) -> Image.Image:
    """The photo, in its own size, with the garment (RGBA) instead of the clothes of one `part`.

    `part` is top, bottom or one_piece. Nothing else changes.
    """
    clothes = find_clothing(look_at(photo), part)
    fit = _FITS[variant % len(_FITS)]
    box = clothes.point([0] * 100 + [255] * 156).getbbox() or (0, 0, *photo.size)
    cloth = _draped(garment, _main_box(clothes, box), photo.size, fit)
    result = Image.composite(_lit(cloth, photo, clothes, fit.light), photo, clothes)
    sign(result)
    return result


def put_on(
    photo: Image.Image, product: Image.Image, mask: Image.Image, variant: int
) -> Image.Image:
    """The photo, in its own size, with the product (RGBA) within the mask and nowhere else."""
    box = mask.getbbox()
    result = photo.copy()
    if box is None:
        sign(result)
        return result
    wide, tall = box[2] - box[0], box[3] - box[1]
    share = (1.0, 0.86, 0.94, 0.8)[variant % 4]
    scale = share * min(wide / product.width, tall / product.height)
    size = (max(1, round(product.width * scale)), max(1, round(product.height * scale)))
    fitted = product.resize(size, Image.Resampling.LANCZOS)
    if variant % 2:
        fitted = fitted.rotate(-5, Image.Resampling.BICUBIC, expand=True)
    left = box[0] + (wide - fitted.width) // 2
    top = box[1] + (tall - fitted.height) // 2
    layer = Image.new("RGBA", photo.size)
    layer.paste(fitted, (left, top))
    alpha = layer.getchannel("A")
    drop = max(2, round(0.03 * max(fitted.size)))
    shadow = ImageChops.darker(shadow_of(alpha, drop, (drop // 2, drop)), mask)
    dark = Image.blend(photo, Image.new("RGB", photo.size, (20, 14, 16)), 0.75)
    result = Image.composite(dark, result, shadow)
    result = Image.composite(
        _lit(layer.convert("RGB"), photo, alpha, 0.0, strength=0.3), result,
        ImageChops.darker(alpha, mask),
    )  # fmt: skip
    sign(result)
    return result


def place_on(photo: Image.Image, where: str) -> Image.Image:
    """A mask of where a person wears or holds a thing: on the head, the eyes or in the hands."""
    width, height = photo.size
    face = look_at(photo).face
    if face is None:
        x, y, half = width / 2, height * 0.2, min(width, height) * 0.09
    else:
        x, y, half = face.x, face.y, face.half_width
    left, top, right, bottom = {
        "eyes": (-1.15, -0.45, 1.15, 0.6),
        "head": (-1.6, -2.6, 1.6, -0.35),
    }.get(where, (0.4, 4.6, 3.6, 9.0))
    box = (x + left * half, y + top * half, x + right * half, y + bottom * half)
    if box[3] > height:
        box = (box[0], max(0.0, height - (bottom - top) * half), box[2], height)
    mask = Image.new("L", photo.size, 0)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask


def _main_box(mask: Image.Image, box: tuple[int, int, int, int]) -> _Box:
    """The box of most of what a mask covers: thin limbs that stick out are left aside."""
    across = mask.resize((mask.width, 1), Image.Resampling.BOX).tobytes()
    total, seen = sum(across), 0
    left, right = box[0], box[2]
    for x, level in enumerate(across):
        if seen <= 0.03 * total:
            left = x
        if seen <= 0.97 * total:
            right = x + 1
        seen += level
    return left, box[1], max(left + 1, right), box[3]


def _draped(garment: Image.Image, box: _Box, size: tuple[int, int], fit: _Fit) -> Image.Image:
    """The garment over a box of the picture, its colours carried on beyond its own outline."""
    alpha = garment.getchannel("A")
    own: _Box = alpha.point([0] * 100 + [255] * 156).getbbox() or (0, 0, *garment.size)
    own = _main_box(alpha, (int(own[0]), int(own[1]), int(own[2]), int(own[3])))
    small = garment.copy()
    small.thumbnail((288, 288), Image.Resampling.BOX)
    inner = small.getchannel("A").point([0] * 245 + [255] * 11).filter(ImageFilter.MinFilter(3))
    wide = spread(small.convert("RGB"), inner)
    # Pixels of the garment for each pixel of the picture, not much longer than wide or reverse.
    across = (own[2] - own[0]) / (box[2] - box[0]) / fit.large
    down = (own[3] - own[1]) / (box[3] - box[1]) / fit.large
    mean = (across * down) ** 0.5
    across, down = (min(max(v, 0.8 * mean), 1.25 * mean) for v in (across, down))
    middle = ((box[0] + box[2]) / 2, box[1] + fit.down * (box[3] - box[1]))
    x0 = (own[0] + own[2]) / 2 - middle[0] * across
    y0 = own[1] - middle[1] * down
    cloth = garment.transform(
        size, Image.Transform.AFFINE, (across, 0, x0, 0, down, y0), Image.Resampling.BICUBIC
    )
    shrink = small.width / garment.width
    # Beyond the picture of the garment its rim goes on.
    margin = 2 * max(small.size)
    framed = _extended(wide, margin)
    data = (across * shrink, 0, x0 * shrink + margin, 0, down * shrink, y0 * shrink + margin)
    around = framed.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    whole = cloth.getchannel("A").point([0] * 200 + [min(255, (v - 200) * 5) for v in range(56)])
    return Image.composite(cloth.convert("RGB"), around, whole)


def _extended(picture: Image.Image, margin: int) -> Image.Image:
    """The picture with its rim carried outwards by `margin` pixels."""
    width, height = picture.size
    return picture.transform(
        (width + 2 * margin, height + 2 * margin), Image.Transform.MESH,
        [
            ((left, top, right, bottom), (x0, y0, x0, y1, x1, y1, x1, y0))
            for left, right, x0, x1 in (
                (0, margin, 0, 1), (margin, margin + width, 0, width),
                (margin + width, 2 * margin + width, width - 1, width),
            )
            for top, bottom, y0, y1 in (
                (0, margin, 0, 1), (margin, margin + height, 0, height),
                (margin + height, 2 * margin + height, height - 1, height),
            )
        ],
        Image.Resampling.NEAREST,
    )  # fmt: skip


def _lit(
    cloth: Image.Image, photo: Image.Image, mask: Image.Image, light: float, strength: float = 0.8
) -> Image.Image:
    """The cloth with the folds and shades that the photo has where the mask is white."""
    grey = photo.convert("L").filter(ImageFilter.GaussianBlur(max(0.6, photo.width / 700)))
    mean = ImageStat.Stat(small_copy(grey), small_copy(mask).point([0] * 200 + [1] * 56)).mean[0]
    mean = min(max(mean, 24.0), 200.0)

    def shaded(given: dict[str, Any]) -> Any:
        ratio = (given["float"](given["grey"]) + 30.0) / (mean + 30.0)
        ratio = given["max"](given["min"](ratio, 1.35), 0.45)
        gain = (ratio - 1.0) * strength + (1.0 + light)
        return given["convert"](given["min"](given["float"](given["band"]) * gain, 255.0), "L")

    bands = [ImageMath.lambda_eval(shaded, band=band, grey=grey) for band in cloth.split()]
    return Image.merge("RGB", bands)
