"""Reads what a prompt names: colours, places, things to wear and people's looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from sandbox.people import Color

_Value = TypeVar("_Value")

COLOURS: Mapping[str, Color] = {
    "black": (34, 33, 36), "white": (244, 243, 240), "grey": (140, 141, 144),
    "gray": (140, 141, 144), "silver": (190, 192, 196), "charcoal": (62, 64, 68),
    "red": (190, 36, 40), "scarlet": (204, 36, 29), "burgundy": (112, 26, 46),
    "crimson": (176, 24, 52), "pink": (234, 148, 170), "rose": (222, 128, 140),
    "fuchsia": (204, 40, 130), "orange": (232, 126, 40), "coral": (240, 124, 100),
    "terracotta": (190, 98, 70), "rust": (166, 82, 46), "peach": (248, 196, 164),
    "yellow": (240, 204, 64), "mustard": (204, 158, 48), "gold": (206, 166, 78),
    "cream": (246, 236, 214), "beige": (222, 204, 176), "sand": (214, 190, 152),
    "ivory": (248, 242, 226), "brown": (114, 76, 52), "camel": (190, 148, 100),
    "chocolate": (84, 54, 40), "green": (58, 128, 74), "emerald": (24, 124, 88),
    "sage": (156, 172, 146), "olive": (108, 110, 62), "khaki": (164, 152, 110),
    "mint": (176, 222, 198), "teal": (24, 118, 122), "turquoise": (64, 184, 180),
    "blue": (44, 88, 168), "navy": (32, 44, 84), "cobalt": (30, 70, 170),
    "sky": (148, 196, 228), "denim": (72, 102, 140), "purple": (110, 66, 140),
    "violet": (122, 86, 168), "lilac": (196, 172, 214), "lavender": (196, 180, 222),
}  # fmt: skip
"""Colour words."""

SCENE_WORDS: Mapping[str, str] = {
    "studio": "studio_grey", "plain": "studio_grey", "neutral": "studio_warm",
    "minimal": "studio_warm", "pastel": "pastel_arch", "arch": "pastel_arch",
    "window": "window_light", "room": "window_light", "home": "window_light",
    "bedroom": "window_light", "kitchen": "window_light", "interior": "window_light",
    "living": "window_light", "indoor": "window_light", "sunlit": "window_light",
    "palm": "palm_shadow", "tropical": "palm_shadow", "leaf": "palm_shadow",
    "plant": "palm_shadow", "shadow": "palm_shadow", "concrete": "concrete", "wall": "concrete",
    "industrial": "concrete", "stone": "concrete", "brick": "loft", "loft": "loft",
    "cafe": "loft", "restaurant": "loft", "bar": "loft", "gallery": "gallery",
    "museum": "gallery", "art": "gallery", "office": "gallery", "street": "street_dusk",
    "city": "street_dusk", "urban": "street_dusk", "night": "street_dusk",
    "dusk": "street_dusk", "neon": "street_dusk", "evening": "street_dusk",
    "rooftop": "rooftop", "roof": "rooftop", "skyline": "rooftop", "terrace": "rooftop",
    "balcony": "rooftop", "park": "park", "forest": "park", "garden": "park", "grass": "park",
    "tree": "park", "nature": "park", "meadow": "park", "outdoor": "park", "beach": "beach",
    "sea": "beach", "ocean": "beach", "coast": "beach", "summer": "beach", "desert": "beach",
    "mountain": "mountain_lake", "lake": "mountain_lake", "snow": "mountain_lake",
    "winter": "mountain_lake", "hill": "mountain_lake",
}  # fmt: skip
"""Place words, and the key of the scene that comes nearest."""

WORN_WORDS: Mapping[str, str] = {
    "top": "top", "shirt": "top", "t-shirt": "top", "tshirt": "top", "tee": "top",
    "blouse": "top", "sweater": "top", "jumper": "top", "hoodie": "top", "jacket": "top",
    "coat": "top", "blazer": "top", "vest": "top", "cardigan": "top", "pullover": "top",
    "bottom": "bottom", "skirt": "bottom", "trouser": "bottom", "pants": "bottom",
    "jeans": "bottom", "short": "bottom", "legging": "bottom", "dress": "one_piece",
    "gown": "one_piece", "jumpsuit": "one_piece", "overall": "one_piece",
    "romper": "one_piece", "clothes": "one_piece", "clothing": "one_piece",
    "outfit": "one_piece", "garment": "one_piece", "suit": "one_piece",
}  # fmt: skip
"""What is worn, and on which part of the body."""

PLACE_WORDS: Mapping[str, str] = {
    "cap": "head", "hat": "head", "beanie": "head", "helmet": "head",
    "sunglasses": "eyes", "glasses": "eyes", "eyewear": "eyes", "goggles": "eyes",
    "bag": "hands", "tote": "hands", "backpack": "hands", "purse": "hands", "clutch": "hands",
    "shoe": "hands", "sneaker": "hands", "boot": "hands", "sandal": "hands", "heel": "hands",
    "bottle": "hands", "mug": "hands", "cup": "hands", "jar": "hands", "book": "hands",
    "watch": "hands", "phone": "hands", "box": "hands", "holding": "hands", "hold": "hands",
}  # fmt: skip
"""Where on a person a product that is named goes, apart from `WORN_WORDS`."""


def words_of(prompt: str) -> list[str]:
    """The prompt's words, lower case, plurals as singulars beside them."""
    words: list[str] = []
    for word in re.findall(r"[a-z][a-z-]*", prompt.lower()):
        words.append(word)
        if word.endswith("s") and len(word) > 3:
            words.append(word[:-1])
    return words


def first_named(prompt: str, meanings: Mapping[str, _Value]) -> _Value | None:
    """What the first word of the prompt that is in `meanings` stands for."""
    return next((meanings[word] for word in words_of(prompt) if word in meanings), None)


def last_named(prompt: str, meanings: Mapping[str, _Value]) -> _Value | None:
    """The same for the last such word: "from red to blue" ends in the colour that is wanted."""
    found = [meanings[word] for word in words_of(prompt) if word in meanings]
    return found[-1] if found else None


def names_any(prompt: str, *words: str) -> bool:
    """Whether the prompt has one of the words."""
    return not set(words).isdisjoint(words_of(prompt))
