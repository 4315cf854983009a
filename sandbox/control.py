"""The control API under `/__sandbox__/`: scripts trouble, tells what happened, starts afresh."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sandbox.accounts import PROVIDERS, SELLERPIC, Account, is_known
from sandbox.faults import DEFAULT_OPERATION, read_order
from sandbox.store import Item, Task
from sandbox.wire import Request, Response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

POLL_SECONDS = 60
"""Least number of seconds between two checks of one SellerPic task (vendor's Get Started page)."""

_REFUSALS = {
    "30003": "busy",
    "99001": "bad_request",
    "99002": "no_such_file",
    "99003": "out_of_credits",
}
_DEFAULT_ACCOUNT = Account(SELLERPIC, "sandbox")
"""The account whose figures stand at the top of `stats`."""

_LOG_LENGTH = 1000


class Control:
    """Answers the control API. Only this machine may call it, and no page in a browser may."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._routes: dict[tuple[str, str], Callable[[Request], dict[str, Any]]] = {
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._plan_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "stats"): self._stats,
            ("GET", "log"): self._log,
            ("GET", "limits"): self._list_limits,
            ("POST", "limits"): self._change_limits,
            ("POST", "balance"): self._set_balance,
            ("POST", "reset"): self._reset,
        }

    def answer(self, request: Request) -> Response | None:
        if not request.path.startswith("/__sandbox__/"):
            return None
        # A page open in a browser on this machine could post here too; it would send Origin.
        if not _is_loopback(request.remote_addr) or "origin" in request.headers:
            return Response.of_json({"error": "Only programs on this machine may do this."}, 403)
        name = request.path.removeprefix("/__sandbox__/").rstrip("/")
        handler = self._routes.get((request.method, name))
        if handler is None:
            return Response.of_json({"error": "There is nothing here."}, 404)
        try:
            return Response.of_json(handler(request))
        except ValueError as exc:
            return Response.of_json({"error": str(exc)}, 400)

    def _list_faults(self, _request: Request) -> dict[str, Any]:
        planned = [fault.as_json() for fault in self._store.planned_faults()]
        return {"faults": planned, "kinds": sorted(DEFAULT_OPERATION)}

    def _plan_fault(self, request: Request) -> dict[str, Any]:
        self._store.plan_fault(read_order(request.json_object()))
        return self._list_faults(request)

    def _clear_faults(self, request: Request) -> dict[str, Any]:
        self._store.clear_faults()
        return self._list_faults(request)

    def _list_limits(self, _request: Request) -> dict[str, Any]:
        return {"limits": self._sandbox.limits.as_json()}

    def _change_limits(self, request: Request) -> dict[str, Any]:
        self._sandbox.limits.change(request.json_object())
        return self._list_limits(request)

    def _set_balance(self, request: Request) -> dict[str, Any]:
        order = request.json_object()
        provider, key = order.get("provider", SELLERPIC), order.get("account", "sandbox")
        if provider not in PROVIDERS:
            raise ValueError(f"Unknown provider. Known: {', '.join(PROVIDERS)}.")
        if not isinstance(key, str) or not is_known(key):
            raise ValueError("account must be a key that the sandbox accepts.")
        balance = _credits(order.get("balance"))
        self._store.set_balance(self._sandbox.account(provider, key), balance)
        return {"provider": provider, "account": key, "balance": balance}

    def _reset(self, request: Request) -> dict[str, Any]:
        balance = _credits(request.json_object().get("balance", self._sandbox.initial_balance))
        self._store.forget_everything()
        self._sandbox.room.empty()
        self._sandbox.windows.clear()
        self._sandbox.new_balance = balance
        return {"balance": balance}

    def _log(self, request: Request) -> dict[str, Any]:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdecimal()):
            raise ValueError("after must be the id of a call.")
        return {
            "calls": self._store.calls(
                int(after),
                request.query.get("account", ""),
                request.query.get("operation", ""),
                _LOG_LENGTH,
            )
        }

    def _stats(self, _request: Request) -> dict[str, Any]:
        now = self._sandbox.clock()
        tasks: dict[Account, list[dict[str, Any]]] = {}
        for task, items in self._store.tasks():
            tasks.setdefault(task.account, []).append(_task_json(task, items, now))
        # Calls with a bad key have no account of their own and are told under the empty name.
        strangers = [Account(provider, "") for provider in PROVIDERS]
        accounts: dict[str, dict[str, Any]] = {provider: {} for provider in PROVIDERS}
        for account in (*self._store.accounts(), *strangers):
            figures = self._figures(account, tasks.get(account, []), now)
            if account.key or figures["calls"]:
                accounts[account.provider][account.key] = figures
        main = self._figures(_DEFAULT_ACCOUNT, tasks.get(_DEFAULT_ACCOUNT, []), now)
        if not self._store.has_account(_DEFAULT_ACCOUNT):
            main["usage"]["total"] = self._sandbox.new_balance
        polls = self._store.polls(_DEFAULT_ACCOUNT)
        return {
            **main,
            "polls": polls,
            "polls_too_soon": sum(
                later - earlier < POLL_SECONDS
                for times in polls.values()
                for earlier, later in pairwise(times)
            ),
            "accounts": accounts,
        }

    def _figures(self, account: Account, tasks: list[dict[str, Any]], now: float) -> dict[str, Any]:
        calls = self._store.call_counts(account)
        submits = calls.get("submit", {})
        refused = {
            _REFUSALS.get(outcome, outcome): count
            for outcome, count in submits.items()
            if outcome not in {"ok", "dropped"}
        }
        charged = self._store.credits_used(account, now)
        return {
            "submits": sum(submits.values()),
            "accepted": len(tasks),
            "refused": refused,
            "dropped": submits.get("dropped", 0),
            "calls": calls,
            "max_in_flight": self._store.max_in_flight(account),
            "charged": charged,
            "usage": {"total": self._store.balance(account), "used": charged},
            "tasks": tasks,
        }


def _task_json(task: Task, items: list[Item], now: float) -> dict[str, Any]:
    return {
        "id": task.remote_name,
        "kind": task.kind,
        "pool": task.pool,
        "body": task.body,
        "created_at": task.created_at,
        "items": [
            {
                "id": str(item.id),
                "status": item.status(now),
                "fate": item.fate,
                "ends_at": item.ends_at,
                "credits": item.credits,
            }
            for item in items
        ],
    }


def _credits(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("balance must be a whole number of credits.")
    return value


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
