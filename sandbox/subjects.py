"""Finds what a photo is of, person or product, by the colours at its rim and in its middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageMath

from sandbox.regions import (
    large_parts,
    parts,
    reached,
    runs,
    share,
    small_copy,
    wider,
    without_holes,
)

_COLOURS = 10
"""Colours by which each of the two, subject and background, is known."""

_SAMPLES = 8000
"""Pixels from which a palette is taken, at most."""

_ROUNDS = 3
_MOSTLY = 0.72
_LEVELS = range(256)

_SOFT_AREA = 1_200_000
"""Pixels above which soft edges are worked out on a smaller copy."""

_PLAIN = 9
"""Unlikeness to its own main colours up to which a rim is that of a plain background."""

_STRONG = 26
"""Unlikeness to the background that nothing white on white has."""

_BLACK_WHITE = [0] * 128 + [255] * 128


def find_subject(photo: Image.Image, likely: Image.Image | None = None) -> Image.Image:
    """A soft mask of the subject in the photo's size.

    `likely` (a small mask of any size) says where it probably is; without it that is the middle,
    and the subject is taken for one that reaches no rim.
    """
    small = small_copy(photo)
    middle = _middle(small.size) if likely is None else likely.resize(small.size)
    mask = _rough(small, middle, stands=likely is not None)
    return soft_edged(photo, small, mask)


def has_plain_background(photo: Image.Image) -> bool:
    """Whether the photo's rim shows little but a few colours, as product photos do."""
    soft = _softened(small_copy(photo))
    rim = _rim(soft.size, with_bottom=True)
    return _quantile(nearest_colour(soft, palette_of(soft, rim)), 0.95, rim) <= _PLAIN + 2


def _softened(small: Image.Image) -> Image.Image:
    return small.filter(ImageFilter.MedianFilter(3)).convert("YCbCr")


def _rough(small: Image.Image, middle: Image.Image, stands: bool) -> Image.Image:
    """The subject in black and white on the small copy. `stands`: it may reach the lower rim."""
    soft = _softened(small)
    rim = _rim(small.size, with_bottom=not stands)
    outside = nearest_colour(soft, palette_of(soft, rim))
    varies = _quantile(outside, 0.95, rim)
    if stands:
        mask = middle.point(_BLACK_WHITE)
        for _ in range(_ROUNDS):
            mask = _grown(soft, mask, middle, rim, 0.3)
    elif varies <= _PLAIN:
        mask = _unreached(outside, soft, least=max(4, varies + 3))
    else:
        # What is unlike the rim, above all in the middle, is what the subject's colours are.
        seed = ImageChops.multiply(outside.point([min(255, v * 5) for v in _LEVELS]), middle)
        level = max(24, _quantile(seed, 0.80))
        mask = seed.point([255 if v >= level else 0 for v in _LEVELS])
        for _ in range(_ROUNDS):
            mask = _grown(soft, mask, middle, rim, 0.16)
    mask = _main_part(mask, middle)
    mask = mask.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))
    mask = _filled(mask, outside, 0 if stands else 4 if varies <= _PLAIN else 14)
    mask = mask.filter(ImageFilter.MedianFilter(5))
    if not 0.005 < share(mask) < 0.97:
        return middle.point(_BLACK_WHITE)
    return mask


def _unreached(outside: Image.Image, soft: Image.Image, least: int) -> Image.Image:
    """What a plain background and the shadows on it do not reach from the rim.

    `outside` is how unlike the background each pixel is.
    """
    empty = outside.point([255 if v < least else 0 for v in _LEVELS])
    shadows = _shadows(soft, empty)
    whole, shadowless = _beyond(empty), _beyond(ImageChops.lighter(empty, shadows))
    # White on white looks like shadow too: a subject is not given up for it, unless what is left
    # is so unlike the background that it must be the subject.
    strong = _quantile(outside, 0.5, shadowless) > _STRONG
    least_left = 0.3 if strong else _MOSTLY
    mask = shadowless if share(shadowless) > least_left * share(whole) else whole
    shade, bare = shadows.tobytes(), outside.tobytes()
    pixels = bytearray(mask.tobytes())
    for part in parts(mask):
        if sum(map(_white, (shade[i] for i in part))) > _MOSTLY * len(part):
            for index in part:
                pixels[index] = 0
    enclosed = ImageChops.darker(
        mask, outside.point([255 if v < least - 1 else 0 for v in _LEVELS])
    )
    for part in parts(enclosed.filter(ImageFilter.MedianFilter(3))):
        if len(part) > 0.003 * len(bare):
            for index in part:
                pixels[index] = 0
    # A white subject may be nothing but shadow and shine; then it is kept as it was.
    found = Image.frombytes("L", mask.size, bytes(pixels))
    return found if share(found) > 0.5 * share(mask) else mask


def _shadows(soft: Image.Image, empty: Image.Image) -> Image.Image:
    """Where the colour is the background's in less light, and changes slowly."""
    light, blue, red = soft.split()
    same = Image.new("L", soft.size, 255)
    for band, most in ((light, 130), (blue, 5), (red, 5)):
        level = _quantile(band, 0.5, empty)
        ramp = [255 if level - most <= v <= level + min(most, 24) else 0 for v in _LEVELS]
        same = ImageChops.darker(same, band.point(ramp))
    step = ImageChops.subtract(
        light.filter(ImageFilter.MaxFilter(3)), light.filter(ImageFilter.MinFilter(3))
    )
    return ImageChops.darker(same, step.point([255] * 12 + [0] * 244))


def _beyond(empty: Image.Image) -> Image.Image:
    framed = Image.new("L", (empty.width + 2, empty.height + 2), 255)
    framed.paste(empty, (1, 1))
    return ImageChops.invert(reached(framed).crop((1, 1, empty.width + 1, empty.height + 1)))


def _filled(mask: Image.Image, outside: Image.Image, least: float) -> Image.Image:
    """The mask without holes, but for those that show the background, as behind a handle."""
    holes = ImageChops.subtract(without_holes(mask), mask)
    levels = outside.tobytes()
    pixels = bytearray(mask.tobytes())
    for part in parts(holes):
        if sorted(levels[i] for i in part)[len(part) // 2] >= least:
            for index in part:
                pixels[index] = 255
    return Image.frombytes("L", mask.size, bytes(pixels))


def _grown(
    soft: Image.Image, mask: Image.Image, middle: Image.Image, rim: Image.Image, trust: float
) -> Image.Image:
    """The pixels nearer to the colours inside the mask than to those outside it."""
    away = wider(mask, 4)
    without = palette_of(soft, ImageChops.lighter(ImageChops.invert(away), rim))
    own = palette_of(soft, mask.filter(ImageFilter.MinFilter(3)))
    nearer = ImageChops.subtract(nearest_colour(soft, without), nearest_colour(soft, own), 1.0, 128)
    nearer = nearer.filter(ImageFilter.BoxBlur(1.5))
    # Two colours alike say little: then the place decides.
    leaning = middle.point([round((v - 128) * trust) + 128 for v in _LEVELS])
    return ImageChops.add(nearer, leaning, 1.0, -128).point([0] * 130 + [255] * 126)


def palette_of(
    picture: Image.Image, mask: Image.Image, least: float = 0.008
) -> list[tuple[int, ...]]:
    """The colours that stand for what the mask covers, each for at least this share of it."""
    raw = picture.tobytes()
    pixels = b"".join(raw[3 * start : 3 * stop] for start, stop in runs(mask))
    if not pixels:
        return [(128, 128, 128)]
    row = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    if row.width > _SAMPLES:
        row = row.resize((_SAMPLES, 1), Image.Resampling.NEAREST)
    counted = row.quantize(_COLOURS, kmeans=1)
    colours = counted.getpalette() or []
    shares = counted.getcolors() or []
    return [
        tuple(colours[3 * int(index) : 3 * int(index) + 3])  # type: ignore[arg-type]
        for count, index in shares
        if count >= least * row.width
    ] or [(128, 128, 128)]


def _white(level: int) -> bool:
    return level > 127


def nearest_colour(picture: Image.Image, palette: Sequence[tuple[int, ...]]) -> Image.Image:
    """How far each pixel (YCbCr) is from the nearest colour; light counts half."""
    nearest: Image.Image | None = None
    for colour in palette:
        plain = Image.merge("RGB", [Image.new("L", picture.size, level) for level in colour])
        bands = Image.merge("RGB", picture.split())
        away = ImageChops.difference(bands, plain).convert("L", (0.5, 1.1, 1.1, 0))
        nearest = away if nearest is None else ImageChops.darker(nearest, away)
    return nearest if nearest is not None else Image.new("L", picture.size, 0)


def _rim(size: tuple[int, int], with_bottom: bool) -> Image.Image:
    width, height = size
    wide = max(2, round(min(size) * 0.035))
    mask = Image.new("L", size, 255)
    bottom = height - wide if with_bottom else height
    mask.paste(0, (wide, wide, max(wide, width - wide), max(wide, bottom)))
    if not with_bottom:
        mask.paste(0, (0, round(height * 0.8), width, height))
    return mask


def _middle(size: tuple[int, int]) -> Image.Image:
    """White in the middle of the picture, falling off towards its rims."""
    width, height = size
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse((width * 0.12, height * 0.1, width * 0.88, height * 0.9), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(max(1.0, min(size) * 0.1)))


def _quantile(levels: Image.Image, part: float, within: Image.Image | None = None) -> int:
    histogram = levels.histogram(within)
    seen, total = 0, sum(histogram)
    for value, count in enumerate(histogram):
        seen += count
        if seen >= part * total:
            return value
    return 255


def _main_part(mask: Image.Image, middle: Image.Image) -> Image.Image:
    """The part that matters most, by size and place, and all that are a tenth of it or more."""
    weights = middle.tobytes()
    mask = mask.filter(ImageFilter.MedianFilter(3))
    found = [(sum(weights[i] for i in part), part) for part in parts(mask)]
    if not found:
        return mask
    most = max(weight for weight, _ in found)
    pixels = bytearray(mask.width * mask.height)
    for weight, part in found:
        if weight >= 0.1 * most:
            for index in part:
                pixels[index] = 255
    return large_parts(Image.frombytes("L", mask.size, bytes(pixels)), least=0.001)


def soft_edged(photo: Image.Image, small: Image.Image, mask: Image.Image) -> Image.Image:
    """The small mask in the photo's size, its edge where colours change from inside to outside."""
    working = photo
    if photo.width * photo.height > _SOFT_AREA:
        shrink = (_SOFT_AREA / (photo.width * photo.height)) ** 0.5
        size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
        working = photo.resize(size, Image.Resampling.BILINEAR)
    inner = mask.filter(ImageFilter.MinFilter(5))
    outer = mask.filter(ImageFilter.MaxFilter(5))
    inside = spread(small, inner)
    outside = spread(small, ImageChops.invert(outer))
    edge = _projected(
        working,
        inside.resize(working.size, Image.Resampling.BILINEAR),
        outside.resize(working.size, Image.Resampling.BILINEAR),
        mask.filter(ImageFilter.GaussianBlur(1.2)).resize(working.size, Image.Resampling.BICUBIC),
    )
    # The edge is looked for in a narrow band; inside and outside of it are certain.
    sure = inner.filter(ImageFilter.GaussianBlur(0.8)).resize(
        working.size, Image.Resampling.BILINEAR
    )
    near = outer.filter(ImageFilter.GaussianBlur(0.8)).resize(
        working.size, Image.Resampling.BILINEAR
    )
    edge = ImageChops.lighter(ImageChops.darker(edge, near), sure)
    edge = edge.point([min(255, max(0, round((v - 24) * 255 / 204))) for v in _LEVELS])
    return edge if edge.size == photo.size else edge.resize(photo.size, Image.Resampling.BICUBIC)


def spread(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The colours that the mask covers, carried over to where it is black."""
    result = Image.composite(picture, Image.new("RGB", picture.size), mask)
    weight = mask
    layers = [(result, weight)]
    while min(result.size) > 2:
        size = ((result.width + 1) // 2, (result.height + 1) // 2)
        result = result.resize(size, Image.Resampling.BOX)
        weight = weight.resize(size, Image.Resampling.BOX)
        layers.append((result, weight))
    filled: Image.Image | None = None
    for layer, weight in reversed(layers):
        own = _divided(layer, weight)
        if filled is None:
            filled = own
            continue
        wide = filled.resize(layer.size, Image.Resampling.BILINEAR)
        filled = Image.composite(own, wide, weight.point([min(255, v * 4) for v in _LEVELS]))
    return filled if filled is not None else picture


def _divided(layer: Image.Image, weight: Image.Image) -> Image.Image:
    def quotient(given: dict[str, Any]) -> Any:
        level = given["float"](given["band"]) * 255.0 / given["max"](given["weight"], 1)
        return given["convert"](given["min"](level, 255.0), "L")

    return Image.merge(
        "RGB", [ImageMath.lambda_eval(quotient, band=b, weight=weight) for b in layer.split()]
    )


def _projected(
    photo: Image.Image, inside: Image.Image, outside: Image.Image, otherwise: Image.Image
) -> Image.Image:
    """How far from the outer to the inner colour each pixel lies; `otherwise` where they agree."""
    names = ("r", "g", "b")
    bands: dict[str, Image.Image] = {"otherwise": otherwise}
    for source, picture in (("p", photo), ("i", inside), ("o", outside)):
        for name, band in zip(names, picture.split(), strict=True):
            bands[source + name] = band

    def way(given: dict[str, Any]) -> Any:
        along: Any = 0.0
        length: Any = 1.0
        for name in names:
            apart = given["float"](given["i" + name]) - given["o" + name]
            along = along + (given["float"](given["p" + name]) - given["o" + name]) * apart
            length = length + apart * apart
        trust = given["min"](length / 3600.0, 1.0)
        level = given["max"](given["min"](along / length, 1.0), 0.0) * 255.0
        mixed = level * trust + given["otherwise"] * (1.0 - trust)
        return given["convert"](mixed, "L")

    found: Image.Image = ImageMath.lambda_eval(way, **bands)
    return found
