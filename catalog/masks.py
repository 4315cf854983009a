"""Judges and fits masks with Pillow: white where a picture is to change, black where it stays.

Imports no Django: like `catalog.images` it runs in the limited child process of `catalog.limited`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import cast

from PIL import Image

from catalog.images import NotAPicture, Picture, eight_bit, opened, orientation_of, turned, write

_BLACK_AND_WHITE = {(0, 0, 0), (255, 255, 255)}
#: Table for `point`: what is neither black nor white becomes white.
_GREYS = [0, *[255] * 254, 0]
#: What is darker becomes black, should a mask be sent that was never inspected.
_WHITE_FROM = 128


def _(text: str) -> str:
    """Mark a sentence for translation, which is done where Django is."""
    return text


def inspect_mask(path: Path, *, max_pixels: int) -> None:
    """Decode a mask completely. Raises NotAPicture unless it is pure black and white, not all black."""
    with opened(path, max_pixels=max_pixels) as image:
        mask = _plain(image)
        colours = _colours(mask)
        if colours is None or not colours <= _BLACK_AND_WHITE:
            if mask.mode == "RGBA" and mask.getchannel("A").getextrema()[0] != 255:
                raise NotAPicture(
                    _(
                        "The mask has transparent parts. Fill them with black, the part to change "
                        "with white, and save it as PNG."
                    )
                )
            raise NotAPicture(
                _(
                    "The mask has greys or colours. Paint it in pure black and white, without soft "
                    "edges, and save it as PNG: JPEG turns edges grey."
                )
            )
        if colours == {(0, 0, 0)}:
            raise NotAPicture(
                _("The mask is all black, so nothing would change. Paint the part to change white.")
            )


def fit_mask(
    source: Path, to: Path, *, size: tuple[int, int], max_bytes: int, max_pixels: int
) -> Picture:
    """Write a mask as PNG of one grey channel, 0 and 255 alone, with exactly `size` pixels.

    By nearest neighbour, so that no new greys come in; `size` is that of the picture's own fitted
    copy. Transparent counts as black. Raises NotAPicture.
    """
    with opened(source, max_pixels=max_pixels) as image:
        orientation = orientation_of(image)
        mask = _plain(image)
        if mask.mode == "RGBA":
            black = Image.new("RGB", mask.size)
            black.paste(mask, mask=mask.getchannel("A"))
            mask = black
        mask = turned(mask.convert("L"), orientation)
    mask = mask.resize(size, Image.Resampling.NEAREST)
    mask = mask.point([255 if level >= _WHITE_FROM else 0 for level in range(256)])
    mask.info = {}
    buffer = io.BytesIO()
    mask.save(buffer, "PNG", compress_level=9)
    if buffer.tell() > max_bytes:
        raise NotAPicture(
            _("This mask cannot be made small enough to be sent on. Paint it simpler.")
        )
    return write(mask, to, "png", buffer.getvalue())


def _plain(image: Image.Image) -> Image.Image:
    """The pixels as L, RGB or RGBA."""
    if image.mode == "1":
        return image.convert("L")
    plain = eight_bit(image)
    return plain.convert("RGB") if plain.mode == "CMYK" else plain


def _colours(mask: Image.Image) -> set[tuple[int, ...]] | None:
    """The colours of a mask, solid ones without their alpha; None if there are more than two."""
    if mask.mode == "L":
        # Twice as quick as counting.
        if mask.point(_GREYS).getbbox() is not None:
            return None
        return {(level,) * 3 for level in cast("tuple[int, int]", mask.getextrema())}
    # Ends at the third colour, so that a photo is refused as quickly as a mask is taken.
    counted = mask.getcolors(2)
    if counted is None:
        return None
    told = [colour for __, colour in counted if isinstance(colour, tuple)]
    return {colour[:3] if colour[3:] in {(), (255,)} else colour for colour in told}
