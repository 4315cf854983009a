"""The sandbox as one WSGI app: the control API and the emulated providers over shared state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from wsgiref.types import StartResponse, WSGIEnvironment

from sandbox.accounts import FASHN, SELLERPIC, Account, LimitBook
from sandbox.commissions import Commission
from sandbox.control import Control
from sandbox.drawing_room import DrawingRoom
from sandbox.fashn import Fashn
from sandbox.faults import PlannedFault
from sandbox.rate_windows import RateWindows
from sandbox.sellerpic import SellerPic
from sandbox.store import Item, Store, Task
from sandbox.wire import Request, Response

DEMO_SECONDS = (6.0, 9.0)
"""How long a picture takes at speed 1: near the product's real feel, short enough for a demo."""


class Wire(Protocol):
    """One provider's HTTP API."""

    def answer(self, request: Request) -> Response | None:
        """The answer, or None for a path that is not its own."""

    def commission(self, task: Task, item: Item) -> Commission:
        """What the item of a task of this provider shows."""

    def close(self) -> None:
        """Stop what runs beside the requests."""


class Sandbox:
    """A WSGI app. `close()` it, or use it as a context manager; the data folder stays usable.

    `durations` are the least and the most wall-clock seconds that one picture takes at this
    `speed`; `strict` refuses request keys that a provider does not document. `limits` are those in
    force now.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Callable[[], float],
        seed: int,
        speed: float,
        seconds: tuple[float, float],
        balance: int,
        limits: Mapping[str, Mapping[str, int] | int],
        strict: bool,
        plain: bool,
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.seed = seed
        self.speed = speed
        self.durations = (seconds[0] / speed, seconds[1] / speed)
        self.strict = strict
        self.limits = LimitBook(limits)
        self.windows = RateWindows(clock)
        self.initial_balance = balance
        self.store = Store(data_dir / "sandbox.sqlite3", seed)
        self.room = DrawingRoom(data_dir, self.store, plain=plain)
        self._control = Control(self)
        self._wires: dict[str, Wire] = {SELLERPIC: SellerPic(self), FASHN: Fashn(self)}
        self.room.open(lambda task, item: self._wires[task.account.provider].commission(task, item))

    def account(self, provider: str, key: str) -> Account:
        """The key's account at the provider; a new one gets the balance of new accounts."""
        account = Account(provider, key)
        if not self.store.has_account(account):
            self.store.open_account(account, self.new_balance)
        return account

    @property
    def new_balance(self) -> int:
        """Credits that an account is given when its key is first used."""
        return int(self.store.setting("balance", str(self.initial_balance)))

    @new_balance.setter
    def new_balance(self, credits_: int) -> None:
        self.store.set_setting("balance", str(credits_))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = self._answer(Request.from_environ(environ))
        start_response(response.status_line, response.header_list())
        return response.chunks()

    def _answer(self, request: Request) -> Response:
        if request.method == "GET" and request.path == "/healthz":
            return Response.of_json({"status": "ok"})
        if (response := self._control.answer(request)) is not None:
            return response
        for wire in self._wires.values():
            if (response := wire.answer(request)) is not None:
                return response
        return Response.of_json({"error": "There is nothing here."}, 404)

    def close(self) -> None:
        for wire in self._wires.values():
            wire.close()
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
    limits: Mapping[str, Mapping[str, int] | int] | None = None,
    faults: Sequence[PlannedFault] = (),
    strict: bool = False,
    plain: bool = False,
) -> Sandbox:
    """The sandbox over a data folder, which is made if need be and taken up where it was left.

    A picture takes `seconds` (least, most) divided by `speed`, by `clock` (seconds since 1970).
    `balance` is what each new account is given. `limits` are like those of `LimitBook.change`.
    `faults` are planned anew at each start, after those that the folder still holds. `strict`
    refuses keys that a provider does not document; `plain` draws tinted copies, for load tests. The keys
    `sandbox`, `sandbox-…` and `fa-sandbox…` are accepted; `revoked` is refused as a closed account.
    """
    if speed <= 0:
        raise ValueError("speed must be more than 0.")
    app = Sandbox(
        Path(data_dir),
        clock=clock,
        seed=seed,
        speed=speed,
        seconds=seconds,
        balance=balance,
        limits=limits or {},
        strict=strict,
        plain=plain,
    )
    for fault in faults:
        app.store.plan_fault(fault)
    return app
