"""Every row of the table of operations, launched and brought home from the sandbox over HTTP."""

from __future__ import annotations

import uuid

import httpx
import pytest

from catalog.models import Asset
from generation.models import Preset
from generation.operations import OPERATIONS, InputKind, Result
from generation.providers.registry import current_account
from generation.services import launch_job
from sandbox.presets import PRESETS
from tests.engine.conftest import spent, wait_for_state
from tests.factories import make_mask, make_photo, make_product, owner_of

EVERY_OFFER = [
    (operation.name, offer.name) for operation in OPERATIONS.values() for offer in operation.offers
]
# What the vendors' pages say, written out again: outputs, credits per output, as sent by default.
EXPECTED = {
    ("swap_model", "sellerpic"): (2, 2),
    ("swap_model", "fashn"): (2, 1),
    ("try_on", "fashn-v1.6"): (2, 1),
    ("try_on", "fashn-max"): (2, 2),
    ("try_on", "sellerpic-top"): (4, 1),
    ("try_on", "sellerpic-bottom"): (4, 1),
    ("try_on", "sellerpic-one-piece"): (4, 1),
    ("try_on_accessory", "sellerpic"): (2, 1),
    ("edit", "sellerpic"): (1, 1),
    ("edit", "fashn"): (2, 1),
    ("replace_background", "sellerpic-ai"): (4, 1),
    ("replace_background", "sellerpic-text"): (4, 1),
    ("replace_background", "sellerpic-preset"): (1, 1),
    ("replace_background", "sellerpic-picture"): (1, 1),
    ("replace_background", "sellerpic-colour"): (1, 1),
    ("remove_background", "fashn"): (1, 1),
    ("remove_background", "sellerpic"): (1, 1),
    ("lifestyle_scene", "fashn"): (2, 1),
    ("lifestyle_scene", "sellerpic"): (4, 1),
    ("product_to_model", "fashn"): (2, 1),
    ("create_model", "fashn"): (2, 1),
    ("face_to_model", "fashn"): (2, 1),
    ("reframe", "fashn"): (2, 1),
    ("animate", "fashn"): (1, 6),
    ("animate", "sellerpic"): (1, 10),
    ("segment_by_prompt", "sellerpic"): (1, 0),
    ("segment_by_type", "sellerpic"): (1, 0),
}


def test_the_figures_cover_every_offer():
    assert sorted(EXPECTED) == sorted(EVERY_OFFER)


@pytest.mark.parametrize(("operation", "offer"), EVERY_OFFER)
def test_an_offer_is_prepared_sent_collected_and_settled(
    operation, offer, sandbox, start_engine, team
):
    row = OPERATIONS[operation].offer(offer)
    assert row is not None
    outputs, unit = EXPECTED[operation, offer]
    inputs, options = fill(row, make_product(team))
    job = launch_job(
        team=team,
        by=owner_of(team),
        operation=operation,
        offer=offer,
        request_key=uuid.uuid4(),
        product=None,
        inputs=inputs,
        options=options,
    )
    assert (job.expected_outputs, job.unit_price) == (outputs, unit)

    start_engine()
    wait_for_state(job, "succeeded", seconds=60)

    assert (job.captured, job.outputs_delivered) == (outputs * unit, outputs)
    assert spent(team) == (100 - outputs * unit, 0)
    formats = set(job.outputs.values_list("asset__format", flat=True))
    assert formats == {"mp4" if row.result is Result.VIDEO else "png"}
    attempt = job.attempts.get()
    if row.provider == "fashn":
        assert attempt.provider_charged == outputs * unit
    submit = submits(sandbox)[-1]
    assert submit["task"] == job.remote_id
    assert row.task in submit["path"] or submit["body"].get("model_name") == row.task


def fill(row, product):
    """Every input, the optional ones too, and a value for each setting that must have one."""
    inputs: dict[str, Asset | Preset] = {}
    for entry in row.inputs:
        if entry.kind is InputKind.PHOTO:
            inputs[entry.name] = make_photo(product, size=(300, 400), with_renditions=False)
    for entry in row.inputs:
        if entry.kind is InputKind.MASK:
            picture = inputs[entry.mask_of]
            assert isinstance(picture, Asset)
            inputs[entry.name] = make_mask(picture)
        elif not entry.kind.is_picture:
            inputs[entry.name] = offered(row, entry.kind)
    if row.provider == "fashn":
        # A face reference costs three more; the plain price is what the table above tells.
        inputs.pop("face_reference", None)
    options = {
        option.name: "a calm studio with warm light"
        for option in row.options
        if option.required and option.default is None
    }
    return inputs, options


def offered(row, kind):
    preset = PRESETS[kind.value][0]
    return Preset.objects.create(
        account=current_account(row.provider), kind=kind.value, remote_id=preset.id, name="One"
    )


def submits(sandbox):
    log = httpx.get(f"{sandbox.url}/__sandbox__/log").json()["calls"]
    return [call for call in log if call["operation"] == "submit"]


def test_a_result_is_fetched_in_the_format_and_size_that_the_order_asks_for(
    sandbox, start_engine, team
):
    photo = make_photo(make_product(team), size=(240, 300), with_renditions=False)
    job = launch_job(
        team=team,
        by=owner_of(team),
        operation="edit",
        offer="sellerpic",
        request_key=uuid.uuid4(),
        product=photo.product,
        inputs={"image": photo},
        options={"prompt": "a red scarf", "download_format": "jpg", "uhd": "on"},
    )
    assert job.options == {"prompt": "a red scarf", "download_format": "jpg", "uhd": True}
    start_engine()

    job = wait_for_state(job, "succeeded")

    [output] = job.outputs.all()
    assert output.asset is not None
    assert output.asset.format == "jpeg"
    assert max(output.asset.width, output.asset.height) == 4096
    [submit] = sandbox.calls("submit")
    assert sorted(submit["body"]) == ["imageKey", "prompt"]
    assert spent(team) == (99, 0)
