"""Draws hair and head scarves in face units, behind the head and in front of it."""

from __future__ import annotations

import math

from PIL import Image, ImageChops

from sandbox.people import Color, Person
from sandbox.sketch import Point, Sketch, mirrored, mix, oval, smooth

_WHITE: Color = (255, 255, 255)
_INK: Color = (36, 20, 28)

# Right halves, top to bottom; mirrored. What hangs behind the face.
_BACK: dict[str, list[Point]] = {
    "long": [
        (0, -1.86),
        (0.75, -1.7),
        (1.22, -1.1),
        (1.3, -0.2),
        (1.3, 0.8),
        (1.38, 1.8),
        (1.3, 2.7),
        (0.85, 2.95),
        (0.4, 2.6),
        (0, 2.2),
    ],
    "wavy": [
        (0, -1.84),
        (0.75, -1.7),
        (1.25, -1.1),
        (1.28, -0.4),
        (1.45, 0.2),
        (1.35, 0.85),
        (1.56, 1.45),
        (1.42, 2.1),
        (1.5, 2.6),
        (1.0, 2.9),
        (0.5, 2.4),
        (0, 2.0),
    ],
    "bob": [
        (0, -1.82),
        (0.75, -1.68),
        (1.24, -1.1),
        (1.34, -0.2),
        (1.36, 0.6),
        (1.28, 1.24),
        (0.9, 1.36),
        (0.4, 1.1),
        (0, 1.0),
    ],
    "fringe": [
        (0, -1.84),
        (0.78, -1.7),
        (1.28, -1.1),
        (1.32, -0.2),
        (1.34, 0.8),
        (1.36, 1.6),
        (1.0, 1.86),
        (0.5, 1.6),
        (0, 1.4),
    ],
}


def _tone(person: Person, light: float) -> tuple[Color, Color, Color]:
    hair = mix(person.hair, _WHITE, light) if light > 0 else mix(person.hair, _INK, -light)
    return hair, mix(hair, _INK, 0.42), mix(hair, (255, 226, 190), 0.3)


def _bumpy(
    cx: float, cy: float, rx: float, ry: float, bumps: int, size: float
) -> list[list[Point]]:
    """An ellipse whose rim is a row of curls; a list of shapes to be united."""
    shapes = [oval(cx, cy, rx, ry)]
    for bump in range(bumps):
        angle = bump / bumps * math.tau
        radius = size * (0.86 + 0.26 * math.sin(bump * 2.4))
        shapes.append(oval(cx + rx * math.cos(angle), cy + ry * math.sin(angle), radius, radius))
    return shapes


def draw_back_hair(sketch: Sketch, person: Person, light: float) -> None:
    """Whatever of the hair or scarf lies behind the neck and face."""
    hair, dark, bright = _tone(person, light)
    style = person.style
    if style in _BACK:
        mask = sketch.mask(smooth(mirrored(_BACK[style])))
        sketch.fill_mask(mask, mix(hair, dark, 0.35))
        sketch.fill(oval(0, 1.3, 0.95, 1.1), dark, alpha=0.7, blur=0.25, clip=mask)
        for x in (-1.18, -1.04, 1.04, 1.18):
            strand = [(x, -0.6), (x * 1.04, 0.6), (x * 1.02, 2.4)]
            sketch.line(strand, bright, 0.05, alpha=0.28, blur=0.03, clip=mask, taper=True)
    elif style in {"afro", "curly_long"}:
        shapes = _bumpy(0, -0.62, 1.52, 1.42, 22, 0.27)
        if style == "curly_long":
            shapes = _bumpy(0, -0.5, 1.26, 1.22, 18, 0.26)
            for side in (-1, 1):
                for step in range(9):
                    y = -0.2 + step * 0.3
                    x = side * (1.25 + 0.12 * math.sin(step * 1.9))
                    shapes.append(oval(x, y, 0.33, 0.3))
                    shapes.append(oval(x - side * 0.36, y + 0.1, 0.36, 0.32))
        mask = sketch.mask(*shapes)
        sketch.fill_mask(mask, hair)
        sketch.fill(oval(0, 1.1, 1.1, 1.0), dark, alpha=0.65, blur=0.3, clip=mask)
        sketch.fill(oval(-0.5, -1.5, 0.9, 0.5), bright, alpha=0.3, blur=0.28, clip=mask)
        _draw_curls(sketch, shapes[1:], dark, bright, mask)
    elif style == "braids":
        for side in (-1, 1):
            for column, x in enumerate((0.98, 1.2)):
                for step in range(11):
                    y = -0.3 + step * 0.27
                    bead = oval(
                        side * (x + 0.03 * step * (0.6 + 0.4 * column)), y, 0.135, 0.17, side * 0.5
                    )
                    sketch.fill(bead, mix(hair, dark, 0.25 + 0.3 * (step % 2)))
                    sketch.fill(
                        oval(bead[0][0] - 0.13, y - 0.05, 0.04, 0.06), bright, alpha=0.35, blur=0.02
                    )
    elif style == "ponytail":
        tail = smooth(
            [
                (0.55, -1.5),
                (1.1, -1.45),
                (1.5, -0.9),
                (1.62, 0.0),
                (1.5, 1.0),
                (1.2, 1.75),
                (1.08, 1.0),
                (1.12, 0.1),
                (0.95, -0.7),
            ]
        )
        mask = sketch.mask(tail)
        sketch.fill_mask(mask, mix(hair, dark, 0.2))
        sketch.line(
            [(1.05, -1.2), (1.36, -0.3), (1.28, 1.2)],
            bright,
            0.09,
            alpha=0.35,
            blur=0.05,
            clip=mask,
            taper=True,
        )
    elif style == "bun":
        sketch.fill(oval(0.0, -1.88, 0.52, 0.46), hair)
        sketch.fill(oval(0.08, -1.7, 0.4, 0.2), dark, alpha=0.5, blur=0.1)
        sketch.fill(oval(-0.16, -2.02, 0.2, 0.12), bright, alpha=0.45, blur=0.08)
    elif style == "hijab" and person.scarf:
        scarf = person.scarf
        shape = smooth(
            mirrored(
                [
                    (0, -1.86),
                    (0.85, -1.68),
                    (1.3, -1.0),
                    (1.36, 0.0),
                    (1.3, 0.9),
                    (1.5, 1.8),
                    (2.1, 2.5),
                    (2.2, 3.1),
                    (0, 3.4),
                ]
            )
        )
        mask = sketch.mask(shape)
        sketch.fill_mask(mask, mix(scarf, _INK, 0.2))


def _draw_curls(
    sketch: Sketch, curls: list[list[Point]], dark: Color, bright: Color, mask: Image.Image
) -> None:
    for number, curl in enumerate(curls):
        xs, ys = [x for x, _ in curl], [y for _, y in curl]
        cx, cy, r = sum(xs) / len(xs), sum(ys) / len(ys), (max(xs) - min(xs)) / 2
        arc = [
            (cx + r * 0.62 * math.cos(a), cy + r * 0.62 * math.sin(a)) for a in (0.4, 1.3, 2.2, 3.0)
        ]
        sketch.line(arc, dark, 0.045, alpha=0.42, blur=0.02, clip=mask, taper=True)
        if number % 2:
            shine = [
                (cx + r * 0.5 * math.cos(a), cy + r * 0.5 * math.sin(a)) for a in (3.7, 4.4, 5.1)
            ]
            sketch.line(shine, bright, 0.04, alpha=0.35, blur=0.02, clip=mask, taper=True)


# Hair over the forehead, whole closed outlines.
_CAP_RIM: list[Point] = [
    (-1.05, 0.05),
    (-1.2, -0.6),
    (-1.1, -1.25),
    (-0.65, -1.72),
    (0, -1.86),
    (0.65, -1.72),
    (1.1, -1.25),
    (1.2, -0.6),
    (1.05, 0.05),
]
_FRONT: dict[str, list[Point]] = {
    # Parted in the middle, swept to the sides.
    "long": [*_CAP_RIM, (1.0, -0.35), (0.82, -0.85), (0.4, -1.2), (0.04, -1.46), (-0.36, -1.2), (-0.8, -0.85), (-1.0, -0.35)],
    "wavy": [*_CAP_RIM, (1.0, -0.3), (0.86, -0.8), (0.3, -1.1), (-0.28, -1.5), (-0.62, -1.05), (-0.9, -0.6), (-1.0, -0.25)],
    "bob": [(-1.16, 1.1), (-1.3, 0.3), *_CAP_RIM[1:-1], (1.3, 0.3), (1.16, 1.1), (0.98, 0.6), (0.95, -0.1), (0.84, -0.7), (0.3, -1.02), (-0.42, -1.36), (-0.74, -0.9), (-0.94, -0.3), (-0.98, 0.5)],
    "fringe": [(-1.12, 1.3), (-1.26, 0.4), *_CAP_RIM[1:-1], (1.26, 0.4), (1.12, 1.3), (0.97, 0.5), (0.92, -0.2), (0.8, -0.52), (0.4, -0.5), (0, -0.47), (-0.4, -0.5), (-0.8, -0.52), (-0.92, -0.2), (-0.97, 0.5)],
    "ponytail": [*_CAP_RIM, (0.97, -0.45), (0.78, -0.95), (0.36, -1.2), (-0.1, -1.24), (-0.6, -1.06), (-0.9, -0.62), (-0.99, -0.25)],
    "bun": [*_CAP_RIM, (0.97, -0.45), (0.76, -0.98), (0.36, -1.18), (0, -1.22), (-0.36, -1.18), (-0.76, -0.98), (-0.97, -0.45)],
    "braids": [*_CAP_RIM, (0.96, -0.45), (0.76, -0.95), (0.38, -1.14), (0, -1.2), (-0.38, -1.14), (-0.76, -0.95), (-0.96, -0.45)],
    "side": [(-1.04, -0.1), (-1.12, -0.7), (-1.06, -1.25), (-0.6, -1.74), (0.05, -1.88), (0.7, -1.72), (1.1, -1.2), (1.13, -0.65), (1.04, -0.1), (0.97, -0.5), (0.86, -0.92), (0.3, -0.98), (-0.3, -1.12), (-0.66, -1.24), (-0.84, -0.9), (-0.96, -0.5)],
    "quiff": [(-1.04, -0.1), (-1.08, -0.7), (-1.06, -1.2), (-0.86, -1.66), (-0.3, -2.0), (0.4, -2.02), (0.95, -1.72), (1.1, -1.2), (1.1, -0.65), (1.04, -0.1), (0.98, -0.5), (0.88, -0.92), (0.5, -1.18), (0, -1.22), (-0.5, -1.16), (-0.84, -0.94), (-0.97, -0.5)],
    "wavy_short": [(-1.06, 0.0), (-1.2, -0.5), (-1.16, -1.1), (-0.95, -1.58), (-0.4, -1.86), (0.2, -1.92), (0.8, -1.68), (1.14, -1.25), (1.22, -0.6), (1.06, 0.0), (0.98, -0.42), (0.94, -0.78), (0.6, -0.86), (0.42, -1.08), (0.05, -0.92), (-0.3, -1.1), (-0.62, -0.9), (-0.88, -0.86), (-0.98, -0.42)],
    "cropped": [(-1.02, -0.2), (-1.07, -0.7), (-0.98, -1.2), (-0.6, -1.58), (0, -1.7), (0.6, -1.58), (0.98, -1.2), (1.07, -0.7), (1.02, -0.2), (0.96, -0.55), (0.78, -1.0), (0.4, -1.2), (0, -1.24), (-0.4, -1.2), (-0.78, -1.0), (-0.96, -0.55)],
    "fade": [(-1.01, -0.3), (-1.03, -0.75), (-0.96, -1.2), (-0.66, -1.6), (0, -1.7), (0.66, -1.6), (0.96, -1.2), (1.03, -0.75), (1.01, -0.3), (0.97, -0.6), (0.84, -1.02), (0.42, -1.14), (0, -1.16), (-0.42, -1.14), (-0.84, -1.02), (-0.97, -0.6)],
}  # fmt: skip


def draw_front_hair(sketch: Sketch, person: Person, light: float, face: Image.Image) -> None:
    """The hair or scarf over the forehead, with its shadow on the face."""
    hair, dark, bright = _tone(person, light)
    style = person.style
    if style == "hijab":
        _draw_hijab(sketch, person, face)
        return
    if style in {"afro", "curly_long", "curly_short"}:
        shapes = []
        for number in range(13):
            angle = math.pi * (1.02 + 0.96 * number / 12)
            reach = 1.06 if style == "curly_short" else 1.1
            x, y = reach * math.cos(angle), -0.42 + 1.12 * math.sin(angle)
            shapes.append(oval(x, y, 0.29, 0.28))
            if style == "curly_short":
                shapes.append(
                    oval(x * 0.8, y - 0.2 - 0.12 * math.sin(number * 1.7) ** 2, 0.36, 0.34)
                )
        mask = sketch.mask(*shapes)
    elif style in _FRONT:
        shapes = []
        mask = sketch.mask(smooth(_FRONT[style], 8))
    else:
        return
    shadow = ImageChops.offset(mask, 0, round(0.09 * sketch.scale))
    sketch.fill_mask(shadow, mix(person.skin, (70, 24, 30), 0.6), alpha=0.32, clip=face)
    sketch.fill_mask(mask, hair)
    sketch.fill(oval(0.95, -0.6, 0.42, 1.0), dark, alpha=0.5, blur=0.22, clip=mask)
    sketch.fill(oval(0, -0.9, 1.0, 0.2), dark, alpha=0.22, blur=0.16, clip=mask)
    sketch.fill(oval(-0.42, -1.45, 0.5, 0.2, -0.35), bright, alpha=0.5, blur=0.13, clip=mask)
    if shapes:
        _draw_curls(sketch, shapes, dark, bright, mask)
        return
    if style in {"fade", "cropped"}:
        sketch.fill(oval(-1.06, -0.5, 0.2, 0.5), person.skin, alpha=0.35, blur=0.12, clip=mask)
        sketch.fill(oval(1.06, -0.5, 0.2, 0.5), person.skin, alpha=0.25, blur=0.12, clip=mask)
        return
    for number in range(7):
        x = -0.78 + number * 0.26
        bow = 0.2 if style in {"side", "quiff", "wavy", "wavy_short"} else 0.0
        strand = [(x * 0.55 + bow, -1.78), (x * 0.92 + bow * 0.5, -1.42), (x * 1.28, -0.86)]
        ink = dark if number % 2 else bright
        sketch.line(strand, ink, 0.05, alpha=0.32, blur=0.02, clip=mask, taper=True)
    if style == "braids":
        for x in (-0.66, -0.33, 0.0, 0.33, 0.66):
            sketch.line([(x * 0.5, -1.8), (x * 1.1, -1.1)], dark, 0.04, alpha=0.8, clip=mask)


def _draw_hijab(sketch: Sketch, person: Person, face: Image.Image) -> None:
    scarf = person.scarf or (120, 110, 130)
    dark, bright = mix(scarf, _INK, 0.4), mix(scarf, _WHITE, 0.35)
    outer = sketch.mask(
        smooth(
            mirrored(
                [
                    (0, -1.84),
                    (0.8, -1.68),
                    (1.26, -1.05),
                    (1.32, -0.1),
                    (1.24, 0.8),
                    (1.05, 1.5),
                    (0.7, 1.95),
                    (0, 2.1),
                ]
            )
        )
    )
    opening = sketch.mask(
        smooth(
            mirrored(
                [
                    (0, -1.12),
                    (0.5, -1.06),
                    (0.82, -0.7),
                    (0.9, -0.05),
                    (0.84, 0.52),
                    (0.62, 1.02),
                    (0.3, 1.34),
                    (0, 1.4),
                ]
            )
        )
    )
    shadow = ImageChops.subtract(face, sketch.mask(
        smooth(mirrored([(0.0, -1.0), (0.44, -0.94), (0.74, -0.6), (0.82, 0.0), (0.76, 0.5), (0.58, 0.98), (0.3, 1.3), (0, 1.36)])), blur=0.05,
    ))  # fmt: skip
    sketch.fill_mask(shadow, mix(person.skin, (70, 24, 30), 0.6), alpha=0.4)
    mask = ImageChops.subtract(outer, opening)
    sketch.fill_mask(mask, scarf)
    sketch.fill(oval(1.2, 0.2, 0.4, 1.4), dark, alpha=0.45, blur=0.2, clip=mask)
    sketch.fill(oval(-0.6, -1.35, 0.5, 0.25, -0.5), bright, alpha=0.5, blur=0.15, clip=mask)
    for offset in (0.0, 0.14, 0.28):
        fold = [
            (-1.0 - offset * 0.5, 0.9 + offset),
            (-0.3, 1.62 + offset * 0.8),
            (0.6, 1.6 + offset * 0.6),
            (1.1 + offset * 0.3, 0.9 + offset),
        ]
        sketch.line(fold, dark, 0.05, alpha=0.5, blur=0.025, taper=True)
        lit = [(x, y - 0.06) for x, y in fold]
        sketch.line(lit, bright, 0.035, alpha=0.4, blur=0.02, taper=True)
    for side in (-1, 1):
        rim = [(side * 0.2, -1.3), (side * 0.86, -0.98), (side * 1.06, -0.1), (side * 0.98, 0.6)]
        sketch.line(rim, dark, 0.035, alpha=0.45, blur=0.02, clip=mask, taper=True)
