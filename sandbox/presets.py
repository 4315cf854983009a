"""The preset models and scenes on offer, each list in the order in which the API pages it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.people import PEOPLE
from sandbox.scenes import SCENES

# Ids only look like the vendor's; every type has its own block so that none can be mistaken.
_FIRST_ID = {
    "SWAP_MODEL": 1731000000000001000,
    "SWAP_MODEL_SCENE": 1731000000000002000,
    "AI_BACKGROUND": 1731000000000003000,
    "BACKGROUND": 1731000000000004000,
}


@dataclass(frozen=True, slots=True)
class Preset:
    """One thing to choose: `drawing` names the person or scene that is drawn for it."""

    id: str
    type: str
    name: str
    drawing: str

    @property
    def is_person(self) -> bool:
        return self.type == "SWAP_MODEL"


def _presets(type_: str, drawings: Sequence[tuple[str, str]]) -> tuple[Preset, ...]:
    first = _FIRST_ID[type_]
    return tuple(
        Preset(str(first + 7 * number), type_, name, key)
        for number, (key, name) in enumerate(drawings, start=1)
    )


_ALL_SCENES = [(scene.key, scene.name) for scene in SCENES]

PRESETS: dict[str, tuple[Preset, ...]] = {
    "SWAP_MODEL": _presets("SWAP_MODEL", [(person.key, person.name) for person in PEOPLE]),
    "SWAP_MODEL_SCENE": _presets("SWAP_MODEL_SCENE", _ALL_SCENES),
    "AI_BACKGROUND": _presets("AI_BACKGROUND", _ALL_SCENES),
    "BACKGROUND": _presets("BACKGROUND", _ALL_SCENES),
}
"""Every preset by the API's type."""

_BY_ID = {preset.id: preset for presets in PRESETS.values() for preset in presets}


def find_preset(preset_id: str, type_: str | None = None) -> Preset | None:
    """The preset with this id, if it exists and is of the type asked for."""
    preset = _BY_ID.get(preset_id)
    return preset if preset and type_ in (None, preset.type) else None
