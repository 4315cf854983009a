"""The scenes that the sandbox offers as backgrounds, each drawn by a short function.

A scene is drawn in units of its own width: x from 0 to 1, y from 0 (top) to 1.25, and made to
cover whatever size is asked for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps

from sandbox.people import Color
from sandbox.sketch import Point, Sketch, mix, oval, smooth

_WHITE: Color = (255, 255, 255)
_INK: Color = (46, 40, 48)
_WIDE, _TALL = 1.0, 1.25
_FAR = 3.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One background: its drawing function fills a sketch."""

    key: str
    name: str
    draw: Callable[[Sketch], None]


def draw_scene(scene: Scene, size: tuple[int, int], soften: float = 0.0) -> Image.Image:
    """The scene covering `size` pixels; `soften` blurs it by that share of its width."""
    # Backgrounds hold no fine detail: large ones are drawn at a tenth of the work and enlarged.
    shrink = max(1.0, max(size) / 1200)
    small = (max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink)))
    unit = max(small[0] / _WIDE, small[1] / _TALL)
    origin = ((small[0] - unit * _WIDE) / 2, (small[1] - unit * _TALL) / 2)
    sketch = Sketch(small, origin, unit, detail=2)
    scene.draw(sketch)
    picture = sketch.finish().convert("RGB")
    if soften:
        picture = picture.filter(ImageFilter.GaussianBlur(soften * unit))
    return picture if small == size else picture.resize(size, Image.Resampling.BICUBIC)


def _gradient(sketch: Sketch, *stops: Color, top: float = -0.05, bottom: float = 1.3) -> None:
    """Fill from `top` to `bottom` with two or three colours that run into each other."""
    ramp = Image.linear_gradient("L")
    colored = ImageOps.colorize(
        ramp, stops[0], stops[-1], mid=stops[1] if len(stops) == 3 else None
    )
    y0 = round(sketch.y(top))
    height = max(1, round(sketch.y(bottom)) - y0)
    band = colored.resize((sketch.canvas.width, height), Image.Resampling.BICUBIC)
    sketch.canvas.paste(band, (0, y0))


def _box(x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _floor(sketch: Sketch, y: float, color: Color, near: Color) -> None:
    _gradient(sketch, color, near, top=y)
    sketch.fill(
        _box(-_FAR, y - 0.004, _FAR, y + 0.006), mix(color, _INK, 0.3), alpha=0.35, blur=0.006
    )


def _studio(wall: Color, floor: Color, glow: Color) -> Callable[[Sketch], None]:
    def draw(sketch: Sketch) -> None:
        _gradient(sketch, mix(wall, _INK, 0.12), wall, mix(floor, _WHITE, 0.06))
        sketch.fill(oval(0.5, 0.5, 0.48, 0.5), glow, alpha=0.7, blur=0.16)
        sketch.fill(_box(-_FAR, 0.95, _FAR, 1.02), mix(floor, _INK, 0.2), alpha=0.25, blur=0.05)
        sketch.fill(oval(0.5, 1.16, 0.6, 0.1), mix(floor, _WHITE, 0.5), alpha=0.5, blur=0.06)

    return draw


def _pastel_arch(sketch: Sketch) -> None:
    _gradient(sketch, (250, 222, 210), (246, 208, 204), (240, 196, 196))
    for grow, color in (
        (0.0, (236, 170, 150)),
        (-0.06, (246, 196, 166)),
        (-0.12, (252, 220, 190)),
        (-0.18, (255, 240, 224)),
    ):
        half, top = 0.37 + grow, 0.34 - grow
        arch = [*[p for p in oval(0.5, top + half, half, half) if p[1] <= top + half + 1e-9]]
        arch.sort(key=lambda p: p[0])
        sketch.fill([(0.5 - half, 1.05), *arch, (0.5 + half, 1.05)], color)
    _floor(sketch, 1.02, (226, 164, 152), (240, 196, 182))
    sketch.fill(oval(0.9, 0.2, 0.085, 0.085), (255, 244, 226))
    sketch.fill(oval(0.12, 0.99, 0.1, 0.06), (214, 140, 130))
    sketch.fill(oval(0.1, 0.97, 0.05, 0.025), _WHITE, alpha=0.25, blur=0.02)


def _window_light(sketch: Sketch) -> None:
    _gradient(sketch, (226, 214, 198), (236, 226, 210), (228, 214, 194))
    slant = 0.16
    for column in range(3):
        for row in range(3):
            x, y = 0.2 + column * 0.22, 0.16 + row * 0.23
            pane = [
                (x, y + slant * x),
                (x + 0.19, y + slant * (x + 0.19)),
                (x + 0.19, y + 0.2 + slant * (x + 0.19)),
                (x, y + 0.2 + slant * x),
            ]
            sketch.fill(pane, (255, 246, 224), alpha=0.75, blur=0.008)
    for leaf in range(9):
        angle = -0.6 + leaf * 0.33
        x, y = 0.05 + 0.26 * math.cos(angle), 0.32 + 0.3 * math.sin(angle)
        sketch.fill(oval(x, y, 0.17, 0.03, angle), (176, 160, 138), alpha=0.45, blur=0.014)
    _floor(sketch, 1.03, (186, 154, 122), (206, 178, 146))
    sketch.fill(
        [(0.2, 1.06), (0.86, 1.06), (1.06, 1.25), (0.3, 1.25)],
        (255, 236, 204),
        alpha=0.4,
        blur=0.02,
    )


def _concrete(sketch: Sketch) -> None:
    _gradient(sketch, (188, 190, 192), (202, 203, 203), (184, 185, 186))
    chance = random.Random(7)  # noqa: S311
    for _ in range(60):
        x, y = chance.uniform(-0.4, 1.4), chance.uniform(0, 1)
        shape = oval(
            x, y, chance.uniform(0.04, 0.2), chance.uniform(0.02, 0.1), chance.uniform(0, 3)
        )
        tone = (164, 166, 168) if chance.random() < 0.5 else (222, 222, 221)
        sketch.fill(shape, tone, alpha=0.16, blur=0.035)
    for x in (-0.36, 0.12, 0.6, 1.08):
        sketch.line([(x, -0.3), (x, 1.0)], (150, 152, 154), 0.005, alpha=0.8)
        for y in (0.14, 0.38, 0.62, 0.86):
            sketch.fill(oval(x + 0.07, y, 0.011, 0.011), (140, 142, 144))
            sketch.fill(oval(x + 0.41, y, 0.011, 0.011), (140, 142, 144))
    sketch.line([(-_FAR, 0.5), (_FAR, 0.5)], (150, 152, 154), 0.005, alpha=0.8)
    _floor(sketch, 1.0, (150, 151, 153), (176, 177, 178))


def _loft(sketch: Sketch) -> None:
    _gradient(sketch, (178, 106, 84), (196, 124, 98))
    for row in range(24):
        for column in range(-7, 16):
            x, y = column * 0.115 + (row % 2) * 0.057, row * 0.044
            tone = 0.06 + 0.12 * math.sin(row * 7.1 + column * 3.7) ** 2
            sketch.fill(
                _box(x, y, x + 0.108, y + 0.037), mix((190, 114, 88), (120, 66, 56), tone * 2)
            )
    sketch.fill(_box(-_FAR, -0.2, _FAR, 1.02), (255, 226, 190), alpha=0.1)
    frame: Color = (52, 52, 58)
    sketch.fill(_box(0.55, 0.1, 0.97, 0.8), frame)
    for column in range(3):
        for row in range(4):
            x, y = 0.57 + column * 0.132, 0.12 + row * 0.17
            sketch.fill(
                _box(x, y, x + 0.12, y + 0.155), mix((206, 226, 236), (255, 244, 220), row / 4)
            )
    sketch.line([(0.22, -0.2), (0.22, 0.22)], frame, 0.007)
    sketch.fill(
        smooth([(0.22, 0.2), (0.29, 0.25), (0.33, 0.33), (0.11, 0.33), (0.15, 0.25)]), frame
    )
    sketch.fill(oval(0.22, 0.36, 0.16, 0.13), (255, 226, 160), alpha=0.5, blur=0.05)
    _floor(sketch, 1.0, (130, 92, 70), (168, 124, 92))
    for y in (1.05, 1.11, 1.18):
        sketch.line([(-_FAR, y), (_FAR, y)], (104, 70, 54), 0.004, alpha=0.6)


def _street_dusk(sketch: Sketch) -> None:
    _gradient(sketch, (62, 66, 112), (176, 112, 140), (250, 180, 132))
    chance = random.Random(3)  # noqa: S311
    for x, width, top, color in (
        (-0.5, 0.42, 0.1, (58, 54, 88)),
        (-0.06, 0.26, 0.34, (72, 62, 98)),
        (0.2, 0.14, 0.52, (104, 80, 112)),
        (0.66, 0.16, 0.5, (100, 76, 108)),
        (0.8, 0.3, 0.26, (70, 60, 96)),
        (1.1, 0.5, 0.06, (56, 52, 86)),
    ):
        sketch.fill(_box(x, top, x + width, 1.05), color)
        for column in range(int(width / 0.06)):
            for row in range(int((0.98 - top) / 0.085)):
                if chance.random() < 0.5:
                    wx, wy = x + 0.02 + column * 0.06, top + 0.04 + row * 0.085
                    sketch.fill(
                        _box(wx, wy, wx + 0.026, wy + 0.042),
                        (255, 208, 132),
                        alpha=chance.uniform(0.4, 0.95),
                    )
    _gradient(sketch, (92, 72, 98), (58, 52, 78), top=1.0)
    sketch.fill(
        [(0.42, 1.0), (0.58, 1.0), (1.1, 1.3), (-0.1, 1.3)], (255, 190, 140), alpha=0.22, blur=0.03
    )
    for _ in range(26):
        x, y, r = chance.uniform(-0.3, 1.3), chance.uniform(0.55, 1.0), chance.uniform(0.014, 0.042)
        glow = chance.choice([(255, 214, 140), (255, 170, 120), (255, 236, 190), (250, 140, 150)])
        sketch.fill(oval(x, y, r, r), glow, alpha=0.5, blur=0.003)


def _beach(sketch: Sketch) -> None:
    _gradient(sketch, (132, 196, 226), (190, 224, 236), (238, 240, 232), bottom=0.72)
    sketch.fill(oval(0.78, 0.22, 0.09, 0.09), (255, 250, 226))
    sketch.fill(oval(0.78, 0.22, 0.2, 0.2), (255, 248, 216), alpha=0.5, blur=0.07)
    for x, y, w in (
        (0.22, 0.2, 0.16),
        (0.34, 0.24, 0.12),
        (0.1, 0.25, 0.1),
        (-0.3, 0.34, 0.2),
        (1.2, 0.4, 0.18),
    ):
        sketch.fill(oval(x, y, w, 0.028), _WHITE, alpha=0.75, blur=0.014)
    _gradient(sketch, (58, 146, 176), (112, 196, 202), top=0.66, bottom=0.94)
    for number in range(14):
        x, y = (number * 0.37) % 1.5 - 0.25, 0.69 + (number % 5) * 0.045
        sketch.line(
            [(x, y), (x + 0.09, y - 0.004), (x + 0.2, y)], _WHITE, 0.006, alpha=0.55, taper=True
        )
    sand = smooth(
        [
            (-3, 0.94),
            (-0.2, 0.92),
            (0.3, 0.95),
            (0.8, 0.9),
            (1.3, 0.94),
            (4, 0.92),
            (4, 1.6),
            (-3, 1.6),
        ]
    )
    foam = [(x, y - 0.016) for x, y in sand]
    sketch.fill(foam, (244, 250, 248), alpha=0.9, blur=0.004)
    sketch.fill(sand, (238, 212, 170))
    sketch.fill(oval(0.3, 1.24, 0.9, 0.14), (250, 230, 194), alpha=0.8, blur=0.06)


def _park(sketch: Sketch) -> None:
    _gradient(sketch, (196, 224, 232), (226, 238, 222), bottom=0.9)
    chance = random.Random(11)  # noqa: S311
    for y, tone, size in (
        (0.62, (164, 198, 156), 0.13),
        (0.7, (126, 176, 120), 0.15),
        (0.8, (94, 150, 96), 0.13),
    ):
        for step in range(-6, 19):
            x = step * 0.09 + chance.uniform(-0.03, 0.03)
            r = size * chance.uniform(0.7, 1.2)
            sketch.fill(
                oval(x, y - chance.uniform(0, 0.1), r, r),
                mix(tone, _WHITE, chance.uniform(0, 0.12)),
                blur=0.006,
            )
    _gradient(sketch, (120, 176, 100), (166, 204, 122), top=0.84)
    sketch.fill([(0.46, 0.84), (0.56, 0.84), (0.95, 1.3), (0.15, 1.3)], (232, 216, 184), blur=0.01)
    for x in (0.04, 0.94):
        sketch.fill(_box(x, 0.4, x + 0.035, 0.94), (112, 82, 64))
        for _ in range(24):
            cx, cy = x + chance.uniform(-0.2, 0.22), 0.22 + chance.uniform(-0.2, 0.22)
            leaf = mix((78, 140, 78), (182, 212, 122), chance.random())
            sketch.fill(oval(cx, cy, 0.075, 0.07), leaf, alpha=0.9, blur=0.004)
    for _ in range(18):
        x, y, r = chance.uniform(-0.2, 1.2), chance.uniform(0.1, 0.8), chance.uniform(0.015, 0.04)
        sketch.fill(oval(x, y, r, r), (255, 252, 214), alpha=0.28, blur=0.006)


def _mountain_lake(sketch: Sketch) -> None:
    _gradient(sketch, (150, 190, 220), (214, 228, 232), bottom=0.72)
    for y, color, wave in (
        (0.5, (170, 190, 208), 0.4),
        (0.58, (132, 160, 182), 1.9),
        (0.66, (92, 126, 142), 3.0),
    ):
        peaks: list[Point] = [(-3, 1.3)]
        for step in range(-10, 22):
            x = step * 0.12
            peaks.append(
                (
                    x,
                    y
                    - 0.2
                    * abs(math.sin(step * 1.31 + wave))
                    * (0.5 + 0.5 * math.sin(step * 0.7 + wave)),
                )
            )
        sketch.fill([*peaks, (4, 1.3)], color)
    _gradient(sketch, (116, 156, 174), (164, 196, 204), top=0.74)
    for number in range(16):
        x, y = (number * 0.43) % 1.7 - 0.35, 0.79 + (number % 7) * 0.06
        sketch.line([(x, y), (x + 0.12, y), (x + 0.26, y)], _WHITE, 0.005, alpha=0.4, taper=True)
    sketch.fill(_box(-_FAR, 0.715, _FAR, 0.765), (228, 236, 236), alpha=0.6, blur=0.02)


def _palm_shadow(sketch: Sketch) -> None:
    _gradient(sketch, (232, 222, 206), (242, 234, 220), (230, 218, 200))
    for base_x, base_y, spread in ((1.02, 0.5, 2.6), (-0.02, 0.2, -0.4)):
        for frond in range(8):
            angle = spread + frond * 0.3
            for leaf in range(9):
                reach = 0.08 + leaf * 0.065
                x, y = base_x + reach * math.cos(angle), base_y + reach * math.sin(angle)
                for side in (-0.65, 0.65):
                    shape = oval(
                        x + 0.03 * math.cos(angle + side),
                        y + 0.03 * math.sin(angle + side),
                        0.055,
                        0.008,
                        angle + side,
                    )
                    sketch.fill(shape, (168, 152, 130), alpha=0.34, blur=0.009)
    sketch.fill(_box(-_FAR, 1.04, _FAR, 1.4), (214, 198, 176))
    sketch.fill(_box(-_FAR, 1.03, _FAR, 1.045), _WHITE, alpha=0.5, blur=0.004)


def _gallery(sketch: Sketch) -> None:
    _gradient(sketch, (238, 238, 238), (250, 250, 249), (242, 242, 241))
    art = (
        ((0.06, 0.26, 0.34, 0.62), (222, 108, 88), (248, 206, 120)),
        ((0.42, 0.22, 0.6, 0.62), (66, 104, 138), (206, 226, 226)),
        ((0.68, 0.28, 0.95, 0.6), (232, 186, 176), (104, 132, 108)),
    )
    for (x0, y0, x1, y1), first, second in art:
        sketch.fill(
            _box(x0 + 0.008, y0 + 0.012, x1 + 0.012, y1 + 0.02), _INK, alpha=0.3, blur=0.014
        )
        sketch.fill(_box(x0, y0, x1, y1), (250, 248, 244))
        inner = _box(x0 + 0.02, y0 + 0.02, x1 - 0.02, y1 - 0.02)
        clip = sketch.mask(inner)
        sketch.fill(inner, second)
        sketch.fill(
            oval((x0 + x1) / 2, y1 - 0.04, (x1 - x0) * 0.5, (y1 - y0) * 0.42), first, clip=clip
        )
        sketch.fill(
            oval((x0 + x1) / 2 + 0.02, y0 + 0.1, 0.045, 0.045), _WHITE, alpha=0.8, clip=clip
        )
        sketch.fill(oval((x0 + x1) / 2, -0.02, 0.16, 0.3), (255, 250, 232), alpha=0.4, blur=0.06)
    _floor(sketch, 1.0, (196, 180, 162), (222, 208, 190))
    sketch.fill(_box(-_FAR, 0.97, _FAR, 1.0), (232, 231, 229))


def _rooftop(sketch: Sketch) -> None:
    _gradient(sketch, (118, 168, 214), (206, 222, 232), (252, 226, 198), bottom=0.95)
    chance = random.Random(5)  # noqa: S311
    for base, tone in ((0.62, (176, 190, 206)), (0.74, (140, 158, 182))):
        x = -0.6
        while x < 1.7:
            width, top = chance.uniform(0.05, 0.13), base - chance.uniform(0.0, 0.24)
            sketch.fill(_box(x, top, x + width, 1.0), mix(tone, _WHITE, chance.uniform(0, 0.18)))
            for row in range(int((0.92 - top) / 0.045)):
                sketch.fill(
                    _box(
                        x + 0.012,
                        top + 0.02 + row * 0.045,
                        x + width - 0.012,
                        top + 0.034 + row * 0.045,
                    ),
                    _WHITE,
                    alpha=0.2,
                )
            x += width + chance.uniform(0.0, 0.02)
    _gradient(sketch, (206, 196, 186), (226, 216, 204), top=1.0)
    rail: Color = (84, 88, 96)
    sketch.fill(_box(-_FAR, 0.86, _FAR, 0.874), rail)
    for step in range(-14, 36):
        sketch.fill(_box(step * 0.05, 0.87, step * 0.05 + 0.006, 1.01), rail, alpha=0.8)


SCENES: tuple[Scene, ...] = (
    Scene(
        "studio_grey",
        "Studio, light grey",
        _studio((206, 208, 211), (190, 192, 196), (238, 239, 241)),
    ),
    Scene(
        "studio_warm",
        "Studio, warm beige",
        _studio((226, 208, 188), (206, 182, 158), (250, 238, 224)),
    ),
    Scene(
        "studio_sage", "Studio, sage", _studio((176, 190, 168), (152, 168, 146), (214, 224, 206))
    ),
    Scene("pastel_arch", "Pastel arch", _pastel_arch),
    Scene("window_light", "Window light", _window_light),
    Scene("palm_shadow", "Palm shadow", _palm_shadow),
    Scene("concrete", "Concrete wall", _concrete),
    Scene("loft", "Brick loft", _loft),
    Scene("gallery", "Gallery", _gallery),
    Scene("street_dusk", "Street at dusk", _street_dusk),
    Scene("rooftop", "Rooftop", _rooftop),
    Scene("park", "Park", _park),
    Scene("beach", "Beach", _beach),
    Scene("mountain_lake", "Mountain lake", _mountain_lake),
)
"""All scenes, in the order in which they are offered."""

SCENES_BY_KEY = {scene.key: scene for scene in SCENES}
