"""A FASHN prediction's life: taken, its pictures loaded, drawn, told of, and paid for."""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.accounts import FASHN, Account
from sandbox.commissions import Commission
from sandbox.drawing_room import write_atomically
from sandbox.fashn_answers import (
    BASE64_EXPIRED,
    BASE64_SECONDS,
    RUNTIME_MESSAGES,
    ApiError,
    data_uri,
    runtime_failure,
    state,
)
from sandbox.fashn_inputs import CHECKS, RuntimeFailure, check_picture, is_data_uri, read_bytes
from sandbox.fashn_models import MODELS, Model
from sandbox.faults import Fault
from sandbox.store import Item, Task

if TYPE_CHECKING:
    from sandbox.app import Sandbox

POOL = "all"
"""All models share one pool."""

_PLACEHOLDER = "<base64>"
"""What is kept of a data URI, as the vendor's request history does."""

_EARLY_SECONDS = 20
"""Longest wait for the pictures of a prediction that is to end before its submit is answered."""


@dataclass(frozen=True, slots=True)
class Order:
    """One valid request: who asks for what, at which of our addresses, and whom to tell.

    `inputs` are the completed ones: known keys alone, over their defaults. The webhook is posted
    `webhook_copies` times, `webhook_late` seconds after the end.
    """

    account: Account
    model: Model
    inputs: dict[str, Any]
    origin: str
    webhook_url: str | None = None
    webhook_copies: int = 1
    webhook_late: float = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a prediction at some moment. `credits` is None until it has completed."""

    body: dict[str, Any]
    credits: int | None


class Predictions:
    """Starts predictions, loads their pictures off the request path, and tells how they stand."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._loaders = ThreadPoolExecutor(4, thread_name_prefix="sandbox-loading")

    def close(self) -> None:
        """Stop after the fetches in hand; the rest is fetched when the folder is opened again."""
        self._loaders.shutdown(cancel_futures=True)

    # Submit -----------------------------------------------------------------------------------

    def start(self, order: Order, fault: Fault | None, *, at_once: bool = False) -> Task:
        """Take the order; raises ApiError if the account may not or cannot.

        `at_once` ends the prediction before this returns.
        """
        now = self._sandbox.clock()
        self._refuse_what_is_too_much(order, now)
        task_id = self._store.next_id(now)
        failure = self._keep_data_uris(task_id, order)
        items = self._plan(task_id, order, now, fault, failure)
        if at_once:
            items = [replace(item, starts_at=now, ends_at=now) for item in items]
        task = Task(
            id=task_id,
            account=order.account,
            kind=order.model.name,
            pool=POOL,
            remote_name=f"{uuid.uuid4()}-u1",
            body={"model_name": order.model.name, "inputs": _without_pictures(order)},
            created_at=now,
            origin=order.origin,
            webhook_url=order.webhook_url,
            notes=_notes(order, fault),
        )
        with self._store.transaction():
            self._refuse_what_is_too_much(order, now)
            self._store.add_task(task, items)
            if order.webhook_late:
                due = items[0].ends_at + order.webhook_late
                self._store.mark_webhook(task.id, tries=0, next_at=due, done=False)
        if at_once:
            self._load(task)
            self._wait_until_drawn(task)
        elif any(_is_address(order, name) for name in order.inputs):
            self._loaders.submit(self._load, task)
        else:
            self._load(task)
        return task

    def _refuse_what_is_too_much(self, order: Order, now: float) -> None:
        if self._store.in_flight(order.account, POOL, now) >= self._sandbox.limits.of(FASHN)[POOL]:
            raise ApiError("ConcurrencyLimitExceeded")
        price = order.model.credits(order.inputs) * order.model.outputs(order.inputs)
        spoken_for = self._store.credits_used(order.account, now) + self._store.credits_promised(
            order.account, now
        )
        if self._store.balance(order.account) - spoken_for < price:
            raise ApiError("OutOfCredits")

    def _plan(
        self,
        task_id: int,
        order: Order,
        now: float,
        fault: Fault | None,
        failure: RuntimeFailure | None,
    ) -> list[Item]:
        chance = random.Random(f"{self._sandbox.seed}|{task_id}")  # noqa: S311
        least, most = (seconds * order.model.pace for seconds in self._sandbox.durations)
        starts_at = now + chance.uniform(0.05, 0.15) * least
        ends_at = now + chance.uniform(least, most)
        kind = fault.kind if fault else ""
        if fault and kind == "runtime_error":
            failure = runtime_failure(str(fault.options.get("name", "PipelineError")))
        elif kind == "all_fail":
            failure = runtime_failure("PipelineError")
        items = []
        for position in range(order.model.outputs(order.inputs)):
            error = failure
            if fault and kind == "one_fails" and position == fault.options.get("item", 1):
                error = runtime_failure("PipelineError")
            items.append(
                Item(
                    id=task_id + 1 + position,
                    task_id=task_id,
                    position=position,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    fate="failed" if error else "stuck" if kind == "stuck" else "success",
                    credits=order.model.credits(order.inputs),
                    media=order.model.extension(order.inputs),
                    error_name=error.name if error else None,
                    error_msg=error.message if error else None,
                    garbage=kind == "garbage_image",
                )
            )
        return items

    # Pictures ---------------------------------------------------------------------------------

    def commission(self, task: Task, item: Item) -> Commission:
        """What is to be drawn for one output; raises LookupError if its pictures cannot be had."""
        try:
            pictures = self._pictures(task)
        except RuntimeFailure as failure:
            self._fail(task, failure)
            raise LookupError(failure.message) from failure
        return MODELS[task.kind].commission(task.body["inputs"], pictures, item.position)

    def _load(self, task: Task) -> None:
        """Have everything drawn once its pictures are there, or let the prediction fail."""
        try:
            self._pictures(task)
        except RuntimeFailure as failure:
            self._fail(task, failure)
            return
        for item in self._store.items(task.id):
            if item.fate == "success":
                self._sandbox.room.want(item)

    def _fail(self, task: Task, failure: RuntimeFailure) -> None:
        for item in self._store.items(task.id):
            self._store.mark_failed(item.id, 0, failure.message, failure.name)

    def _pictures(self, task: Task) -> dict[str, Path]:
        """The files of the picture inputs by name; fetches those that are not there yet."""
        model, inputs = MODELS[task.kind], task.body["inputs"]
        pictures: dict[str, Path] = {}
        for name, rule in model.inputs.items():
            if rule.kind != "image" or not inputs.get(name):
                continue
            path = self._path(task.id, name)
            if not path.exists():
                if inputs[name] == _PLACEHOLDER:
                    raise runtime_failure("ImageLoadError")
                self._keep(path, name, inputs[name])
            # The file itself, so that equal pictures of several predictions are known as equal.
            pictures[name] = path.resolve()
        if check := CHECKS.get(model.name):
            check(pictures, inputs)
        return pictures

    def _keep_data_uris(self, task_id: int, order: Order) -> RuntimeFailure | None:
        for name, rule in order.model.inputs.items():
            value = order.inputs.get(name)
            if rule.kind != "image" or not value or not is_data_uri(value):
                continue
            try:
                self._keep(self._path(task_id, name), name, value)
            except RuntimeFailure as failure:
                return failure
        return None

    def _path(self, task_id: int, name: str) -> Path:
        return self._sandbox.room.upload_path(f"{task_id}-{name}")

    def _keep(self, path: Path, name: str, value: str) -> None:
        """Keep the picture of an input: its bytes once for all predictions, and a link to them."""
        body = read_bytes(name, value)
        original = self._sandbox.room.upload_path(hashlib.sha256(body).hexdigest())
        if not original.exists():
            check_picture(name, body)
            write_atomically(original, lambda half: _write(half, body))
        with contextlib.suppress(FileExistsError):
            path.symlink_to(original.name)

    def _wait_until_drawn(self, task: Task) -> None:
        end = time.monotonic() + _EARLY_SECONDS
        while time.monotonic() < end:
            if all(item.drawn or item.fate != "success" for item in self._store.items(task.id)):
                return
            time.sleep(0.005)

    # Status -----------------------------------------------------------------------------------

    def report(self, task: Task, origin: str) -> Report:
        """How the prediction stands now, with addresses below `origin`."""
        now, items = self._sandbox.clock(), self._store.items(task.id)
        word = state(items, now, task.created_at)
        output: list[str] | None = None
        error: dict[str, str] | None = None
        paid: int | None = None
        if word == "completed":
            done = [item for item in items if item.status(now) == "SUCCESS"]
            output = [self._output(task, item, origin, now) for item in done]
            paid = sum(item.credits for item in done)
        elif word == "failed":
            error = _error(items)
        body = {"id": task.remote_name, "status": word, "output": output, "error": error}
        return Report(body, paid)

    def _output(self, task: Task, item: Item, origin: str, now: float) -> str:
        if not task.body["inputs"].get("return_base64"):
            return f"{origin}/cdn/{task.remote_name}/output_{item.position}.{item.media}"
        if now >= item.ends_at + BASE64_SECONDS:
            return BASE64_EXPIRED
        return data_uri(self._sandbox.room.result_path(item), item.media)


def _notes(order: Order, fault: Fault | None) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if fault:
        notes["fault"] = {"kind": fault.kind, **fault.options}
    if order.webhook_copies > 1:
        notes["webhook_copies"] = order.webhook_copies
    return notes


def _error(items: Sequence[Item]) -> dict[str, str]:
    name = items[0].error_name or "PipelineError"
    return {"name": name, "message": items[0].error_msg or RUNTIME_MESSAGES["PipelineError"]}


def _is_address(order: Order, name: str) -> bool:
    rule = order.model.inputs.get(name)
    return bool(rule and rule.kind == "image" and not is_data_uri(order.inputs[name]))


def _without_pictures(order: Order) -> dict[str, Any]:
    return {
        name: _PLACEHOLDER if isinstance(value, str) and is_data_uri(value) else value
        for name, value in order.inputs.items()
    }


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
