"""Draws a standing person from head to shins: body, arms in two poses, plain clothes."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from sandbox.heads import Mood, draw_back, draw_head
from sandbox.people import Color, Person
from sandbox.sketch import Point, Sketch, mirrored, mix, oval, smooth

_WHITE: Color = (255, 255, 255)
_SHADOW: Color = (52, 34, 44)
_MOST_PIXELS = 520_000
"""A figure has soft shapes: larger pictures of it are drawn with fewer pixels and enlarged."""

# All in half widths of the face, from the point between the eyes.
NECK, SHOULDER, WAIST, HIP, KNEE = 1.85, 2.3, 6.1, 8.2, 14.5
TORSO_HALF, WAIST_HALF = 1.95, 1.5


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a figure stands in a picture: its size, the point between the eyes, and the unit.

    All in pixels; one unit is half the width of the face.
    """

    size: tuple[int, int]
    x: float
    y: float
    unit: float

    def place(self, x: float, y: float) -> Point:
        """The pixel of a point of the figure."""
        return self.x + x * self.unit, self.y + y * self.unit


@dataclass(frozen=True, slots=True)
class Clothes:
    """What the figure itself wears: the colours of top and trousers, and how the sleeves are."""

    top: Color
    legs: Color
    long_sleeves: bool = False
    bare_shoulders: bool = False


def draw_body(
    stage: Stage, person: Person, clothes: Clothes, mood: Mood, *, holding: float = 0.0
) -> Image.Image:
    """RGBA: everything up to the neck, and long hair behind it.

    With `holding` the hands are in front of the body, so many units apart; else arms hang down.
    """
    sketch = _sketch(stage)
    draw_back(sketch, person, mood)
    _draw_legs(sketch, clothes)
    if not holding:
        for side in (-1, 1):
            _draw_hanging_arm(sketch, person, clothes, side)
    _draw_torso(sketch, person, clothes)
    return _finished(sketch, stage)


def draw_front(
    stage: Stage, person: Person, clothes: Clothes, mood: Mood, *, holding: float = 0.0
) -> Image.Image:
    """RGBA: the head, and the arms where they hold something in front of the body."""
    sketch = _sketch(stage)
    if holding:
        for side in (-1, 1):
            _draw_holding_arm(sketch, person, clothes, side, holding / 2)
    draw_head(sketch, person, mood)
    return _finished(sketch, stage)


def _sketch(stage: Stage) -> Sketch:
    shrink = max(1.0, (stage.size[0] * stage.size[1] / _MOST_PIXELS) ** 0.5)
    size = (max(1, round(stage.size[0] / shrink)), max(1, round(stage.size[1] / shrink)))
    return Sketch(size, (stage.x / shrink, stage.y / shrink), stage.unit / shrink, detail=2)


def _finished(sketch: Sketch, stage: Stage) -> Image.Image:
    picture = sketch.finish()
    if picture.size == stage.size:
        return picture
    # Premultiplied, or else the colour of what is clear would show along the edges.
    return picture.convert("RGBa").resize(stage.size, Image.Resampling.BICUBIC).convert("RGBA")


def _draw_legs(sketch: Sketch, clothes: Clothes) -> None:
    color = clothes.legs
    dark, light = mix(color, _SHADOW, 0.5), mix(color, _WHITE, 0.22)
    outline = [
        (0, 5.9), (1.5, 5.9), (1.72, 7.0), (1.98, 8.4), (1.96, 10.5), (1.72, 14.0), (1.55, 17.0),
        (1.5, 21), (0.55, 21), (0.5, 17), (0.32, 13), (0.1, 9.8), (0, 9.6),
    ]  # fmt: skip
    both = sketch.mask(smooth(mirrored(outline), 8))
    sketch.fill_mask(both, color)
    for side in (-1, 1):
        sketch.fill(oval(side * 0.45, 13, 0.5, 5.5), dark, alpha=0.4, blur=0.35, clip=both)
        sketch.fill(oval(side * 1.15, 12, 0.3, 5.0), light, alpha=0.3, blur=0.3, clip=both)
    sketch.fill(oval(1.9, 10, 0.5, 6.0), dark, alpha=0.35, blur=0.3, clip=both)
    sketch.line([(0.3, 9.2), (0.8, 8.7), (1.6, 8.5)], dark, 0.05, alpha=0.35, blur=0.05, clip=both)
    sketch.line(
        [(-0.3, 9.2), (-0.8, 8.7), (-1.6, 8.5)], dark, 0.05, alpha=0.3, blur=0.05, clip=both
    )


def _draw_torso(sketch: Sketch, person: Person, clothes: Clothes) -> None:
    skin = person.skin
    shade = mix(skin, (96, 38, 34), 0.30)
    neck = smooth(
        mirrored([(0, 0.6), (0.5, 0.7), (0.52, 1.3), (0.62, 1.66), (1.3, 2.02), (0.7, 2.9), (0, 3)])
    )
    sketch.fill(neck, skin)
    body = smooth(mirrored(_torso_outline(clothes)), 10)
    body_mask = sketch.mask(body)
    sketch.fill_mask(body_mask, clothes.top)
    hole = sketch.mask(oval(0, 1.78, 0.86, 0.62))
    if person.scarf is None:
        sketch.fill_mask(hole, skin)
        sketch.fill(
            oval(0.06, 1.25, 0.7, 0.55), shade, alpha=0.7, blur=0.12, clip=sketch.mask(neck)
        )
    dark, light = mix(clothes.top, _SHADOW, 0.4), mix(clothes.top, _WHITE, 0.35)
    sketch.fill(oval(1.7, 5.0, 0.55, 3.2), dark, alpha=0.35, blur=0.3, clip=body_mask)
    sketch.fill(oval(-0.9, 3.6, 0.6, 0.9), light, alpha=0.35, blur=0.35, clip=body_mask)
    sketch.fill(oval(0, 6.1, 1.4, 0.5), dark, alpha=0.2, blur=0.3, clip=body_mask)
    for side, y in ((-1, 5.6), (1, 6.2), (1, 7.2)):
        fold = [(side * 1.5, y), (side * 0.9, y + 0.3), (side * 0.3, y + 0.25)]
        sketch.line(fold, dark, 0.07, alpha=0.3, blur=0.05, clip=body_mask, taper=True)
    sketch.line(
        [(-0.8, 2.06), (-0.4, 2.36), (0, 2.44), (0.4, 2.36), (0.8, 2.06)], dark, 0.06, alpha=0.4,
        clip=body_mask,
    )  # fmt: skip


def _torso_outline(clothes: Clothes) -> list[Point]:
    if clothes.bare_shoulders:
        return [
            (0, 2.6), (0.9, 2.5), (1.05, 2.05), (1.45, 2.15), (1.5, 2.8), (1.75, 3.7),
            (1.5, 6.0), (1.85, 8.3), (0, 8.5),
        ]  # fmt: skip
    return [
        (0, 1.9), (0.6, 1.84), (1.5, 2.1), (2.15, 2.42), (2.3, 2.9), (1.9, 3.8), (1.6, 5.9),
        (1.88, 8.2), (1.86, 8.45), (0, 8.6),
    ]  # fmt: skip


def _draw_hanging_arm(sketch: Sketch, person: Person, clothes: Clothes, side: int) -> None:
    def at(points: list[Point]) -> list[Point]:
        return smooth([(side * x, y) for x, y in points], 8)

    skin, dark = person.skin, mix(person.skin, (96, 38, 34), 0.35)
    arm = at([
        (1.6, 2.3), (2.2, 2.4), (2.55, 3.1), (2.72, 4.4), (2.8, 5.6), (2.86, 6.8), (2.88, 7.6),
        (2.96, 8.3), (2.86, 8.95), (2.6, 9.2), (2.42, 8.8), (2.4, 8.2), (2.42, 7.5), (2.3, 6.4),
        (2.16, 5.3), (2.0, 4.2), (1.7, 3.4),
    ])  # fmt: skip
    mask = sketch.mask(arm)
    sketch.fill_mask(mask, skin)
    sketch.fill(oval(side * 2.08, 5.8, 0.25, 2.6), dark, alpha=0.5, blur=0.2, clip=mask)
    for x in (2.56, 2.7):
        sketch.line([(side * x, 8.5), (side * x, 9.1)], dark, 0.04, alpha=0.5, clip=mask)
    end = 7.6 if clothes.long_sleeves else 4.5
    if clothes.bare_shoulders:
        return
    sleeve = at([
        (1.3, 2.2), (2.15, 2.36), (2.62, 3.0), (2.86, end - 0.3), (2.92, end), (2.3, end + 0.12),
        (2.1, end - 0.8), (1.7, 3.6),
    ])  # fmt: skip
    cloth = sketch.mask(sleeve)
    sketch.fill_mask(cloth, clothes.top)
    shade = mix(clothes.top, _SHADOW, 0.45)
    sketch.fill(oval(side * 2.0, 4.2, 0.3, 2.2), shade, alpha=0.4, blur=0.2, clip=cloth)


def _draw_holding_arm(
    sketch: Sketch, person: Person, clothes: Clothes, side: int, reach: float
) -> None:
    def at(points: list[Point]) -> list[Point]:
        return smooth([(side * x, y) for x, y in points], 8)

    skin, dark = person.skin, mix(person.skin, (96, 38, 34), 0.35)
    hand = min(max(reach, 0.35), 1.9)
    upper = at([
        (1.7, 2.3), (2.25, 2.5), (2.6, 3.3), (2.9, 4.8), (3.0, 6.2), (2.75, 6.75), (2.3, 6.4),
        (2.05, 5.0), (1.75, 3.6),
    ])  # fmt: skip
    lower = at([
        (2.95, 5.9), (2.9, 6.6), (2.4, 6.8), (hand + 0.5, 6.3), (hand + 0.05, 5.95),
        (hand - 0.02, 5.5), (hand + 0.6, 5.5), (2.3, 5.75),
    ])  # fmt: skip
    for number, shape in enumerate((upper, lower)):
        mask = sketch.mask(shape)
        covered = number == 0 or clothes.long_sleeves
        colour = clothes.top if covered and not clothes.bare_shoulders else skin
        shade = mix(colour, _SHADOW, 0.4)
        sketch.fill(shape, _SHADOW, alpha=0.16, blur=0.14)
        sketch.fill_mask(mask, colour)
        middle = oval(side * (2.1 if number == 0 else 1.6), 6.5 if number else 4.6, 0.5, 0.8)
        sketch.fill(middle, shade, alpha=0.4, blur=0.25, clip=mask)
    palm = at([
        (hand + 0.55, 5.5), (hand + 0.1, 5.3), (hand - 0.22, 5.42), (hand - 0.26, 6.0),
        (hand + 0.05, 6.25), (hand + 0.55, 6.2),
    ])  # fmt: skip
    mask = sketch.mask(palm)
    sketch.fill(palm, _SHADOW, alpha=0.25, blur=0.1)
    sketch.fill_mask(mask, skin)
    for y in (5.58, 5.78, 5.98):
        finger = oval(side * (hand - 0.2), y, 0.24, 0.1)
        sketch.fill(finger, skin)
        sketch.line(
            [(side * (hand - 0.4), y + 0.1), (side * (hand + 0.15), y + 0.1)], dark, 0.03, alpha=0.5
        )
