"""Takes SellerPic's tasks: judges their bodies and pictures, plans their ends, says what to draw."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.accounts import SELLERPIC, Account
from sandbox.commissions import Commission
from sandbox.faults import Fault
from sandbox.presets import find_preset
from sandbox.scenes import SCENES
from sandbox.sellerpic_answers import (
    BAD_REQUEST,
    BUSY,
    ITEM_FAILED,
    NO_SUCH_FILE,
    OUT_OF_CREDITS,
    Refused,
    is_black_and_white,
)
from sandbox.sellerpic_tasks import (
    IMAGE_BYTES,
    TASKS,
    Body,
    Key,
    TaskKind,
    preset_types,
    used_keys,
    value_at,
)
from sandbox.store import Item, Task, Upload
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.app import Sandbox


class Submits:
    """The part of the API below `/v1/api/generate/`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store

    def take(
        self, path: str, request: Request, account: Account, fault: Fault | None
    ) -> dict[str, Any]:
        """Accept a task and answer its id; raises Refused, and then nothing has happened."""
        kind = TASKS[path]
        try:
            body = request.json_object()
        except ValueError as exc:
            raise Refused(BAD_REQUEST, "The body is not a JSON object.") from exc
        keys = _judge(kind, body, strict=self._sandbox.strict)
        pictures = {
            name: self._picture(kind, name, body, account)
            for name, key in keys.items()
            if key.kind in {"image", "mask"}
        }
        for name, key in keys.items():
            if key.kind == "mask":
                self._judge_mask(pictures[name], pictures[key.of[0]], account)
        task, items = self._plan(kind, body, pictures, account, fault)
        for item in items:
            if item.fate == "success":
                self._sandbox.room.want(item)
        return {"id": str(task.id)}

    def commission(self, task: Task, item: Item) -> Commission:
        """What one item of a task shows; raises LookupError if its pictures are gone."""
        kind, body = TASKS[task.kind], task.body
        pictures, options = {}, kind.options(body)
        presets = {"person": "", "scene": ""}
        for name, key in used_keys(kind, body).items():
            value = value_at(body, name)
            if key.kind in {"image", "mask"}:
                upload = self._store.upload(value, task.account)
                if upload is None or upload.file is None:
                    raise LookupError("The uploaded file is gone.")
                pictures[key.role] = self._sandbox.room.upload_path(upload.file)
            elif key.kind == "preset":
                preset = find_preset(value)
                presets[key.role] = preset.drawing if preset else ""
            elif key.role:
                options[key.role] = value
        seed = random.Random(f"{self._sandbox.seed}|{task.signature}").getrandbits(32)  # noqa: S311
        if task.kind == "lifestyleScene" and not (presets["scene"] or options.get("prompt")):
            presets["scene"] = SCENES[(seed + item.position) % len(SCENES)].key
        return Commission(
            kind.task, pictures, options, **presets, position=item.position, run=task.run, seed=seed
        )

    # Pictures ---------------------------------------------------------------------------------

    def _picture(self, kind: TaskKind, name: str, body: Body, account: Account) -> Upload:
        upload = self._store.upload(value_at(body, name), account)
        if upload is None:
            raise Refused(NO_SUCH_FILE, f"{name}: there is no such file.")
        sides = (upload.width or 0, upload.height or 0)
        if (upload.bytes or 0) > IMAGE_BYTES:
            raise Refused(BAD_REQUEST, f"{name}: the image is larger than 10 MB.")
        if max(sides) > kind.longest_side:
            raise Refused(
                BAD_REQUEST,
                f"{name}: the image is longer than {kind.longest_side} pixels on a side.",
            )
        if min(sides) < kind.shortest_side:
            raise Refused(
                BAD_REQUEST,
                f"{name}: the image is shorter than {kind.shortest_side} pixels on a side.",
            )
        if kind.ratio and not kind.ratio[0] <= sides[0] / sides[1] <= kind.ratio[1]:
            raise Refused(BAD_REQUEST, f"{name}: width to height must be from 2:5 to 5:2.")
        if upload.animated:
            raise Refused(BAD_REQUEST, f"{name}: the image is animated.")
        return upload

    def _judge_mask(self, mask: Upload, image: Upload, account: Account) -> None:
        if (mask.width, mask.height) != (image.width, image.height):
            raise Refused(BAD_REQUEST, "The mask must have the size of its image.")
        if mask.two_toned is None:
            path = self._sandbox.room.upload_path(str(mask.file))
            mask = replace(mask, two_toned=is_black_and_white(path))
            self._store.save_upload(account, mask)
        if not mask.two_toned:
            raise Refused(BAD_REQUEST, "The mask must be black and white.")

    # Planning ---------------------------------------------------------------------------------

    def _plan(
        self,
        kind: TaskKind,
        body: dict[str, Any],
        pictures: dict[str, Upload],
        account: Account,
        fault: Fault | None,
    ) -> tuple[Task, list[Item]]:
        now, trouble = self._sandbox.clock(), fault.kind if fault else ""
        count, price = kind.outputs(body), kind.credits(body)
        signature = _signature(kind, body, pictures, account)
        with self._store.transaction():
            in_flight = self._store.in_flight(account, kind.pool, now)
            if trouble == "busy" or in_flight >= self._sandbox.limits.of(SELLERPIC)[kind.pool]:
                raise Refused(BUSY, "Too many tasks are being generated.")
            spoken_for = self._store.credits_used(account, now)
            spoken_for += self._store.credits_promised(account, now)
            left = self._store.balance(account) - spoken_for
            if trouble == "out_of_credits" or (price and left < count * price):
                raise Refused(OUT_OF_CREDITS, "Not enough credits left.")
            task_id = self._store.next_id(now)
            task = Task(
                id=task_id,
                account=account,
                kind=kind.path,
                pool=kind.pool,
                remote_name=str(task_id),
                body=body,
                created_at=now,
                signature=signature,
                run=self._store.runs_of(signature),
            )
            items = [self._item(kind, task, n, price, fault) for n in range(count)]
            self._store.add_task(task, items)
        return task, items

    def _item(
        self, kind: TaskKind, task: Task, position: int, price: int, fault: Fault | None
    ) -> Item:
        chance = random.Random(f"{self._sandbox.seed}|{task.id}|{position}")  # noqa: S311
        least, most = (seconds * kind.pace for seconds in self._sandbox.durations)
        trouble, fate = fault.kind if fault else "", "success"
        if trouble == "stuck":
            fate = "stuck"
        elif trouble == "all_fail" or (
            fault and trouble == "one_fails" and position == fault.options.get("item", 1)
        ):
            fate = "failed"
        failed = fate == "failed"
        return Item(
            id=task.id + 1 + position,
            task_id=task.id,
            position=position,
            starts_at=task.created_at + chance.uniform(0.05, 0.15) * least,
            ends_at=task.created_at + chance.uniform(least, most),
            fate=fate,
            credits=price,
            media=kind.media,
            error_code=ITEM_FAILED if failed else 0,
            error_msg="The image could not be generated." if failed else None,
            garbage=trouble == "garbage_image",
        )


def _judge(kind: TaskKind, body: dict[str, Any], *, strict: bool) -> dict[str, Key]:
    """The keys that are used, each with a value of its kind; raises Refused otherwise.

    `strict` also refuses keys that the task does not take.
    """
    unknown = set(body) - {name.partition(".")[0] for name in kind.keys}
    if strict and unknown:
        raise Refused(BAD_REQUEST, f"{kind.path} takes no {min(unknown)}.")
    for name, key in kind.keys.items():
        value = value_at(body, name)
        if value is None or value == "":
            if key.required:
                raise Refused(BAD_REQUEST, f"{name} is required.")
            continue
        if problem := key.complaint(value):
            raise Refused(BAD_REQUEST, f"{name} {problem}")
    for name in {name.partition(".")[0] for name in kind.keys if "." in name}:
        if not isinstance(body.get(name), dict | None):
            raise Refused(BAD_REQUEST, f"{name} must be an object.")
    keys = used_keys(kind, body)
    for name, key in keys.items():
        types = preset_types(key, body)
        if key.kind == "preset" and not any(find_preset(body[name], type_) for type_ in types):
            raise Refused(NO_SUCH_FILE, f"{name}: there is no such preset.")
    if problem := kind.complaint(body):
        raise Refused(BAD_REQUEST, problem)
    return keys


def _signature(kind: TaskKind, body: Body, pictures: dict[str, Upload], account: Account) -> str:
    """Equal for requests of the very same thing, whatever keys its pictures were uploaded under."""
    asked = {
        name: pictures[name].sha256 if name in pictures else value_at(body, name)
        for name in used_keys(kind, body)
    }
    return json.dumps([account.key, kind.path, asked])
