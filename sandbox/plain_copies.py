"""Results for load tests: a small tinted copy of the input with the mark, within milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from sandbox.people import Color
from sandbox.photos import save_picture, sign
from sandbox.videos import encode

_SIDE = 480
"""Longest side, in pixels, of a plain copy."""

_TINTS: tuple[Color, ...] = (
    (255, 214, 190), (190, 220, 255), (214, 255, 200), (250, 200, 250), (255, 250, 180),
    (190, 250, 245), (255, 190, 190), (225, 225, 225),
)  # fmt: skip
PLAIN_TINTS = len(_TINTS)
"""How many plain copies of one picture can be told apart."""


def make_plain(
    task: str, pictures: Mapping[str, Path], options: Mapping[str, Any], to: Path, variant: int
) -> str:
    """Write what `commissions.make` writes for the task, but quickly; return its extension.

    The first picture is tinted by `variant`. Masks have the photo's own size.
    """
    first = next(iter(pictures.values()), None)
    if task == "segment" and first is not None:
        return save_picture(_middle(_upright_size(first)), to)
    copy = _small_copy(first)
    tint = _TINTS[variant % len(_TINTS)]
    copy = copy.point([v * t // 255 for t in tint for v in range(256)])
    if task == "cutout":
        copy.putalpha(_middle(copy.size))
    sign(copy)
    if task == "video":
        size = (max(16, copy.width // 2 * 2), max(16, copy.height // 2 * 2))
        encode([copy.resize(size)] * 2, to, frames_per_second=2)
        return "mp4"
    return save_picture(copy, to, options.get("format"))


def _small_copy(path: Path | None) -> Image.Image:
    if path is None:
        return Image.new("RGB", (_SIDE, _SIDE), (250, 250, 250))
    with Image.open(path) as opened:
        opened.draft("RGB", (_SIDE, _SIDE))
        opened.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
        return ImageOps.exif_transpose(opened).convert("RGB")


def _upright_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as opened:
        turned = opened.getexif().get(0x0112, 1) >= 5
        return (opened.height, opened.width) if turned else opened.size


def _middle(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    width, height = size
    ImageDraw.Draw(mask).ellipse((width * 0.25, height * 0.1, width * 0.75, height * 0.9), fill=255)
    return mask
