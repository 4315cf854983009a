"""Makes the picture that a model swap returns: skin in the preset's tone, the preset's drawn head.

Only the person's region changes; every other pixel is the photo's own, but for the word SANDBOX
in a corner. Where no face is plain to see, the skin takes the preset's tone and the head stays.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from sandbox.bare_skin import recolour
from sandbox.findings import look_at
from sandbox.head_swap import place_head, with_other_hair
from sandbox.heads import Mood
from sandbox.people import Person
from sandbox.photos import sign
from sandbox.scenes import Scene, draw_scene

_MOODS = (
    Mood(turn=-0.05, smile=0.55, gaze=-0.01),
    Mood(turn=0.07, smile=0.9, open_mouth=True, gaze=0.015, hair_light=0.07),
    Mood(turn=0.05, smile=0.3, gaze=0.02, hair_light=-0.12),
    Mood(turn=-0.08, smile=0.85, open_mouth=True, gaze=-0.015, hair_light=0.04),
    Mood(turn=0.0, smile=0.7, hair_light=-0.06),
    Mood(turn=-0.02, smile=0.4, gaze=0.01, hair_light=0.1),
)


_BRIGHTER = (-0.03, 0.07)
"""The light on the skin, for the two pictures of a task, as a share more or less."""


def swap_model(
    photo: Image.Image,
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
    mood = _MOODS[(position + 2 * run) % len(_MOODS)]
    findings = look_at(photo)
    result = photo.copy()
    if scene is not None:
        background = draw_scene(scene, photo.size, soften=0.004)
        result = Image.composite(photo, background, findings.person)
    tinted = recolour(result, findings.skin, person.skin, _BRIGHTER[position % 2])
    result.paste(tinted, (0, 0), findings.skin)
    model = with_other_hair(person) if position % 2 else person
    for number, face in enumerate(findings.faces):
        look = mood if number == 0 else replace(mood, turn=-mood.turn, gaze=-mood.gaze)
        result = place_head(result, photo, face, findings.skin, model, look)
    if mask is not None and scene is None:
        allowed = mask.convert("L").resize(photo.size, Image.Resampling.NEAREST)
        result = Image.composite(result, photo, allowed.point([0] * 128 + [255] * 128))
        if result.tobytes() == photo.tobytes():
            result = _shade_masked(photo, allowed, person, mood)
    sign(result)
    return result


def _shade_masked(photo: Image.Image, mask: Image.Image, person: Person, mood: Mood) -> Image.Image:
    """A light wash of the preset's tone where a mask allows a change and nothing else was found."""
    wash = Image.new("RGB", photo.size, person.skin)
    amount = 0.24 if mood.turn < 0 else 0.32
    return Image.composite(
        Image.blend(photo, wash, amount), photo, mask.point([0] * 128 + [255] * 128)
    )
