"""The control API under `/__sandbox__/`: scripts trouble, tells what happened, starts afresh."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sandbox.faults import DEFAULT_OPERATION, read_order
from sandbox.wire import Request, Response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

POLL_SECONDS = 60
"""Least number of seconds between two checks of one SellerPic task (vendor's Get Started page)."""

_REQUEST_REFUSALS = {"30003": "busy", "99001": "bad_request", "99002": "no_such_file"}
_REFUSALS = {**_REQUEST_REFUSALS, "99003": "out_of_credits"}


class Control:
    """Answers the control API. Only this machine may call it, and no page in a browser may."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store

    def answer(self, request: Request) -> Response | None:
        if not request.path.startswith("/__sandbox__/"):
            return None
        # A page open in a browser on this machine could post here too; it would send Origin.
        if not _is_loopback(request.remote_addr) or "origin" in request.headers:
            return Response.of_json({"error": "Only programs on this machine may do this."}, 403)
        routes: dict[tuple[str, str], Callable[[Request], dict[str, Any]]] = {
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._plan_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "stats"): self._stats,
            ("POST", "reset"): self._reset,
        }
        name = request.path.removeprefix("/__sandbox__/").rstrip("/")
        handler = routes.get((request.method, name))
        if handler is None:
            return Response.of_json({"error": "There is nothing here."}, 404)
        try:
            return Response.of_json(handler(request))
        except ValueError as exc:
            return Response.of_json({"error": str(exc)}, 400)

    def _list_faults(self, _request: Request) -> dict[str, Any]:
        planned = [
            {"kind": f.kind, "on": f.operation, "times": f.times, **f.options}
            for f in self._store.planned_faults()
        ]
        return {"faults": planned, "kinds": sorted(DEFAULT_OPERATION)}

    def _plan_fault(self, request: Request) -> dict[str, Any]:
        self._store.plan_fault(read_order(request.json_object()))
        return self._list_faults(request)

    def _clear_faults(self, request: Request) -> dict[str, Any]:
        self._store.clear_faults()
        return self._list_faults(request)

    def _reset(self, request: Request) -> dict[str, Any]:
        balance = request.json_object().get("balance", self._sandbox.initial_balance)
        if isinstance(balance, bool) or not isinstance(balance, int) or balance < 0:
            raise ValueError("balance must be a whole number of credits.")
        self._store.forget_everything()
        self._sandbox.room.empty()
        self._sandbox.balance = balance
        return {"balance": balance}

    def _stats(self, _request: Request) -> dict[str, Any]:
        now = self._sandbox.clock()
        calls, polls = self._store.call_counts(), self._store.polls()
        submits = calls.get("submit", {})
        refused = {
            _REFUSALS.get(outcome, outcome): count
            for outcome, count in submits.items()
            if outcome in _REFUSALS or outcome.startswith("http_")
        }
        tasks = self._store.tasks()
        return {
            "submits": sum(submits.values()),
            "accepted": len(tasks),
            "refused": refused,
            "dropped": submits.get("dropped", 0),
            "calls": calls,
            "polls": polls,
            "polls_too_soon": sum(
                later - earlier < POLL_SECONDS
                for times in polls.values()
                for earlier, later in pairwise(times)
            ),
            "max_in_flight": {
                "general": int(self._store.setting("max_in_flight.general", "0")),
            },
            "usage": {
                "total": self._sandbox.balance,
                "used": self._store.credits_used(now),
            },
            "tasks": [self._task_json(task.id, now) for task in tasks],
        }

    def _task_json(self, task_id: int, now: float) -> dict[str, Any]:
        task = self._store.task(task_id)
        if task is None:
            return {"id": str(task_id)}
        return {
            "id": str(task.id),
            "kind": task.kind,
            "body": task.body,
            "created_at": task.created_at,
            "items": [
                {
                    "id": str(item.id),
                    "status": item.status(now),
                    "fate": item.fate,
                    "ends_at": item.ends_at,
                }
                for item in self._store.items(task.id)
            ],
        }


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
