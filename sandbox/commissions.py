"""What a provider's task asks to be drawn, in words of neither provider, and who draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from sandbox.people import PEOPLE, PEOPLE_BY_KEY
from sandbox.photos import open_mask, open_upright, reduced, save_picture
from sandbox.plain_copies import make_plain
from sandbox.scenes import SCENES_BY_KEY
from sandbox.swap import swap_model


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


def _swap(commission: Commission) -> Image.Image:
    photo = commission.photo()
    person = PEOPLE_BY_KEY.get(commission.person) or PEOPLE[commission.seed % len(PEOPLE)]
    return swap_model(
        photo,
        person,
        position=commission.position,
        run=commission.run,
        mask=commission.mask(photo.size),
        scene=SCENES_BY_KEY.get(commission.scene),
    )


TASKS: dict[str, Callable[[Commission], Image.Image]] = {"swap": _swap}
"""Who draws what."""


def make(commission: Commission, to: Path, *, plain: bool = False) -> str:
    """Write the file; return its extension (png, jpeg or mp4).

    `plain` makes a tinted copy with the mark within milliseconds, for load tests. Raises
    LookupError for an unknown task or a missing picture and OSError for one that cannot be read.
    """
    if plain:
        return make_plain(
            commission.task, dict(commission.pictures), dict(commission.options), to,
            commission.position + 2 * commission.run + commission.seed,
        )  # fmt: skip
    return save_picture(TASKS[commission.task](commission), to, commission.options.get("format"))
