"""One person's way through the product, in Chromium.

Signs in, makes a product, uploads a photo of a person, swaps the model, watches the queue while the
worker is killed, approves one of the two results, downloads it, reads the ledger, sets up two-step
sign-in on the way into the admin, and grants credits there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import shutil
import time
from pathlib import Path

from installation import Installation, kill_worker
from playwright.sync_api import Page, expect, sync_playwright

JOB_SECONDS = 90


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
        self.set_up_second_step()
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
        expect(rows.nth(0)).to_contain_text("Spent")
        expect(rows.nth(1)).to_contain_text("Held")
        expect(page.locator(".stats")).to_contain_text("196")
        self.keep("credits")

    def set_up_second_step(self) -> None:
        """The admin asks for it: the password once more, the secret into an app, the first code."""
        page = self.page
        self.go("/admin/teams/team/")
        page.get_by_label("Password", exact=True).fill(self.running.password())
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Set up two-step sign-in")
        drawn = page.locator("img.qr").evaluate("picture => picture.decode().then(() => true)")
        assert drawn, "The QR code is not shown."
        page.get_by_label("Type the code that the app shows now").fill(
            code_of(page.locator("#totp-secret").inner_text())
        )
        page.get_by_role("button", name="Switch on").click()
        expect(page.locator(".codes li")).to_have_count(10)
        self.keep("recovery-codes")
        page.get_by_role("link", name="I have kept them, go on").click()
        expect(page).to_have_url(re.compile(r"/admin/teams/team/$"))

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


def code_of(secret: str) -> str:
    """What an authenticator app with this secret shows now (RFC 6238: SHA-1, 30 s, 6 digits)."""
    counter = int(time.time() // 30).to_bytes(8, "big")
    key = base64.b32decode(secret.replace(" ", ""))
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def is_picture(path: Path) -> bool:
    """By its first bytes."""
    head = path.read_bytes()[:12]
    return head[:3] == b"\xff\xd8\xff" or head[:4] == b"\x89PNG" or head[8:12] == b"WEBP"
