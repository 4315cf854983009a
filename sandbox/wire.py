"""Requests and responses as the emulated providers see them, and the reading of multipart bodies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote
from wsgiref.types import WSGIEnvironment

MAX_BODY_BYTES = 42 * 1024 * 1024
"""Largest request body read into memory: the 40 MB file limit plus room for multipart framing."""

_CHUNK_BYTES = 64 * 1024
_DRIPS = 20


class DropConnection(Exception):
    """Close the socket now, without a response: the caller's request was read and acted upon."""


class BodyTooLarge(ValueError):
    """The request body is larger than `MAX_BODY_BYTES`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, its body read on demand, as often as wanted."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    origin: str
    remote_addr: str
    read_body: Callable[[], bytes]

    @classmethod
    def from_environ(cls, environ: WSGIEnvironment) -> Request:
        headers = {
            name[5:].replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        headers["content-type"] = str(environ.get("CONTENT_TYPE") or "")
        host = headers.get("host") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"

        body: list[bytes] = []

        def read_body() -> bytes:
            if not body:
                length = int(environ.get("CONTENT_LENGTH") or 0)
                if length > MAX_BODY_BYTES:
                    raise BodyTooLarge(length)
                body.append(bytes(environ["wsgi.input"].read(length)) if length else b"")
            return body[0]

        return cls(
            method=str(environ["REQUEST_METHOD"]),
            path=str(environ.get("PATH_INFO") or "/"),
            query=dict(parse_qsl(str(environ.get("QUERY_STRING") or ""), keep_blank_values=True)),
            headers=headers,
            origin=f"{environ['wsgi.url_scheme']}://{quote(host, safe=':[]')}",
            remote_addr=str(environ.get("REMOTE_ADDR") or ""),
            read_body=read_body,
        )

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; raises ValueError if it is anything else."""
        value = json.loads(self.read_body() or b"{}")
        if not isinstance(value, dict):
            raise ValueError("The body is not a JSON object.")
        return value


@dataclass(slots=True)
class Response:
    """One HTTP response: bytes, or a file on disk sent in chunks.

    `drip_seconds` spreads the body over that time, its headers being sent at once.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    file: Path | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    drip_seconds: float = 0

    @classmethod
    def of_json(cls, value: object, status: int = 200) -> Response:
        return cls(status, json.dumps(value, ensure_ascii=False).encode())

    @property
    def status_line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def header_list(self) -> list[tuple[str, str]]:
        length = self.file.stat().st_size if self.file else len(self.body)
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(length)),
            ("X-Content-Type-Options", "nosniff"),
            *self.headers,
        ]

    def chunks(self) -> Iterator[bytes]:
        if self.drip_seconds:
            yield from self._drips()
        elif self.file is None:
            yield self.body
        else:
            with self.file.open("rb") as opened:
                while chunk := opened.read(_CHUNK_BYTES):
                    yield chunk

    def _drips(self) -> Iterator[bytes]:
        body = self.file.read_bytes() if self.file else self.body
        step = max(1, -(-len(body) // _DRIPS))
        drips = [body[start : start + step] for start in range(0, len(body), step)]
        yield b""
        for drip in drips:
            time.sleep(self.drip_seconds / len(drips))
            yield drip


def multipart_file(content_type: str, body: bytes, name: str) -> bytes | None:
    """The bytes of the first multipart part called `name`, or None if there is none."""
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return None
    boundary = ""
    for parameter in parameters.split(";"):
        key, _, value = parameter.strip().partition("=")
        if key.lower() == "boundary":
            boundary = value.strip('"')
    if not boundary:
        return None
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    # The first delimiter has no line break before it; one is put there so that all look alike.
    body = b"\r\n" + body
    start = body.find(delimiter)
    while start >= 0:
        start += len(delimiter)
        end = body.find(delimiter, start)
        if end < 0:
            return None
        head_end = body.find(b"\r\n\r\n", start, end)
        if head_end >= 0:
            head = body[start:head_end].decode("utf-8", "replace").lower()
            if f'name="{name.lower()}"' in head or f"name={name.lower()}" in head:
                return body[head_end + 4 : end]
        start = end
    return None
