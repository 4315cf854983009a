"""Makes a short MP4 from a photo: a slow move over it, or a fade to an end picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
from PIL import Image

from sandbox.photos import cover, signature

_FRAMES_PER_SECOND = 10
_SHORT_SIDE, _LONG_SIDE = 720, 1280
"""Most pixels of a video's sides: a larger one takes seconds to encode and shows no more."""

_NEARER = 0.14
"""How much of each side a move comes nearer."""

_WAYS = ((0.5, 0.3), (0.15, 0.5), (0.85, 0.4), (0.5, 0.8))
"""Towards which place of the photo (shares of its sides) the pictures of a task move."""


def make_video(
    photo: Image.Image, to: Path, *, seconds: int, height: int, end: Image.Image | None = None,
    variant: int = 0,
) -> None:  # fmt: skip
    """Write an MP4 of so many seconds. `height` is its short side in pixels, at most 720."""
    size = _even(photo.size, min(height, _SHORT_SIDE))
    # A little larger than the video, so that coming nearer shows detail.
    scale = 1.15 * max(size[0] / photo.width, size[1] / photo.height)
    large = photo.resize(
        (max(1, round(photo.width * scale)), max(1, round(photo.height * scale))),
        Image.Resampling.BICUBIC,
    )
    last = cover(end, size) if end is not None else None
    frames = _frames(large, size, seconds * _FRAMES_PER_SECOND, last, variant)
    encode(frames, to, frames_per_second=_FRAMES_PER_SECOND)


def encode(frames: Iterable[Image.Image], to: Path, *, frames_per_second: int) -> None:
    """Write RGB pictures of one even size as H.264 in an MP4 file that can be played while read."""
    with av.open(str(to), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = None
        for picture in frames:
            if stream is None:
                stream = container.add_stream(
                    "libx264", rate=frames_per_second, options={"preset": "ultrafast", "crf": "24"}
                )
                stream.width, stream.height = picture.size
                stream.pix_fmt = "yuv420p"
                stream.thread_count = 1
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())


def _even(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """The video's size: the photo's ratio as nearly as even sides allow."""
    scale = min(short_side / min(size), _LONG_SIDE / max(size))
    width, height = (max(32, round(side * scale / 2) * 2) for side in size)
    return width, height


def _frames(
    photo: Image.Image, size: tuple[int, int], count: int, end: Image.Image | None, variant: int
) -> Iterator[Image.Image]:
    mark = signature(size)
    x, y = _WAYS[variant % len(_WAYS)]
    for number in range(count):
        t = number / max(1, count - 1)
        gone = t * t * (3 - 2 * t)
        nearer = _NEARER * (1 - gone if variant % 2 else gone)
        wide, tall = photo.width * (1 - nearer), photo.height * (1 - nearer)
        left, top = (photo.width - wide) * x, (photo.height - tall) * y
        frame = photo.resize(
            size, Image.Resampling.BILINEAR, box=(left, top, left + wide, top + tall)
        )
        if end is not None:
            frame = Image.blend(frame, end, min(1.0, max(0.0, (t - 0.35) / 0.5)))
        frame.paste(mark, (size[0] - mark.width, size[1] - mark.height))
        yield frame
