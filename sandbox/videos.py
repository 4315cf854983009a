"""Makes a short MP4 from a photo: a slow move over it, or a fade to an end picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
from PIL import Image


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
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        if stream is not None:
            container.mux(stream.encode())
