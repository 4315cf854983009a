"""Makes pictures of people who are in no photo: alone, or with a product worn or held."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from PIL import Image, ImageChops, ImageFilter

from sandbox.backgrounds import drawn_backdrop, studio
from sandbox.cutouts import shadow_of
from sandbox.edits import main_colour
from sandbox.figures import (
    NECK,
    TORSO_HALF,
    WAIST,
    WAIST_HALF,
    Clothes,
    Stage,
    draw_body,
    draw_front,
)
from sandbox.heads import Mood
from sandbox.people import Color, Person
from sandbox.photos import sign
from sandbox.product_shapes import Shape, shape_of
from sandbox.sketch import mix
from sandbox.wording import (
    COLOURS,
    SCENE_WORDS,
    WORN_WORDS,
    first_named,
    last_named,
)

_MOODS = (
    Mood(turn=-0.05, smile=0.6, gaze=-0.01),
    Mood(turn=0.07, smile=0.9, open_mouth=True, gaze=0.015),
    Mood(turn=0.04, smile=0.35, gaze=0.02, hair_light=-0.06),
    Mood(turn=-0.08, smile=0.8, open_mouth=True, gaze=-0.015, hair_light=0.05),
)

_SLEEVED_WIDEST = 8.6
"""Units across that a garment may have, sleeves and all."""

_FLAT_STYLES = frozenset(("bob", "long", "wavy", "fringe", "ponytail", "fade", "cropped", "braids"))

_NEUTRALS: tuple[Color, ...] = (
    (226, 214, 200), (206, 210, 212), (214, 220, 208), (232, 208, 196), (200, 210, 220),
    (222, 216, 228), (238, 224, 196),
)  # fmt: skip

_LEGS: tuple[Color, ...] = ((52, 56, 68), (78, 96, 122), (196, 182, 160), (44, 42, 46))
_TOPS: tuple[Color, ...] = ((244, 242, 238), (236, 226, 210), (70, 74, 84), (190, 200, 204))


@dataclass(frozen=True, slots=True)
class Sitting:
    """One picture of a person: who, how large, in front of what, and which of several it is."""

    person: Person
    size: tuple[int, int]
    prompt: str = ""
    backdrop: Image.Image | None = None
    variant: int = 0
    seed: int = 0

    @property
    def mood(self) -> Mood:
        return _MOODS[self.variant % len(_MOODS)]

    def chance(self, about: str) -> random.Random:
        return random.Random(f"{about}/{self.prompt}/{self.seed}")  # noqa: S311


def draw_person(sitting: Sitting, *, close: bool = False) -> Image.Image:
    """The person from the hips up, or (`close`) from the shoulders up."""
    colour = last_named(sitting.prompt, COLOURS) if _names_clothes(sitting.prompt) else None
    chance = sitting.chance("clothes")
    tops, legs = chance.choice(_TOPS), chance.choice(_LEGS)
    clothes = Clothes(colour or tops, legs, long_sleeves=chance.random() < 0.4)
    stage = _stage(sitting, tall=5.4 if close else 11.5, eyes=0.44 if close else 0.24)
    picture = _background(sitting)
    _lay(picture, draw_body(stage, sitting.person, clothes, sitting.mood), shadow=True)
    _lay(picture, draw_front(stage, sitting.person, clothes, sitting.mood))
    sign(picture)
    return picture


def _names_clothes(prompt: str) -> bool:
    return first_named(prompt, WORN_WORDS) is not None


def draw_with_product(sitting: Sitting, product: Image.Image) -> Image.Image:
    """The person wearing or holding the product (RGBA, cropped to itself)."""
    shape = shape_of(product, sitting.prompt)
    where = shape.where
    tint = main_colour(product)
    picture = _background(sitting)
    chance = sitting.chance("clothes")
    legs = chance.choice(_LEGS)
    if where in ("head", "eyes"):
        clothes = Clothes(chance.choice(_TOPS), legs)
        stage = _stage(sitting, tall=6.4, eyes=0.46)
        if where == "head":
            sitting = replace(sitting, person=_under_a_hat(sitting.person))
        _lay(picture, draw_body(stage, sitting.person, clothes, sitting.mood), shadow=True)
        _lay(picture, draw_front(stage, sitting.person, clothes, sitting.mood))
        _wear_on_head(picture, stage, product, where)
    elif where == "hands":
        clothes = Clothes(chance.choice(_TOPS), legs, long_sleeves=True)
        stage = _stage(sitting, tall=10.2, eyes=0.25)
        apart = _hold(picture, stage, sitting, clothes, product)
        front = draw_front(stage, sitting.person, clothes, sitting.mood, holding=apart)
        _lay(picture, front)
    else:
        tall = 11.8 if where == "top" else 17.5
        stage = _stage(sitting, tall=tall, eyes=0.22 if where == "top" else 0.15)
        top = mix(tint, (30, 24, 28), 0.12) if where == "top" else chance.choice(_TOPS)
        if where == "one_piece" or shape.sleeveless:
            top = sitting.person.skin
        legs = legs if where == "top" else sitting.person.skin
        clothes = Clothes(top, legs, bare_shoulders=where == "one_piece" or shape.sleeveless)
        _lay(picture, draw_body(stage, sitting.person, clothes, sitting.mood), shadow=True)
        _dress(picture, stage, product, shape)
        _lay(picture, draw_front(stage, sitting.person, clothes, sitting.mood))
    sign(picture)
    return picture


def _under_a_hat(person: Person) -> Person:
    """The same person with hair that fits under one."""
    flat = person.scarf is not None or person.style in _FLAT_STYLES
    return person if flat else replace(person, style="fade")


def _stage(sitting: Sitting, *, tall: float, eyes: float) -> Stage:
    """A stage on which `tall` units fill the height, the eyes at this share of them.

    What is higher for its width shows more below and above.
    """
    width, height = sitting.size
    unit = min(height / tall, width / 5.4)
    shift = (0.0, 0.03, -0.03, 0.015)[sitting.variant % 4] * width
    y = tall * unit * eyes + (height - tall * unit) * 0.3
    return Stage(sitting.size, width / 2 + shift, max(y, 2.2 * unit), unit)


def _background(sitting: Sitting) -> Image.Image:
    if sitting.backdrop is not None:
        soft = sitting.backdrop.filter(ImageFilter.GaussianBlur(max(sitting.size) * 0.002))
        return soft.resize(sitting.size) if soft.size != sitting.size else soft
    if first_named(sitting.prompt, SCENE_WORDS):
        return drawn_backdrop(sitting.size, prompt=sitting.prompt, variant=sitting.variant)
    colours = (*_NEUTRALS, sitting.person.backdrop)
    first = sitting.chance("backdrop").randrange(len(colours))
    colour = colours[(first + 3 * sitting.variant) % len(colours)]
    return studio(sitting.size, colour, sitting.variant)


def _lay(picture: Image.Image, layer: Image.Image, *, shadow: bool = False) -> None:
    alpha = layer.getchannel("A")
    if shadow:
        drop = max(2, round(min(picture.size) * 0.025))
        cast = shadow_of(alpha, 2 * drop, (drop, drop))
        picture.paste((40, 32, 38), (0, 0), cast.point([round(v * 0.45) for v in range(256)]))
    picture.paste(layer.convert("RGB"), (0, 0), alpha)


def _wear_on_head(picture: Image.Image, stage: Stage, product: Image.Image, where: str) -> None:
    wide = (2.35 if where == "eyes" else 3.1) * stage.unit
    size = (max(1, round(wide)), max(1, round(wide * product.height / product.width)))
    fitted = product.resize(size, Image.Resampling.LANCZOS)
    x, y = stage.place(0, 0.08 if where == "eyes" else -0.42)
    top = y - size[1] / 2 if where == "eyes" else y - size[1]
    _paste_lit(picture, fitted, (round(x - size[0] / 2), round(top)), stage.unit * 0.06)


def _hold(
    picture: Image.Image, stage: Stage, sitting: Sitting, clothes: Clothes, product: Image.Image
) -> float:
    """Lay the body and the product before it; return how many units apart the hands are."""
    scale = stage.unit * min(3.5 / product.width, 3.6 / product.height)
    size = (max(1, round(product.width * scale)), max(1, round(product.height * scale)))
    fitted = product.resize(size, Image.Resampling.LANCZOS)
    apart = max(0.8, 0.9 * size[0] / stage.unit)
    body = draw_body(stage, sitting.person, clothes, sitting.mood, holding=apart)
    _lay(picture, body, shadow=True)
    x, y = stage.place(0, 5.6)
    _paste_lit(
        picture, fitted, (round(x - size[0] / 2), round(y - size[1] * 0.5)), stage.unit * 0.12
    )
    return apart


def _dress(picture: Image.Image, stage: Stage, product: Image.Image, shape: Shape) -> None:
    """Lay the garment over the body: as long as it is worn, its own body as wide as that one."""
    if shape.where == "bottom":
        half, start, length, widest = WAIST_HALF * 1.15, WAIST - 0.1, (5.0, 11.0), 8.0
    elif shape.where == "one_piece":
        half, start, length, widest = WAIST_HALF * 1.05, NECK - 0.1, (10.5, 12.5), 7.6
    else:
        half, start, length, widest = TORSO_HALF, NECK - 0.1, (6.5, 7.2), _SLEEVED_WIDEST
    below = product.height * (1 - shape.collar)
    across = 2 * half * stage.unit / (shape.body * product.width)
    down = min(max(across, length[0] * stage.unit / below), length[1] * stage.unit / below)
    # Flat garments are a little wider or narrower than they hang, but not much.
    across = min(max(across, 0.85 * down), 1.2 * down, widest * stage.unit / product.width)
    size = (max(1, round(product.width * across)), max(1, round(product.height * down)))
    fitted = product.resize(size, Image.Resampling.LANCZOS)
    x, y = stage.place(0, start)
    place = (round(x - shape.middle * size[0]), round(y - shape.collar * size[1]))
    _paste_lit(picture, fitted, place, stage.unit * 0.1)


def _paste_lit(
    picture: Image.Image, cut_out: Image.Image, place: tuple[int, int], depth: float
) -> None:
    """Lay a cut-out with a shadow on what is behind it and shade on its right side."""
    layer = Image.new("RGBA", picture.size)
    layer.paste(cut_out, place)
    alpha = layer.getchannel("A")
    drop = max(1, round(depth))
    cast = shadow_of(alpha, 2 * drop, (drop // 2, drop))
    picture.paste((30, 22, 28), (0, 0), cast.point([round(v * 0.8) for v in range(256)]))
    inner = alpha.filter(ImageFilter.GaussianBlur(max(1.0, depth * 2)))
    lit = ImageChops.offset(inner, -round(depth * 1.5), -round(depth))
    shade = ImageChops.multiply(ImageChops.invert(lit), alpha).point(
        [round(v * 0.42) for v in range(256)]
    )
    colours = layer.convert("RGB")
    colours.paste((24, 18, 26), (0, 0), shade)
    picture.paste(colours, (0, 0), alpha)
