"""A pad for drawing soft, antialiased shapes with Pillow in units of the drawing, not in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.people import Color

Point = tuple[float, float]


def mix(first: Color, second: Color, amount: float) -> Color:
    """`first` moved towards `second` by `amount` (0 to 1)."""
    r, g, b = (round(x + (y - x) * amount) for x, y in zip(first, second, strict=True))
    return r, g, b


def smooth(points: Sequence[Point], steps: int = 12) -> list[Point]:
    """A closed Catmull-Rom curve through the points."""
    curve: list[Point] = []
    count = len(points)
    for index in range(count):
        a, b, c, d = (points[(index + k - 1) % count] for k in range(4))
        for step in range(steps):
            t = step / steps
            curve.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return curve


def smooth_line(points: Sequence[Point], steps: int = 12) -> list[Point]:
    """An open Catmull-Rom curve from the first point to the last."""
    padded = [points[0], *points, points[-1]]
    curve: list[Point] = []
    for index in range(len(points) - 1):
        a, b, c, d = padded[index : index + 4]
        for step in range(steps):
            t = step / steps
            curve.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return [*curve, points[-1]]


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )


def mirrored(right_half: Sequence[Point]) -> list[Point]:
    """A shape symmetric about x = 0 from its right half, top to bottom."""
    left = [(-x, y) for x, y in reversed(right_half) if abs(x) > 1e-9]
    return [*right_half, *left]


def oval(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> list[Point]:
    """An ellipse as a polygon, turned by `turn` radians."""
    cos, sin = math.cos(turn), math.sin(turn)
    points = []
    for step in range(48):
        angle = step / 48 * math.tau
        x, y = rx * math.cos(angle), ry * math.sin(angle)
        points.append((cx + x * cos - y * sin, cy + x * sin + y * cos))
    return points


class Sketch:
    """An RGBA picture of `size` pixels; (0, 0) of the drawing lies at `origin` (pixels).

    One drawing unit is `unit` pixels. Shapes are drawn larger and reduced, so edges are smooth.
    """

    def __init__(self, size: tuple[int, int], origin: Point, unit: float, detail: int = 3) -> None:
        self.detail = detail
        self._unit = unit * detail
        self._origin = (origin[0] * detail, origin[1] * detail)
        self.canvas = Image.new("RGBA", (size[0] * detail, size[1] * detail), (0, 0, 0, 0))

    @property
    def scale(self) -> float:
        """Pixels of the canvas per drawing unit."""
        return self._unit

    def y(self, value: float) -> float:
        """The canvas row of a height in drawing units."""
        return self._origin[1] + value * self._unit

    def finish(self) -> Image.Image:
        return self.canvas.reduce(self.detail) if self.detail > 1 else self.canvas

    def _pixels(self, points: Iterable[Point]) -> list[Point]:
        ox, oy = self._origin
        return [(ox + x * self._unit, oy + y * self._unit) for x, y in points]

    def mask(self, *shapes: Sequence[Point], blur: float = 0.0) -> Image.Image:
        """A full-size mask that is white inside any of the shapes."""
        mask = Image.new("L", self.canvas.size, 0)
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            draw.polygon(self._pixels(shape), fill=255)
        return self._blurred(mask, blur)

    def _blurred(self, mask: Image.Image, blur: float) -> Image.Image:
        radius = blur * self._unit
        if radius < 0.5:
            return mask
        # A wide blur looks the same made small and enlarged again, and costs far less.
        factor = max(1, int(radius / 4))
        small = mask.reduce(factor) if factor > 1 else mask
        small = small.filter(ImageFilter.GaussianBlur(radius / factor))
        return small.resize(mask.size, Image.Resampling.BILINEAR) if factor > 1 else small

    def fill(
        self,
        points: Sequence[Point],
        color: Color,
        *,
        alpha: float = 1.0,
        blur: float = 0.0,
        clip: Image.Image | None = None,
    ) -> None:
        """Fill one shape, softened by `blur` drawing units, only where `clip` is white."""
        pixels = self._pixels(points)
        margin = blur * self._unit * 3 + 2
        left = max(0, int(min(x for x, _ in pixels) - margin))
        top = max(0, int(min(y for _, y in pixels) - margin))
        right = min(self.canvas.width, int(max(x for x, _ in pixels) + margin) + 1)
        bottom = min(self.canvas.height, int(max(y for _, y in pixels) + margin) + 1)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top), 0)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in pixels], fill=255)
        mask = self._blurred(mask, blur)
        self._lay(mask, (left, top), color, alpha, clip)

    def fill_mask(
        self,
        mask: Image.Image,
        color: Color,
        *,
        alpha: float = 1.0,
        clip: Image.Image | None = None,
    ) -> None:
        """Fill a full-size mask."""
        box = mask.getbbox()
        if box:
            self._lay(mask.crop(box), (box[0], box[1]), color, alpha, clip)

    def line(
        self,
        points: Sequence[Point],
        color: Color,
        width: float,
        *,
        alpha: float = 1.0,
        blur: float = 0.0,
        clip: Image.Image | None = None,
        taper: bool = False,
    ) -> None:
        """A round-ended line of `width` drawing units; `taper` thins it towards both ends."""
        curve = smooth_line(points)
        left_side: list[Point] = []
        right_side: list[Point] = []
        for index, (x, y) in enumerate(curve):
            (x0, y0), (x1, y1) = curve[max(0, index - 1)], curve[min(len(curve) - 1, index + 1)]
            length = math.hypot(x1 - x0, y1 - y0) or 1.0
            share = index / (len(curve) - 1)
            half = width / 2 * (math.sin(math.pi * min(max(share, 0.04), 0.96)) if taper else 1.0)
            nx, ny = -(y1 - y0) / length * half, (x1 - x0) / length * half
            left_side.append((x + nx, y + ny))
            right_side.append((x - nx, y - ny))
        outline = [*left_side, *reversed(right_side)]
        self.fill(outline, color, alpha=alpha, blur=blur, clip=clip)
        if not taper:
            for x, y in (curve[0], curve[-1]):
                dot = oval(x, y, width / 2, width / 2)
                self.fill(dot, color, alpha=alpha, blur=blur, clip=clip)

    def _lay(
        self,
        mask: Image.Image,
        at: tuple[int, int],
        color: Color,
        alpha: float,
        clip: Image.Image | None,
    ) -> None:
        if clip is not None:
            area = (at[0], at[1], at[0] + mask.width, at[1] + mask.height)
            mask = ImageChops.multiply(mask, clip.crop(area))
        if alpha < 1:
            mask = mask.point([round(level * alpha) for level in range(256)])
        layer = Image.new("RGBA", mask.size, (*color, 0))
        layer.putalpha(mask)
        self.canvas.alpha_composite(layer, at)
