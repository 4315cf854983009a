"""Draws a person's head in face units: half the face's width is 1, the eyes lie near y = 0."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops

from sandbox.hair import draw_back_hair, draw_front_hair
from sandbox.people import Color, Person
from sandbox.sketch import Point, Sketch, mirrored, mix, oval, smooth

_WHITE: Color = (255, 255, 255)
_INK: Color = (44, 28, 32)

_OUTLINES: dict[str, list[Point]] = {
    "oval": [
        (0, -1.38),
        (0.55, -1.28),
        (0.92, -0.8),
        (0.99, -0.1),
        (0.92, 0.48),
        (0.68, 1.02),
        (0.32, 1.38),
        (0, 1.46),
    ],
    "round": [
        (0, -1.34),
        (0.58, -1.24),
        (0.95, -0.78),
        (1.03, -0.08),
        (0.98, 0.48),
        (0.76, 0.98),
        (0.36, 1.28),
        (0, 1.35),
    ],
    "square": [
        (0, -1.38),
        (0.58, -1.28),
        (0.93, -0.8),
        (0.98, -0.1),
        (0.95, 0.5),
        (0.79, 1.02),
        (0.42, 1.38),
        (0, 1.44),
    ],
}


@dataclass(frozen=True, slots=True)
class Mood:
    """What differs between two pictures of one person.

    `turn` moves the features sideways (about -0.12 to 0.12), `smile` runs from 0 (calm) to 1,
    `open_mouth` shows teeth, `gaze` moves the irises, `hair_light` lightens or darkens the hair.
    """

    turn: float = 0.0
    smile: float = 0.6
    open_mouth: bool = False
    gaze: float = 0.0
    hair_light: float = 0.0


def face_outline(person: Person) -> list[Point]:
    """The closed curve of the face."""
    return smooth(mirrored(_OUTLINES[person.face]))


def draw_back(sketch: Sketch, person: Person, mood: Mood | None = None) -> None:
    """What lies behind the neck: long hair, a scarf's drape."""
    draw_back_hair(sketch, person, mood.hair_light if mood else 0.0)


def draw_head(sketch: Sketch, person: Person, mood: Mood) -> None:
    """Ears, face, features and the hair or scarf in front."""
    skin = person.skin
    shade = mix(skin, (104, 40, 34), 0.34)
    light = mix(skin, (255, 240, 222), 0.42)
    if person.scarf is None:
        _draw_ears(sketch, person, shade, mood.turn)
    face = sketch.mask(face_outline(person))
    sketch.fill_mask(face, skin)
    lit = -1.0 if mood.turn <= 0 else 1.0
    # Light from one side, shade on the other, warmth in the cheeks.
    sketch.fill(oval(-lit * 1.12, 0.3, 0.46, 1.5), shade, alpha=0.55, blur=0.22, clip=face)
    sketch.fill(oval(0, 1.52, 0.8, 0.26), shade, alpha=0.45, blur=0.14, clip=face)
    sketch.fill(oval(lit * 0.34, -0.72, 0.5, 0.36), light, alpha=0.55, blur=0.24, clip=face)
    sketch.fill(oval(lit * 0.55, 0.34, 0.24, 0.22), light, alpha=0.4, blur=0.14, clip=face)
    blush = mix(skin, (214, 72, 72), 0.4)
    for side in (-1, 1):
        center = side * 0.58 + mood.turn
        sketch.fill(oval(center, 0.46, 0.25, 0.18), blush, alpha=0.42, blur=0.13, clip=face)
    _draw_brow_shade(sketch, shade, mood, face)
    if person.beard:
        _draw_beard(sketch, person, mood, face)
    _draw_nose(sketch, shade, light, mood)
    _draw_mouth(sketch, person, mood)
    for side in (-1, 1):
        _draw_eye(sketch, person, mood, side)
    if person.freckles:
        for x, y in (
            (-0.5, 0.3),
            (-0.36, 0.4),
            (-0.62, 0.42),
            (-0.24, 0.28),
            (0.48, 0.31),
            (0.34, 0.4),
            (0.62, 0.4),
            (0.24, 0.27),
            (0.0, 0.2),
            (-0.42, 0.22),
            (0.54, 0.21),
        ):
            sketch.fill(oval(x + mood.turn, y, 0.024, 0.022), shade, alpha=0.75)
    if person.age:
        _draw_age(sketch, shade, person.age, mood, face)
    draw_front_hair(sketch, person, mood.hair_light, face)
    if person.glasses:
        _draw_glasses(sketch, person, mood)
    if person.earrings and person.scarf is None:
        _draw_earrings(sketch, person, mood.turn)


def _draw_ears(sketch: Sketch, person: Person, shade: Color, turn: float) -> None:
    for side in (-1, 1):
        x = side * 1.0 - turn * 0.5
        sketch.fill(oval(x, 0.14, 0.17, 0.3, -side * 0.12), mix(person.skin, shade, 0.3))
        sketch.fill(
            oval(x + side * 0.02, 0.14, 0.08, 0.18, -side * 0.12), shade, alpha=0.6, blur=0.03
        )


def _draw_brow_shade(sketch: Sketch, shade: Color, mood: Mood, face: Image.Image) -> None:
    for side in (-1, 1):
        x = side * 0.44 + mood.turn
        sketch.fill(oval(x, -0.16, 0.28, 0.13), shade, alpha=0.32, blur=0.08, clip=face)


def _draw_eye(sketch: Sketch, person: Person, mood: Mood, side: int) -> None:
    # The eye on the far side of a turned head looks a little narrower.
    half = 0.225 * (1 - 0.5 * max(0.0, side * mood.turn))
    x, y = side * 0.44 + mood.turn, -0.02
    squint = 0.02 * mood.smile
    eye = smooth(
        [(x - half, y + 0.02), (x - half * 0.45, y - 0.1), (x + half * 0.3, y - 0.115), (x + half, y - 0.005),
         (x + half * 0.45, y + 0.085 - squint), (x - half * 0.4, y + 0.085 - squint)], 8,
    )  # fmt: skip
    if side < 0:
        eye = [(2 * x - px, py) for px, py in eye]
    white = sketch.mask(eye)
    sketch.fill_mask(white, (250, 247, 243))
    iris_x = x + mood.gaze + mood.turn * 0.25
    sketch.fill(oval(iris_x, y - 0.015, 0.112, 0.118), mix(person.eyes, _INK, 0.45), clip=white)
    sketch.fill(oval(iris_x, y + 0.0, 0.09, 0.092), person.eyes, clip=white)
    sketch.fill(oval(iris_x, y - 0.01, 0.05, 0.052), (22, 16, 18), clip=white)
    sketch.fill(oval(iris_x - 0.04, y - 0.055, 0.028, 0.028), _WHITE, clip=white)
    sketch.fill(oval(x, y - 0.13, half, 0.06), _INK, alpha=0.35, blur=0.03, clip=white)
    lash = [
        (x - side * half * 1.0, y + 0.015),
        (x - side * half * 0.4, y - 0.105),
        (x + side * half * 0.3, y - 0.12),
        (x + side * half * 1.12, y - 0.03),
    ]
    sketch.line(lash, _INK, 0.058, taper=True)
    crease = [(px, py - 0.075) for px, py in lash]
    sketch.line(crease, mix(person.skin, (80, 30, 30), 0.55), 0.026, alpha=0.6, taper=True)
    lower = [
        (x - half * 0.7, y + 0.085 - squint),
        (x, y + 0.105 - squint),
        (x + half * 0.7, y + 0.08 - squint),
    ]
    sketch.line(lower, mix(person.skin, (80, 30, 30), 0.5), 0.022, alpha=0.5, taper=True)
    _draw_brow(sketch, person, mood, side, x)


def _draw_brow(sketch: Sketch, person: Person, mood: Mood, side: int, x: float) -> None:
    strong = person.lips < 0.45
    color = (
        mix(person.hair, _INK, 0.45)
        if sum(person.hair) < 520
        else mix(person.hair, (96, 84, 78), 0.55)
    )
    lift = 0.03 * mood.smile
    y = -0.34 - lift
    inner, outer = x - side * 0.25, x + side * 0.29
    brow = [
        (inner, y - 0.005),
        (x - side * 0.02, y - 0.06),
        (x + side * 0.14, y - 0.055),
        (outer, y + 0.04),
    ]
    sketch.line(brow, color, 0.105 if strong else 0.078, alpha=0.92, blur=0.008, taper=True)
    sketch.line(brow[:2], color, 0.075 if strong else 0.055, alpha=0.5, blur=0.015)


def _draw_nose(sketch: Sketch, shade: Color, light: Color, mood: Mood) -> None:
    x = mood.turn * 1.5
    side = 1 if mood.turn <= 0 else -1
    bridge = [(mood.turn + side * 0.1, -0.12), (x + side * 0.1, 0.18), (x + side * 0.17, 0.38)]
    sketch.line(bridge, shade, 0.1, alpha=0.34, blur=0.045, taper=True)
    sketch.fill(oval(x - side * 0.02, 0.12, 0.045, 0.26), light, alpha=0.5, blur=0.035)
    sketch.fill(oval(x, 0.36, 0.1, 0.075), light, alpha=0.55, blur=0.04)
    sketch.fill(oval(x, 0.47, 0.19, 0.05), shade, alpha=0.5, blur=0.04)
    dark = mix(shade, _INK, 0.35)
    wing = [(x - 0.2, 0.37), (x - 0.21, 0.44), (x - 0.14, 0.475)]
    sketch.line(wing, dark, 0.03, alpha=0.55, taper=True)
    sketch.line([(2 * x - px, py) for px, py in wing], dark, 0.03, alpha=0.55, taper=True)
    for nostril in (-1, 1):
        sketch.fill(oval(x + nostril * 0.085, 0.468, 0.045, 0.02), dark, alpha=0.75, blur=0.008)


def _draw_mouth(sketch: Sketch, person: Person, mood: Mood) -> None:
    x, y = mood.turn * 1.25, 0.84
    wide = 0.34 + 0.09 * mood.smile
    lift = 0.13 * mood.smile
    full = 0.6 + 0.5 * person.lips
    lip = mix(person.skin, (176, 42, 62), 0.30 + 0.34 * person.lips)
    upper, lower = mix(lip, (84, 20, 34), 0.22), mix(lip, _WHITE, 0.1)
    left, right = (x - wide, y - lift), (x + wide, y - lift)
    gap = 0.12 if mood.open_mouth else 0.0
    if mood.open_mouth:
        inside = smooth([left, (x - wide * 0.5, y - 0.01), (x, y + 0.012), (x + wide * 0.5, y - 0.01), right,
                         (x + wide * 0.55, y + gap * 0.9), (x, y + gap * 1.28), (x - wide * 0.55, y + gap * 0.9)], 8)  # fmt: skip
        hollow = sketch.mask(inside)
        sketch.fill_mask(hollow, (112, 34, 42))
        teeth = [
            (x - wide, y - 0.2),
            (x + wide, y - 0.2),
            (x + wide * 0.7, y + 0.045),
            (x, y + 0.085),
            (x - wide * 0.7, y + 0.045),
        ]
        sketch.fill(smooth(teeth, 6), (252, 249, 245), clip=hollow)
    top = [left, (x - wide * 0.45, y - 0.055 * full - lift * 0.3), (x - 0.07, y - 0.095 * full), (x, y - 0.07 * full),
           (x + 0.07, y - 0.095 * full), (x + wide * 0.45, y - 0.055 * full - lift * 0.3), right,
           (x + wide * 0.5, y + 0.0), (x, y + 0.018), (x - wide * 0.5, y + 0.0)]  # fmt: skip
    bottom = [left, (x - wide * 0.5, y + gap * 0.85), (x, y + gap * 1.15 + 0.01), (x + wide * 0.5, y + gap * 0.85), right,
              (x + wide * 0.55, y + gap + 0.085 * full), (x, y + gap * 1.2 + 0.145 * full), (x - wide * 0.55, y + gap + 0.085 * full)]  # fmt: skip
    sketch.fill(
        oval(x, y + gap + 0.22, 0.24, 0.05),
        mix(person.skin, (90, 34, 34), 0.5),
        alpha=0.42,
        blur=0.05,
    )
    sketch.fill(smooth(bottom, 8), lower)
    sketch.fill(smooth(top, 8), upper)
    sketch.fill(oval(x - 0.04, y + gap + 0.075 * full, 0.12, 0.022), _WHITE, alpha=0.34, blur=0.02)
    if not mood.open_mouth:
        line = [left, (x - wide * 0.5, y + 0.0), (x, y + 0.018), (x + wide * 0.5, y + 0.0), right]
        sketch.line(line, mix(upper, _INK, 0.5), 0.024, taper=True)
    crease = mix(person.skin, (90, 34, 34), 0.5)
    for side in (-1, 1):
        corner = [
            (x + side * (wide + 0.015), y - lift - 0.05),
            (x + side * (wide + 0.045), y - lift),
            (x + side * (wide + 0.02), y - lift + 0.04),
        ]
        sketch.line(corner, crease, 0.03, alpha=0.3 + 0.25 * mood.smile, blur=0.01, taper=True)


def _draw_beard(sketch: Sketch, person: Person, mood: Mood, face: Image.Image) -> None:
    color = (
        mix(person.hair, _INK, 0.12)
        if sum(person.hair) < 560
        else mix(person.hair, (150, 146, 142), 0.3)
    )
    x = mood.turn * 1.2
    full = [(0.99, -0.1), (0.96, 0.5), (0.8, 1.04), (0.4, 1.46), (0.0, 1.58), (-0.4, 1.46), (-0.8, 1.04), (-0.96, 0.5),
            (-0.99, -0.1), (-0.88, 0.2), (-0.74, 0.52), (-0.5, 0.66), (-0.24 + x, 0.57), (0 + x, 0.62), (0.24 + x, 0.57), (0.5, 0.66), (0.74, 0.52), (0.88, 0.2)]  # fmt: skip
    goatee = [(0.44 + x, 0.68), (0.5 + x, 0.95), (0.34 + x, 1.4), (0 + x, 1.52), (-0.34 + x, 1.4), (-0.5 + x, 0.95),
              (-0.44 + x, 0.68), (-0.22 + x, 0.58), (0 + x, 0.63), (0.22 + x, 0.58)]  # fmt: skip
    shape = sketch.mask(smooth(goatee if person.beard == "goatee" else full, 8), blur=0.022)
    lips = sketch.mask(oval(x, 0.86, 0.37, 0.12), blur=0.03)
    area = ImageChops.multiply(ImageChops.subtract(shape, lips), face)
    if person.beard == "stubble":
        sketch.fill_mask(area, mix(person.skin, color, 0.75), alpha=0.34)
        return
    sketch.fill_mask(area, color, alpha=0.94)
    sketch.fill(oval(0.5, 1.2, 0.5, 0.4), _INK, alpha=0.22, blur=0.14, clip=area)
    sketch.fill(oval(-0.5, 0.85, 0.18, 0.3), _WHITE, alpha=0.13, blur=0.1, clip=area)


def _draw_age(sketch: Sketch, shade: Color, age: float, mood: Mood, face: Image.Image) -> None:
    for side in (-1, 1):
        x = mood.turn
        fold = [(x + side * 0.27, 0.46), (x + side * 0.42, 0.62), (x + side * 0.5, 0.8)]
        sketch.line(fold, shade, 0.035, alpha=0.55 * age, blur=0.012, clip=face, taper=True)
        for dy in (-0.05, 0.02, 0.09):
            foot = [(x + side * 0.7, 0.02 + dy * 0.6), (x + side * 0.82, dy)]
            sketch.line(foot, shade, 0.022, alpha=0.5 * age, clip=face, taper=True)
        bag = [(x + side * 0.26, 0.13), (x + side * 0.44, 0.19), (x + side * 0.62, 0.13)]
        sketch.line(bag, shade, 0.03, alpha=0.4 * age, blur=0.012, taper=True)
    sketch.line(
        [(-0.35, -0.72), (0, -0.75), (0.35, -0.72)],
        shade,
        0.025,
        alpha=0.35 * age,
        clip=face,
        taper=True,
    )


def _draw_glasses(sketch: Sketch, person: Person, mood: Mood) -> None:
    frame: Color = (58, 44, 42) if person.glasses != "cat" else (122, 46, 62)
    x = mood.turn * 1.2
    for side in (-1, 1):
        cx = x + side * 0.45
        if person.glasses == "round":
            lens = oval(cx, 0.02, 0.345, 0.325)
        elif person.glasses == "square":
            lens = smooth(
                [
                    (cx - 0.34, -0.2),
                    (cx, -0.24),
                    (cx + 0.34, -0.2),
                    (cx + 0.36, 0.06),
                    (cx + 0.28, 0.26),
                    (cx, 0.29),
                    (cx - 0.28, 0.26),
                    (cx - 0.36, 0.06),
                ],
                6,
            )
        else:
            lens = smooth(
                [
                    (cx - side * 0.33, -0.15),
                    (cx, -0.22),
                    (cx + side * 0.42, -0.29),
                    (cx + side * 0.36, 0.08),
                    (cx + side * 0.12, 0.27),
                    (cx - side * 0.24, 0.2),
                ],
                6,
            )
        sketch.fill(lens, _WHITE, alpha=0.13)
        outer = sketch.mask([(cx + (px - cx) * 1.1, 0.02 + (py - 0.02) * 1.1) for px, py in lens])
        rim = ImageChops.subtract(outer, sketch.mask(lens))
        sketch.fill_mask(rim, frame)
        glare = [(cx - 0.2, -0.02), (cx - 0.08, -0.16)]
        sketch.line(glare, _WHITE, 0.035, alpha=0.5, taper=True)
        sketch.line(
            [(cx + side * 0.37, -0.06), (side * 1.0 - mood.turn * 0.4, -0.02)], frame, 0.045
        )
    sketch.line([(x - 0.13, -0.03), (x, -0.075), (x + 0.13, -0.03)], frame, 0.045)


def _draw_earrings(sketch: Sketch, person: Person, turn: float) -> None:
    gold: Color = (226, 178, 84)
    for side in (-1, 1):
        x = side * 1.04 - turn * 0.5
        if person.earrings == "stud":
            sketch.fill(oval(x, 0.4, 0.05, 0.05), gold)
            sketch.fill(oval(x - 0.015, 0.385, 0.018, 0.018), _WHITE, alpha=0.8)
        elif person.earrings == "drop":
            sketch.line([(x, 0.4), (x, 0.62)], gold, 0.025)
            sketch.fill(oval(x, 0.7, 0.06, 0.1), gold)
            sketch.fill(oval(x - 0.02, 0.67, 0.018, 0.035), _WHITE, alpha=0.7)
        else:
            ring = ImageChops.subtract(
                sketch.mask(oval(x, 0.64, 0.2, 0.23)), sketch.mask(oval(x, 0.635, 0.16, 0.19))
            )
            sketch.fill_mask(ring, gold)
