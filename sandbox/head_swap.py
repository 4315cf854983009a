"""Puts a preset's drawn head where a photo shows a face: same place, size, tilt and light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.bare_skin import recolour
from sandbox.face_finder import Face
from sandbox.heads import Mood, draw_back, draw_head
from sandbox.people import Color, Person
from sandbox.regions import parts
from sandbox.sketch import Point, Sketch, mix

_LEAN = 0.7
"""Share of a found tilt by which a head is turned: finding a tilt is less sure than a place."""

_DETAIL_UNIT = 230
"""Half a drawn face's width, in pixels, above which a head is drawn smaller and enlarged."""

_REACH_X, _UP, _DOWN = 2.5, 2.5, 3.1
"""What of a drawing is kept, in half widths of the face around the point between the eyes."""

_WIDEN, _UPPER, _LOWER = 1.03, 0.9, 1.1
"""Drawn heads have high skulls and short chins: both parts are brought to common proportions."""

_HEAD_CELL = 14.0
"""Half a face's width in pixels on the copy where hats and hair are looked for."""

_HAIR_SPOTS: tuple[tuple[Point, ...], ...] = (
    ((0, -1.3), (-0.45, -1.25), (0.45, -1.25)),
    ((0, -1.75), (-0.6, -1.6), (0.6, -1.6)),
    ((-1.3, -0.6), (-1.3, -0.2), (-1.25, 0.3)),
    ((1.3, -0.6), (1.3, -0.2), (1.25, 0.3)),
)
"""Where hair is likely to show: over the forehead, on top, and to both sides."""

_HAIRLIKE = [max(0, min(255, round(255 * (130 - v) / 60))) for v in range(256)]

_OTHER_STYLES = {
    "long": "ponytail", "wavy": "long", "bob": "fringe", "fringe": "bob", "ponytail": "long",
    "bun": "ponytail", "side": "quiff", "quiff": "side", "wavy_short": "side", "cropped": "fade",
    "fade": "cropped", "curly_short": "cropped",
}  # fmt: skip


def with_other_hair(person: Person) -> Person:
    """The same person with the hair done another way, as far as there is another way."""
    return replace(person, style=_OTHER_STYLES.get(person.style, person.style))


def place_head(
    picture: Image.Image, photo: Image.Image, face: Face, skin: Image.Image,
    person: Person, mood: Mood,
) -> Image.Image:  # fmt: skip
    """`picture` with the drawn head over the face; hair that still shows takes the new colour.

    `photo` is the untouched original, from which light and hat are read. A hat stays on.
    """
    face = replace(face, tilt=_LEAN * face.tilt)
    view = _HeadView(photo, face, skin)
    hat = view.hat()
    result = picture.copy()
    if hat is None and (hair := view.hair()) is not None:
        tone = person.scarf or person.hair
        lighter = mix(tone, (255, 255, 255), max(0.0, mood.hair_light))
        area = view.area
        patch = result.crop(area)
        tinted = recolour(patch, hair, lighter, min(0.0, mood.hair_light))
        result.paste(tinted, area[:2], hair)
    if hat is not None:
        # What was taken for skin under the brim is the hat's own after all.
        result.paste(photo.crop(view.area), view.area[:2], hat)
    back, front, at = _drawn(face, person, mood)
    back, front = (view.lit(layer) for layer in (back, front))
    behind, before = back.getchannel("A"), front.getchannel("A")
    if hat is not None:
        cover = Image.new("L", front.size, 0)
        cover.paste(hat, (view.area[0] - at[0], view.area[1] - at[1]))
        bare = ImageChops.invert(cover)
        behind, before = ImageChops.multiply(behind, bare), ImageChops.multiply(before, bare)
        # Nothing of the new hair stands above a hat.
        below = _under_brim(front.size, face, at)
        behind, before = ImageChops.multiply(behind, below), ImageChops.multiply(before, below)
    unit = face.half_width
    shadow = before.filter(ImageFilter.GaussianBlur(0.13 * unit)).point(_QUARTER)
    if hat is not None:
        shadow = ImageChops.multiply(shadow, bare)
    dark = Image.new("RGB", shadow.size, (42, 24, 26))
    result.paste(dark, (at[0] + round(0.03 * unit), at[1] + round(0.14 * unit)), shadow)
    # Behind the neck there is a body in the photo: back hair fades out where shoulders begin.
    eyes = face.y - at[1]
    fade = _fade_down(
        back.size, start=eyes + 0.8 * unit, end=eyes + (1.6 if hat is not None else 2.2) * unit
    )
    result.paste(back.convert("RGB"), at, ImageChops.multiply(behind, fade))
    result.paste(front.convert("RGB"), at, before)
    return result


_QUARTER = [round(v * 0.26) for v in range(256)]


def _drawn(
    face: Face, person: Person, mood: Mood
) -> tuple[Image.Image, Image.Image, tuple[int, int]]:
    """Back and front of the head, turned and stretched to fit, and where they go."""
    unit = face.half_width * _WIDEN
    small = min(unit, float(_DETAIL_UNIT))
    drawing = (round(2 * _REACH_X * small), round((_UP + _DOWN) * small))
    origin = (_REACH_X * small, _UP * small)
    layers = []
    for draw in (draw_back, draw_head):
        sketch = Sketch(drawing, origin, small, 3 if small < 90 else 2)
        draw(sketch, person, mood)
        layers.append(_proportioned(sketch.finish(), round(origin[1])))
    origin = (origin[0], origin[1] * _UPPER)
    reach = _DOWN * unit * _LOWER * 1.1
    size = (round(2 * reach), round(2 * reach))
    at = (round(face.x - reach), round(face.y - reach))
    grow = small / unit
    cos, sin = math.cos(face.tilt), math.sin(face.tilt)
    mid_x, mid_y = face.x - at[0], face.y - at[1]
    # From a pixel of the photo back to one of the drawing.
    a, b, d, e = cos * grow, sin * grow, -sin * grow, cos * grow
    turn = (a, b, origin[0] - a * mid_x - b * mid_y, d, e, origin[1] - d * mid_x - e * mid_y)
    back, front = (
        layer.transform(size, Image.Transform.AFFINE, turn, Image.Resampling.BICUBIC)
        for layer in layers
    )
    return back, front, at


def _proportioned(layer: Image.Image, eyes: int) -> Image.Image:
    """The drawing with what is above the eyes made lower and what is below made longer."""
    width, height = layer.size
    upper, lower = round(eyes * _UPPER), round((height - eyes) * _LOWER)
    result = Image.new("RGBA", (width, upper + lower))
    kind = Image.Resampling.BICUBIC
    result.paste(layer.resize((width, upper), kind, box=(0, 0, width, eyes)), (0, 0))
    result.paste(layer.resize((width, lower), kind, box=(0, eyes, width, height)), (0, upper))
    return result


def _fade_down(size: tuple[int, int], start: float, end: float) -> Image.Image:
    column = bytes(
        255 if y <= start else 0 if y >= end else round(255 * (end - y) / (end - start))
        for y in range(size[1])
    )
    return Image.frombytes("L", (1, size[1]), column).resize(size)


def _under_brim(size: tuple[int, int], face: Face, at: tuple[int, int]) -> Image.Image:
    """White below a line over the brows that is tilted like the face."""
    mask = Image.new("L", size, 0)
    cos, sin = math.cos(face.tilt), math.sin(face.tilt)
    unit = face.half_width

    def spot(x: float, y: float) -> Point:
        return (
            face.x - at[0] + (x * cos - y * sin) * unit,
            face.y - at[1] + (x * sin + y * cos) * unit,
        )

    # No hair stands beside a hat, either, but below the temples.
    right = [(0.97, -0.75), (0.97, -0.2), (6, -0.2), (6, 9)]
    shape = [spot(x, y) for x, y in right] + [spot(-x, y) for x, y in reversed(right)]
    ImageDraw.Draw(mask).polygon(shape, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(0.04 * unit))


class _HeadView:
    """The head in a photo and what is around it, as a small copy in the face's own units."""

    def __init__(self, photo: Image.Image, face: Face, skin: Image.Image) -> None:
        self._face, self._photo = face, photo
        unit = face.half_width
        self.area = (
            max(0, round(face.x - 3.2 * unit)), max(0, round(face.y - 3.4 * unit)),
            min(photo.width, round(face.x + 3.2 * unit)),
            min(photo.height, round(face.y + 4.2 * unit)),
        )  # fmt: skip
        self._scale = _HEAD_CELL / unit
        wide, tall = self.area[2] - self.area[0], self.area[3] - self.area[1]
        size = (max(1, round(wide * self._scale)), max(1, round(tall * self._scale)))
        self._full = (wide, tall)
        self._small = photo.crop(self.area).resize(size, Image.Resampling.BOX)
        self._soft = self._small.filter(ImageFilter.BoxBlur(1))
        self._skin = skin.crop(self.area).resize(size, Image.Resampling.BOX)

    def _spot(self, x: float, y: float) -> tuple[int, int] | None:
        """The pixel of the small copy at a point in face units, if it is in the picture."""
        face = self._face
        cos, sin = math.cos(face.tilt), math.sin(face.tilt)
        px = (face.x - self.area[0]) * self._scale + (x * cos - y * sin) * _HEAD_CELL
        py = (face.y - self.area[1]) * self._scale + (x * sin + y * cos) * _HEAD_CELL
        inside = 0 <= px < self._small.width and 0 <= py < self._small.height
        return (int(px), int(py)) if inside else None

    def _colours(self, points: Sequence[Point]) -> list[Color]:
        spots = [spot for x, y in points if (spot := self._spot(x, y))]
        found = [self._soft.getpixel(spot) for spot in spots]
        return [(int(c[0]), int(c[1]), int(c[2])) for c in found if isinstance(c, tuple)]

    def lit(self, layer: Image.Image) -> Image.Image:
        """A layer, as wide as it reaches around the face, lit from the side the photo is lit."""
        left = self._colours([(-0.5, 0.3), (-0.55, 0.45), (-0.4, 0.5)])
        right = self._colours([(0.5, 0.3), (0.55, 0.45), (0.4, 0.5)])
        if not left or not right:
            return layer
        dark, bright = sum(map(sum, left)) / len(left), sum(map(sum, right)) / len(right)
        lean = max(-0.22, min(0.22, 0.7 * (bright - dark) / (bright + dark + 1)))
        middle = layer.width / 2
        row = bytes(
            round(
                255
                * (1 - abs(lean) + lean * max(-1.0, min(1.0, (x - middle) / self._face.half_width)))
            )
            for x in range(layer.width)
        )
        shade = Image.frombytes("L", (layer.width, 1), row).resize(layer.size)
        alpha = layer.getchannel("A")
        lit = ImageChops.multiply(layer.convert("RGB"), Image.merge("RGB", (shade,) * 3))
        lit.putalpha(alpha)
        return lit

    def hat(self) -> Image.Image | None:
        """A soft mask over `area` of a hat with a brim, if the person wears one.

        The crown is even and of one colour with what stands out at both temples, and the cheeks
        have something else beside them: hair would hang down there.
        """
        crown = self._colours([(0, -1.2), (-0.35, -1.15), (0.35, -1.15), (0, -1.45)])
        if len(crown) < 3:
            return None
        colour = _middle(crown)
        even = max(_apart(colour, c) for c in crown) < 40
        brims = [
            any(_is_shade(colour, c) for c in self._colours(
                [(side * x, y / 10) for x in (1.4, 1.55) for y in range(-10, 2)]
            ))
            for side in (-1, 1)
        ]  # fmt: skip
        beside = [(side * x, 0.9) for side in (-1, 1) for x in (1.35, 1.6)]
        around = [(-2.9, -1.5), (2.9, -1.5), (0, -3.0)]
        elsewhere = any(_apart(colour, c) < 40 for c in self._colours([*beside, *around]))
        if not even or not all(brims) or elsewhere or self._is_skin((0, -1.2)):
            return None
        mask = self._hat_in((0.55, 0.65, 0.75, 0.85, 0.95, 1.05), colour)
        if mask is None:
            # In deep shade it may look like the wall behind it.
            mask = self._hat_in((0.85, 0.95, 1.05), colour)
        if mask is None:
            return None
        below = Image.new("L", mask.size, 0)
        line = [spot for x in (-0.85, 0.85) if (spot := self._spot(x, -0.42))]
        if len(line) == 2:
            (x0, y0), (x1, y1) = line
            ImageDraw.Draw(below).polygon(
                [(x0, y0), (x1, y1), (x1, y1 + 60), (x0, y0 + 60)], fill=255
            )
        return self._whole(ImageChops.subtract(mask, below), 0.5)

    def _hat_in(self, lights: Sequence[float], colour: Color) -> Image.Image | None:
        """What hangs together with the crown in these shades of its colour; not a whole wall."""
        near = Image.new("L", self._small.size, 0)
        for light in lights:
            shade = (round(colour[0] * light), round(colour[1] * light), round(colour[2] * light))
            near = ImageChops.lighter(near, self._near(shade, 26))
        mask = self._connected(near, [(0.0, -1.2), (0.0, -1.45)])
        return None if mask is None or self._runs_over(mask, 9) else mask

    def hair(self) -> Image.Image | None:
        """A soft mask over `area` of hair, if it can be told from what is behind it."""
        near = self._near_head()
        found: Image.Image | None = None
        known: list[Color] = []
        around = self._colours([(-2.9, -1.5), (2.9, -1.5), (-2.0, -2.0), (2.0, -2.0), (0, -3.0)])
        for spots in _HAIR_SPOTS:
            colours = self._colours(spots)
            if not colours or self._is_skin(spots[0]):
                continue
            colour = _middle(colours)
            if known and spots[0][1] > -1 and min(_apart(colour, k) for k in known) > 60:
                continue  # Beside the head is something else than on top of it.
            if any(_apart(colour, other) < 40 for other in around):
                continue
            mask = self._connected(self._near(colour, 46), spots)
            if mask is None or self._runs_over(mask, 16):
                continue
            known.append(colour)
            mask = ImageChops.subtract(ImageChops.darker(mask, near), self._skin)
            found = mask if found is None else ImageChops.lighter(found, mask)
        if found is None:
            return None
        # The edge is as fine as the photo's own: what has another colour is not hair.
        fine = self._photo.crop(self.area)
        like: Image.Image | None = None
        for colour in known:
            one = _most(fine, colour).point(_HAIRLIKE)
            like = one if like is None else ImageChops.lighter(like, one)
        mask = self._whole(found, 0.6)
        return ImageChops.multiply(mask, like) if like is not None else mask

    def _runs_over(self, mask: Image.Image, most: float) -> bool:
        """Whether a mask goes on beyond what can be hair, into something of the same colour."""
        inner = mask.crop((1, 1, mask.width - 1, mask.height - 1))
        at_rim = mask.histogram()[255] - inner.histogram()[255]
        rim = 2 * (mask.width + mask.height)
        return at_rim > 0.08 * rim or mask.histogram()[255] > most * _HEAD_CELL**2

    def _near_head(self) -> Image.Image:
        mask = Image.new("L", self._small.size, 0)
        if spot := self._spot(0, 0.1):
            x, y = spot
            wide, up, down = 2.1 * _HEAD_CELL, 2.5 * _HEAD_CELL, 3.4 * _HEAD_CELL
            draw = ImageDraw.Draw(mask)
            draw.ellipse((x - wide, y - up, x + wide, y + down), fill=255)
            neck = 0.95 * _HEAD_CELL
            draw.rectangle((x - neck, y + neck, x + neck, mask.height), fill=0)
        return mask.filter(ImageFilter.GaussianBlur(0.25 * _HEAD_CELL))

    def _is_skin(self, point: Point) -> bool:
        spot = self._spot(*point)
        level = self._skin.getpixel(spot) if spot else 0
        return isinstance(level, int | float) and level > 128

    def _near(self, colour: Color, reach: int) -> Image.Image:
        return _most(self._soft, colour).point([255 if v < reach else 0 for v in range(256)])

    def _connected(self, near: Image.Image, seeds: Sequence[Point]) -> Image.Image | None:
        """The parts of a mask that hang together with a seed, without gaps."""
        starts = {spot[1] * near.width + spot[0] for x, y in seeds if (spot := self._spot(x, y))}
        pixels = bytearray(near.width * near.height)
        for part in parts(near):
            if starts.intersection(part):
                for index in part:
                    pixels[index] = 255
        if not any(pixels):
            return None
        mask = Image.frombytes("L", near.size, bytes(pixels))
        return mask.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))

    def _whole(self, mask: Image.Image, blur: float) -> Image.Image:
        soft = mask.filter(ImageFilter.GaussianBlur(blur))
        return soft.resize(self._full, Image.Resampling.BICUBIC)


def _middle(colours: Sequence[Color]) -> Color:
    r, g, b = (sorted(c[band] for c in colours)[len(colours) // 2] for band in range(3))
    return r, g, b


def _apart(one: Color, other: Color) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _most(picture: Image.Image, colour: Color) -> Image.Image:
    """How far each pixel is from a colour, in the channel where it is farthest."""
    bands = ImageChops.difference(picture, Image.new("RGB", picture.size, colour)).split()
    return ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])


def _is_shade(colour: Color, other: Color) -> bool:
    """Whether `other` is about `colour` in less or a little more light."""
    light = sum(other) / max(1, sum(colour))
    lit = (round(colour[0] * light), round(colour[1] * light), round(colour[2] * light))
    return 0.5 < light < 1.2 and _apart(lit, other) < 26
