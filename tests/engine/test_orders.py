"""Pictures that travel within an order: fitted to it, by link or as data, and never half sent."""

import asyncio
import base64
import hashlib
from dataclasses import replace

import pytest
from django.utils.timezone import now

from catalog.models import Rendition
from catalog.storage import Missing, StorageError, TooLarge, storage
from generation.engine import links, prepare
from generation.engine.claims import claim_to_prepare, claim_to_submit
from generation.engine.context import Context
from generation.engine.links import links_or_data
from generation.engine.prepare import prepare_job
from generation.engine.submit import submit_job
from generation.engine.sweep import sweep_jobs
from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import Attempt, Job, Pool, ProviderFile
from generation.providers.base import Submitted
from generation.transitions import advance
from tests.engine.conftest import spent
from tests.engine.fashn import launch_fashn
from tests.factories import launch_swap, make_mask, make_photo, make_product

TIMING = Timing(order=0.3)


class Taker:
    """A provider that takes every order and keeps it."""

    def __init__(self):
        self.orders = []

    async def submit(self, order):
        self.orders.append(order)
        return Submitted(f"task-{len(self.orders)}")


@pytest.fixture
def photo(team, settings):
    settings.SANDBOX = True
    return make_photo(make_product(team), size=(600, 800), with_renditions=False)


def do(step, item, provider, tmp_path):
    """One step as the engine does it."""

    async def run():
        threads = [Threads(1, name) for name in ("orders-db", "orders-slow", "orders-files")]
        ctx = Context(
            clock=now,
            timing=TIMING,
            database=threads[0],
            slow=threads[1],
            files=threads[2],
            connect=lambda _account: provider,
            scratch=tmp_path,
            reached=lambda _point, _job: None,
            wake=lambda: None,
        )
        try:
            await step(ctx, item)
        finally:
            for each in threads:
                await asyncio.to_thread(each.close)

    asyncio.run(run())


def prepared(job, tmp_path):
    [claimed] = claim_to_prepare(now(), TIMING, 1)
    assert claimed == job
    do(prepare_job, claimed, Taker(), tmp_path)
    job.refresh_from_db()
    assert job.state == "ready", job.error
    return job


def sent(job, tmp_path, provider=None):
    provider = provider or Taker()
    [claimed] = claim_to_submit(now(), TIMING)
    assert claimed.job == job
    do(submit_job, claimed, provider, tmp_path)
    job.refresh_from_db()
    return provider


def fitted_again(job, tmp_path):
    """After the files of its copies were forgotten."""
    assert claim_to_submit(now(), TIMING) == []
    sweep_jobs(now(), TIMING)
    return prepared(job, tmp_path)


def edit(team, photo):
    return launch_fashn(
        team,
        "edit",
        photo=photo,
        inputs={"image": photo, "mask": make_mask(photo), "image_context": photo},
        prompt="a red scarf",
    )


def test_pictures_without_public_links_travel_as_data(team, photo, tmp_path):
    job = prepared(edit(team, photo), tmp_path)

    [order] = sent(job, tmp_path).orders

    assert job.state == "running"
    assert sorted(order.files) == ["image", "image_context", "mask"]
    for name, uri in order.files.items():
        head, _comma, data = uri.partition(",")
        entry = job.inputs.get(name=name)
        assert head in ("data:image/jpeg;base64", "data:image/png;base64")
        assert hashlib.sha256(base64.b64decode(data)).hexdigest() == entry.sent_sha256
    assert (order.task, order.outputs, order.seed) == ("edit", 2, job.seed)
    assert order.options["prompt"] == "a red scarf"
    assert order.webhook_url == ""


def test_pictures_that_are_too_large_for_one_request_get_a_share_of_it_each(
    team, photo, tmp_path, monkeypatch
):
    full = prepared(edit(team, photo), tmp_path)
    sizes = [
        Rendition.objects.get(key=entry.file_key).bytes
        for entry in full.inputs.exclude(file_key="")
    ]
    assert advance(full, "ready", "preparing", lease_until=now())
    assert advance(full, "preparing", "queued", lease_until=None)
    limit = sum(sizes) - 1
    monkeypatch.setattr(prepare, "BODY_BYTES", limit)
    monkeypatch.setattr(links, "BODY_BYTES", limit)

    job = prepared(full, tmp_path)
    [order] = sent(job, tmp_path).orders

    copies = [
        Rendition.objects.get(key=entry.file_key) for entry in job.inputs.exclude(file_key="")
    ]
    assert sum(copy.bytes for copy in copies) <= limit
    assert max(copy.bytes for copy in copies) <= limit // 3
    assert len(order.files) == 3
    mask = job.inputs.get(name="mask")
    picture = job.inputs.get(name="image")
    keys = {copy.key: (copy.width, copy.height) for copy in copies}
    assert keys[mask.file_key] == keys[picture.file_key]


def test_linked_pictures_are_neither_shrunk_nor_read(team, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "BODY_BYTES", 1)
    monkeypatch.setattr(prepare, "has_public_links", lambda: True)
    monkeypatch.setattr(
        links, "picture_link", lambda copy, seconds: f"https://files.example/{copy.key}?{seconds}"
    )
    job = prepared(edit(team, photo), tmp_path)

    [order] = sent(job, tmp_path).orders

    key = job.inputs.get(name="image").file_key
    assert order.files["image"] == f"https://files.example/{key}?3600"


@pytest.mark.parametrize(
    ("resolution", "by_link", "size"),
    [
        ("1k", True, (2000, 400)),
        ("2k", True, (3000, 600)),
        ("4k", True, (6000, 1200)),
        ("4k", False, (2000, 400)),
    ],
)
def test_large_results_are_made_from_larger_copies_where_a_link_carries_them(
    team, settings, tmp_path, monkeypatch, resolution, by_link, size
):
    settings.SANDBOX = True
    photo = make_photo(make_product(team), size=(7000, 1400), with_renditions=False)
    monkeypatch.setattr(prepare, "has_public_links", lambda: by_link)
    job = launch_fashn(team, "edit", photo=photo, prompt="a hat", resolution=resolution)

    job = prepared(job, tmp_path)

    copy = Rendition.objects.get(key=job.inputs.get(name="image").file_key)
    assert (copy.width, copy.height) == size


def test_a_background_is_removed_from_as_many_pixels_as_come_back(team, settings, tmp_path):
    settings.SANDBOX = True
    photo = make_photo(make_product(team), size=(2000, 3000), with_renditions=False)

    job = prepared(launch_fashn(team, "remove_background", photo=photo), tmp_path)

    copy = Rendition.objects.get(key=job.inputs.get(name="image").file_key)
    assert (copy.width, copy.height) == (1600, 2400)


def test_more_than_one_request_carries_is_refused_before_anything_is_sent(
    team, photo, tmp_path, monkeypatch
):
    job = prepared(edit(team, photo), tmp_path)
    monkeypatch.setattr(links, "BODY_BYTES", 10)
    key = job.inputs.get(name="image").file_key

    with pytest.raises(TooLarge):
        links_or_data({"image": key})
    with pytest.raises(Missing):
        links_or_data({"image": "t/nowhere.png"})

    assert sent(job, tmp_path).orders == []
    assert job.state == "ready"


# --- Nothing was sent ------------------------------------------------------------------------------


def stumble(error):
    def fail(keys):
        raise error

    return fail


def hang(keys):
    import time

    time.sleep(0.5)


@pytest.mark.parametrize("trouble", [stumble(StorageError("down")), stumble(OSError("disk")), hang])
def test_a_storage_that_is_down_before_the_post_counts_as_not_sent(
    team, photo, tmp_path, monkeypatch, trouble
):
    job = prepared(launch_fashn(team, photo=photo), tmp_path)
    monkeypatch.setattr("generation.engine.submit.links_or_data", trouble)

    provider = sent(job, tmp_path)

    assert provider.orders == []
    assert (job.state, job.slot, job.error_code) == ("ready", None, "storage")
    assert job.error == "The pictures could not be read from the storage."
    assert Attempt.objects.get(job=job).outcome == "not_taken"
    assert spent(team) == (100, 2)
    pool = Pool.objects.get(pk=job.pool_id)
    assert pool.busy_until is not None, "the jobs behind it need not try as well"


def test_a_copy_that_is_gone_is_made_again(team, photo, tmp_path):
    job = prepared(launch_fashn(team, photo=photo), tmp_path)
    copy = photo.renditions.get(purpose__startswith="send-")
    storage().delete(copy.key)
    copy.delete()

    provider = sent(job, tmp_path)

    assert provider.orders == []
    assert (job.state, job.slot) == ("ready", None)
    assert job.inputs.get(name="model_image").file_key == ""
    assert claim_to_submit(now(), TIMING) == []
    assert Job.objects.get(pk=job.pk).state == "preparing"


@pytest.mark.parametrize("by_link", [False, True])
def test_a_copy_whose_file_is_lost_is_fitted_anew(team, photo, tmp_path, monkeypatch, by_link):
    if by_link:
        monkeypatch.setattr(links, "picture_link", lambda copy, seconds: f"https://x/{copy.key}")
    job = prepared(launch_fashn(team, photo=photo), tmp_path)
    copy = photo.renditions.get(purpose__startswith="send-")
    storage().delete(copy.key)
    assert sent(job, tmp_path).orders == []
    assert not photo.renditions.filter(pk=copy.pk).exists(), "nobody shall believe the row again"

    job = fitted_again(job, tmp_path)

    assert len(sent(job, tmp_path).orders) == 1
    assert job.state == "running"
    assert list(job.attempts.values_list("outcome", "error_code")) == [
        ("not_taken", "copy_gone"),
        ("accepted", ""),
    ]


def test_a_lost_copy_is_fitted_anew_before_it_is_uploaded(team, photo, tmp_path):
    uploaded = []

    class Uploads(Taker):
        async def upload(self, path, *, content_type):
            uploaded.append(path.read_bytes())
            return f"KEY-{len(uploaded)}"

    job = launch_swap(team, photo=photo)
    [claimed] = claim_to_prepare(now(), TIMING, 1)
    do(prepare_job, claimed, Uploads(), tmp_path)
    storage().delete(photo.renditions.get(purpose__startswith="send-").key)
    ProviderFile.objects.all().delete()
    again = launch_swap(team, photo=photo)
    [claimed] = claim_to_prepare(now(), TIMING, 1)

    do(prepare_job, claimed, Uploads(), tmp_path)

    assert claimed == again
    assert {one.state for one in Job.objects.filter(pk__in=[job.pk, again.pk])} == {"ready"}
    assert again.inputs.get(name="model_image").file_key == "KEY-2"
    assert uploaded[0] == uploaded[1]


def test_pictures_that_lost_their_links_are_fitted_to_one_request(
    team, photo, tmp_path, monkeypatch
):
    with monkeypatch.context() as public:
        public.setattr(prepare, "has_public_links", lambda: True)
        job = prepared(edit(team, photo), tmp_path)
    keys = job.inputs.exclude(file_key="").values_list("file_key", flat=True)
    limit = sum(copy.bytes for copy in Rendition.objects.filter(key__in=list(keys))) - 1
    monkeypatch.setattr(prepare, "BODY_BYTES", limit)
    monkeypatch.setattr(links, "BODY_BYTES", limit)
    assert sent(job, tmp_path).orders == []
    assert (job.state, job.attempts.get().error_code) == ("ready", "too_large")
    assert Pool.objects.get(pk=job.pool_id).busy_until is None

    job = fitted_again(job, tmp_path)

    assert len(sent(job, tmp_path).orders) == 1
    assert job.state == "running"


def test_an_order_that_can_never_be_made_comes_to_an_end(team, photo, tmp_path, monkeypatch):
    monkeypatch.setattr("generation.engine.submit.links_or_data", stumble(KeyError("a bug")))
    job = prepared(launch_fashn(team, photo=photo), tmp_path)

    for _ in range(4):
        provider = sent(job, tmp_path)
        assert provider.orders == []
        if job.state == "failed":
            break
        claim_to_submit(now(), TIMING)
        job.refresh_from_db()
        assert advance(job, "preparing", "queued", lease_until=None, due_at=now())
        job = prepared(job, tmp_path)

    assert (job.state, job.error_code) == ("failed", "no_order")
    assert spent(team) == (100, 0)


def test_the_lease_outlives_the_order_and_the_post(team, photo, tmp_path):
    job = prepared(launch_fashn(team, photo=photo), tmp_path)
    at = now()

    [claimed] = claim_to_submit(at, replace(TIMING, order=30, submit=80, lease_margin=20))

    assert claimed.job.lease_until is not None
    assert (claimed.job.lease_until - at).total_seconds() == 130
    assert job.lease_until is None
