"""The people whom the sandbox offers as preset models: what each one looks like, as data."""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[int, int, int]

# Skin tones from light to deep: base colour; shade and light are derived from it.
PORCELAIN, FAIR, SAND, HONEY = (246, 216, 196), (238, 197, 170), (226, 178, 143), (208, 155, 116)
AMBER, BRONZE, COCOA, EBONY = (183, 126, 88), (152, 99, 68), (118, 75, 53), (88, 56, 43)

BLACK, ESPRESSO, CHESTNUT, AUBURN = (38, 32, 36), (62, 42, 36), (104, 66, 44), (142, 66, 40)
COPPER, HONEY_BLOND, ASH_BLOND, SILVER = (
    (190, 98, 50),
    (206, 158, 92),
    (222, 192, 140),
    (188, 188, 192),
)
WHITE_HAIR = (226, 224, 222)


@dataclass(frozen=True, slots=True)
class Person:
    """One preset model. `face` is round, oval or square; the rest names parts of the drawing."""

    key: str
    name: str
    skin: Color
    hair: Color
    style: str
    face: str = "oval"
    eyes: Color = (92, 62, 44)
    beard: str = ""
    glasses: str = ""
    earrings: str = ""
    scarf: Color | None = None
    freckles: bool = False
    lips: float = 0.5
    age: float = 0.0
    top: str = "crew"
    cloth: Color = (240, 238, 234)
    backdrop: Color = (221, 214, 206)


PEOPLE: tuple[Person, ...] = (
    Person("amara", "Amara", COCOA, BLACK, "afro", "oval", earrings="hoop", lips=0.9,
           cloth=(232, 178, 92), backdrop=(246, 221, 190)),
    Person("jonas", "Jonas", FAIR, HONEY_BLOND, "quiff", "square", eyes=(84, 118, 138),
           beard="stubble", lips=0.2, cloth=(62, 84, 104), backdrop=(206, 219, 226)),
    Person("mei", "Mei", SAND, BLACK, "bob", "round", lips=0.7, top="turtle",
           cloth=(214, 96, 90), backdrop=(247, 214, 208)),
    Person("priya", "Priya", AMBER, ESPRESSO, "long", "oval", earrings="drop", lips=0.8, top="v",
           cloth=(34, 120, 116), backdrop=(205, 227, 222)),
    Person("mateo", "Mateo", HONEY, ESPRESSO, "curly_short", "oval", beard="full", lips=0.3,
           top="shirt", cloth=(238, 236, 230), backdrop=(216, 222, 208)),
    Person("freya", "Freya", PORCELAIN, COPPER, "wavy", "oval", eyes=(84, 130, 110), freckles=True,
           lips=0.6, cloth=(70, 110, 92), backdrop=(222, 232, 216)),
    Person("kwame", "Kwame", EBONY, BLACK, "fade", "square", beard="goatee", lips=0.5,
           cloth=(244, 242, 238), backdrop=(244, 206, 170)),
    Person("leila", "Leila", HONEY, ESPRESSO, "hijab", "oval", lips=0.7, scarf=(156, 122, 164),
           cloth=(156, 122, 164), backdrop=(232, 222, 238)),
    Person("hiro", "Hiro", SAND, BLACK, "side", "oval", glasses="round", lips=0.25, top="shirt",
           cloth=(120, 146, 176), backdrop=(214, 222, 234)),
    Person("sofia", "Sofia", SAND, CHESTNUT, "ponytail", "round", eyes=(96, 92, 58), lips=0.7,
           earrings="stud", top="v", cloth=(236, 148, 120), backdrop=(250, 226, 208)),
    Person("ingrid", "Ingrid", FAIR, SILVER, "bob", "oval", eyes=(92, 124, 150), lips=0.5, age=0.8,
           glasses="cat", top="turtle", cloth=(84, 84, 110), backdrop=(220, 218, 230)),
    Person("omar", "Omar", AMBER, BLACK, "fade", "oval", beard="full", lips=0.3, top="v",
           cloth=(90, 106, 84), backdrop=(224, 224, 204)),
    Person("zuri", "Zuri", BRONZE, ESPRESSO, "braids", "round", earrings="hoop", lips=0.9,
           cloth=(246, 240, 230), backdrop=(214, 228, 220)),
    Person("elias", "Elias", SAND, CHESTNUT, "wavy_short", "square", eyes=(88, 108, 84),
           lips=0.3, cloth=(196, 108, 76), backdrop=(236, 216, 200)),
    Person("nina", "Nina", PORCELAIN, BLACK, "fringe", "round", eyes=(96, 122, 146), lips=0.9,
           cloth=(36, 36, 44), backdrop=(232, 208, 212)),
    Person("tala", "Tala", HONEY, BLACK, "bun", "oval", earrings="stud", lips=0.7, top="v",
           cloth=(240, 204, 196), backdrop=(206, 216, 222)),
    Person("walter", "Walter", FAIR, WHITE_HAIR, "side", "square", eyes=(98, 122, 140),
           beard="full", lips=0.2, age=1.0, glasses="square", top="shirt", cloth=(86, 108, 134),
           backdrop=(224, 220, 210)),
    Person("imani", "Imani", EBONY, BLACK, "cropped", "oval", earrings="drop", lips=1.0, top="v",
           cloth=(206, 70, 92), backdrop=(246, 210, 214)),
    Person("lucia", "Lucía", AMBER, ESPRESSO, "curly_long", "oval", lips=0.8, freckles=True,
           cloth=(248, 244, 236), backdrop=(238, 216, 184)),
    Person("arjun", "Arjun", BRONZE, BLACK, "quiff", "oval", beard="stubble", lips=0.35,
           top="crew", cloth=(52, 70, 98), backdrop=(208, 216, 232)),
    Person("clara", "Clara", FAIR, ASH_BLOND, "long", "round", eyes=(96, 136, 156), lips=0.6,
           earrings="stud", cloth=(142, 176, 196), backdrop=(218, 230, 236)),
    Person("noor", "Noor", SAND, ESPRESSO, "hijab", "round", lips=0.6, scarf=(62, 104, 116),
           cloth=(62, 104, 116), glasses="round", backdrop=(210, 226, 228)),
    Person("bao", "Bao", SAND, (72, 68, 72), "curly_short", "round", lips=0.3, age=0.6,
           top="turtle", cloth=(150, 130, 108), backdrop=(232, 226, 214)),
    Person("ruth", "Ruth", COCOA, SILVER, "cropped", "round", lips=0.8, age=0.8, glasses="round",
           earrings="hoop", top="v", cloth=(116, 78, 132), backdrop=(226, 214, 236)),
)  # fmt: skip
"""All preset models, in the order in which they are offered."""

PEOPLE_BY_KEY = {person.key: person for person in PEOPLE}
