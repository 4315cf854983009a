"""What the engine asks of any provider, in frozen words of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class ItemState(StrEnum):
    """State of one output at the provider."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Media(StrEnum):
    """What kind of file an output is."""

    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """One output of a task, as the status call tells it.

    `url` is its address where the status tells one that needs no further call (FASHN).
    """

    remote_id: str
    state: ItemState
    error_code: str = ""
    error: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task's items. An empty tuple means: just created, nothing known yet.

    `charged` is what the provider says the task cost, in its own credits; None: it does not say.
    `may_run_again` marks a task that failed as a whole, for free, by a cause that passes. `lists_all`
    tells that there will be no further items; a provider may list them one by one as they end.
    """

    items: tuple[RemoteItem, ...]
    trace_id: str = ""
    charged: int | None = None
    may_run_again: bool = False
    lists_all: bool = False

    @property
    def is_final(self) -> bool:
        """Whether every item ended."""
        return bool(self.items) and all(i.state is not ItemState.RUNNING for i in self.items)


@dataclass(frozen=True, slots=True)
class Order:
    """One paid request. `task` is the provider's own name of what it is to do.

    `files` maps input names to what stands for the picture at this provider: a file key where it
    takes uploads, else a link or a data URI. `presets` maps input names to preset ids. `options`
    hold the offer's constants too. `outputs` is the number of results that are asked for.
    """

    task: str
    files: Mapping[str, str]
    presets: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    outputs: int = 1
    webhook_url: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A task that the provider took. `charged` as in TaskStatus, where the answer tells already."""

    remote_id: str
    trace_id: str = ""
    charged: int | None = None


@dataclass(frozen=True, slots=True)
class PresetItem:
    """One entry of a provider's preset list."""

    remote_id: str
    name: str
    image_url: str
    thumb_url: str


@dataclass(frozen=True, slots=True)
class PresetPage:
    """A page of presets; `total` counts all pages, 0: not told."""

    items: tuple[PresetItem, ...]
    has_more: bool
    total: int


@dataclass(frozen=True, slots=True)
class Balance:
    """The account's own credits at the provider. `total` is 0 where it is not told.

    `used` is what was spent in the provider's present period; None where it is not told.
    """

    remaining: int
    total: int
    used: int | None = None


class Provider(Protocol):
    """One account at one provider. Every method raises `errors.ProviderError` kinds only."""

    takes_uploads: bool
    """Whether pictures are uploaded first and named by a key; else they travel in the order."""
    has_webhooks: bool
    """Whether an order may carry an address that the provider calls when the task has ended."""
    preset_kinds: tuple[str, ...]
    """The preset lists that the provider has; none for most."""

    async def upload(self, path: Path, *, content_type: str) -> str:
        """Send a picture file and return the provider's file key."""
        ...

    async def submit(self, order: Order) -> Submitted:
        """Start a paid task: exactly one POST, never repeated here."""
        ...

    async def status(self, remote_id: str) -> TaskStatus:
        """Ask how a task stands."""
        ...

    async def fetch_output(
        self,
        item: RemoteItem,
        to: Path,
        *,
        media: Media,
        file_format: str = "",
        uhd: bool = False,
    ) -> None:
        """Download one succeeded output into `to`; a dead link is renewed once.

        `file_format` and `uhd` are wishes for pictures, in the provider's words, where it takes
        any: a type of file ("": PNG), and enlarging.
        Raises Refused when the file is gone for good, NotTaken when asking later may help.
        """
        ...

    def presets(self, kind: str) -> AsyncIterator[PresetPage]:
        """Page through the preset list of a kind."""
        ...

    async def fetch_picture(self, url: str, to: Path, *, max_bytes: int) -> None:
        """Download a preset picture from an allowed host."""
        ...

    async def balance(self) -> Balance:
        """The account's own balance."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
