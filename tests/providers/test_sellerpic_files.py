"""SellerPic's two ways to upload, and its download links, against answers of our own."""

import json
import re
from typing import Any

import pytest

from generation.providers.base import ItemState, Media, RemoteItem
from generation.providers.errors import LinkBlocked, NotTaken, Refused, Unreachable
from generation.providers.sellerpic import SellerPic
from tests.providers.conftest import answer_of, first_line, raw_server, speak


def envelope(data):
    body = {"code": 0, "data": data, "msg": "SUCCESS", "success": True, "traceId": "t-1"}
    return answer_of(200, json.dumps(body))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "coat.jpg"
    path.write_bytes(b"\xff\xd8 a photo")
    return path


def upload(photo, serve, *, content_type="image/jpeg", **options):
    """The file key, and what the server was asked; `serve` answers (request, address)."""
    with raw_server(lambda request: serve(request, url)) as (url, seen):
        key = speak(url, lambda c: c.upload(photo, content_type=content_type), **options)
    return key, seen


def test_one_multipart_call_is_the_usual_way(photo):
    key, seen = upload(photo, lambda _request, _url: envelope({"fileKey": "UPLOAD/1/a.jpg"}))

    assert key == "UPLOAD/1/a.jpg"
    assert [first_line(request) for request in seen] == ["POST /v1/api/upload"]
    assert b'name="file"; filename="coat.jpg"' in seen[0]
    assert b"Content-Type: image/jpeg" in seen[0]
    assert b"\xff\xd8 a photo" in seen[0]


class Links:
    """A server of the older way whose first `dead` links answer 403."""

    def __init__(self, dead=0, host=""):
        self.dead, self.host, self.given = dead, host, 0

    def __call__(self, request, url):
        if first_line(request).startswith("GET"):
            self.given += 1
            link = f"{self.host or url}/put/{self.given}?sig=x"
            return envelope({"fileKey": f"UPLOAD/1/{self.given}.jpg", "imageUrl": link})
        dead = first_line(request) in {f"PUT /put/{n + 1}?sig=x" for n in range(self.dead)}
        return answer_of(403 if dead else 200, "")


@pytest.mark.parametrize(
    ("content_type", "word"), [("image/jpeg", "jpg"), ("image/png", "png"), ("image/webp", "webp")]
)
def test_the_older_way_asks_for_a_link_and_puts_the_bytes_there(photo, content_type, word):
    key, seen = upload(photo, Links(), content_type=content_type, upload_version="1.0.0")

    assert key == "UPLOAD/1/1.jpg"
    assert [first_line(request) for request in seen] == [
        f"GET /v1/api/upload/url?format={word}",
        "PUT /put/1?sig=x",
    ]
    assert b"authorization: bearer sandbox" in seen[0].lower()
    assert b"authorization" not in seen[1].lower()
    assert seen[1].endswith(b"\r\n\r\n\xff\xd8 a photo")


def test_a_link_that_is_over_is_asked_for_anew_once(photo):
    key, seen = upload(photo, Links(dead=1), upload_version="1.0.0")

    assert (key, len(seen)) == ("UPLOAD/1/2.jpg", 4)


def test_links_that_never_work_leave_the_upload_for_later(photo):
    links = Links(dead=9)
    with pytest.raises(NotTaken) as failure:
        upload(photo, links, upload_version="1.0.0")

    assert (links.given, failure.value.trace_id) == (2, "t-1")


def test_what_a_live_host_links_by_http_goes_by_https(photo, tmp_path):
    """The name leads to this machine, so that the attempt ends once the scheme is settled."""
    item = RemoteItem("9", ItemState.SUCCEEDED)
    live: dict[str, Any] = {"is_sandbox": False, "file_hosts": ["localhost"]}
    found = envelope({"status": "SUCCESS", "fileUrl": "http://localhost/a.png"})
    with (
        raw_server(found) as (url, _seen),
        pytest.raises(LinkBlocked, match="localhost leads to an address that is not public"),
    ):
        speak(url, lambda c: c.fetch_output(item, tmp_path / "x", media=Media.IMAGE), **live)

    links = Links(host="http://localhost")
    with pytest.raises(LinkBlocked, match="localhost leads to an address that is not public"):
        upload(photo, links, upload_version="1.0.0", **live)


def test_a_picture_is_put_to_no_host_that_is_not_listed(photo):
    links = Links(host="https://evil.example")
    with pytest.raises(LinkBlocked, match=r"evil\.example.*SELLERPIC_FILE_HOSTS"):
        upload(photo, links, upload_version="1.0.0")

    assert links.given == 1


def test_a_link_that_misses_leaves_the_upload_for_later(photo):
    with pytest.raises(Unreachable):
        upload(photo, lambda _r, _u: envelope({"fileKey": "UPLOAD/a"}), upload_version="1.0.0")


def test_a_file_that_is_no_picture_of_theirs_is_not_sent(photo):
    with raw_server(None) as (url, seen), pytest.raises(Refused):
        speak(url, lambda c: c.upload(photo, content_type="image/gif"))

    assert seen == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"upload_version": "2"}, "must be one of 1.0.1, 1.0.0"),
        ({"code_meanings": {5: "odd"}}, "cannot mean odd"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_at_once(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        SellerPic("http://127.0.0.1:1", api_key="x", file_hosts=[], **options)


@pytest.mark.parametrize(("media", "word"), [(Media.IMAGE, "png"), (Media.VIDEO, "mp4")])
def test_an_output_is_asked_for_in_the_format_of_its_kind(media, word, tmp_path):
    def serve(request):
        if first_line(request).startswith("GET /file"):
            return answer_of(200, "result")
        return envelope({"status": "SUCCESS", "fileUrl": f"{url}/file?sig=1"})

    item = RemoteItem("77", ItemState.SUCCEEDED)
    with raw_server(serve) as (url, seen):
        speak(url, lambda c: c.fetch_output(item, tmp_path / "x", media=media))

    assert (tmp_path / "x").read_text() == "result"
    assert [first_line(request) for request in seen] == [
        f"GET /v1/api/download?id=77&downloadFormat={word}&uhd=false",
        "GET /file?sig=1",
    ]


def test_a_link_to_a_larger_copy_can_be_asked_for():
    with raw_server(envelope({"status": "SUCCESS", "fileUrl": "https://x/y"})) as (url, seen):
        link = speak(url, lambda c: c.download_link("77", file_format="webp", uhd=True))

    assert (link.url, link.trace_id) == ("https://x/y", "t-1")
    assert first_line(seen[0]) == "GET /v1/api/download?id=77&downloadFormat=webp&uhd=true"


@pytest.mark.parametrize(("media", "fits"), [(Media.IMAGE, False), (Media.VIDEO, True)])
def test_videos_may_be_larger_than_pictures(media, fits, tmp_path, monkeypatch):
    sizes = {Media.IMAGE: 10, Media.VIDEO: 20}
    monkeypatch.setattr("generation.providers.sellerpic.MAX_BYTES", sizes)

    def serve(request):
        if first_line(request).startswith("GET /file"):
            return answer_of(200, "x" * 15)
        return envelope({"status": "SUCCESS", "fileUrl": f"{url}/file"})

    item, to = RemoteItem("77", ItemState.SUCCEEDED), tmp_path / "x"
    with raw_server(serve) as (url, _seen):
        if fits:
            speak(url, lambda c: c.fetch_output(item, to, media=media))
            assert to.read_text() == "x" * 15
            return
        with pytest.raises(Refused) as failure:
            speak(url, lambda c: c.fetch_output(item, to, media=media))

    assert (failure.value.code, failure.value.trace_id) == ("too_large", "t-1")
