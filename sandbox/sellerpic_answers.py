"""The words of SellerPic's answers: codes, the envelope, refusals, and the checks behind them."""

from __future__ import annotations

import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from sandbox.wire import Request, Response

BAD_REQUEST, NO_SUCH_FILE, OUT_OF_CREDITS, BUSY = 99001, 99002, 99003, 30003
"""Only 30003 is the vendor's; the others are this emulator's own."""

ITEM_FAILED = 50001
"""Emulator-only error code of an item that failed, as scripted."""

DECODED_PIXELS = 80_000_000
"""Largest picture the sandbox is willing to decode (its own limit; the vendor states none)."""

_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}
_BAD_GATEWAY = (
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


class Refused(Exception):
    """The request is answered with an error code in the envelope, or with a bare HTTP status."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def envelope(
    data: dict[str, Any] | None,
    code: int = 0,
    message: str = "SUCCESS",
    status: int = 200,
    extra: dict[str, Any] | None = None,
) -> Response:
    answer = {
        "code": code,
        "data": data,
        "msg": message,
        "success": code == 0,
        "traceId": f"sandbox-{secrets.token_hex(8)}",
        **(extra or {}),
    }
    return Response.of_json(answer, status)


def bad_gateway() -> Response:
    return Response(502, _BAD_GATEWAY, "text/html")


def forbidden() -> Response:
    return Response(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")


def id_number(text: str) -> int | None:
    """An int64 id out of its string, or None if it is not one."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        return None
    number = int(text)
    return number if number < 2**63 else None


def whole_number(request: Request, name: str, *, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= most:
        raise Refused(BAD_REQUEST, f"{name} must be a number from 1 to {most}.")
    return number


def check_image(body: bytes) -> tuple[str, tuple[int, int], bool]:
    """Format, size and animation of a picture that really decodes; raises Refused otherwise."""
    try:
        # A bomb warning beyond Pillow's own limit does no harm: the size is judged below.
        with Image.open(BytesIO(body), formats=("JPEG", "PNG", "WEBP")) as picture:
            extension, size = _FORMATS[picture.format or ""], picture.size
            animated = extension != "jpg" and bool(getattr(picture, "is_animated", False))
            if size[0] * size[1] > DECODED_PIXELS:
                raise Refused(BAD_REQUEST, "The image has too many pixels.")
            picture.load()
    except Refused:
        raise
    except Exception as exc:
        raise Refused(BAD_REQUEST, "The file is not a readable jpg, png or webp image.") from exc
    return extension, size, animated


def is_black_and_white(path: Path) -> bool:
    """Whether a mask is pure black and white.

    Lossy formats blur their edges, so there 2 in 100 pixels may be grey, and black and white need
    not be quite pure (the sandbox's own bounds).
    """
    with Image.open(path) as picture:
        is_lossy = picture.format != "PNG"
        shades = picture.convert("L").histogram()
    if not is_lossy:
        return not any(shades[1:255])
    return sum(shades[48:208]) <= 0.02 * sum(shades)
