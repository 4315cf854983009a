"""What a careful person would write instead of the product: asyncio, a semaphore and httpx.

Run as `python -m benchmarks.script`; its argument is JSON. Uploads the picture once, keeps each
provider's places full, asks every `interval` seconds, downloads what was made, and forgets all of
it when it dies. Prints how many seconds that took, from its first request on.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx


async def main(told: dict[str, Any]) -> float:
    """Run `jobs` of each provider; return the seconds."""
    photo = Path(told["photo"]).read_bytes()
    began = time.monotonic()
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
    with tempfile.TemporaryDirectory() as folder:
        async with httpx.AsyncClient(
            base_url=told["url"],
            headers={"Authorization": f"Bearer {told['key']}"},
            limits=limits,
            timeout=60,
        ) as http:
            sellerpic, fashn = told["jobs"]
            places = {name: asyncio.Semaphore(told[name]) for name in ("sellerpic", "fashn")}
            uploaded = await http.post("/v1/api/upload", files={"file": ("a.jpg", photo)})
            key = uploaded.json()["data"]["fileKey"]
            data = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
            waits = told["interval"]
            await asyncio.gather(
                *(
                    _sellerpic(http, places["sellerpic"], key, waits["sellerpic"], to)
                    for to in _files(folder, "s", sellerpic)
                ),
                *(
                    _fashn(http, places["fashn"], data, waits["fashn"], to)
                    for to in _files(folder, "f", fashn)
                ),
            )
    return time.monotonic() - began


def _files(folder: str, name: str, count: int) -> list[Path]:
    return [Path(folder) / f"{name}{number}" for number in range(count)]


async def _sellerpic(
    http: httpx.AsyncClient, places: asyncio.Semaphore, key: str, interval: float, to: Path
) -> None:
    body = {
        "productImageKey": key,
        "replaceType": "SOLID_COLOR_BACKGROUND",
        "backgroundColor": "#ffffff",
    }
    async with places:
        answer = (await http.post("/v1/api/generate/replaceBackground", json=body)).json()
        task = answer["data"]["id"]
        while True:
            await asyncio.sleep(interval)
            status = (await http.get("/v1/api/generate", params={"id": task})).json()
            items = status["data"]["resultList"]
            if all(item["status"] == "SUCCESS" for item in items):
                break
    for item in items:
        query = {"id": item["id"], "downloadFormat": "png"}
        link = (await http.get("/v1/api/download", params=query)).json()["data"]["fileUrl"]
        await _save(http, link, to)


async def _fashn(
    http: httpx.AsyncClient, places: asyncio.Semaphore, data: str, interval: float, to: Path
) -> None:
    inputs = {"model_image": data, "num_images": 1, "generation_mode": "fast"}
    async with places:
        body = {"model_name": "model-swap", "inputs": inputs}
        task = (await http.post("/v1/run", json=body)).json()["id"]
        while True:
            await asyncio.sleep(interval)
            status = (await http.get(f"/v1/status/{task}")).json()
            if status["status"] == "completed":
                break
    for link in status["output"]:
        await _save(http, link, to)


async def _save(http: httpx.AsyncClient, link: str, to: Path) -> None:
    to.write_bytes((await http.get(link)).content)


if __name__ == "__main__":
    print(asyncio.run(main(json.loads(sys.argv[1]))))
