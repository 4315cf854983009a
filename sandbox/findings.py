"""What a photo shows: faces, skin, the person or product; kept for the next picture of it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property, reduce

from PIL import Image, ImageChops, ImageFilter

from sandbox.bare_skin import find_skin
from sandbox.face_finder import Face, find_faces
from sandbox.person_region import find_person
from sandbox.regions import share, small_copy
from sandbox.subjects import find_subject, has_plain_background

_KEPT = 3
"""Photos whose findings are kept: the second picture of a task need not look again."""

_MOST_PEOPLE = 4
"""People looked for in one photo, those in front first."""

_SKIN_OF_A_PERSON = 0.012
"""Share of a photo without a face from which on skin in it means a person."""


@dataclass(frozen=True)
class Findings:
    """What one photo shows, each looked for at its first use. Masks have the photo's size."""

    photo: Image.Image

    @cached_property
    def faces(self) -> tuple[Face, ...]:
        """From the smallest to the largest: whoever is smaller stands farther back."""
        return tuple(sorted(find_faces(self.photo), key=lambda face: face.half_width))

    @property
    def face(self) -> Face | None:
        """The largest."""
        return self.faces[-1] if self.faces else None

    @cached_property
    def skin(self) -> Image.Image:
        """A soft mask of bare skin."""
        return find_skin(self.photo, self.faces[::-1])

    @cached_property
    def person(self) -> Image.Image:
        """A soft mask of everyone whose face shows, or of the one who shows none."""
        faces = self.faces or (None,)
        rough = [
            small_copy(find_person(self.photo, face, self.skin)) for face in faces[-_MOST_PEOPLE:]
        ]
        everyone = reduce(ImageChops.lighter, rough)
        likely = everyone.filter(ImageFilter.GaussianBlur(max(1.0, max(everyone.size) * 0.05)))
        return find_subject(self.photo, likely)

    @cached_property
    def product(self) -> Image.Image:
        """A soft mask of what lies in the middle."""
        return find_subject(self.photo)

    @property
    def subject(self) -> Image.Image:
        """A soft mask of the person if there is one, else of the product."""
        return self.person if self.shows_a_person else self.product

    @cached_property
    def shows_a_person(self) -> bool:
        if self.faces:
            return True
        if has_plain_background(self.photo):
            return False
        skin = small_copy(self.skin).point([0] * 128 + [255] * 128)
        return share(skin) > _SKIN_OF_A_PERSON


_kept: OrderedDict[bytes, Findings] = OrderedDict()
_kept_lock = threading.Lock()


def look_at(photo: Image.Image) -> Findings:
    """What an RGB photo shows."""
    key = repr(photo.size).encode() + hashlib.blake2b(photo.tobytes()).digest()
    with _kept_lock:
        findings = _kept.setdefault(key, Findings(photo))
        _kept.move_to_end(key)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return findings
