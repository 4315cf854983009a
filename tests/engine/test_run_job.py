"""The main job from the shell, with a worker beside it."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from catalog.models import Product
from config.celery import app
from generation.models import Job, ProviderAccount
from generation.operations import OPERATIONS
from tests.engine.conftest import spent, wait_until
from tests.factories import draw_photo, make_product


@pytest.fixture(autouse=True)
def hints_are_obeyed_at_once():
    """Uploads are checked by Celery tasks, and no worker takes them here."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture
def photo(tmp_path):
    return draw_photo(tmp_path / "red coat.jpg", size=(240, 300), seed=3)


def run(team, photo, out, *more):
    stdout, stderr = io.StringIO(), io.StringIO()
    arguments = ["--team", team.slug, "--image", str(photo), "--out", str(out), *more]
    failure = None
    try:
        call_command("run_job", *arguments, stdout=stdout, stderr=stderr)
    except CommandError as exc:
        failure = str(exc)
    return failure, stdout.getvalue(), stderr.getvalue()


def start(start_engine):
    engine = start_engine()
    wait_until(lambda: engine.is_active)


def test_writes_two_pictures_and_tells_it_as_json(sandbox, start_engine, team, photo, tmp_path):
    start(start_engine)
    model = sandbox.model()

    failure, out, err = run(team, photo, tmp_path / "out", "--preset", model.remote_id, "--json")

    assert failure is None
    told = json.loads(out.splitlines()[-1])
    job = Job.objects.get()
    names = [f"shell-jobs_{str(job.pk)[:8]}_{letter}.png" for letter in "AB"]
    paths = [str(tmp_path / "out" / name) for name in names]
    assert told == {
        "job": str(job.pk),
        "state": "succeeded",
        "credits_charged": 4,
        "outputs": paths,
    }
    for path in paths:
        assert Path(path).read_bytes()[:4] == b"\x89PNG"
    assert "Working" in err
    assert "Took" not in err
    assert job.product is not None
    assert job.product.name == "Shell jobs"
    assert spent(team) == (96, 0)

    # The same photo again: found as a duplicate, used again.
    failure, out, err = run(team, photo, tmp_path / "out")
    assert failure is None
    assert out.splitlines()[0] == "Ready for review, 4 credits spent."
    assert f"Took {model} as model, the first offered: none was named." in err
    assert Product.objects.get().photo_count == 1


def test_a_partial_job_writes_what_came_and_fails(sandbox, start_engine, team, photo, tmp_path):
    start(start_engine)
    sandbox.model()
    sandbox.plan("one_fails")
    make_product(team, sku="SKU-1")

    failure, out, _err = run(team, photo, tmp_path / "out", "--json", "--product", "SKU-1")

    assert failure == "The image could not be generated."
    told = json.loads(out.splitlines()[-1])
    assert (told["state"], told["credits_charged"]) == ("partial", 2)
    assert told["error"] == failure
    name = f"sku-1_{told['job'][:8]}_A.png"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_without_a_worker_nothing_is_launched(sandbox, team, photo, tmp_path):
    failure, out, _err = run(team, photo, tmp_path / "out", "--json")

    assert failure == "No worker is running. Start one with `make run`, then try again."
    assert json.loads(out) == {
        "job": None,
        "state": "not_launched",
        "credits_charged": 0,
        "outputs": [],
        "error": failure,
    }
    assert not Job.objects.exists()


def test_mistakes_are_named(sandbox, start_engine, team, photo, tmp_path):
    start(start_engine)
    sandbox.model()
    ProviderAccount.objects.update(presets_synced_at=now())
    text = tmp_path / "note.jpg"
    text.write_text("not a picture at all")
    for arguments, sentence in (
        ((team, tmp_path / "none.jpg", tmp_path), "There is no file"),
        ((team, photo, tmp_path, "--product", "NONE"), "no product with the SKU 'NONE'"),
        ((team, photo, photo), "red coat.jpg cannot be the folder for the results."),
        ((team, photo, tmp_path, "--preset", "NONE"), "No model 'NONE' is offered. Some that are:"),
        ((team, photo, tmp_path, "--scene", "NONE"), "The provider offers no scene now."),
        ((team, text, tmp_path), ""),
    ):
        failure, _out, _err = run(*arguments)
        assert failure is not None
        assert sentence in failure
    assert not Job.objects.exists()
    assert spent(team) == (100, 0)


def test_another_operation_takes_its_inputs_and_settings(
    sandbox, start_engine, team, photo, tmp_path
):
    start(start_engine)
    garment = draw_photo(tmp_path / "tee.png", size=(260, 300), file_format="PNG", seed=9)

    failure, out, _err = run(
        team, photo, tmp_path / "out", "--operation", "try_on", "--offer", "fashn-v1.6",
        "--input", f"garment_image={garment}", "--set", "num_samples=3", "--json",
    )  # fmt: skip

    assert failure is None
    told = json.loads(out.splitlines()[-1])
    assert (told["state"], told["credits_charged"], len(told["outputs"])) == ("succeeded", 3, 3)
    job = Job.objects.get()
    assert job.options["num_samples"] == 3
    assert {entry.name for entry in job.inputs.all()} == {"model_image", "garment_image"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--operation", "try_on"], "Give a file for garment_image: --input garment_image=FILE."),
        (["--offer", "nobody"], "There is no offer 'nobody'. There are: sellerpic, fashn."),
        (["--input", "hat=hat.png"], "There is no input 'hat'."),
        (["--set", "prompt"], "Write 'prompt' as NAME=VALUE."),
        (["--set", "mood=calm"], "SellerPic takes no setting called mood."),
    ],
)
def test_what_an_offer_does_not_take_is_refused(
    more, sentence, sandbox, start_engine, team, photo, tmp_path
):
    sandbox.model()
    start(start_engine)

    failure, _out, _err = run(team, photo, tmp_path / "out", *more)

    assert failure is not None
    assert sentence in failure
    assert Job.objects.count() == 0


def test_the_list_of_operations_names_every_offer(db):
    stdout = io.StringIO()

    call_command("list_operations", stdout=stdout)

    lines = stdout.getvalue().splitlines()
    offers = [line.split()[1] for line in lines if line.startswith("  --offer")]
    assert offers == [offer.name for operation in OPERATIONS.values() for offer in operation.offers]
    assert "    --set num_samples=1…4 [2]  Results" in lines
