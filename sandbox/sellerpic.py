"""SellerPic's HTTP API, emulated: keys, envelopes, task status and credits; tasks and files beside.

Follows the vendor's pages (documentation 1.0.0 and 1.0.1). What they do not say is ASSUMED and
listed in docs/sandbox.md; the codes 99001 to 99003 are this emulator's own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.accounts import REVOKED, SELLERPIC, Account, bearer, is_known
from sandbox.commissions import Commission
from sandbox.faults import Fault
from sandbox.sellerpic_answers import (
    BAD_REQUEST,
    Refused,
    bad_gateway,
    envelope,
    id_number,
)
from sandbox.sellerpic_files import Files
from sandbox.sellerpic_submits import Submits
from sandbox.sellerpic_tasks import TASKS
from sandbox.store import CallDetail, Item, Task
from sandbox.wire import BodyTooLarge, DropConnection, Request, Response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

Handler = Callable[[Request, Account, Fault | None], dict[str, Any]]

_PREFIX = "/v1/api/"


class SellerPic:
    """The emulated provider. `answer` returns None for paths that are not its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._files = Files(sandbox)
        self._submits = Submits(sandbox)
        self._routes: dict[tuple[str, str], tuple[str, Handler]] = {
            ("POST", "upload"): ("upload", self._files.upload),
            ("GET", "upload/url"): ("upload", self._files.upload_url),
            ("GET", "presets"): ("presets", self._files.presets),
            ("GET", "generate"): ("status", self._task_status),
            ("GET", "download"): ("download", self._files.download),
            ("GET", "usage"): ("usage", self._usage),
            **{
                ("POST", f"generate/{path}"): ("submit", partial(self._submits.take, path))
                for path in TASKS
            },
        }

    def answer(self, request: Request) -> Response | None:
        if request.path.startswith(_PREFIX):
            return self._api(request)
        if (sent := self._files.public(request)) is None:
            return None
        return _struck(*sent)

    def commission(self, task: Task, item: Item) -> Commission:
        return self._submits.commission(task, item)

    def close(self) -> None:
        """Nothing runs beside the requests."""

    # The envelope -----------------------------------------------------------------------------

    def _api(self, request: Request) -> Response:
        name = request.path.removeprefix(_PREFIX).rstrip("/")
        operation, handler = self._routes.get((request.method, name), ("unknown", None))
        account, fault = Account(SELLERPIC, ""), None
        data: dict[str, Any] | None = None
        try:
            account = self._account(request)
            if handler is None:
                raise Refused(404, "Record Not Found", 404)
            fault = self._store.take_fault(SELLERPIC, operation)
            if fault and fault.kind == "unauthorized":
                raise Refused(401, "Unauthorized", 401)
            if fault and fault.kind == "bad_gateway" and not fault.options.get("accepted"):
                response = bad_gateway()
            else:
                data = handler(request, account, fault)
                response = _answered(data, fault)
            outcome = "ok" if response.status == 200 else f"http_{response.status}"
        except Refused as refusal:
            response, fault = _refused(refusal), None
            outcome = str(refusal.code) if refusal.status == 200 else f"http_{refusal.status}"
        except BodyTooLarge:
            response, fault = _refused(Refused(BAD_REQUEST, "The request is too large.")), None
            outcome = str(BAD_REQUEST)
        if fault and fault.kind == "lost_answer":
            outcome = "dropped"
        self._record(request, operation, account, outcome, data, response.status)
        return _struck(response, fault)

    def _account(self, request: Request) -> Account:
        key = bearer(request.headers.get("authorization", ""))
        if key == REVOKED:
            raise Refused(403, "Forbidden", 403)
        if not is_known(key):
            raise Refused(401, "Unauthorized", 401)
        return self._sandbox.account(SELLERPIC, key)

    def _record(
        self,
        request: Request,
        operation: str,
        account: Account,
        outcome: str,
        data: dict[str, Any] | None,
        status: int,
    ) -> None:
        told: Any = None
        task_id = request.query.get("id", "") if operation == "status" else ""
        if operation == "submit":
            task_id = str((data or {}).get("id", ""))
            with contextlib.suppress(ValueError):
                told = request.json_object()
        self._store.record_call(
            account,
            operation,
            outcome,
            self._sandbox.clock(),
            id_number(task_id),
            CallDetail(request.method, request.path, request.query, told, status),
        )

    # Status and credits -----------------------------------------------------------------------

    def _task_status(
        self, request: Request, account: Account, fault: Fault | None
    ) -> dict[str, Any]:
        task_id = id_number(request.query.get("id", ""))
        items = self._store.items(task_id, account) if task_id is not None else []
        if not items or (fault and fault.kind == "status_404"):
            raise Refused(404, "Record Not Found", 404)
        results = [self._item_json(item, request) for item in items]
        if fault and fault.kind == "unknown_state":
            for result in results:
                result.update(status="POST_PROCESSING", fileUrl=None)
        return {"resultList": results}

    def _item_json(self, item: Item, request: Request) -> dict[str, Any]:
        status = item.status(self._sandbox.clock())
        failed = status == "FAILED"
        url = None
        if status == "SUCCESS":
            url = self._files.link(item, item.media, False, request)
        return {
            "id": str(item.id),
            "fileUrl": url,
            "status": status,
            "errorCode": item.error_code if failed else 0,
            "errorMsg": item.error_msg if failed else None,
        }

    def _usage(self, _request: Request, account: Account, _fault: Fault | None) -> dict[str, Any]:
        total = self._store.balance(account)
        used = self._store.credits_used(account, self._sandbox.clock())
        return {"remaining": total - used, "total": total, "usage": used}


def _answered(data: dict[str, Any], fault: Fault | None) -> Response:
    kind = fault.kind if fault else ""
    if kind == "bad_gateway":
        return bad_gateway()
    if kind == "null_data":
        return envelope(None)
    return envelope(data, extra={"request_id": "7c1e", "cost": {}} if kind == "extra_keys" else {})


def _refused(refusal: Refused) -> Response:
    return envelope(None, refusal.code, refusal.message, refusal.status)


def _struck(response: Response, fault: Fault | None) -> Response:
    """Let a fault that concerns the sending alone strike: a late, a dripping or a lost answer."""
    if fault and fault.kind == "lost_answer":
        raise DropConnection
    if fault and fault.kind == "slow":
        time.sleep(fault.seconds)
    if fault and fault.kind == "slow_body":
        response.drip_seconds = fault.seconds
    return response
