"""What a provider's task asks to be drawn, in words of neither provider, and who draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from sandbox.backgrounds import (
    drawn_backdrop,
    from_picture,
    one_colour,
    remove_background,
    replace_background,
    studio,
)
from sandbox.casting import choose_person, like_photo
from sandbox.cutouts import product_of, solid
from sandbox.edits import edit, main_colour
from sandbox.new_people import Sitting, draw_person, draw_with_product
from sandbox.people import PEOPLE_BY_KEY, Person
from sandbox.photos import cover, open_cut_out, open_mask, open_upright, reduced, save_picture
from sandbox.plain_copies import make_plain
from sandbox.product_shapes import shape_of
from sandbox.reframing import reframe, size_of
from sandbox.scenes import SCENES_BY_KEY
from sandbox.segments import segment
from sandbox.swap import swap_model
from sandbox.try_on import place_on, put_on, try_on
from sandbox.videos import make_video
from sandbox.wording import PLACE_WORDS, first_named

_USUAL_AREA, _MOST_AREA = 1_000_000, 4_200_000
"""Pixels of a picture that is drawn from nothing: where nothing is said, and at most."""

_FACE_AREA = 400_000
"""Pixels to which the photo of a face is reduced before it is looked at."""


@dataclass(frozen=True, slots=True)
class Commission:
    """One picture (or video) to be made, in words of neither provider.

    `task` is a key of `TASKS`. `pictures` are files by role: photo, mask, garment, product, face,
    reference, background, context, end. `options` that a task knows: prompt, colour (#rrggbb),
    ratio ("4:5"), seconds (5 or 10), height (480, 720 or 1080), area (pixels that the result may
    have at most), scale (of the subject, 1 is as it is), part (top, bottom or one_piece), kind
    (of segment), expand (pixels), format (png or jpeg).
    """

    task: str
    pictures: Mapping[str, Path]
    options: Mapping[str, Any] = field(default_factory=dict)
    person: str = ""
    """Key of `sandbox.people`; chosen by words and seed where it is empty."""
    scene: str = ""
    """Key of `sandbox.scenes`."""
    position: int = 0
    """0 for A, 1 for B, and so on; they differ visibly."""
    run: int = 0
    """How many earlier tasks asked for the very same thing."""
    seed: int = 0

    @property
    def variant(self) -> int:
        """Which of the pictures of this kind it is: those of one task and its repeats differ."""
        return self.position + 2 * self.run + self.seed % 5 * 2

    @property
    def prompt(self) -> str:
        return str(self.options.get("prompt") or "")

    @property
    def area(self) -> float | None:
        return float(self.options["area"]) if self.options.get("area") else None

    def photo(self, role: str = "photo") -> Image.Image:
        """The picture of a role, upright and no larger than the result may be."""
        return reduced(open_upright(self.pictures[role]), self.area)

    def mask(self, size: tuple[int, int]) -> Image.Image | None:
        """The mask in black and white in this size, if one was given."""
        path = self.pictures.get("mask")
        return open_mask(path, size) if path else None

    def outline(self, *, without_shadow: bool = False) -> Image.Image | None:
        """What the photo's own transparency leaves, if it is a cut-out already."""
        alpha = reduced(open_cut_out(self.pictures["photo"]), self.area).getchannel("A")
        if not any(alpha.histogram()[:250]):
            return None
        return solid(alpha) if without_shadow else alpha


def _swap(commission: Commission) -> Image.Image:
    photo = commission.photo()
    return swap_model(
        photo,
        _person(commission),
        position=commission.position,
        run=commission.run,
        mask=commission.mask(photo.size),
        scene=SCENES_BY_KEY.get(commission.scene),
    )


def _try_on(commission: Commission) -> Image.Image:
    photo = commission.photo()
    part = str(commission.options.get("part") or "")
    garment = product_of(commission.pictures["garment"], part or "one_piece")
    shape = "" if part else shape_of(garment, commission.prompt).where
    thing = first_named(commission.prompt, PLACE_WORDS) or ("eyes" if shape == "eyes" else "")
    if thing and not part:
        return put_on(photo, garment, place_on(photo, thing), commission.variant)
    where = part or shape
    if where not in ("top", "bottom", "one_piece"):
        where = "top"
    return try_on(photo, garment, where, commission.variant)


def _accessory(commission: Commission) -> Image.Image:
    photo = commission.photo()
    product = product_of(commission.pictures["product"])
    mask = commission.mask(photo.size)
    if mask is None:
        mask = place_on(photo, shape_of(product, commission.prompt).where)
    return put_on(photo, product, mask, commission.variant)


def _edit(commission: Commission) -> Image.Image:
    photo = commission.photo()
    context = commission.pictures.get("context")
    return edit(
        photo,
        commission.prompt,
        mask=commission.mask(photo.size),
        context=product_of(context) if context else None,
        variant=commission.variant,
    )


def _background(commission: Commission) -> Image.Image:
    photo = commission.photo()
    colour = commission.options.get("colour")
    if colour:
        behind = one_colour(photo.size, str(colour))
    elif "background" in commission.pictures:
        picture = open_upright(commission.pictures["background"])
        behind = from_picture(picture, photo.size, commission.variant)
    else:
        behind = drawn_backdrop(
            photo.size, scene=commission.scene, prompt=commission.prompt, variant=commission.variant
        )
    return replace_background(
        photo,
        behind,
        mask=commission.mask(photo.size) or commission.outline(without_shadow=True),
        scale=float(commission.options.get("scale") or 1.0),
        shadow=not colour,
    )


def _cutout(commission: Commission) -> Image.Image:
    photo = commission.photo()
    return remove_background(photo, commission.mask(photo.size) or commission.outline())


def _segment(commission: Commission) -> Image.Image:
    return segment(
        open_upright(commission.pictures["photo"]),
        kind=str(commission.options.get("kind") or ""),
        prompt=commission.prompt,
        expand=int(commission.options.get("expand") or 0),
    )


def _product_to_model(commission: Commission) -> Image.Image:
    if "photo" in commission.pictures:
        garment = {**commission.pictures, "garment": commission.pictures["product"]}
        return _try_on(replace(commission, pictures=garment))
    return draw_with_product(
        _sitting(commission, "3:4"), product_of(commission.pictures["product"])
    )


def _create_model(commission: Commission) -> Image.Image:
    return draw_person(_sitting(commission, "1:1"))


def _face_to_model(commission: Commission) -> Image.Image:
    return draw_person(_sitting(commission, "2:3"), close=True)


def _reframe(commission: Commission) -> Image.Image:
    return reframe(
        open_upright(commission.pictures["photo"]),
        str(commission.options.get("ratio") or ""),
        area=commission.area,
        variant=commission.variant,
    )


def _sitting(commission: Commission, usual_ratio: str) -> Sitting:
    """Who stands in front of what; the prompt's words and the reference pictures decide."""
    ratio = str(commission.options.get("ratio") or usual_ratio)
    size = size_of(ratio, min(commission.area or _USUAL_AREA, _MOST_AREA))
    backdrop = None
    if "background" in commission.pictures:
        backdrop = cover(open_upright(commission.pictures["background"]), size)
    elif commission.scene:
        backdrop = drawn_backdrop(size, scene=commission.scene, variant=commission.variant)
    elif "reference" in commission.pictures:
        colour = main_colour(open_upright(commission.pictures["reference"]).convert("RGBA"))
        backdrop = studio(size, colour, commission.variant)
    return Sitting(
        _person(commission), size, commission.prompt, backdrop, commission.variant, commission.seed
    )


def _person(commission: Commission) -> Person:
    """The person named, or like the face given, or chosen by the prompt's words and the seed."""
    if commission.person in PEOPLE_BY_KEY:
        return PEOPLE_BY_KEY[commission.person]
    face = commission.pictures.get("face")
    # Both pictures of one task show the same person.
    if face:
        return like_photo(reduced(open_upright(face), _FACE_AREA), commission.seed, commission.run)
    return choose_person(commission.prompt, commission.seed, commission.run)


TASKS: dict[str, Callable[[Commission], Image.Image]] = {
    "swap": _swap,
    "try_on": _try_on,
    "accessory": _accessory,
    "edit": _edit,
    "background": _background,
    "cutout": _cutout,
    "segment": _segment,
    "product_to_model": _product_to_model,
    "create_model": _create_model,
    "face_to_model": _face_to_model,
    "reframe": _reframe,
}
"""Who draws what, apart from videos."""


def make(commission: Commission, to: Path, *, plain: bool = False) -> str:
    """Write the file; return its extension (png, jpeg or mp4).

    `plain` makes a tinted copy with the mark within milliseconds, for load tests. Raises
    LookupError for an unknown task or a missing picture and OSError for one that cannot be read.
    """
    if commission.task not in (*TASKS, "video"):
        raise LookupError(f"There is no task {commission.task}.")
    if plain:
        return make_plain(
            commission.task, commission.pictures, commission.options, to, commission.variant
        )
    if commission.task == "video":
        return _film(commission, to)
    return save_picture(TASKS[commission.task](commission), to, commission.options.get("format"))


def _film(commission: Commission, to: Path) -> str:
    end = commission.pictures.get("end")
    make_video(
        reduced(open_upright(commission.pictures["photo"]), _MOST_AREA),
        to,
        seconds=int(commission.options.get("seconds") or 5),
        height=int(commission.options.get("height") or 720),
        end=open_upright(end) if end else None,
        variant=commission.variant,
    )
    return "mp4"
