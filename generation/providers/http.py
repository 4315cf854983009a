"""The one place that speaks HTTP. Sorts every failure by one question: was anything sent?

Everything else in the package uses the words of this module, so that the library underneath can be
replaced by its maintained fork without touching an adapter.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import httpx

logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""No JSON answer of a provider comes near this; a larger body is not read on."""

Transport = httpx.AsyncBaseTransport
"""What carries requests instead of the network: tests put an app of this process in its place."""
FileResponse = httpx.Response


# The last two are faults of a header or an address, found before a byte leaves. (A body that does
# not have the length it was announced with would be found later; ours are bytes, or whole files.)
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


class Break(StrEnum):
    """Where a call broke off. The values follow upon the name of who was called."""

    UNREACHED = "cannot be reached"
    IMPOSSIBLE = "cannot be called with these settings; nothing was sent"
    SENDING = "closed the connection while the request was being sent"
    ANSWERING = "closed the connection before the whole answer had come"
    SLOW_TO_TAKE = "did not take the request in time"
    SLOW_TO_ANSWER = "did not answer in time"
    UNREADABLE = "sent an answer that could not be read"


class NotSent(Exception):
    """No request was made: the other side has seen nothing."""

    def __init__(self, where: Break) -> None:
        super().__init__(where.value)
        self.where = where


class AnswerLost(Exception):
    """The request was sent, or part of it was, and no whole answer came back."""

    def __init__(self, where: Break) -> None:
        super().__init__(where.value)
        self.where = where


_WHERE: tuple[tuple[type[httpx.HTTPError] | tuple[type[httpx.HTTPError], ...], Break], ...] = (
    ((httpx.LocalProtocolError, httpx.UnsupportedProtocol), Break.IMPOSSIBLE),
    (_NOT_SENT, Break.UNREACHED),
    (httpx.WriteError, Break.SENDING),
    (httpx.WriteTimeout, Break.SLOW_TO_TAKE),
    (httpx.TimeoutException, Break.SLOW_TO_ANSWER),
    (httpx.DecodingError, Break.UNREADABLE),
)
"""The first that fits counts; anything else broke while the answer was read."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `connect` until a connection stands, `read` and `write` for each silent stretch."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        return json.loads(self.body)

    @property
    def retry_after(self) -> float | None:
        """Seconds that a Retry-After header asks for, given as such or as a date; None without."""
        told = self.headers.get("retry-after", "")
        try:
            return max(0.0, float(told))
        except ValueError:
            until = _moment(told)
        if until is None:
            return None
        # By the other side's clock, where it tells: ours may differ by more than the pause.
        since = _moment(self.headers.get("date", "")) or datetime.now(UTC)
        return max(0.0, (until - since).total_seconds())


class ApiClient:
    """Requests to one base address.

    Reads share kept-alive connections. Every POST gets a connection of its own: a kept-alive one
    may be closed by the server just as the request is sent, and then nobody knows whether it was
    taken. Nothing is repeated here, redirects are not followed, and proxies of the environment
    are not used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        reads: TimeLimits | None = None,
        writes: TimeLimits | None = None,
        transport: Transport | None = None,
    ) -> None:
        to_here: dict[str, Any] = {"base_url": base_url, "headers": headers}
        self._reads = _client(reads or TimeLimits(), 10, transport, **to_here)
        self._writes = _client(writes or TimeLimits(read=60.0), 0, transport, **to_here)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """A read. Raises NotSent or AnswerLost; either may be repeated."""
        return await self._send(self._reads, "GET", path, params=dict(params or {}))

    async def post_json(
        self, path: str, body: Mapping[str, Any], params: Mapping[str, str] | None = None
    ) -> Answer:
        """A POST that is made once. After AnswerLost it may have been carried out."""
        return await self._send(
            self._writes, "POST", path, json=dict(body), params=dict(params or {})
        )

    async def post_file(self, path: str, field: str, file: Path, content_type: str) -> Answer:
        """A multipart POST of one file."""
        with file.open("rb") as stream:
            return await self._send(
                self._writes, "POST", path, files={field: (file.name, stream, content_type)}
            )

    async def aclose(self) -> None:
        """Close connections."""
        await self._reads.aclose()
        await self._writes.aclose()

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, **kwargs: Any
    ) -> Answer:
        async with open_response(client, method, path, **kwargs) as response:
            body = bytearray()
            async for chunk in stream_body(response):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    logger.warning("An answer of %s is too large.", response.request.url.host)
                    raise AnswerLost(Break.UNREADABLE)
            return Answer(response.status_code, _lower(response.headers), bytes(body))


def file_client(limits: TimeLimits, transport: Transport | None = None) -> httpx.AsyncClient:
    """A client for files behind links: no kept connection, no redirects, no proxies, no key."""
    return _client(limits, 0, transport)


@asynccontextmanager
async def open_response(
    client: httpx.AsyncClient, method: str, url: str, **kwargs: Any
) -> AsyncIterator[httpx.Response]:
    """Send a request and yield the response with its body unread. Raises NotSent or AnswerLost."""
    request = client.build_request(method, url, **kwargs)
    try:
        response = await client.send(request, stream=True)
    except _NOT_SENT as exc:
        raise NotSent(_where(exc, request)) from exc
    except httpx.HTTPError as exc:
        raise AnswerLost(_where(exc, request)) from exc
    try:
        yield response
    finally:
        await response.aclose()


async def stream_body(response: httpx.Response) -> AsyncIterator[bytes]:
    """The decoded body in chunks. Raises AnswerLost where it breaks off or cannot be decoded."""
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx.HTTPError as exc:
        raise AnswerLost(_where(exc, response.request)) from exc


def _client(
    limits: TimeLimits, keep_alive: int, transport: Transport | None, **kwargs: Any
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=httpx.Timeout(
            connect=limits.connect, read=limits.read, write=limits.write, pool=limits.connect
        ),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=keep_alive),
        follow_redirects=False,
        trust_env=False,
        verify=_trust(),
        transport=transport,
        **kwargs,
    )


@cache
def _trust() -> ssl.SSLContext:
    """Reading the certificates takes longer than most requests, so all clients share them."""
    return httpx.create_ssl_context(trust_env=False)


def _where(exc: httpx.HTTPError, request: httpx.Request) -> Break:
    """Where the call broke off, for people; the library's own name of it goes into the log."""
    # No more than that: its messages and the path may carry addresses with signatures.
    logger.warning("%s %s: %s", request.method, request.url.host, type(exc).__name__)
    for kinds, where in _WHERE:
        if isinstance(exc, kinds):
            return where
    return Break.ANSWERING


def _moment(text: str) -> datetime | None:
    """The date of a header; None for what is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
