"""Draws a person's portrait: backdrop, shoulders and the head that swaps also use."""

from __future__ import annotations

from PIL import Image

from sandbox.heads import Mood, draw_back, draw_head
from sandbox.people import Color, Person
from sandbox.sketch import Sketch, mirrored, mix, oval, smooth

WHITE: Color = (255, 255, 255)
_SHADOW: Color = (52, 34, 44)


def draw_portrait(person: Person, size: tuple[int, int]) -> Image.Image:
    """The person on a quiet backdrop, filling an upright picture of `size` pixels."""
    width, height = size
    unit = width / 5.2
    sketch = Sketch(size, (width / 2, height * 0.43), unit, detail=3 if width < 500 else 2)
    _draw_backdrop(sketch, person)
    draw_back(sketch, person)
    _draw_shoulders(sketch, person)
    draw_head(sketch, person, Mood())
    return sketch.finish().convert("RGB")


def _draw_backdrop(sketch: Sketch, person: Person) -> None:
    color = person.backdrop
    sketch.fill([(-9, -9), (9, -9), (9, 9), (-9, 9)], color)
    sketch.fill(oval(-1.6, -2.4, 3.4, 3.0), WHITE, alpha=0.45, blur=1.0)
    sketch.fill(oval(0.0, 0.1, 2.35, 2.35), mix(color, WHITE, 0.38), alpha=0.75)
    sketch.fill(oval(2.4, 3.6, 2.8, 2.2), mix(color, _SHADOW, 0.3), alpha=0.30, blur=0.9)


def _draw_shoulders(sketch: Sketch, person: Person) -> None:
    skin, cloth = person.skin, person.cloth
    shade = mix(skin, (96, 38, 34), 0.30)
    body = smooth(
        mirrored(
            [(0, 1.72), (0.55, 1.78), (1.25, 2.02), (1.95, 2.38), (2.3, 3.0), (2.45, 4.6), (0, 4.8)]
        )
    )
    neck = smooth(
        mirrored(
            [(0, 0.6), (0.5, 0.7), (0.52, 1.3), (0.6, 1.68), (0.98, 1.98), (0.6, 2.5), (0, 2.7)]
        )
    )
    body_mask = sketch.mask(body)
    if person.scarf is None:
        sketch.fill_mask(body_mask, skin)
        sketch.fill(neck, skin)
        neck_mask = sketch.mask(neck, body)
        # The head's shadow on the neck, and the hollow of the collarbones.
        sketch.fill(oval(0.06, 1.22, 0.72, 0.5), shade, alpha=0.75, blur=0.1, clip=neck_mask)
        sketch.fill(oval(-0.5, 2.12, 0.5, 0.05, 0.16), shade, alpha=0.4, blur=0.05, clip=body_mask)
        sketch.fill(oval(0.5, 2.12, 0.5, 0.05, -0.16), shade, alpha=0.4, blur=0.05, clip=body_mask)
    _draw_top(sketch, person, body_mask)
    dark = mix(cloth, _SHADOW, 0.55)
    sketch.fill(oval(2.3, 3.6, 0.8, 1.6), dark, alpha=0.32, blur=0.3, clip=body_mask)
    sketch.fill(oval(-1.25, 2.75, 0.6, 0.5), WHITE, alpha=0.16, blur=0.3, clip=body_mask)
    for side in (-1, 1):
        fold = [(side * 1.45, 3.05), (side * 1.38, 3.6), (side * 1.44, 4.4)]
        sketch.line(fold, dark, 0.05, alpha=0.35, blur=0.03, clip=body_mask, taper=True)


def _draw_top(sketch: Sketch, person: Person, body_mask: Image.Image) -> None:
    cloth = person.cloth
    dark, light = mix(cloth, _SHADOW, 0.28), mix(cloth, WHITE, 0.3)
    opening = {
        "crew": oval(0, 1.72, 0.86, 0.56),
        "v": smooth(mirrored([(0, 1.3), (0.7, 1.5), (0.86, 1.9), (0.42, 2.5), (0, 2.98)]), 8),
        "shirt": smooth(mirrored([(0, 1.3), (0.62, 1.5), (0.72, 1.85), (0.3, 2.35), (0, 2.66)]), 8),
        "turtle": oval(0, 1.3, 0.1, 0.1),
    }[person.top]
    hole = sketch.mask(opening)
    cover = Image.composite(Image.new("L", hole.size, 0), body_mask, hole)
    if person.scarf is not None:
        cover = body_mask
    sketch.fill_mask(cover, cloth)
    if person.scarf is not None:
        return
    if person.top == "turtle":
        collar = smooth(
            mirrored([(0, 1.18), (0.58, 1.14), (0.66, 1.5), (0.8, 1.98), (0.4, 2.14), (0, 2.18)])
        )
        collar_mask = sketch.mask(collar)
        sketch.fill_mask(collar_mask, cloth)
        sketch.fill(oval(0.1, 1.2, 0.72, 0.2), dark, alpha=0.7, blur=0.08, clip=collar_mask)
        for x in (-0.4, -0.2, 0.0, 0.2, 0.4):
            sketch.line(
                [(x, 1.3), (x * 1.2, 2.05)], dark, 0.03, alpha=0.35, blur=0.01, clip=collar_mask
            )
        sketch.line([(-0.74, 1.98), (0, 2.2), (0.74, 1.98)], dark, 0.04, alpha=0.5, blur=0.02)
    elif person.top == "shirt":
        for side in (-1, 1):
            flap = [
                (side * 0.5, 1.5),
                (side * 0.86, 1.72),
                (side * 0.78, 2.3),
                (side * 0.34, 2.62),
                (side * 0.12, 2.5),
            ]
            sketch.fill(smooth(flap, 6), dark, alpha=0.5, blur=0.04)
            sketch.fill(smooth(flap, 6), light)
        sketch.line([(0, 2.64), (0, 4.6)], dark, 0.035, alpha=0.6, clip=body_mask)
        for y in (2.95, 3.45, 3.95):
            sketch.fill(oval(0.1, y, 0.05, 0.05), dark)
    else:
        rim = [(x, y) for x, y in opening if y > 1.66]
        rim.sort(key=lambda point: point[0])
        if len(rim) > 3:
            sketch.line(rim[:: max(1, len(rim) // 14)], dark, 0.09, alpha=0.4, clip=cover)
