"""The table of operations: label, inputs, expected outputs, price, and who offers them.

Prices are credits of the team and dated data with a source; a job keeps the price of its launch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class InputKind(StrEnum):
    """Where an input comes from."""

    PHOTO = "photo"
    MODEL_PRESET = "SWAP_MODEL"
    SCENE_PRESET = "SWAP_MODEL_SCENE"


@dataclass(frozen=True, slots=True)
class Input:
    """One named input of an operation."""

    name: str
    kind: InputKind
    label: str | Promise
    required: bool = True


@dataclass(frozen=True, slots=True)
class Price:
    """Credits per delivered output, from a date on. `source` says where the figure comes from."""

    version: str
    unit: int
    source: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a team can ask for. Bytes and sides (pixels) limit the copy that is sent."""

    name: str
    label: str | Promise
    description: str | Promise
    icon: str
    provider: str
    pool: str
    inputs: tuple[Input, ...]
    expected_outputs: int
    price: Price
    max_bytes: int
    max_side: int
    min_side: int
    formats: frozenset[str]
    typical_seconds: int

    @property
    def total(self) -> int:
        """Credits held for one job."""
        return self.price.unit * self.expected_outputs


SWAP_MODEL = Operation(
    name="swap_model",
    label=_("Swap fashion model"),
    description=_("Another person wears the very same clothes. Two results."),
    icon="scan-face",
    provider="sellerpic",
    pool="general",
    inputs=(
        Input("model_image", InputKind.PHOTO, _("Photo")),
        Input("model", InputKind.MODEL_PRESET, _("Model")),
        Input("scene", InputKind.SCENE_PRESET, _("Scene"), required=False),
    ),
    expected_outputs=2,
    # 4 credits for 2 images: SellerPic, Swap Fashion Model, page of 2025-08-15. That one of two
    # delivered images costs half is ASSUMED from the older page's "1 per successful image".
    price=Price(version="sellerpic-2025-08-15", unit=2, source="SellerPic, Swap Fashion Model"),
    max_bytes=10 * 1024 * 1024,
    max_side=4096,
    # The vendor states no least size; below this a face is a few pixels wide.
    min_side=200,
    formats=frozenset({"jpeg", "png", "webp"}),
    typical_seconds=60,
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in (SWAP_MODEL,)}
