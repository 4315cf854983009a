"""The main job, end to end, on a fresh clone: `make run`, the whole flow in Chromium, stop.

Signs in, makes a product, uploads a photo of a person, swaps the model, watches the queue, approves
one of the two results, downloads it, reads the ledger, grants credits in the admin, runs a job from
the shell, kills the worker on the way, stops by Ctrl-C and looks for processes left over.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
#: Pictures for tests; a drawn one stands in where they are absent.
SHARED_DATA = Path(os.environ.get("SHARED_DATA_DIR") or ROOT.parent / "shared/data")
PHOTO = SHARED_DATA / "models/m01-man-hat-seated-fullbody.webp"
FIRST_START_SECONDS, NEXT_START_SECONDS = 90, 8
JOB_SECONDS = 90


def main() -> int:
    """Run the flow; any failure ends it with a traceback and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=Path, help="folder for the HTML of each page")
    parser.add_argument("--shots", type=Path, help="folder for a screenshot of each page")
    parser.add_argument("--source", type=Path, default=ROOT, help="repository to clone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="diptych-smoke-") as folder:
        checkout = Path(folder, "diptych")
        subprocess.run(
            [
                "git",
                "-c",
                "safe.directory=*",
                "clone",
                "--quiet",
                "--no-hardlinks",
                str(options.source),
                str(checkout),
            ],
            check=True,
        )
        photo = PHOTO if PHOTO.exists() else drawn_photo(Path(folder, "drawn.png"))
        print(f"Photo: {photo.name}")
        with installation(checkout) as first:
            first.wait_until_ready()
            print(f"First start: {first.ready_seconds:.1f} s, packages included.")
            told = re.search(r"Diptych is ready \(([\d.]+) s\)", first.output())
            assert told, first.output()
            assert float(told[1]) < FIRST_START_SECONDS, f"Ready after {told[1]} s."
            print(f"First start without the packages: {told[1]} s.")
            walk(first, photo, options.pages, options.shots)
            run_job(first, photo, Path(folder, "results"))
        with installation(checkout) as second:
            second.wait_until_ready()
            print(f"Second start: {second.ready_seconds:.1f} s.")
            assert second.ready_seconds < NEXT_START_SECONDS, "The second start took too long."
    print("The main job works.")
    return 0


# --- An installation ----------------------------------------------------------------------------


class Installation:
    """A running `make run` in a clone, with what it says."""

    def __init__(self, checkout: Path, port: int) -> None:
        self.checkout = checkout
        self.port = port
        self.started = time.monotonic()
        self.ready_seconds = 0.0
        self.said = checkout.parent / f"output-{time.monotonic_ns()}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "DATA_DIR", "MODE"}
            and not name.startswith(("VIRTUAL_ENV", "MAKE", "DJANGO_"))
        }
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                ["make", "run"],
                cwd=checkout,
                env=self.environment | {"PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        """Everything it has said so far."""
        return self.said.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Until it prints its block; the network may be slow at the first start."""
        until = time.monotonic() + 600
        while "Diptych is ready" not in self.output():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"`make run` did not become ready:\n{self.output()}")
            time.sleep(0.05)
        self.ready_seconds = time.monotonic() - self.started

    def password(self) -> str:
        """The demo password, as the block shows it."""
        match = re.search(r"demo@diptych\.example\s+password (\S+)", self.output())
        assert match, self.output()
        return match[1]

    def stop(self) -> None:
        """Ctrl-C, as a terminal sends it; nobody may be left."""
        everybody = descendants(self.process.pid)
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)
        assert "Diptych has stopped." in self.output(), self.output()
        left = [pid for pid in everybody if is_alive(pid)]
        assert not left, f"Processes are left: {left}"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0, "The port still answers."
        print(f"Stopped in {time.monotonic() - started:.1f} s, no process left.")


@contextmanager
def installation(checkout: Path) -> Iterator[Installation]:
    """Start on a free port; stop in order, or by force after a failure."""
    running = Installation(checkout, free_port())
    try:
        yield running
        running.stop()
    except BaseException:
        print(running.output(), file=sys.stderr)
        for log in sorted(checkout.glob("var/logs/*.log")):
            tail = log.read_text(encoding="utf-8").splitlines()[-40:]
            print(f"--- {log.name}", *tail, sep="\n", file=sys.stderr)
        raise
    finally:
        for pid in [*descendants(running.process.pid), running.process.pid]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        running.process.wait()


def free_port() -> int:
    """A port whose neighbour is free as well, for the sandbox."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def processes() -> list[tuple[int, int, str]]:
    """Every process of this machine: id, parent's id, command line."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    rows = (line.split(None, 2) for line in listed.stdout.splitlines())
    return [(int(row[0]), int(row[1]), row[2] if len(row) > 2 else "") for row in rows]


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs."""
    table = processes()

    def below(parent: int) -> list[int]:
        children = [child for child, of, _ in table if of == parent]
        return children + [deeper for child in children for deeper in below(child)]

    return below(pid)


def is_alive(pid: int) -> bool:
    """Whether it runs; one that ended and was not reaped does not."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


# --- The flow -----------------------------------------------------------------------------------


def walk(running: Installation, photo: Path, pages: Path | None, shots: Path | None) -> None:
    """Flow 1 to 7 in the browser. Console errors and failed requests fail it."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium was not found. Install it: apt-get install chromium."
    for folder in (pages, shots):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, accept_downloads=True)
        page.set_default_timeout(20_000)
        faults: list[str] = []
        page.on(
            "console",
            lambda m: (
                faults.append(f"{m.text} {m.location}") if m.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        Walk(page, running, pages, shots).all(photo)
        assert not faults, faults
        browser.close()


class Walk:
    """One person's way through the product."""

    def __init__(
        self, page: Page, running: Installation, pages: Path | None, shots: Path | None
    ) -> None:
        self.page = page
        self.running = running
        self.pages = pages
        self.shots = shots

    def all(self, photo: Path) -> None:
        """Every step in order."""
        self.sign_in()
        self.make_product()
        self.upload(photo)
        self.launch()
        self.wait_for_results()
        self.review()
        self.download_approved()
        self.read_ledger()
        self.grant_credits()

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.running.url + path)

    def keep(self, name: str) -> None:
        """Keep the page as it was sent, and as it looks, where asked to."""
        if self.pages:
            answer = self.page.request.get(self.page.url)
            assert answer.ok, f"{self.page.url}: {answer.status}"
            (self.pages / f"{name}.html").write_text(answer.text(), encoding="utf-8")
        if self.shots:
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=self.shots / f"{name}.png", full_page=True)
        print(f"  {name}")

    def sign_in(self) -> None:
        """By e-mail and the password that the terminal shows."""
        self.go("/")
        self.keep("sign-in")
        self.page.get_by_label("E-mail address").fill("demo@diptych.example")
        self.page.get_by_label("Password", exact=True).fill(self.running.password())
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(re.compile(r"/t/demo/products/$"))
        self.keep("products-empty")

    def make_product(self) -> None:
        """Name and SKU are enough."""
        self.go("/t/demo/products/new")
        self.keep("product-new")
        self.page.get_by_label(re.compile("^name", re.IGNORECASE)).fill("Straw hat, natural")
        self.page.get_by_label(re.compile("^SKU", re.IGNORECASE)).fill("HAT-001")
        self.page.get_by_role("button", name="Create product").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Straw hat, natural")

    def upload(self, photo: Path) -> None:
        """The tile appears once the server decoded the file."""
        self.page.locator("input[type=file]").first.set_input_files(photo)
        tile = self.page.locator("li.tile[id^='photo-']")
        expect(tile).to_have_count(1, timeout=60_000)
        self.keep("product")
        tile.get_by_role("link", name=re.compile("^Make pictures from")).click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Studio")

    def launch(self) -> None:
        """Swap the model by a preset face; the price and the balance after stand beside."""
        page = self.page
        faces = page.locator(
            "#choices-model .choice, [id^='choices-'] .choice:has(input[name='model'])"
        )
        until = time.monotonic() + 60
        while faces.count() == 0 and time.monotonic() < until:
            page.wait_for_timeout(1000)  # The worker fetches the presets after the first start.
            page.reload()
        faces.first.click()
        bar = page.locator("#launch")
        expect(bar).to_contain_text("4 credits")
        expect(bar).to_contain_text("196 left after")
        self.keep("studio")
        page.get_by_role("button", name="Launch").dblclick()
        expect(page.locator("#launch")).to_contain_text("192 left after")

    def wait_for_results(self) -> None:
        """The row moves by itself, and the worker may die on the way."""
        page = self.page
        self.go("/t/demo/queue/")
        self.keep("queue")
        row = page.locator("li.job")
        expect(row).to_have_count(1)
        page.evaluate("window.sameDocument = true")
        # Killed while a job is being sent, the answer would be lost and a person asked; once it
        # runs at the provider, the next worker takes over by itself.
        expect(row.locator(".badge")).to_have_text(
            re.compile("Working|Saving|Ready for review"), timeout=JOB_SECONDS * 1000
        )
        killed = kill_worker(self.running)
        expect(row.locator(".badge")).to_have_text(
            re.compile("Ready for review"), timeout=JOB_SECONDS * 1000
        )
        assert page.evaluate("window.sameDocument"), "The queue was loaded anew."
        print(f"  (worker {killed} was killed meanwhile)")
        row.get_by_role("link", name=re.compile("^Review")).first.click()

    def review(self) -> None:
        """Approve A by its button."""
        page = self.page
        expect(page).to_have_url(re.compile(r"/t/demo/review/[0-9a-f-]+/$"))
        expect(page.locator("#pane-B img")).to_be_visible()
        sizes = [
            page.locator(f"{pane} .pane__clip").bounding_box() for pane in ("#pane-A", "#pane-B")
        ]
        assert sizes[0] and sizes[1]
        assert abs(sizes[0]["width"] - sizes[1]["width"]) < 1
        assert abs(sizes[0]["height"] - sizes[1]["height"]) < 1
        self.keep("review")
        page.locator("#approve-A").click()
        expect(page.locator("#head-A")).to_contain_text("Approved")
        page.reload()
        expect(page.locator("#head-A")).to_contain_text("Approved")
        expect(page.locator("#head-B")).not_to_contain_text("Approved")

    def download_approved(self) -> None:
        """At full size, as a picture."""
        page = self.page
        self.go("/t/demo/approved/")
        expect(page.locator(".approved__tile")).to_have_count(1)
        self.keep("approved")
        with page.expect_download() as waiting:
            page.locator(".approved__tile").get_by_role(
                "link", name=re.compile("^Download")
            ).first.click()
        path = waiting.value.path()
        assert is_picture(path), waiting.value.suggested_filename

    def read_ledger(self) -> None:
        """Hold and settlement of this job, and what is left."""
        page = self.page
        self.go("/t/demo/credits/")
        rows = page.locator("table.ledger tbody tr")
        expect(rows).to_have_count(3)  # The demo's grant, the hold, the settlement.
        expect(rows.nth(0)).to_contain_text("Settled")
        expect(rows.nth(1)).to_contain_text("Held")
        expect(page.locator(".stats")).to_contain_text("196")
        self.keep("credits")

    def grant_credits(self) -> None:
        """The operator grants 100 more in the admin: form, preview, confirmation."""
        page = self.page
        self.go("/admin/teams/team/")
        page.get_by_role("link", name="Demo studio").click()
        page.get_by_role("link", name="Grant credits").click()
        page.get_by_label("Credits to grant").fill("100")
        page.get_by_label("Reason").fill("Invoice 2024-17")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#content")).to_contain_text("296")
        page.get_by_role("button", name=re.compile("^Grant")).click()
        self.go("/t/demo/credits/")
        expect(page.locator(".stats")).to_contain_text("296")
        expect(page.locator("table.ledger tbody tr").nth(0)).to_contain_text("Invoice 2024-17")


def kill_worker(running: Installation) -> int:
    """SIGKILL the worker process; the supervisor starts another, and no job is lost."""
    ours = set(descendants(running.process.pid))
    for pid, _, command in processes():
        if pid in ours and command.endswith("manage.py worker"):
            os.kill(pid, signal.SIGKILL)
            return pid
    raise AssertionError("No worker is running.")


def run_job(running: Installation, photo: Path, out: Path) -> None:
    """The same main job from the shell, beside the running installation."""
    result = subprocess.run(
        [
            str(running.checkout / ".venv/bin/python"),
            "manage.py",
            "run_job",
            "--team",
            "demo",
            "--operation",
            "swap_model",
            "--image",
            str(photo),
            "--out",
            str(out),
            "--json",
        ],
        cwd=running.checkout,
        env=running.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS * 2,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    told: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    assert told["state"] == "succeeded", told
    assert told["credits_charged"] == 4, told
    assert len(told["outputs"]) == 2, told
    assert all(is_picture(Path(path)) for path in told["outputs"]), told
    print("  run_job")


def is_picture(path: Path) -> bool:
    """By its first bytes."""
    head = path.read_bytes()[:12]
    return head[:3] == b"\xff\xd8\xff" or head[:4] == b"\x89PNG" or head[8:12] == b"WEBP"


def drawn_photo(path: Path) -> Path:
    """A person as a drawing, for machines without the test photos."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (1200, 1600), "#d8d2c8")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((420, 620, 780, 1250), fill="#3f5f7f")
    draw.rectangle((450, 1250, 580, 1580), fill="#2f2f38")
    draw.rectangle((620, 1250, 750, 1580), fill="#2f2f38")
    draw.ellipse((500, 300, 700, 560), fill="#c99a78")
    draw.rectangle((560, 540, 640, 640), fill="#c99a78")
    picture.save(path)
    return path


if __name__ == "__main__":
    sys.exit(main())
