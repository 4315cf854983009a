"""What a row of the table of operations is made of. Plain data: the rows are in `table`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise

Text = str | Promise
Unit = Callable[["Ask"], int]
"""Credits per delivered output, from what is asked for."""


class InputKind(StrEnum):
    """Where an input comes from. The values of presets are the providers' own list names."""

    PHOTO = "photo"
    MASK = "mask"
    MODEL_PRESET = "SWAP_MODEL"
    SCENE_PRESET = "SWAP_MODEL_SCENE"
    AI_BACKGROUND_PRESET = "AI_BACKGROUND"
    BACKGROUND_PRESET = "BACKGROUND"

    @property
    def is_picture(self) -> bool:
        """Whether a picture of the team goes in; a preset of the provider otherwise."""
        return self in (InputKind.PHOTO, InputKind.MASK)


class Result(StrEnum):
    """What an operation returns."""

    IMAGE = "image"
    MASK = "mask"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Fit:
    """Limits of a picture that is sent: bytes, sides in pixels, width to height from-to.

    A larger picture is sent as a smaller copy; one that is too small or too narrow is refused.
    """

    max_bytes: int
    max_side: int
    min_side: int = 1
    formats: frozenset[str] = frozenset({"jpeg", "png", "webp"})
    ratio: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One named input. A mask names the input whose size in pixels it must have in `mask_of`."""

    name: str
    kind: InputKind
    label: Text
    required: bool = True
    mask_of: str = ""
    fit: Fit | None = None


class OptionKind(StrEnum):
    """How the value of an option is given."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    COLOUR = "colour"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Option:
    """One named option, in the provider's own words.

    `default` is what a form starts with and a launch fills in; None leaves the option out.
    `choices` are values and labels; `least` and `most` bound a number; `most_letters` a text.
    `assumed` says to operators what no page tells about it; "" is nothing.
    """

    name: str
    kind: OptionKind
    label: Text
    default: Any = None
    required: bool = False
    choices: tuple[tuple[Any, Text], ...] = ()
    least: float = 0
    most: float = 0
    most_letters: int = 0
    is_advanced: bool = False
    assumed: Text = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a price depends on: the options as they will be sent, and which inputs are given."""

    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Price:
    """Credits per delivered output, from a date on. `source` says where the figure comes from."""

    version: str
    source: str
    unit: Unit
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one job: credits per output, outputs expected, credits held."""

    unit: int
    outputs: int
    version: str

    @property
    def total(self) -> int:
        """Credits that are held at the launch."""
        return self.unit * self.outputs


@dataclass(frozen=True, slots=True)
class Fault:
    """Why inputs and options do not go together. `field` is the one to change."""

    field: str
    sentence: str


Sizes = Mapping[str, tuple[int, int]]
"""Width and height in pixels of the pictures that are given, by the name of their input."""
Check = Callable[["Ask", Sizes], Fault | None]
"""Looks at what single inputs and options do not show; None: nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One provider's way to do an operation.

    `task` is the provider's own name of it, `constants` are options that the offer fixes, `outputs`
    is the number of results or the name of the option that tells it. What is not `is_confirmed` was
    never read on a page of the vendor, and is offered on a live account by a setting only. `assumed`
    says to operators which single figure or key of a confirmed one no page tells; "" is none.
    `check` refuses, for free, what the provider is known to refuse. `large_fits` are limits by the
    value of the option `resolution`, instead of `fit`, for pictures that travel by a link.
    """

    name: str
    provider: str
    task: str
    label: Text
    pool: str
    inputs: tuple[Input, ...]
    outputs: int | str
    price: Price
    fit: Fit
    options: tuple[Option, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    result: Result = Result.IMAGE
    is_confirmed: bool = True
    takes_seed: bool = False
    typical_seconds: int = 60
    assumed: Text = ""
    check: Check | None = None
    large_fits: Mapping[str, Fit] = field(default_factory=lambda: MappingProxyType({}))

    def quote(self, ask: Ask | None = None) -> Quote:
        """The price of one job; without `ask` that of the defaults."""
        ask = ask or Ask(self.defaults())
        count = self.outputs
        outputs = count if isinstance(count, int) else int(ask.options.get(count, 1))
        return Quote(self.price.unit(ask), outputs, self.price.version)

    def defaults(self) -> dict[str, Any]:
        """The options of a form that nobody touched."""
        return {
            option.name: option.default for option in self.options if option.default is not None
        }

    def input(self, name: str) -> Input | None:
        """The input of that name."""
        return next((entry for entry in self.inputs if entry.name == name), None)

    def fit_of(self, entry: Input, options: Mapping[str, Any] | None = None) -> Fit:
        """The limits of one picture; with the `options` of a job, where it travels by a link.

        Without them the limits are those of any job, the smallest ones.
        """
        large = self.large_fits.get(str((options or {}).get("resolution", "")))
        return entry.fit or large or self.fit


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a team can ask for, and who offers it; the first offer is the usual one."""

    name: str
    label: Text
    description: Text
    icon: str
    offers: tuple[Offer, ...]

    def offer(self, name: str) -> Offer | None:
        """The offer of that name."""
        return next((offer for offer in self.offers if offer.name == name), None)
