"""The pictures that a FASHN request names: read out of data URIs, or fetched from their addresses."""

from __future__ import annotations

import base64
import binascii
import urllib.error
import urllib.request
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

FETCH_SECONDS = 10
"""Longest wait for an address to answer."""
PICTURE_BYTES = 40 * 1024 * 1024
PICTURE_PIXELS = 80_000_000
"""The sandbox's own limits; the vendor states none."""

RATIO_TOLERANCE = 0.02
"""How near to the wanted ratio a picture counts as having it already (vendor's reframe page)."""

# No proxy and no `file:` or `ftp:`: addresses may be this machine's, but nothing else of it.
_opener = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.UnknownHandler,
):
    _opener.add_handler(_handler())


class RuntimeFailure(Exception):
    """The prediction ends as failed, with a name and a message of the API's runtime errors."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def is_data_uri(value: str) -> bool:
    return value.lstrip()[:5].lower() == "data:"


def read_bytes(name: str, value: str) -> bytes:
    """What one picture input stands for; raises RuntimeFailure(ImageLoadError) if for nothing."""
    return _decoded(name, value) if is_data_uri(value) else _fetched(name, value)


def check_picture(name: str, body: bytes) -> None:
    """Raise RuntimeFailure(ImageLoadError) unless the bytes are a picture that decodes."""
    try:
        with Image.open(BytesIO(body), formats=("JPEG", "PNG", "WEBP")) as picture:
            if picture.width * picture.height > PICTURE_PIXELS:
                raise _unloadable(name, "The image has too many pixels")
            picture.load()
    except RuntimeFailure:
        raise
    except Exception as exc:
        raise _unloadable(name, "The data is not a readable image") from exc


def _decoded(name: str, value: str) -> bytes:
    head, comma, text = value.strip().partition(",")
    kind = head[5:].lower()
    if not comma or not kind.startswith("image/") or not kind.endswith(";base64"):
        raise _unloadable(name, "The prefix must be data:image/<format>;base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _unloadable(name, "Invalid base64") from exc


def _fetched(name: str, value: str) -> bytes:
    try:
        address = urlsplit(value)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise _unloadable(name, "Invalid URL format")
        request = urllib.request.Request(value, headers={"User-Agent": "sandbox"})  # noqa: S310
        with _opener.open(request, timeout=FETCH_SECONDS) as answer:
            kind = answer.headers.get_content_type()
            body = bytes(answer.read(PICTURE_BYTES + 1))
    except RuntimeFailure:
        raise
    except urllib.error.HTTPError as exc:
        with exc:
            raise _unloadable(name, f"The URL answered HTTP {exc.code}") from exc
    except Exception as exc:
        raise _unloadable(name, "The URL could not be reached") from exc
    if not kind.startswith("image/"):
        raise _unloadable(name, f"The URL's Content-Type is {kind}, not that of an image")
    if len(body) > PICTURE_BYTES:
        raise _unloadable(name, "The image is too large")
    return body


def _unloadable(name: str, why: str) -> RuntimeFailure:
    return RuntimeFailure("ImageLoadError", f"Error loading {name.replace('_', ' ')}: {why}")


# What only the pictures tell -------------------------------------------------------------------


def check_ratio(pictures: dict[str, Path], inputs: dict[str, object]) -> None:
    """Refuse to reframe a picture that has the wanted ratio already."""
    width, height = upright_size(pictures["image"])
    across, down = map(int, str(inputs["aspect_ratio"]).split(":"))
    if abs((width / height) / (across / down) - 1) <= RATIO_TOLERANCE:
        raise RuntimeFailure(
            "InputValidationError", f"The image already has an aspect ratio of {across}:{down}."
        )


def check_mask(pictures: dict[str, Path], _inputs: dict[str, object]) -> None:
    """Refuse a mask of another size than its picture (which error the vendor gives is ASSUMED)."""
    if "mask" in pictures and upright_size(pictures["mask"]) != upright_size(pictures["image"]):
        raise RuntimeFailure("InputValidationError", "The mask must have the size of the image.")


CHECKS: dict[str, Callable[[dict[str, Path], dict[str, object]], None]] = {
    "reframe": check_ratio,
    "edit": check_mask,
}
"""What is checked once the pictures are loaded, by model."""


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height in the orientation in which the picture is meant to be seen."""
    with Image.open(path) as picture:
        turned = picture.getexif().get(0x0112, 1) >= 5
        return (picture.height, picture.width) if turned else picture.size
