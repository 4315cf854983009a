"""What the clients of all providers begin with: one account's key, its API and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

from generation.providers.download import Downloader
from generation.providers.http import ApiClient, TimeLimits, Transport


class Connection(TypedDict):
    """How an account is reached. Results are fetched from `file_hosts` only, by https.

    `is_sandbox` takes files from the origin of the API itself as well. `transport` stands in for
    the network.
    """

    api_key: str
    file_hosts: Sequence[str]
    is_sandbox: NotRequired[bool]
    submit_limits: NotRequired[TimeLimits | None]
    transport: NotRequired[Transport | None]


class Client:
    """One account at the origin `base_url`. `setting` names the list of file hosts to operators."""

    def __init__(self, base_url: str, *, setting: str, **given: Unpack[Connection]) -> None:
        transport = given.get("transport")
        self._is_sandbox = given.get("is_sandbox", False)
        self._api = ApiClient(
            base_url,
            headers={"Authorization": f"Bearer {given['api_key']}", "Accept": "application/json"},
            writes=given.get("submit_limits") or TimeLimits(read=60.0),
            transport=transport,
        )
        self._files = Downloader(
            hosts=given["file_hosts"],
            setting=setting,
            schemes=("https",),
            sandbox_origin=base_url if self._is_sandbox else "",
            transport=transport,
        )

    async def fetch_picture(self, url: str, to: Path, *, max_bytes: int) -> None:
        """Download a file from a listed host."""
        await self._files.fetch(url, to, max_bytes=max_bytes)

    async def aclose(self) -> None:
        """Close connections."""
        await self._api.aclose()
        await self._files.aclose()
