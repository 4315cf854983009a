"""Makes the picture that a model swap returns: skin in the preset's tone, the preset's drawn head.

Only the person's region changes; every other pixel is the photo's own, but for the word SANDBOX
in a corner. Where no face is plain to see, the skin takes the preset's tone and the head stays.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from sandbox.face_finder import Face, find_faces
from sandbox.heads import Mood, draw_back, draw_head
from sandbox.people import Person
from sandbox.person_region import find_person, find_skin
from sandbox.scenes import Scene, draw_scene
from sandbox.sketch import Sketch

_HEAD_DETAIL_UNIT = 230
"""Half a drawn face's width, in pixels, above which a head is drawn smaller and enlarged."""

_MOODS = (
    Mood(turn=-0.05, smile=0.55, gaze=-0.01),
    Mood(turn=0.07, smile=0.9, open_mouth=True, gaze=0.015, hair_light=0.07),
    Mood(turn=0.05, smile=0.3, gaze=0.02, hair_light=-0.12),
    Mood(turn=-0.08, smile=0.85, open_mouth=True, gaze=-0.015, hair_light=0.04),
    Mood(turn=0.0, smile=0.7, hair_light=-0.06),
    Mood(turn=-0.02, smile=0.4, gaze=0.01, hair_light=0.1),
)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What one photo shows, kept so that its second picture need not look again."""

    face: Face | None
    skin: Image.Image
    person: Image.Image


_found: OrderedDict[bytes, _Findings] = OrderedDict()
_found_lock = threading.Lock()


def open_upright(path: Path) -> Image.Image:
    """The picture as RGB in the orientation in which it is meant to be seen."""
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        return upright.convert("RGB")


def swap_model(
    photo_path: Path,
    person: Person,
    *,
    position: int,
    run: int = 0,
    mask: Image.Image | None = None,
    scene: Scene | None = None,
) -> Image.Image:
    """The photo with `person` in it, in the photo's own pixel size.

    `position` 0 and 1 are the two pictures of one task and differ in expression, turn and hair;
    `run` counts earlier tasks of the same kind, which differ likewise. `mask` is white where the
    picture may change; without it the region is found. With a `scene` everything but the person
    becomes the scene.
    """
    photo = open_upright(photo_path)
    mood = _MOODS[(position + 2 * run) % len(_MOODS)]
    findings = _findings(photo)
    result = photo.copy()
    if scene is not None:
        background = draw_scene(scene, photo.size, soften=0.004)
        result = Image.composite(photo, background, findings.person)
    tinted = _recolour_skin(result, findings, person, mood)
    result.paste(tinted, (0, 0), findings.skin)
    if findings.face is not None:
        result = _place_head(result, findings.face, person, mood)
    if mask is not None and scene is None:
        allowed = mask.convert("L").resize(photo.size, Image.Resampling.NEAREST)
        result = Image.composite(result, photo, allowed.point([0] * 128 + [255] * 128))
        if result.tobytes() == photo.tobytes():
            result = _shade_masked(photo, allowed, person, mood)
    _sign(result)
    return result


def _findings(photo: Image.Image) -> _Findings:
    thumb = photo.resize((64, 64), Image.Resampling.BOX)
    key = repr(photo.size).encode() + thumb.tobytes()
    with _found_lock:
        if key in _found:
            _found.move_to_end(key)
            return _found[key]
    faces = find_faces(photo)
    face = max(faces, key=lambda f: f.half_width * f.likeness) if faces else None
    others = [other for other in faces if other is not face]
    skin = find_skin(photo, face, others)
    findings = _Findings(face, skin, find_person(photo, face, skin))
    with _found_lock:
        _found[key] = findings
        while len(_found) > 4:
            _found.popitem(last=False)
    return findings


def _recolour_skin(
    picture: Image.Image, findings: _Findings, person: Person, mood: Mood
) -> Image.Image:
    """The whole picture in colours that turn its skin into the preset's."""
    luma, blue, red = picture.convert("YCbCr").split()
    box = findings.skin.getbbox()
    if box is None:
        return picture
    # Means over a small copy: exact enough, and the same for every size of photo.
    small = (64, 64)
    weight = findings.skin.resize(small, Image.Resampling.BOX).tobytes()
    total = sum(weight) or 1

    def mean(channel: Image.Image) -> float:
        values = channel.resize(small, Image.Resampling.BOX).tobytes()
        return sum(v * w for v, w in zip(values, weight, strict=True)) / total

    tone = Image.new("RGB", (1, 1), person.skin).convert("YCbCr").tobytes()
    want_luma = tone[0] * (1 + 1.3 * mood.hair_light)
    have = max(20.0, mean(luma))
    # Dark photos stay darker and bright ones brighter than the tone itself: light is the photo's.
    want = want_luma * 0.86 + have * 0.14
    gain = want / have
    luma = luma.point([_toned(level, have, want, gain) for level in range(256)])
    blue = _shift(blue, mean(blue), tone[1])
    red = _shift(red, mean(red), tone[2] + (3 if mood.open_mouth else 0))
    return Image.merge("YCbCr", (luma, blue, red)).convert("RGB")


def _toned(level: int, have: float, want: float, gain: float) -> int:
    if level <= have:
        return round(level * gain)
    # Above the mean the rest of the range is squeezed, so that highlights never clip.
    return round(want + (level - have) * (252 - want) / max(1.0, 255 - have))


def _shift(channel: Image.Image, have: float, want: float) -> Image.Image:
    return channel.point([min(255, max(0, round(want + (v - have) * 0.7))) for v in range(256)])


def _place_head(picture: Image.Image, face: Face, person: Person, mood: Mood) -> Image.Image:
    """The drawn head over the found one, with a soft shadow under the chin."""
    unit = face.half_width * 1.16
    reach_x, up, down = 2.3, 2.5, 2.5
    shrink = max(1.0, unit / _HEAD_DETAIL_UNIT)
    small = unit / shrink
    size = (round(2 * reach_x * small), round((up + down) * small))
    origin = (reach_x * small, up * small)
    detail = 3 if small < 90 else 2
    back = Sketch(size, origin, small, detail)
    draw_back(back, person, mood)
    front = Sketch(size, origin, small, detail)
    draw_head(front, person, mood)
    layers = [back.finish(), front.finish()]
    if shrink > 1:
        full = (round(size[0] * shrink), round(size[1] * shrink))
        layers = [layer.resize(full, Image.Resampling.BICUBIC) for layer in layers]
    at = (round(face.x - reach_x * unit), round(face.y - up * unit))
    result = picture.copy()
    shadow_alpha = layers[1].getchannel("A").filter(ImageFilter.GaussianBlur(0.13 * unit))
    shadow = Image.new("RGB", shadow_alpha.size, (42, 24, 26))
    offset = (at[0] + round(0.03 * unit), at[1] + round(0.14 * unit))
    result.paste(shadow, offset, shadow_alpha.point([round(v * 0.26) for v in range(256)]))
    # Behind the neck there is a body in the photo: back hair fades out where shoulders begin.
    fade = _fade_down(layers[0].size, start=(up + 0.9) * unit, end=(up + 2.3) * unit)
    back_alpha = ImageChops.multiply(layers[0].getchannel("A"), fade)
    result.paste(layers[0].convert("RGB"), at, back_alpha)
    result.paste(layers[1].convert("RGB"), at, layers[1].getchannel("A"))
    return result


def _fade_down(size: tuple[int, int], start: float, end: float) -> Image.Image:
    column = bytes(
        255 if y <= start else 0 if y >= end else round(255 * (end - y) / (end - start))
        for y in range(size[1])
    )
    return Image.frombytes("L", (1, size[1]), column).resize(size)


def _shade_masked(photo: Image.Image, mask: Image.Image, person: Person, mood: Mood) -> Image.Image:
    """A light wash of the preset's tone where a mask allows a change and nothing else was found."""
    wash = Image.new("RGB", photo.size, person.skin)
    amount = 0.24 if mood.turn < 0 else 0.32
    return Image.composite(
        Image.blend(photo, wash, amount), photo, mask.point([0] * 128 + [255] * 128)
    )


def _sign(picture: Image.Image) -> None:
    """Write SANDBOX in the bottom right corner, light on a dark plate so that it reads anywhere."""
    height = max(9, round(min(picture.size) * 0.022))
    font = ImageFont.load_default(height)
    left, top, right, bottom = font.getbbox("SANDBOX")
    pad = max(2, round(height * 0.45))
    width, tall = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    plate = Image.new("RGB", (width, tall), (24, 26, 32))
    ImageDraw.Draw(plate).text((pad - left, pad - top), "SANDBOX", font=font, fill=(245, 245, 246))
    picture.paste(plate, (max(0, picture.width - width), max(0, picture.height - tall)))
