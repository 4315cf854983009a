"""Chooses a person by words and chance, or one who looks like the person in a photo."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from PIL import Image, ImageChops, ImageDraw, ImageStat

from sandbox.findings import Findings, look_at
from sandbox.people import (
    ASH_BLOND,
    AUBURN,
    BLACK,
    CHESTNUT,
    COPPER,
    ESPRESSO,
    HONEY_BLOND,
    PEOPLE,
    SILVER,
    WHITE_HAIR,
    Color,
    Person,
)
from sandbox.sketch import mix
from sandbox.wording import first_named, names_any, words_of

_MEN = frozenset(("jonas", "mateo", "kwame", "hiro", "omar", "elias", "walter", "bao", "arjun"))
"""Keys of the people whom "man" means."""

_HAIR: Mapping[str, Color] = {
    "redhead": COPPER, "ginger": COPPER, "copper": COPPER, "auburn": AUBURN, "blond": ASH_BLOND,
    "blonde": ASH_BLOND, "golden": HONEY_BLOND, "brunette": ESPRESSO, "chestnut": CHESTNUT,
}  # fmt: skip
_HAIR_BEFORE_HAIR: Mapping[str, Color] = {
    "red": COPPER, "black": BLACK, "brown": CHESTNUT, "dark": ESPRESSO, "fair": ASH_BLOND,
    "grey": SILVER, "gray": SILVER, "silver": SILVER, "white": WHITE_HAIR, "light": HONEY_BLOND,
}  # fmt: skip
"""Colours that mean the hair only close before a word for it."""

_STYLES: Mapping[str, tuple[str, ...]] = {
    "bob": ("bob",), "afro": ("afro",), "braids": ("braids",), "braided": ("braids",),
    "bun": ("bun",), "updo": ("bun",), "ponytail": ("ponytail",), "fringe": ("fringe",),
    "bangs": ("fringe",), "wavy": ("wavy", "wavy_short"), "long": ("long", "curly_long", "wavy"),
    "curly": ("curly_long", "curly_short", "afro"), "hijab": ("hijab",), "headscarf": ("hijab",),
    "short": ("cropped", "bob", "fade", "side", "quiff"), "shaved": ("fade", "cropped"),
}  # fmt: skip

_HAIR_WORDS = frozenset(("hair", "haired", "bob", "curls", "braids", "ponytail", "bun", "fringe"))


def choose_person(prompt: str, seed: int, position: int = 0) -> Person:
    """Who fits the words best; among equals the seed decides, with others for other positions."""
    chance = random.Random(f"{prompt}/{seed}")  # noqa: S311
    order = chance.sample(PEOPLE, len(PEOPLE))
    order.sort(key=lambda person: -_fit(person, prompt))
    best = _fit(order[0], prompt)
    equals = [person for person in order if _fit(person, prompt) >= best - 0.5]
    person = equals[position % len(equals)]
    colour = _hair_colour(prompt)
    return replace(person, hair=colour) if colour and person.scarf is None else person


def _fit(person: Person, prompt: str) -> float:
    """How many of the prompt's words about people are true of this one."""
    points = 0.0
    man = person.key in _MEN
    if names_any(prompt, "woman", "women", "female", "girl", "lady", "she"):
        points += -8 if man else 2
    elif names_any(prompt, "man", "men", "male", "boy", "guy", "gentleman", "he"):
        points += 2 if man else -8
    for word in words_of(prompt):
        points += 3 * (person.style in _STYLES.get(word, ()))
    points += 2 * (names_any(prompt, "freckle", "freckled") and person.freckles)
    points += 2 * (names_any(prompt, "beard", "bearded") and person.beard == "full")
    points += 2 * (names_any(prompt, "glasses", "spectacles") and bool(person.glasses))
    points += 2 * (names_any(prompt, "earring") and bool(person.earrings))
    if names_any(prompt, "old", "older", "elderly", "senior", "mature", "grandmother"):
        points += 4 * (person.age - 0.4)
    elif names_any(prompt, "young", "youthful", "twenties", "teen"):
        points -= 4 * person.age
    colour = _hair_colour(prompt)
    if colour:
        points += 2 - _apart(colour, person.hair) / 90
    return points


def _hair_colour(prompt: str) -> Color | None:
    named = first_named(prompt, _HAIR)
    if named:
        return named
    words = words_of(prompt)
    for index, word in enumerate(words):
        if word in _HAIR_BEFORE_HAIR and not _HAIR_WORDS.isdisjoint(words[index + 1 : index + 4]):
            return _HAIR_BEFORE_HAIR[word]
    return None


def like_photo(photo: Image.Image, seed: int, position: int = 0) -> Person:
    """The person of ours nearest to the one in the photo, with that one's skin and hair colour.

    Without a face or skin in the photo it is one by chance.
    """
    findings = look_at(photo)
    skin = _skin_tone(findings)
    if skin is None:
        return choose_person("", seed, position)
    hair = _hair_tone(findings)
    choices = [person for person in PEOPLE if person.scarf is None]
    chance = random.Random(f"like/{seed}")  # noqa: S311
    chance.shuffle(choices)
    choices.sort(key=lambda person: _unlikeness(person, skin, hair))
    person = choices[position % 3]
    return replace(person, skin=skin, hair=hair or person.hair)


def _unlikeness(person: Person, skin: Color, hair: Color | None) -> float:
    return _apart(person.skin, skin) + (0.6 * _apart(person.hair, hair) if hair else 0)


def _skin_tone(findings: Findings) -> Color | None:
    face = findings.face
    mask = Image.new("L", findings.photo.size, 0)
    if face is not None:
        half = face.half_width
        ImageDraw.Draw(mask).ellipse(
            (face.x - 0.6 * half, face.y + 0.1 * half, face.x + 0.6 * half, face.y + 0.7 * half),
            fill=255,
        )
    elif findings.shows_a_person:
        mask = findings.skin.point([0] * 128 + [255] * 128)
    if mask.getbbox() is None:
        return None
    red, green, blue = ImageStat.Stat(findings.photo, mask).median
    # Deep shade and glare are the light's; the drawing brings its own.
    light = max(red, green, blue)
    gain = min(max(light, 96), 246) / max(1, light)
    return round(red * gain), round(green * gain), round(blue * gain)


def _hair_tone(findings: Findings) -> Color | None:
    """The middle colour of what is around the face and belongs to the person."""
    face = findings.face
    if face is None:
        return None
    mask = Image.new("L", findings.photo.size, 0)
    draw = ImageDraw.Draw(mask)
    x, y, half = face.x, face.y, face.half_width
    draw.ellipse((x - 1.35 * half, y - 1.75 * half, x + 1.35 * half, y + 0.5 * half), fill=255)
    draw.ellipse((x - 0.95 * half, y - 1.05 * half, x + 0.95 * half, y + 1.5 * half), fill=0)
    around = ImageChops.darker(mask, findings.person)
    around = ImageChops.subtract(around, findings.skin).point([0] * 128 + [255] * 128)
    if around.getbbox() is None:
        return None
    red, green, blue = (round(v) for v in ImageStat.Stat(findings.photo, around).median)
    tone = (red, green, blue)
    return mix(tone, (40, 30, 30), 0.1)


def _apart(one: Color, other: Color) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 3
