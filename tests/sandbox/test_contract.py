"""The wire contract of the emulated SellerPic: calls, envelopes, keys, paging and limits."""

from __future__ import annotations

import io
import socket

import httpx
import pytest
from PIL import Image

from sandbox.wire import multipart_file
from tests.sandbox.conftest import KEY, Provider, encoded, fetch, photo


def refusal(answer: httpx.Response) -> tuple[int, int]:
    body = answer.json()
    assert body["success"] is False
    assert body["data"] is None
    return answer.status_code, body["code"]


def swap(provider: Provider, **body: object) -> httpx.Response:
    return provider.http.post("/v1/api/generate/swapModel", json=body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic sandbox"}, 401),
        ({"Authorization": "Bearer revoked"}, 403),
    ],
)
def test_a_missing_or_bad_key_is_refused_before_anything_happens(provider, headers, status):
    for path in ("usage", "presets?type=SWAP_MODEL", "generate?id=1"):
        answer = provider.http.get(f"/v1/api/{path}", headers=headers)
        assert refusal(answer)[0] == status
    answer = provider.http.post("/v1/api/generate/swapModel", json={}, headers=headers)
    assert refusal(answer)[0] == status
    assert provider.stats()["accepted"] == 0


def test_an_unknown_task_path_is_404(provider):
    answer = provider.http.post("/v1/api/generate/tryOnHat", json={})
    assert refusal(answer) == (404, 404)


def test_an_upload_answers_a_file_key(provider):
    key = provider.upload()
    assert key.startswith("UPLOAD/")
    assert key.endswith(".png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_all_three_formats_are_taken(provider, kind):
    key = provider.upload(encoded(photo(), kind))
    assert provider.start(modelImageKey=key), "the upload can be worked on"


def test_what_is_no_image_is_refused(provider):
    for body in (b"<html>", encoded(photo())[:200], encoded(photo(), "GIF")):
        answer = provider.http.post("/v1/api/upload", files={"file": ("a.png", body, "image/png")})
        assert refusal(answer) == (200, 99001)
    answer = provider.http.post("/v1/api/upload", files={"image": ("a.png", b"x", "image/png")})
    assert refusal(answer) == (200, 99001)
    assert list(provider.app.room.upload_path("x").parent.iterdir()) == []


def test_more_than_40_mb_is_refused(provider):
    body = encoded(photo()) + b"\0" * (40 * 1024 * 1024)
    answer = provider.http.post("/v1/api/upload", files={"file": ("a.png", body, "image/png")})
    assert refusal(answer) == (200, 99001)
    body += b"\0" * (5 * 1024 * 1024)
    answer = provider.http.post("/v1/api/upload", files={"file": ("a.png", body, "image/png")})
    assert refusal(answer) == (200, 99001)


def test_the_upload_link_takes_bytes_until_it_is_30_minutes_old(provider):
    params = {"format": "png"}
    first = provider.ok(provider.http.get("/v1/api/upload/url", params=params))
    body = {"modelImageKey": first["fileKey"], "modelId": provider.preset()}
    assert refusal(swap(provider, **body)) == (200, 99002)
    provider.clock.tick(29 * 60)
    assert httpx.put(first["imageUrl"], content=encoded(photo())).status_code == 200
    provider.ok(swap(provider, **body))

    second = provider.ok(provider.http.get("/v1/api/upload/url", params=params))
    provider.clock.tick(30 * 60)
    assert httpx.put(second["imageUrl"], content=encoded(photo())).status_code == 403


@pytest.mark.parametrize(
    ("type_", "total"),
    [("SWAP_MODEL", 24), ("SWAP_MODEL_SCENE", 14), ("AI_BACKGROUND", 14), ("BACKGROUND", 14)],
)
def test_presets_come_in_pages_of_ten(provider, type_, total):
    seen: list[str] = []
    for page in range(1, 4):
        params = {"type": type_, "pageNum": page}
        data = provider.ok(provider.http.get("/v1/api/presets", params=params))
        assert data["total"] == total
        assert data["hasMore"] is (page * 10 < total)
        seen += [preset["id"] for preset in data["list"]]
    assert len(seen) == len(set(seen)) == total


def test_presets_refuse_pages_over_50_and_unknown_types(provider):
    for params in (
        {"type": "SWAP_MODEL", "pageSize": 51},
        {"type": "SWAP_MODEL", "pageSize": 0},
        {"type": "SWAP_MODEL", "pageNum": "x"},
        {"type": "HATS"},
        {},
    ):
        answer = provider.http.get("/v1/api/presets", params=params)
        assert refusal(answer) == (200, 99001)


def test_preset_pictures_are_public_until_their_links_die(provider):
    preset = provider.ok(provider.http.get("/v1/api/presets?type=SWAP_MODEL"))["list"][0]
    assert preset["name"] == "Amara"
    assert preset["userUpload"] is False
    for field, size in (("thumbUrl", (240, 300)), ("imageUrl", (800, 1000))):
        answer = fetch(preset[field])
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == size
    assert fetch(preset["thumbUrl"].replace("signature=", "signature=0")).status_code == 403
    provider.clock.tick(13 * 3600)
    assert fetch(preset["thumbUrl"]).status_code == 403


def test_a_task_needs_a_photo_and_a_model_that_exist(provider):
    key, model = provider.upload(), provider.preset()
    scene = provider.preset("SWAP_MODEL_SCENE")
    for body, code in (
        ({}, 99001),
        ({"modelImageKey": key}, 99001),
        ({"modelImageKey": 5, "modelId": model}, 99001),
        ({"modelImageKey": "UPLOAD/none.png", "modelId": model}, 99002),
        ({"modelImageKey": key, "modelId": "1"}, 99002),
        ({"modelImageKey": key, "modelId": scene}, 99002),
        ({"modelImageKey": key, "modelId": model, "sceneId": "1"}, 99002),
        ({"modelImageKey": key, "modelId": model, "modelMaskKey": "no"}, 99002),
    ):
        assert refusal(swap(provider, **body)) == (200, code), body
    answer = provider.http.post("/v1/api/generate/swapModel", content=b"[]")
    assert refusal(answer) == (200, 99001)
    assert provider.stats()["accepted"] == 0


def test_a_task_refuses_large_long_and_animated_photos(provider):
    frames = [photo(), photo(shade=40)]
    heavy = encoded(photo()) + b"\0" * (10 * 1024 * 1024)
    for body in (
        encoded(Image.new("L", (4097, 8))),
        encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        heavy,
    ):
        answer = swap(provider, modelImageKey=provider.upload(body), modelId=provider.preset())
        assert refusal(answer) == (200, 99001)
    mask = provider.upload(encoded(Image.new("L", (10, 10))))
    assert refusal(provider.submit(modelMaskKey=mask)) == (200, 99001)
    assert provider.stats()["accepted"] == 0


def test_ids_are_int64_strings(provider):
    task_id = provider.start()
    ids = [task_id, *(item["id"] for item in provider.status(task_id))]
    assert all(isinstance(value, str) and 2**53 < int(value) < 2**63 for value in ids)
    assert len(set(ids)) == 3


@pytest.mark.parametrize("task_id", ["7", "x", "", "9" * 30])
def test_an_unknown_task_is_404(provider, task_id):
    assert refusal(provider.http.get("/v1/api/generate", params={"id": task_id})) == (404, 404)


def test_the_app_answers_in_process_as_over_a_port(provider):
    transport = httpx.WSGITransport(provider.app)
    with httpx.Client(transport=transport, base_url="http://sandbox.test", headers=KEY) as http:
        near = Provider(provider.app, http, provider.clock, provider.closing)
        task_id = near.start()
        items = near.finish(task_id)
        assert [item["status"] for item in items] == ["SUCCESS", "SUCCESS"]
        link = near.download(items[0]["id"])["fileUrl"]
        assert link.startswith("http://sandbox.test/files/results/")
        assert Image.open(io.BytesIO(http.get(link).content)).format == "PNG"
    assert [item["id"] for item in provider.status(task_id)] == [item["id"] for item in items]


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", b"HTTP/1.1 404 Not Found"),
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET /healthz HTTP/2.0\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET /" + b"x" * 65536 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"POST /x HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 411 Length Required"),
        (
            b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 100 Continue",
        ),
        (
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.1 404 Not Found",
        ),
    ],
)
def test_requests_are_read_as_http_says(provider, raw, answer):
    with socket.create_connection(("127.0.0.1", provider.http.base_url.port)) as connection:
        connection.sendall(raw)
        assert connection.recv(4096).startswith(answer + b"\r\n")


def test_a_multipart_part_is_found_among_others():
    body = (
        b'--X\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--Y\r\n\r\n--X--\r\n'
    )
    assert multipart_file('multipart/form-data; boundary="X"', body, "file") == b"\r\n--Y\r\n"
    assert multipart_file("multipart/form-data; boundary=X", body, "other") is None
    assert multipart_file("text/plain", body, "file") is None
