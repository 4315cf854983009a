"""Small inputs to send, and what kind of file came back."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw


def draw_mask(path: Path, *, size: tuple[int, int] = (480, 600)) -> Path:
    """White where the figure of `tests.factories.draw_photo` stands, black elsewhere."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle(
        (size[0] * 0.32, size[1] * 0.26, size[0] * 0.68, size[1] * 0.62), fill=255
    )
    mask.save(path, "PNG")
    return path


def magic(start: bytes) -> str:
    """The kind of a file by its first bytes; "" for others than are expected."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return "mp4" if start[4:8] == b"ftyp" else ""


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture file."""
    with Image.open(path) as image:
        return image.size
