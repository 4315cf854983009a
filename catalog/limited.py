"""Runs `catalog.images`, `masks` and `videos` in a child process with limits: strangers made the files.

A thread cannot be stopped or capped, so one hostile file could take a whole worker down. The child
costs about 60 ms to start; at most two run at once in a process, which bounds memory.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from catalog.images import NotAPicture, Picture

__all__ = [
    "MAX_RESULT_BYTES",
    "MAX_RESULT_PIXELS",
    "MAX_VIDEO_BYTES",
    "DecoderFailed",
    "NotAPicture",
    "Picture",
    "fit_mask",
    "fit_picture",
    "inspect_mask",
    "inspect_picture",
    "inspect_video",
    "make_poster_renditions",
    "make_rendition",
    "make_renditions",
]

logger = logging.getLogger(__name__)

#: Limits of a result that is a picture. It is paid for, so what an operator lets people upload does
#: not count; providers draw up to 4096 pixels a side, and what is fetched ends at the same bytes.
MAX_RESULT_BYTES = 64 * 1024 * 1024
MAX_RESULT_PIXELS = 70_000_000
#: Limits of a result that is a video: bytes, pixels on either side, seconds.
MAX_VIDEO_BYTES = 256 * 1024 * 1024
MAX_VIDEO_SIDE = 4096
MAX_VIDEO_SECONDS = 60

_CHILD = Path(__file__).with_name("images_child.py")
#: A child may not write a larger file than this. Bytes.
_MAX_WRITTEN = 256 * 1024 * 1024
_PLACES = threading.BoundedSemaphore(2)


class DecoderFailed(Exception):
    """The child ended without an answer: over a limit, or crashed. `sentence` is for people."""

    def __init__(self, reason: str, *, is_video: bool = False) -> None:
        super().__init__(reason)
        self.sentence = (
            _("This video is too much for this server.")
            if is_video
            else _(
                "This picture is too much for this server. "
                "Save it again as a smaller JPEG and retry."
            )
        )


def inspect_picture(path: Path, *, max_bytes: int, max_pixels: int) -> Picture:
    """As in `catalog.images`, in a child. Raises NotAPicture, DecoderFailed."""
    done = _run("inspect_picture", path=str(path), max_bytes=max_bytes, max_pixels=max_pixels)
    return Picture(**done)


def inspect_video(path: Path) -> Picture:
    """As in `catalog.videos`, in a child, within the limits above. Raises as `inspect_picture`."""
    done = _run(
        "inspect_video",
        path=str(path),
        max_bytes=MAX_VIDEO_BYTES,
        max_side=MAX_VIDEO_SIDE,
        max_seconds=MAX_VIDEO_SECONDS,
    )
    return Picture(**done)


def inspect_mask(path: Path) -> None:
    """As in `catalog.masks`, in a child. Raises NotAPicture, DecoderFailed."""
    _run("inspect_mask", path=str(path), max_pixels=_most_pixels())


def fit_picture(
    source: Path,
    to: Path,
    *,
    max_side: int,
    max_bytes: int,
    min_side: int = 1,
    formats: Sequence[str] = ("jpeg", "png", "webp"),
) -> Picture:
    """As in `catalog.images`, in a child. Raises NotAPicture, DecoderFailed."""
    done = _run(
        "fit_picture",
        source=str(source),
        to=str(to),
        max_side=max_side,
        max_bytes=max_bytes,
        min_side=min_side,
        formats=list(formats),
        max_pixels=_most_pixels(),
    )
    return Picture(**done)


def fit_mask(source: Path, to: Path, *, size: tuple[int, int], max_bytes: int) -> Picture:
    """As in `catalog.masks`, in a child. Raises NotAPicture, DecoderFailed."""
    done = _run(
        "fit_mask",
        source=str(source),
        to=str(to),
        size=size,
        max_bytes=max_bytes,
        max_pixels=_most_pixels(),
    )
    return Picture(**done)


def make_rendition(source: Path, to: Path, *, max_side: int) -> Picture:
    """As in `catalog.images`, in a child. Raises NotAPicture, DecoderFailed."""
    return make_renditions(source, [(to, max_side)])[0]


def make_renditions(source: Path, targets: Sequence[tuple[Path, int]]) -> list[Picture]:
    """As in `catalog.images`, in a child. Raises NotAPicture, DecoderFailed."""
    done = _run(
        "make_renditions",
        source=str(source),
        targets=[(str(to), side) for to, side in targets],
        max_pixels=_most_pixels(),
    )
    return [Picture(**made) for made in done]


def make_poster_renditions(source: Path, targets: Sequence[tuple[Path, int]]) -> list[Picture]:
    """As in `catalog.videos`, in a child. Raises NotAPicture, DecoderFailed."""
    done = _run(
        "make_poster_renditions",
        source=str(source),
        targets=[(str(to), side) for to, side in targets],
    )
    return [Picture(**made) for made in done]


def _most_pixels() -> int:
    """Pixels of what is stored already: an upload that was taken, or a result."""
    return int(max(settings.UPLOAD_MAX_PIXELS, MAX_RESULT_PIXELS))


def _run(call: str, **arguments: Any) -> Any:
    """Have a child do one task. Its environment holds nothing of ours, so no secret either."""
    limits = {
        "memory": settings.IMAGE_MEMORY_BYTES,
        "seconds": settings.IMAGE_SECONDS,
        "file_bytes": _MAX_WRITTEN,
    }
    task = json.dumps({"call": call, "arguments": arguments, "limits": limits})
    with _PLACES:
        try:
            child = subprocess.run(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-I", "-W", "ignore", str(_CHILD)],
                input=task.encode(),
                capture_output=True,
                env={"LC_ALL": "C.UTF-8"},
                timeout=settings.IMAGE_SECONDS + 5,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _failed(call, "time is over") from None
    if child.returncode != 0:
        raise _failed(call, f"ended with {child.returncode}: {child.stderr[-500:]!r}")
    answer = json.loads(child.stdout)
    if "refused" in answer:
        refused = answer["refused"]
        raise NotAPicture(_(refused["template"]), **refused["values"])
    return answer["done"]


def _failed(call: str, reason: str) -> DecoderFailed:
    logger.warning("The picture child failed at %s: %s", call, reason)
    return DecoderFailed(reason, is_video=call in {"inspect_video", "make_poster_renditions"})
