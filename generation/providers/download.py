"""Fetches files that a provider links to, and nothing else that a link could point at.

A link in an answer is a stranger's text. Its host must be on the provider's list, every address
the host resolves to must be public, the connection goes to the very address that was checked (a
second look-up could answer differently), redirects are not followed and bytes are counted. The
key of the account goes to no such address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from generation.providers.base import Media
from generation.providers.errors import LinkBlocked, LinkDead, NotTaken, Refused, Unreachable
from generation.providers.http import (
    AnswerLost,
    FileResponse,
    NotSent,
    TimeLimits,
    Transport,
    file_client,
    open_response,
    stream_body,
)

MAX_BYTES: Mapping[Media, int] = {Media.IMAGE: 64 * 1024 * 1024, Media.VIDEO: 256 * 1024 * 1024}
"""Largest result of each kind. Images are at most 4096 pixels a side; such a PNG stays below."""

Resolver = Callable[[str, int], Awaitable[list[str]]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_DEAD = {403: "forbidden", 404: "gone", 410: "gone"}
# Python calls these global, and each of them carries an IPv4 address that may be anything but.
_CARRIERS = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class Downloader:
    """Speaks to `hosts` (a leading dot takes subdomains) and to the sandbox's origin.

    `setting` names the list of hosts to the operator who reads that one is missing; `schemes` are
    those that a link may have. `sandbox_origin` such as `http://127.0.0.1:8001` opens exactly that
    scheme, host and port, and is the only way to an address of this machine or a private network.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str],
        setting: str,
        schemes: Collection[str] = ("http", "https"),
        sandbox_origin: str = "",
        resolve: Resolver | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._hosts = tuple(host.lower() for host in hosts)
        self._setting = setting
        self._ports = {_PORTS[scheme] for scheme in schemes}
        self._schemes = frozenset(schemes)
        self._sandbox = _origin(urlsplit(sandbox_origin)) if sandbox_origin else None
        self._resolve = resolve or _resolve
        self._client = file_client(TimeLimits(read=30.0), transport)

    async def fetch(self, url: str, to: Path, *, max_bytes: int) -> None:
        """Stream the file at `url` into `to`, at most `max_bytes`.

        Raises LinkBlocked for an address that must not be asked, LinkDead for one that answers 403,
        404 or 410, Refused for a file that is too large, NotTaken where a later try may help.
        """
        async with self._request("GET", url, headers={"Accept-Encoding": "identity"}) as response:
            if response.status_code != 200:
                raise NotTaken(f"The file's server answered {response.status_code}.")
            with to.open("wb") as file:
                size = 0
                async for chunk in stream_body(response):
                    size += len(chunk)
                    if size > max_bytes:
                        raise Refused("The provider's file is too large.", code="too_large")
                    file.write(chunk)

    async def put(self, path: Path, url: str) -> None:
        """Send the bytes of a file to a link that was given for it. Raises as `fetch` does."""
        headers = {"Content-Type": "application/octet-stream"}
        body = await asyncio.to_thread(path.read_bytes)
        async with self._request("PUT", url, headers=headers, content=body) as response:
            if not 200 <= response.status_code < 300:
                raise NotTaken(f"The file's server answered {response.status_code}.")

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _request(
        self, method: str, url: str, *, headers: Mapping[str, str], **kwargs: Any
    ) -> AsyncIterator[FileResponse]:
        """One request to a checked address; the body of the response is unread."""
        parts = _split(url)
        address = await self._checked_address(parts)
        target = parts._replace(netloc=_netloc(address, parts.port), fragment="").geturl()
        try:
            async with open_response(
                self._client,
                method,
                target,
                headers={"Host": parts.netloc.rpartition("@")[2], **headers},
                extensions={"sni_hostname": parts.hostname or ""},
                **kwargs,
            ) as response:
                if response.status_code in _DEAD:
                    raise LinkDead(
                        "The link to the file no longer works.", code=_DEAD[response.status_code]
                    )
                yield response
        except (NotSent, AnswerLost) as exc:
            raise Unreachable(f"The file's server {exc.where}.") from exc

    async def _checked_address(self, parts: SplitResult) -> str:
        """The address to connect to, after every rule was applied."""
        host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
        is_sandbox = self._sandbox is not None and _origin(parts) == self._sandbox
        if not is_sandbox:
            if parts.scheme not in self._schemes or port not in self._ports:
                raise LinkBlocked(f"Files are not taken from {parts.scheme} port {port}.")
            if not self._is_listed(host):
                raise LinkBlocked(
                    f"Files lie at {host[:100]}, a host that is not on the list ({self._setting})."
                )
        try:
            found = await self._resolve(host, port)
        except OSError as exc:
            raise Unreachable(f"{host[:100]} was not found.") from exc
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        if not addresses:
            raise Unreachable(f"{host[:100]} was not found.")
        fits = _is_near if is_sandbox else is_public
        if not all(fits(address) for address in addresses):
            raise LinkBlocked(f"{host[:100]} leads to an address that is not public.")
        return str(addresses[0])

    def _is_listed(self, host: str) -> bool:
        return any(
            host.endswith(entry) or host == entry[1:] if entry.startswith(".") else host == entry
            for entry in self._hosts
        )


def is_public(address: _Address) -> bool:
    """Whether packets to the address leave for the open internet and end where it says."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _CARRIERS):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_near(address: _Address) -> bool:
    """Where a sandbox may live: this machine, a private network, or the internet."""
    return is_public(address) or (
        (address.is_loopback or address.is_private)
        and not address.is_link_local
        and not address.is_unspecified
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # A port that is no number shows itself only when asked for.
    except ValueError as exc:
        raise LinkBlocked("The provider's link is malformed.") from exc
    if not parts.hostname or "@" in parts.netloc or "\\" in url:
        raise LinkBlocked("The provider's link is malformed.")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or _PORTS.get(parts.scheme, 0),
    )


def _netloc(address: str, port: int | None) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if port else host


async def _resolve(host: str, port: int) -> list[str]:
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in infos]
