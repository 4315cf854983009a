"""FASHN's HTTP API, emulated: run, status, credits and the CDN that holds the outputs.

Follows the vendor's pages as of mid-2026. What they do not say is ASSUMED and listed in
docs/sandbox.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.accounts import FASHN, Account, bearer, is_known
from sandbox.commissions import Commission
from sandbox.fashn_answers import CDN_SECONDS, CREDITS_HEADER, ApiError
from sandbox.fashn_models import MODELS
from sandbox.fashn_predictions import Order, Predictions
from sandbox.faults import Fault
from sandbox.rate_windows import Rate
from sandbox.store import CallDetail, Item, Task
from sandbox.webhooks import Webhooks
from sandbox.wire import BodyTooLarge, DropConnection, Request, Response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

WINDOWS = {"submit": ("run", 60), "status": ("status", 10), "usage": ("credits", 10)}
"""Name of the limit and seconds of its sliding window, by operation."""

BODY_BYTES = int(4.5 * 1024 * 1024)
"""A larger body is answered with 500; the vendor says so but names no limit, so it is ASSUMED."""

SUBSCRIPTION_CREDITS = 100
"""How much of a balance, at most, comes from the subscription, which is spent first."""

_CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "mp4": "video/mp4"}

_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"

_REFUSALS = {
    "api_error": "InternalServerError",
    "unauthorized": "UnauthorizedAccess",
    "busy": "ConcurrencyLimitExceeded",
    "out_of_credits": "OutOfCredits",
}
"""Faults that refuse a call, with the code they answer unless told another."""


@dataclass(slots=True)
class _Call:
    """One call of the API and what is learnt of it on the way."""

    request: Request
    operation: str
    account: Account
    fault: Fault | None = None
    task_id: int | None = None
    body: dict[str, Any] | None = None


Handler = Callable[[_Call], Response]


class Fashn:
    """The accounts at the emulated provider. `answer` is None for paths that are not its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._predictions = Predictions(sandbox)
        self._webhooks = Webhooks(
            sandbox.store,
            clock=sandbox.clock,
            speed=sandbox.speed,
            describe=lambda task: self._predictions.report(task, task.origin).body,
        )

    def commission(self, task: Task, item: Item) -> Commission:
        """What the item of a prediction shows; raises LookupError if its pictures are gone."""
        return self._predictions.commission(task, item)

    def close(self) -> None:
        """Stop fetching inputs and sending webhooks; what is left is done at the next start."""
        self._webhooks.close()
        self._predictions.close()

    def answer(self, request: Request) -> Response | None:
        if request.path.startswith("/cdn/") and request.method in {"GET", "HEAD"}:
            return self._cdn(_Call(request, "file", Account(FASHN, "")))
        routes: dict[tuple[str, str], tuple[str, Handler]] = {
            ("POST", "/v1/run"): ("submit", self._run),
            ("GET", "/v1/status"): ("status", self._status),
            ("GET", "/v1/credits"): ("usage", self._credits),
        }
        path = request.path
        if path.startswith("/v1/status/"):
            path = "/v1/status"
        route = routes.get((request.method, path))
        if route is None:
            return None
        operation, handler = route
        key = bearer(request.headers.get("authorization", ""))
        return self._api(_Call(request, operation, Account(FASHN, key)), handler)

    # Every call -------------------------------------------------------------------------------

    def _api(self, call: _Call, handler: Handler) -> Response:
        try:
            self._admit(call)
            call.fault = fault = self._store.take_fault(FASHN, call.operation)
            if fault and fault.kind in _REFUSALS:
                raise ApiError(str(fault.options.get("code") or _REFUSALS[fault.kind]))
            if fault and fault.kind == "bad_gateway" and not fault.options.get("accepted"):
                return self._recorded(call, _bad_gateway(), "http_502")
            response = handler(call)
        except ApiError as error:
            return self._recorded(call, error.response(), error.code)
        except BodyTooLarge:
            return self._recorded(call, ApiError("InternalServerError").response(), "too_large")
        return self._delivered(call, response)

    def _admit(self, call: _Call) -> None:
        """Refuse unknown keys, then calls beyond the rate limit."""
        account = call.account
        if not is_known(account.key):
            # The log keeps calls of strangers under no name.
            call.account = Account(FASHN, "")
            raise ApiError("UnauthorizedAccess")
        self._sandbox.account(FASHN, account.key)
        name, seconds = WINDOWS[call.operation]
        rate = Rate(self._sandbox.limits.of(FASHN)[name], seconds)
        if not self._sandbox.windows.take(account.key, name, rate):
            raise ApiError("RateLimitExceeded")

    def _delivered(self, call: _Call, response: Response) -> Response:
        """The answer of a call that was carried out, as its fault lets it arrive."""
        kind = call.fault.kind if call.fault else ""
        if kind == "lost_answer":
            self._recorded(call, response, "dropped")
            raise DropConnection
        if kind == "bad_gateway":
            return self._recorded(call, _bad_gateway(), "http_502")
        if kind in {"null_data", "extra_keys"}:
            body = json.loads(response.body)
            if kind == "null_data":
                body = dict.fromkeys(body)
            else:
                body |= {"request_id": "7c1e", "cost": {}}
            response.body = json.dumps(body).encode()
        self._recorded(call, response, "ok")
        if call.fault and kind == "slow":
            time.sleep(call.fault.seconds)
        if call.fault and kind == "slow_body":
            response.drip_seconds = call.fault.seconds
        return response

    def _recorded(self, call: _Call, response: Response, outcome: str) -> Response:
        request = call.request
        detail = CallDetail(request.method, request.path, request.query, call.body, response.status)
        self._store.record_call(
            call.account, call.operation, outcome, self._sandbox.clock(), call.task_id, detail
        )
        return response

    # Run --------------------------------------------------------------------------------------

    def _run(self, call: _Call) -> Response:
        order, early = self._order(call)
        task = self._predictions.start(order, call.fault, at_once=early)
        call.task_id = task.id
        if early:
            self._webhooks.send_now(task)
        elif task.webhook_url:
            self._webhooks.watch()
        return Response.of_json({"id": task.remote_name, "error": None})

    def _order(self, call: _Call) -> tuple[Order, bool]:
        """What a run asks for, and whether its webhook is to come before its answer."""
        body = call.request.read_body()
        if len(body) > BODY_BYTES:
            raise BodyTooLarge(len(body))
        call.body = _json_object(body)
        model = MODELS.get(str(call.body.get("model_name")))
        if model is None:
            raise ApiError("BadRequest", f"model_name must be one of {', '.join(MODELS)}.")
        inputs = call.body.get("inputs")
        if not isinstance(inputs, dict):
            raise ApiError("BadRequest", "inputs must be an object.")
        strict = self._sandbox.strict or call.request.query.get("strict") == "1"
        if complaint := model.complaint(inputs, strict=strict):
            raise ApiError("BadRequest", complaint)
        url = call.request.query.get("webhook_url") or None
        if url and urlsplit(url).scheme not in {"http", "https"}:
            raise ApiError("BadRequest", "webhook_url must be an http or https address.")
        order = Order(call.account, model, model.completed(inputs), call.request.origin, url)
        fault = self._store.take_fault(FASHN, "webhook") if url else None
        kind = fault.kind if fault else ""
        if kind == "none":
            order = replace(order, webhook_url=None)
        elif kind == "duplicate":
            order = replace(order, webhook_copies=2)
        elif fault and kind == "late":
            order = replace(order, webhook_late=fault.seconds)
        return order, kind == "early"

    # Status and credits -----------------------------------------------------------------------

    def _status(self, call: _Call) -> Response:
        kind = call.fault.kind if call.fault else ""
        task = self._store.task_by_name(FASHN, call.request.path.removeprefix("/v1/status/"))
        if task is None or task.account != call.account:
            raise ApiError("NotFound")
        call.task_id = task.id
        if kind == "status_404":
            raise ApiError("NotFound")
        report = self._predictions.report(task, call.request.origin)
        if kind == "unknown_state":
            strange = {"status": "post_processing", "output": None, "error": None}
            return Response.of_json(report.body | strange)
        if report.credits is None:
            return Response.of_json(report.body)
        return self._completed(report.body, report.credits)

    def _completed(self, body: dict[str, Any], credits_: int) -> Response:
        """The status of a prediction that completed. Faults of outputs wait for this moment."""
        fault = self._store.take_fault(FASHN, "output")
        kind = fault.kind if fault else ""
        if kind == "missing_output":
            del body["output"]
        elif kind == "images_object":
            body["output"] = {"images": body["output"]}
        response = Response.of_json(body)
        if kind != "no_credits_header":
            told = credits_ + (1 if kind == "wrong_credits_header" else 0)
            response.headers.append((CREDITS_HEADER, str(told)))
        return response

    def _credits(self, call: _Call) -> Response:
        given = self._store.balance(call.account)
        used = self._store.credits_used(call.account, self._sandbox.clock())
        subscription = max(0, min(SUBSCRIPTION_CREDITS, given) - used)
        on_demand = given - used - subscription
        return Response.of_json(
            {
                "credits": {
                    "total": given - used,
                    "subscription": subscription,
                    "on_demand": on_demand,
                }
            }
        )

    # The CDN ----------------------------------------------------------------------------------

    def _cdn(self, call: _Call) -> Response:
        """Answer an output's address: no key is asked for, the address itself is the permission."""
        call.fault = fault = self._store.take_fault(FASHN, "file")
        kind = fault.kind if fault else ""
        response = self._file(call)
        if kind == "unauthorized":
            response = Response(403, b"Forbidden", "text/plain")
        elif kind == "bad_gateway":
            response = _bad_gateway()
        if kind == "lost_answer":
            self._recorded(call, response, "dropped")
            raise DropConnection
        outcome = "ok" if response.status == 200 else f"http_{response.status}"
        self._recorded(call, response, outcome)
        if fault and kind == "slow":
            time.sleep(fault.seconds)
        if fault and kind == "slow_body":
            response.drip_seconds = fault.seconds
        return response

    def _file(self, call: _Call) -> Response:
        name, _, output = call.request.path.removeprefix("/cdn/").partition("/")
        gone = Response(404, b"Not Found", "text/plain")
        task = self._store.task_by_name(FASHN, name)
        if task is None or task.body["inputs"].get("return_base64"):
            return gone
        call.account, call.task_id = task.account, task.id
        now = self._sandbox.clock()
        for item in self._store.items(task.id):
            if output == f"output_{item.position}.{item.media}":
                if item.status(now) != "SUCCESS" or now >= item.ends_at + CDN_SECONDS:
                    return gone
                file = self._sandbox.room.result_path(item)
                return Response(content_type=_CONTENT_TYPES[item.media], file=file)
        return gone


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise ApiError("BadRequest", "The body is not JSON.") from exc
    if not isinstance(value, dict):
        raise ApiError("BadRequest", "The body is not a JSON object.")
    return value


def _bad_gateway() -> Response:
    return Response(502, _PAGE, "text/html")
