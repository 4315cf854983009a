"""Finds what a person in a photo wears above and below the waist."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.findings import Findings
from sandbox.regions import mask_of, parts, share, small_copy, wider, without_holes
from sandbox.subjects import nearest_colour, palette_of, soft_edged

_LEADS_ON = 0.5
"""How much of what a person wears may have been missed when the person was found."""

_WHITE_ABOVE = [0] * 128 + [255] * 128


@dataclass(frozen=True, slots=True)
class _Body:
    """Where a body's parts are, in pixels of the small copy: its middle, a unit, and heights.

    The unit is half the width of the face.
    """

    x: float
    unit: float
    neck: float
    waist: float
    hips: float
    knees: float


def find_clothing(findings: Findings, part: str) -> Image.Image:
    """A soft mask, in the photo's size, of what is worn on the top, the bottom, or as one_piece."""
    photo = findings.photo
    small = small_copy(photo)
    person = findings.person.resize(small.size, Image.Resampling.BOX).point(_WHITE_ABOVE)
    skin = findings.skin.resize(small.size, Image.Resampling.BOX).point(_WHITE_ABOVE)
    body = _body(findings, small.size, person)
    soft = small.filter(ImageFilter.MedianFilter(3)).convert("YCbCr")
    dressed = ImageChops.subtract(person, skin)
    if findings.face:
        head = _head(small.size, body, findings.face.tilt)
        hair = _hair(soft, ImageChops.darker(head, dressed), body)
        dressed = ImageChops.subtract(dressed, ImageChops.lighter(head, hair))
    core = _core(body, part, small.size, dressed)
    worn = palette_of(soft, ImageChops.darker(core, dressed), least=0.04)
    others = ImageChops.subtract(ImageChops.invert(wider(core, 4)), _span(body, part, small.size))
    beside = ImageChops.lighter(others, ImageChops.invert(person))
    rest = palette_of(soft, ImageChops.lighter(beside, skin))
    near = nearest_colour(soft, worn)
    nearer = ImageChops.subtract(nearest_colour(soft, rest), near, 1.0, 128)
    alike = ImageChops.lighter(
        nearer.filter(ImageFilter.BoxBlur(1)).point([0] * 126 + [255] * 130),
        near.point([255] * 12 + [0] * 244),
    )
    # The very colours of what is worn lead on, as sleeves do, unless the background has them too.
    surely = near.point([255] * 6 + [0] * 250).filter(ImageFilter.MinFilter(3))
    beyond = ImageChops.subtract(_touching(surely, core), ImageChops.lighter(dressed, skin))
    if share(beyond) < _LEADS_ON * share(ImageChops.darker(alike, dressed)):
        dressed = ImageChops.lighter(dressed, beyond.filter(ImageFilter.MaxFilter(5)))
    mask = ImageChops.darker(ImageChops.darker(alike, dressed), _span(body, part, small.size))
    mask = mask.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.MinFilter(3))
    mask = _touching(mask.filter(ImageFilter.MinFilter(3)), core).filter(ImageFilter.MaxFilter(3))
    # Prints and buttons belong to the cloth around them; hands in front of it do not.
    mask = ImageChops.subtract(
        without_holes(mask.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.MinFilter(7))), skin
    )
    if share(mask) < 0.004:
        mask = ImageChops.darker(_span(body, part, small.size), dressed)
    if share(mask) < 0.004:
        mask = core
    return soft_edged(photo, small, mask.filter(ImageFilter.MedianFilter(3)))


def _body(findings: Findings, size: tuple[int, int], person: Image.Image) -> _Body:
    scale = size[0] / findings.photo.width
    left, top, right, bottom = person.getbbox() or (0, 0, *size)
    face = findings.face
    if face is not None:
        x, y, unit = face.x * scale, face.y * scale, face.half_width * scale
        return _Body(
            x, unit, y + 1.7 * unit, min(y + 9 * unit, bottom), y + 7 * unit, y + 18 * unit
        )
    # Without a head the picture starts at the neck, or shows the legs if those are asked for.
    tall = bottom - top
    middle = person.resize((size[0], 1), Image.Resampling.BOX).tobytes()
    x = sum(i * v for i, v in enumerate(middle)) / max(1, sum(middle))
    unit = (right - left) / 5.5
    return _Body(x, unit, top + 0.03 * tall, bottom, top + 0.3 * tall, bottom)


def _head(size: tuple[int, int], body: _Body, tilt: float) -> Image.Image:
    mask = Image.new("L", size, 0)
    x, unit, chin = body.x - tilt * 0.8 * body.unit, body.unit, body.neck
    ImageDraw.Draw(mask).ellipse(
        (x - 1.25 * unit, chin - 3.8 * unit, x + 1.25 * unit, chin + 0.1 * unit), fill=255
    )
    return mask


def _hair(soft: Image.Image, on_head: Image.Image, body: _Body) -> Image.Image:
    """Long hair that falls over the clothes: what has the hair's colours and hangs on the head."""
    x, unit, chin = body.x, body.unit, body.neck
    reach = Image.new("L", soft.size, 0)
    ImageDraw.Draw(reach).ellipse(
        (x - 2.2 * unit, chin - 4 * unit, x + 2.2 * unit, chin + 4.2 * unit), fill=255
    )
    near = nearest_colour(soft, palette_of(soft, on_head)).point([255] * 11 + [0] * 245)
    hair = _touching(ImageChops.darker(near, reach), on_head)
    # More than a mane is cloth of the same colour.
    below = ImageChops.subtract(hair, on_head).histogram()[255]
    return hair if below < 9 * unit**2 else on_head


def _rows(body: _Body, part: str, height: int) -> tuple[float, float]:
    """From where to where a part reaches."""
    if part == "top":
        return body.neck, min(height, body.waist)
    if part == "bottom":
        return min(body.hips, height * 0.8), height
    return body.neck, min(height, body.knees)


def _span(body: _Body, part: str, size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    top, bottom = _rows(body, part, size[1])
    ImageDraw.Draw(mask).rectangle(
        (body.x - 6 * body.unit, top, body.x + 6 * body.unit, bottom), fill=255
    )
    return mask


def _core(body: _Body, part: str, size: tuple[int, int], dressed: Image.Image) -> Image.Image:
    """Where the part surely is: the middle of its height and of the body."""
    top, bottom = _rows(body, part, size[1])
    tall = max(2.0, bottom - top)
    mask = Image.new("L", size, 0)
    box = (body.x - 1.3 * body.unit, top + 0.22 * tall, body.x + 1.3 * body.unit, top + 0.75 * tall)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    inside = ImageChops.darker(mask, dressed)
    return inside if inside.getbbox() else mask


def _touching(mask: Image.Image, core: Image.Image) -> Image.Image:
    """The parts of the mask that reach into the core."""
    inside = core.tobytes()
    kept = Image.new("L", mask.size, 0)
    for part in parts(mask):
        if sum(1 for index in part if inside[index]) > 0.06 * len(part):
            kept = ImageChops.lighter(kept, mask_of(part, mask.size))
    return kept
