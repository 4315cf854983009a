"""The guard of outgoing fetches: what a link in an answer may lead to."""

import asyncio

import pytest

from generation.providers.download import Downloader
from generation.providers.errors import LinkBlocked, LinkDead, NotTaken, Refused, Unreachable
from tests.providers.conftest import answer_of, raw_server

ATTACKS = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://100.64.1.1/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fd00::1]/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://224.0.0.1/",
    "file:///etc/passwd",
    "ftp://files.example/x",
    "http://files.example:22/",
    "https://user@files.example/",
    "http://files.example\\@127.0.0.1/",
    "http://files.example:notaport/",
    "//files.example/x",
    "",
]


def literal_hosts(url):
    from urllib.parse import urlsplit

    try:
        return [urlsplit(url).hostname or ""]
    except ValueError:
        return []


def fetch(url, to, *, max_bytes=1000, **options):
    async def run():
        downloader = Downloader(**{"hosts": [], "setting": "THE_HOSTS", **options})
        try:
            await downloader.fetch(url, to, max_bytes=max_bytes)
        finally:
            await downloader.aclose()

    asyncio.run(run())


class Answers:
    """A resolver that always answers these addresses, and remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.addresses


@pytest.mark.parametrize("url", ATTACKS)
def test_an_attack_is_blocked_even_where_its_host_is_listed(url, tmp_path):
    """The numeric spellings are resolved by the system, as a browser or curl would."""
    options = {}
    if "2130706433" in url or "0x7f.1" in url or "127.1/" in url:
        options["resolve"] = Answers("127.0.0.1")
    with pytest.raises(LinkBlocked):
        fetch(url, tmp_path / "x", hosts=[*literal_hosts(url), "files.example"], **options)

    assert not (tmp_path / "x").exists()


def test_a_host_that_is_not_listed_is_not_even_looked_up(tmp_path):
    resolve = Answers("93.184.216.34")

    with pytest.raises(LinkBlocked, match=r"evil\.example.*\(THE_HOSTS\)"):
        fetch(
            "https://evil.example/a.png", tmp_path / "x", hosts=[".files.example"], resolve=resolve
        )

    assert resolve.asked == []


@pytest.mark.parametrize("host", ["files.example", "cdn.files.example"])
def test_a_leading_dot_takes_the_host_and_its_subdomains(host, tmp_path):
    with pytest.raises(LinkBlocked, match="not public"):
        fetch(
            f"https://{host}/a.png",
            tmp_path / "x",
            hosts=[".files.example"],
            resolve=Answers("10.0.0.5"),
        )


def test_one_private_address_among_public_ones_blocks(tmp_path):
    with pytest.raises(LinkBlocked, match="not public"):
        fetch(
            "https://files.example/a.png",
            tmp_path / "x",
            hosts=["files.example"],
            resolve=Answers("93.184.216.34", "127.0.0.1"),
        )


def test_the_name_is_looked_up_once_and_the_checked_address_is_used(tmp_path):
    """A second look-up could answer with another address than the one that was checked."""
    with raw_server(answer_of(200, "picture")) as (url, seen):
        port = int(url.rpartition(":")[2])
        resolve = Answers("127.0.0.1")
        fetch(
            f"http://sandbox.test:{port}/a.png?sig=1",
            tmp_path / "x",
            sandbox_origin=f"http://sandbox.test:{port}",
            resolve=resolve,
        )

    assert (tmp_path / "x").read_text() == "picture"
    assert resolve.asked == [("sandbox.test", port)]
    assert seen[0].startswith(b"GET /a.png?sig=1 HTTP/1.1\r\n")
    assert f"Host: sandbox.test:{port}".encode() in seen[0]
    assert b"Authorization" not in seen[0]


def test_loopback_is_open_for_the_very_origin_of_the_sandbox_only(tmp_path):
    with raw_server(answer_of(200, "secret")) as (url, seen):
        for origin in (url.replace("http:", "https:"), "http://127.0.0.1:1", ""):
            with pytest.raises(LinkBlocked):
                fetch(f"{url}/", tmp_path / "x", sandbox_origin=origin, hosts=["127.0.0.1"])

    assert seen == []


def test_the_sandbox_may_not_point_at_link_local_addresses(tmp_path):
    with pytest.raises(LinkBlocked):
        fetch(
            "http://sandbox.test:9000/",
            tmp_path / "x",
            sandbox_origin="http://sandbox.test:9000",
            resolve=Answers("169.254.169.254"),
        )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answer_of(302, "", headers="Location: http://127.0.0.1/\r\n"), NotTaken),
        (answer_of(403, "AccessDenied"), LinkDead),
        (answer_of(404, ""), LinkDead),
        (answer_of(500, ""), NotTaken),
        (answer_of(200, "x" * 1001), Refused),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", Unreachable),
        (None, Unreachable),
    ],
)
def test_sorts_what_a_file_server_answers(answer, expected, tmp_path):
    with raw_server(answer) as (url, seen), pytest.raises(expected) as failure:
        fetch(f"{url}/a.png", tmp_path / "x", sandbox_origin=url)

    assert type(failure.value) is expected
    assert len(seen) == 1


def test_a_provider_of_https_links_is_asked_by_https_alone(tmp_path):
    resolve = Answers("93.184.216.34")
    with pytest.raises(LinkBlocked, match="http port 80"):
        fetch(
            "http://files.example/a.png",
            tmp_path / "x",
            hosts=["files.example"],
            schemes=("https",),
            resolve=resolve,
        )

    assert resolve.asked == []


def put(url, path, **options):
    async def run():
        downloader = Downloader(hosts=[], setting="THE_HOSTS", **options)
        try:
            await downloader.put(path, url)
        finally:
            await downloader.aclose()

    asyncio.run(run())


def test_a_file_is_put_as_its_very_bytes(tmp_path):
    path = tmp_path / "p.jpg"
    path.write_bytes(b"\xff\xd8 bytes \r\n\0")
    with raw_server(answer_of(200, "")) as (url, seen):
        put(f"{url}/x?sig=1", path, sandbox_origin=url)

    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /x?sig=1 HTTP/1.1\r\n")
    assert b"Content-Type: application/octet-stream" in head
    assert b"authorization" not in head.lower()
    assert body == path.read_bytes()


def test_a_file_is_put_to_no_place_that_nothing_is_fetched_from(tmp_path):
    path = tmp_path / "p.jpg"
    path.write_bytes(b"secret")
    with raw_server(answer_of(200, "")) as (url, seen), pytest.raises(LinkBlocked):
        put(f"{url}/x", path)

    assert seen == []
