"""Probes videos and takes their first frame with PyAV; the only module here that imports it.

Imports no Django: like `catalog.images` it runs in the limited child process of `catalog.limited`.
One container and the decoders named below are ever reached, no address inside a file is followed,
and of all frames only the first is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from catalog.images import (
    STILL_BRANDS,
    NotAPicture,
    Picture,
    average_colour_of,
    sha256_of,
    write_renditions,
)

_DECODERS = ("h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4")
_OPTIONS = {
    "codec_whitelist": ",".join(_DECODERS),
    "enable_drefs": "0",  # A file may name others that hold its pixels.
    "protocol_whitelist": "none",
}


def _(text: str) -> str:
    """Mark a sentence for translation, which is done where Django is."""
    return text


def inspect_video(path: Path, *, max_bytes: int, max_side: int, max_seconds: int) -> Picture:
    """Read all packets of an MP4 file, decode its first frame and tell what it is.

    Size, type, sides and seconds are judged before a pixel is decoded. Raises NotAPicture.
    """
    size = path.stat().st_size
    if size > max_bytes:
        raise NotAPicture(
            _("This video has %(have)s MB. Diptych takes up to %(limit)s MB."),
            have=-(-size // 2**20),
            limit=max_bytes // 2**20,
        )
    with _opened(path) as (container, stream):
        if not 0 < max(stream.width, stream.height) <= max_side:
            raise NotAPicture(
                _(
                    "This video has %(width)s by %(height)s pixels. "
                    "Diptych takes up to %(limit)s on each side."
                ),
                width=stream.width,
                height=stream.height,
                limit=max_side,
            )
        seconds = _seconds(container, stream)
        if seconds > max_seconds:
            raise NotAPicture(
                _("This video lasts %(have)s seconds. Diptych takes up to %(limit)s."),
                have=round(seconds, 1),
                limit=max_seconds,
            )
        container.seek(0)
        poster = _poster(container, stream)
    colour = average_colour_of(poster)
    return Picture("mp4", *poster.size, colour, sha256_of(path), size, seconds)


def make_poster_renditions(source: Path, targets: Sequence[tuple[Path, int]]) -> list[Picture]:
    """Write WebP renditions of a video's first frame, in the order of `targets`.

    As `catalog.images.make_renditions` does of a picture. Raises NotAPicture.
    """
    with _opened(source) as (container, stream):
        poster = _poster(container, stream)
    return write_renditions(poster, targets)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open an MP4 file with one video in it, or raise NotAPicture; so does what fails inside."""
    with path.open("rb") as file:
        head = file.read(12)
        # QuickTime's own container looks alike, and no browser but Safari plays it.
        if head[4:8] != b"ftyp" or head[8:12] in {b"qt  ", *STILL_BRANDS}:
            raise NotAPicture(_("This is not an MP4 video."))
        file.seek(0)
        try:
            with av.open(file, "r", format="mp4", container_options=_OPTIONS) as container:
                yield container, _only_video(container)
        except NotAPicture:
            raise
        except MemoryError:
            raise NotAPicture(_("This video needs more memory than there is.")) from None
        # Decoders of hostile files raise whatever they like.
        except Exception as error:
            raise NotAPicture(_("This video is damaged or incomplete.")) from error


def _only_video(container: InputContainer) -> VideoStream:
    if len(container.streams.video) != 1:
        raise NotAPicture(
            _("This file holds %(count)s videos. Diptych takes one."),
            count=len(container.streams.video),
        )
    stream = container.streams.video[0]
    if stream.codec_context.name not in _DECODERS:
        raise NotAPicture(
            _("This video is coded as %(codec)s. Diptych takes H.264, H.265, AV1, VP9 and MPEG-4."),
            codec=stream.codec_context.name,
        )
    stream.thread_type = "NONE"  # One frame: threads would cost memory and bring nothing.
    return stream


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    """How long the packets last that are there; the header may say anything. Raises NotAPicture."""
    begin: int | None = None
    end = 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise NotAPicture(_("This video is damaged or incomplete."))
        if packet.pts is not None:
            begin = packet.pts if begin is None else min(begin, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
    if begin is None or end <= begin or stream.time_base is None:
        raise NotAPicture(_("This video has no frames."))
    return float((end - begin) * stream.time_base)


def _poster(container: InputContainer, stream: VideoStream) -> Image.Image:
    """The first frame as people see it: RGB, turned as the file asks."""
    frame = next(container.decode(stream), None)
    if frame is None:
        raise NotAPicture(_("This video has no frames."))
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return image.rotate(round(frame.rotation / 90) * 90, expand=True)
