"""What the chaos test launches, so that every submit at the sandbox tells which job it is of."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from catalog.models import Asset
from generation.models import Job, Preset
from generation.providers.registry import current_account
from generation.services import launch_job
from sandbox.presets import PRESETS
from teams.models import Team
from tests.factories import make_photo, make_product, owner_of

MIX = (
    *["swap_model:sellerpic"] * 7,
    *["swap_model:fashn"] * 6,
    "edit:sellerpic",
    "edit:fashn",
    "replace_background:sellerpic-text",
    "segment_by_prompt:sellerpic",
    "try_on:fashn-v1.6",
    "remove_background:fashn",
    "product_to_model:fashn",
    "animate:fashn",
)
"""Operations and offers in their share: half by each provider, the main job above all."""


def launch(teams: Sequence[Team], count: int, chance: random.Random) -> list[Job]:
    """Launch `count` jobs, spread over the teams and the mix."""
    pairs = product(_presets(Preset.Kind.MODEL), _presets(Preset.Kind.SCENE))
    photos = {team: [_photo(team) for _ in range(3)] for team in teams}
    owners = {team: owner_of(team) for team in teams}
    jobs = []
    for number in range(count):
        team = chance.choice(teams)
        operation, _, offer = chance.choice(MIX).partition(":")
        photo, other = chance.sample(photos[team], 2)
        inputs: dict[str, Asset | Preset] = {}
        if (operation, offer) == ("swap_model", "sellerpic"):
            # No other job has this pair; it is the only mark that this order can carry.
            model, scene = next(pairs)
            inputs = {"model_image": photo, "model": model, "scene": scene}
        else:
            inputs = _photos(operation, photo, other)
        jobs.append(
            launch_job(
                team=team,
                by=owners[team],
                operation=operation,
                offer=offer,
                request_key=uuid.uuid4(),
                product=photo.product,
                inputs=inputs,
                options=_options(operation, offer, f"job {number}"),
                is_batch=chance.random() < 0.3,
            )
        )
    return jobs


def mark_of_job(job: Job) -> str:
    """What tells the submits of a job from those of every other one, at SellerPic."""
    presets = {entry.name: entry.preset for entry in job.inputs.select_related("preset")}
    model, scene = presets.get("model"), presets.get("scene")
    if model is not None and scene is not None:
        return f"{model.remote_id} {scene.remote_id}"
    return str(job.options.get("prompt") or job.options.get("custom_background_prompt"))


def mark_of_submit(body: Mapping[str, Any]) -> str:
    """The same, read from a body that SellerPic was sent."""
    if "modelId" in body:
        return f"{body['modelId']} {body['sceneId']}"
    return str(body.get("prompt") or body.get("customBackgroundPrompt"))


def _photo(team: Team) -> Asset:
    return make_photo(make_product(team), size=(240, 300), with_renditions=False)


def _photos(operation: str, photo: Asset, other: Asset) -> dict[str, Asset | Preset]:
    match operation:
        case "swap_model":
            return {"model_image": photo}
        case "try_on":
            return {"model_image": photo, "garment_image": other}
        case "replace_background" | "product_to_model":
            return {"product_image": photo}
    return {"image": photo}


def _options(operation: str, offer: str, mark: str) -> dict[str, Any]:
    match operation, offer:
        case ("swap_model", "sellerpic") | ("try_on" | "remove_background", _):
            return {}
        case ("replace_background", _):
            return {"custom_background_prompt": mark}
        case ("animate", _):
            return {"prompt": mark, "resolution": "480p"}
    return {"prompt": mark}


def _presets(kind: Preset.Kind) -> list[Preset]:
    account = current_account("sellerpic")
    return [
        Preset.objects.create(
            account=account, kind=kind, remote_id=preset.id, name=preset.name, position=position
        )
        for position, preset in enumerate(PRESETS[kind.value])
    ]
