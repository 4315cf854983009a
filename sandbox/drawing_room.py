"""Where pictures are made and kept: results by one thread off the request path, presets on demand."""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from sandbox.people import PEOPLE_BY_KEY
from sandbox.portraits import draw_portrait
from sandbox.presets import PRESETS, Preset, find_preset
from sandbox.scenes import SCENES_BY_KEY, draw_scene
from sandbox.store import Item, Store
from sandbox.swap import open_upright, swap_model

logger = logging.getLogger("sandbox")

PRESET_SIZES = {"full": (800, 1000), "thumb": (240, 300)}
"""Pixel sizes of a preset's two pictures."""

UHD_SIDE = 4096
"""Longest side, in pixels, of a result asked for with `uhd`."""

DRAWING_FAILED = 99010
"""Emulator-only item error code: the sandbox itself could not draw the picture."""

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

    What is to be drawn stands in the store, so a killed process goes on where it was.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self._store = store
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
        for item in store.undrawn_items():
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
        return self.folder / "results" / f"{item.id}.png"

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
        """The result as jpg, png or webp, enlarged to 4096 pixels if `uhd` asks for it."""
        original = self.result_path(item)
        if item.garbage or (file_format == "png" and not uhd):
            return original
        path = self.folder / "converted" / f"{item.id}{'-uhd' if uhd else ''}.{file_format}"
        with self._convert_lock:
            if not path.exists():
                with Image.open(original) as opened:
                    picture: Image.Image = opened.convert("RGB")
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
            target = self.result_path(item)
            if item.garbage:
                write_atomically(target, lambda half: _write_garbage(half, item.id))
            else:
                picture = self._swapped(item)
                save = _SAVE["png"]
                write_atomically(target, lambda half: picture.save(half, **save))  # type: ignore[arg-type]
            self._store.mark_drawn(item.id)
        except Exception:
            if self._store.item(item_id) is None:
                return  # A reset took the task away meanwhile.
            logger.exception("The picture of item %s could not be drawn.", item_id)
            with contextlib.suppress(Exception):
                self._store.mark_failed(item_id, DRAWING_FAILED, "The picture could not be drawn.")

    def _swapped(self, item: Item) -> Image.Image:
        task = self._store.task(item.task_id)
        if task is None:
            raise LookupError(f"Task {item.task_id} is gone.")
        photo_path = self._upload_file(str(task.body["modelImageKey"]))
        mask = None
        if task.body.get("modelMaskKey"):
            mask = open_upright(self._upload_file(str(task.body["modelMaskKey"])))
        person = find_preset(str(task.body["modelId"]), "SWAP_MODEL")
        scene = find_preset(str(task.body.get("sceneId") or ""), "SWAP_MODEL_SCENE")
        if person is None:
            raise LookupError("The preset is gone.")
        return swap_model(
            photo_path,
            PEOPLE_BY_KEY[person.drawing],
            position=item.position,
            run=task.run,
            mask=mask,
            scene=SCENES_BY_KEY[scene.drawing] if scene else None,
        )

    def _upload_file(self, file_key: str) -> Path:
        upload = self._store.upload(file_key)
        if upload is None or upload.file is None:
            raise LookupError("The uploaded file is gone.")
        return self.upload_path(upload.file)


def _write_garbage(path: Path, item_id: int) -> None:
    # The right first bytes, then nothing that a decoder can use.
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + f"not a picture, item {item_id}".encode() * 20)
