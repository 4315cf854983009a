"""The sandbox as one WSGI app: the control API and the emulated providers over shared state."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self
from wsgiref.types import StartResponse, WSGIEnvironment

from sandbox.control import Control
from sandbox.drawing_room import DrawingRoom
from sandbox.sellerpic import SellerPic
from sandbox.store import Store
from sandbox.wire import Request, Response

DEMO_SECONDS = (6.0, 9.0)
"""How long a picture takes at speed 1: near the product's real feel, short enough for a demo."""


class Sandbox:
    """A WSGI app. `close()` it, or use it as a context manager; the data folder stays usable.

    `durations` are the least and the most wall-clock seconds that one picture takes.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Callable[[], float],
        seed: int,
        durations: tuple[float, float],
        balance: int,
        keys: Collection[str],
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.seed = seed
        self.durations = durations
        self.keys = frozenset(keys)
        self.initial_balance = balance
        self.store = Store(data_dir / "sandbox.sqlite3")
        self.room = DrawingRoom(data_dir, self.store)
        # A further provider is one more object with `answer`, placed beside these.
        self._parts = (Control(self), SellerPic(self))

    @property
    def balance(self) -> int:
        """Credits the account was given in all; what was used is counted from the tasks."""
        return int(self.store.setting("balance", str(self.initial_balance)))

    @balance.setter
    def balance(self, credits_: int) -> None:
        self.store.set_setting("balance", str(credits_))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = self._answer(Request.from_environ(environ))
        start_response(response.status_line, response.header_list())
        return response.chunks()

    def _answer(self, request: Request) -> Response:
        if request.method == "GET" and request.path == "/healthz":
            return Response.of_json({"status": "ok"})
        for part in self._parts:
            if (response := part.answer(request)) is not None:
                return response
        return Response.of_json({"error": "There is nothing here."}, 404)

    def close(self) -> None:
        self.room.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def create_app(
    data_dir: str | Path,
    *,
    clock: Callable[[], float] = time.time,
    seed: int = 0,
    speed: float = 1.0,
    seconds: tuple[float, float] = DEMO_SECONDS,
    balance: int = 1000,
    keys: Collection[str] = ("sandbox",),
) -> Sandbox:
    """The sandbox over a data folder, which is made if need be and taken up where it was left.

    A picture takes `seconds` (least, most) divided by `speed`, by `clock` (seconds since 1970).
    `balance` is the provider account's credits when the folder is new. `keys` are the accepted
    Bearer keys; the key `revoked` is always answered with 403.
    """
    if speed <= 0:
        raise ValueError("speed must be more than 0.")
    return Sandbox(
        Path(data_dir),
        clock=clock,
        seed=seed,
        durations=(seconds[0] / speed, seconds[1] / speed),
        balance=balance,
        keys=keys,
    )
