"""Films short MP4 videos for the tests of the catalog."""

from __future__ import annotations

from pathlib import Path

import av
from av.video.stream import VideoStream
from PIL import Image, ImageDraw


def film(
    path: Path,
    *,
    frames: int = 10,
    per_second: int = 10,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    container: str = "mp4",
    streams: int = 1,
    turned: int | None = None,
    moov_first: bool = False,
) -> Path:
    """Write a video that begins red with a blue upper left quarter, which then moves to the right.

    `turned` is how far players turn it, in degrees counterclockwise.
    """
    options = {"movflags": "faststart"} if moov_first else {}
    with av.open(path, "w", format=container, options=options) as output:
        made: list[VideoStream] = []
        for _ in range(streams):
            stream = output.add_stream(codec, rate=per_second)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if turned is not None:
                stream.set_display_rotation(turned)
            made.append(stream)
        for number in range(frames):
            picture = Image.new("RGB", size, (220, 20, 20))
            box = (number * 2, 0, size[0] // 2 + number * 2, size[1] // 2)
            ImageDraw.Draw(picture).rectangle(box, fill=(20, 20, 220))
            for stream in made:
                output.mux(stream.encode(av.VideoFrame.from_image(picture)))
        for stream in made:
            output.mux(stream.encode(None))
    return path
