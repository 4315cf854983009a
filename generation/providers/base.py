"""What the engine asks of any provider, in frozen words of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class ItemState(StrEnum):
    """State of one output at the provider."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """One output of a task, as the status call tells it."""

    remote_id: str
    state: ItemState
    error_code: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task's items. An empty tuple means: just created, nothing known yet."""

    items: tuple[RemoteItem, ...]
    trace_id: str = ""

    @property
    def is_final(self) -> bool:
        """Whether every item ended."""
        return bool(self.items) and all(i.state is not ItemState.RUNNING for i in self.items)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A task that the provider took."""

    remote_id: str
    trace_id: str = ""


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
    """The account's own credits at the provider."""

    remaining: int
    total: int


class Provider(Protocol):
    """One account at one provider. Every method raises `errors.ProviderError` kinds only."""

    async def upload(self, path: Path, *, content_type: str) -> str:
        """Send a picture file and return the provider's file key."""
        ...

    async def submit(
        self,
        operation: str,
        *,
        files: Mapping[str, str],
        presets: Mapping[str, str],
        options: Mapping[str, Any],
    ) -> Submitted:
        """Start a paid task: exactly one POST, never repeated here.

        `files` maps input names to file keys, `presets` input names to preset ids.
        """
        ...

    async def status(self, remote_id: str) -> TaskStatus:
        """Ask how a task stands."""
        ...

    async def fetch_output(self, item: RemoteItem, to: Path) -> None:
        """Download one succeeded output into `to`; a dead link is renewed once.

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
