"""Where pictures are made and kept: results by one thread off the request path, presets on demand."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from sandbox.commissions import Commission, make
from sandbox.people import PEOPLE_BY_KEY
from sandbox.plain_copies import PLAIN_TINTS
from sandbox.portraits import draw_portrait
from sandbox.presets import PRESETS, Preset
from sandbox.scenes import SCENES_BY_KEY, draw_scene
from sandbox.store import Item, Store, Task

logger = logging.getLogger("sandbox")

PRESET_SIZES = {"full": (800, 1000), "thumb": (240, 300)}
"""Pixel sizes of a preset's two pictures."""

UHD_SIDE = 4096
"""Longest side, in pixels, of a result asked for with `uhd`."""

DRAWING_FAILED = 99010
"""Emulator-only item error code: the sandbox itself could not draw the picture."""

_PLAIN_KEPT = 64
"""Plain pictures that are remembered, so that the same one need not be made again."""

_SAVE = {
    "png": {"format": "PNG", "compress_level": 1},
    "jpg": {"format": "JPEG", "quality": 92},
    "webp": {"format": "WEBP", "quality": 90, "method": 1},
}


def write_atomically(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, then put it in place: readers see all of it or nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=target.parent, prefix=".half-", suffix=target.suffix, delete=False
    ) as half:
        pass
    path = Path(half.name)
    try:
        write(path)
        path.replace(target)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class DrawingRoom:
    """The folder of picture files and the thread that draws results into it.

    What is to be drawn stands in the store, so a killed process goes on where it was. `plain`
    makes tinted copies within milliseconds, and the same one only once, for load tests.
    """

    def __init__(self, folder: Path, store: Store, *, plain: bool = False) -> None:
        self.folder = folder
        self._store = store
        self._plain = plain
        self._plain_made: OrderedDict[str, Path] = OrderedDict()
        self._explain: Callable[[Task, Item], Commission] | None = None
        self._wanted: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._preset_lock = threading.Lock()
        self._convert_lock = threading.Lock()
        self._idle = threading.Condition()
        self._open = 0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        for name in ("uploads", "results", "converted", "presets"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for half in (folder / name).glob(".half-*"):
                half.unlink(missing_ok=True)

    def open(self, explain: Callable[[Task, Item], Commission]) -> None:
        """Begin with what an earlier process left undrawn; `explain` says what an item shows."""
        self._explain = explain
        for item in self._store.undrawn_items():
            self.want(item)

    def want(self, item: Item) -> None:
        """Have the item's picture drawn soon."""
        with self._idle:
            self._open += 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="sandbox-drawing", daemon=True
                )
                self._thread.start()
        self._wanted.put(item.id)

    def wait_until_drawn(self, timeout: float = 30) -> bool:
        """Block until everything wanted so far is drawn; False if `timeout` seconds were too few."""
        with self._idle:
            return self._idle.wait_for(lambda: self._open == 0, timeout)

    def close(self) -> None:
        """Stop after the picture in hand; the rest is drawn when the folder is opened again."""
        self._closing.set()
        if self._thread:
            self._wanted.put(None)
            self._thread.join()

    def empty(self) -> None:
        """Throw away uploads and results; presets stay, they are always the same."""
        self._plain_made.clear()
        for name in ("uploads", "results", "converted"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def warm_presets(self) -> None:
        """Draw what the first pages of the product show, in a thread of its own."""

        def draw() -> None:
            for size in ("thumb", "full"):
                for type_ in ("SWAP_MODEL", "SWAP_MODEL_SCENE"):
                    for preset in PRESETS[type_]:
                        if self._closing.is_set():
                            return
                        self.preset_file(preset, size)

        threading.Thread(target=draw, name="sandbox-presets", daemon=True).start()

    def upload_path(self, name: str) -> Path:
        return self.folder / "uploads" / name

    def result_path(self, item: Item) -> Path:
        return self.folder / "results" / f"{item.id}.{item.media}"

    def preset_file(self, preset: Preset, size: str) -> Path:
        """The JPEG of a preset in one of `PRESET_SIZES`, drawn at its first use."""
        kind = "person" if preset.is_person else "scene"
        path = self.folder / "presets" / f"{kind}-{preset.drawing}-{size}.jpg"
        with self._preset_lock:
            if not path.exists():
                pixels = PRESET_SIZES[size]
                if preset.is_person:
                    picture = draw_portrait(PEOPLE_BY_KEY[preset.drawing], pixels)
                else:
                    picture = draw_scene(SCENES_BY_KEY[preset.drawing], pixels)
                write_atomically(path, lambda half: picture.save(half, "JPEG", quality=90))
        return path

    def converted_file(self, item: Item, file_format: str, uhd: bool) -> Path:
        """The result as jpg, png, webp or mp4, a picture enlarged to 4096 pixels if `uhd` asks."""
        original = self.result_path(item)
        if item.garbage or item.media == "mp4" or (file_format == item.media and not uhd):
            return original
        path = self.folder / "converted" / f"{item.id}{'-uhd' if uhd else ''}.{file_format}"
        with self._convert_lock:
            if not path.exists():
                with Image.open(original) as opened:
                    opened.load()
                    picture: Image.Image = opened
                if file_format == "jpg":
                    picture = _on_white(picture)
                if uhd and max(picture.size) < UHD_SIDE:
                    scale = UHD_SIDE / max(picture.size)
                    size = (round(picture.width * scale), round(picture.height * scale))
                    picture = picture.resize(size, Image.Resampling.BICUBIC)
                save = _SAVE[file_format]
                write_atomically(path, lambda half: picture.save(half, **save))  # type: ignore[arg-type]
        return path

    def _work(self) -> None:
        while (item_id := self._wanted.get()) is not None:
            if not self._closing.is_set():
                self._draw(item_id)
            with self._idle:
                self._open -= 1
                self._idle.notify_all()

    def _draw(self, item_id: int) -> None:
        item = self._store.item(item_id)
        if item is None or item.drawn:
            return
        try:
            media = self._write_result(item)
            self._store.mark_drawn(item.id, media)
        except Exception:
            if self._store.item(item_id) is None:
                return  # A reset took the task away meanwhile.
            logger.exception("The picture of item %s could not be drawn.", item_id)
            with contextlib.suppress(Exception):
                self._store.mark_failed(item_id, DRAWING_FAILED, "The picture could not be drawn.")

    def _write_result(self, item: Item) -> str:
        """Put the item's file in place and answer its kind: png, jpeg or mp4."""
        if item.garbage:
            write_atomically(self.result_path(item), lambda half: _write_garbage(half, item.id))
            return item.media
        task = self._store.task(item.task_id)
        if task is None or self._explain is None:
            raise LookupError(f"Task {item.task_id} is gone.")
        commission = self._explain(task, item)
        if self._plain:
            return self._link_plain(commission, item)
        made: list[str] = []
        half_made = self.folder / "results" / f"{item.id}.new"
        write_atomically(half_made, lambda half: made.append(make(commission, half)))
        half_made.replace(self.result_path(replace(item, media=made[0])))
        return made[0]

    def _link_plain(self, commission: Commission, item: Item) -> str:
        tint = commission.variant % PLAIN_TINTS
        key = repr((replace(commission, position=0, run=0, seed=0), tint))
        original = self._plain_made.get(key)
        if original is None or not original.exists():
            original = self.folder / "results" / f"plain-{item.id}"
            made: list[str] = []
            write_atomically(original, lambda half: made.append(make(commission, half, plain=True)))
            original = original.replace(original.with_suffix(f".{made[0]}"))
            self._plain_made[key] = original
            if len(self._plain_made) > _PLAIN_KEPT:
                self._plain_made.popitem(last=False)
        media = original.suffix.removeprefix(".")
        target = self.result_path(replace(item, media=media))
        target.unlink(missing_ok=True)
        os.link(original, target)
        return media


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture without transparency, as JPEG has none."""
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _write_garbage(path: Path, item_id: int) -> None:
    # The right first bytes, then nothing that a decoder can use.
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + f"not a picture, item {item_id}".encode() * 20)
