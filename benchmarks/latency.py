"""How soon a result can be reviewed once the provider has made it: by webhook, and by asking.

The whole product in real time: web server, broker, worker. FASHN's jobs are told of by webhook and
asked about every 30 s only, SellerPic's are asked about every second, which is the sandbox's pace.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.timezone import now

from benchmarks import stage
from benchmarks.figures import Figure, percentile
from config.env import BASE_DIR
from generation.models import EngineLease

SECONDS = (3.2, 4.8)
JOBS = (60, 36)
POLL_SECONDS = 1.0


def run() -> Iterator[Figure]:
    """Both providers at once, six rounds of full places."""
    team, photo = stage.make_studio()
    port = stage.free_port()
    commands = (
        [str(BASE_DIR / "manage.py"), "web"],
        ["-m", "benchmarks.worker", "1"],
    )
    told = {
        "SELLERPIC_MIN_POLL_SECONDS": POLL_SECONDS,
        "FASHN_MIN_POLL_SECONDS": 30.0,
        "PORT": port,
        "WEBHOOK_BASE_URL": f"http://127.0.0.1:{port}",
        "WEB_WORKERS": 1,
    }
    began = now()
    with stage.sandbox(seconds=SECONDS) as url, stage.processes(*commands, **told):
        stage.wait_until(lambda: EngineLease.objects.filter(beat_at__gte=began).exists(), 60)
        stage.wait_until(lambda: stage.answers(port), 60)
        jobs = stage.order_at_both(team, photo, *JOBS)
        stage.wait_for_end(jobs)
        told_of = stage.delays(url, [job for job in jobs if job.offer == "fashn"])
        asked = stage.delays(url, [job for job in jobs if job.offer != "fashn"])
    yield Figure("latency_webhook_p50", percentile(told_of, 0.5), "s")
    yield Figure("latency_webhook_p95", percentile(told_of, 0.95), "s", target=1.0)
    yield Figure("latency_polling_p50", percentile(asked, 0.5), "s")
    yield Figure("latency_polling_p95", percentile(asked, 0.95), "s", target=POLL_SECONDS + 1)
