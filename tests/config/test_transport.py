"""The broker of files delivers every message once, whatever else lies in its folder."""

import multiprocessing
import time
from collections import Counter
from typing import Any

import pytest
from kombu import Connection

from config import transport


def connect(folder) -> Connection:
    return Connection(
        f"{transport.SCHEME}://",
        transport_options={"folder": str(folder), "polling_interval": 0.01},
    )


@pytest.fixture
def broker(tmp_path):
    with connect(tmp_path) as connection:
        yield connection


def drain(queue) -> list[Any]:
    received = []
    while (message := queue.get(block=False) if queue.qsize() else None) is not None:
        message.ack()
        received.append(message.payload)
    return received


def test_messages_arrive_in_the_order_in_which_they_were_sent(broker):
    with broker.SimpleQueue("default") as queue:
        for number in range(20):
            queue.put({"number": number})

        assert [message["number"] for message in drain(queue)] == list(range(20))


def test_queues_are_apart(broker):
    with broker.SimpleQueue("default") as default, broker.SimpleQueue("media") as media:
        default.put("hint")
        media.put("picture")

        assert drain(media) == ["picture"]
        assert drain(default) == ["hint"]


@pytest.mark.parametrize("content", [b"", b'{"body": "eyJ', b"[1, 2]", b"\xff\xfe", b"{}"])
def test_a_half_or_foreign_file_is_set_aside_and_the_rest_is_read(broker, tmp_path, content):
    with broker.SimpleQueue("default") as queue:
        (tmp_path / "default").mkdir(exist_ok=True)
        (tmp_path / "default" / "00000000000000000001-foreign.msg").write_bytes(content)
        (tmp_path / "default" / "notes.txt").write_text("not a message")
        queue.put("whole")

        assert queue.get(timeout=2).payload == "whole"
        assert queue.qsize() == 0

    names = sorted(path.name for path in (tmp_path / "default").iterdir() if path.suffix)
    assert "00000000000000000001-foreign.msg.broken" in names
    assert "notes.txt" in names


def test_a_queue_name_cannot_leave_the_folder(broker, tmp_path):
    channel = broker.channel()

    with pytest.raises(ValueError, match="cannot be the name of a queue"):
        channel._put("../outside", {"properties": {}})

    assert list(tmp_path.parent.glob("outside*")) == []


def test_purging_empties_a_queue(broker):
    with broker.SimpleQueue("default") as queue:
        queue.put("one")
        queue.put("two")

        assert queue.clear() == 2
        assert queue.qsize() == 0


def send(folder, first, count):
    with connect(folder) as connection, connection.SimpleQueue("default") as queue:
        for number in range(first, first + count):
            queue.put(number)


def receive(folder, until, results):
    with connect(folder) as connection, connection.SimpleQueue("default") as queue:
        while time.monotonic() < until and not results["stop"]:
            for number in drain_safely(queue):
                results["got"].append(number)
            time.sleep(0.005)


def drain_safely(queue):
    """Another reader may take the message between looking and getting."""
    while True:
        try:
            message = queue.get(block=False)
        except queue.Empty:
            return
        message.ack()
        yield message.payload


def test_writers_and_readers_at_once_lose_and_double_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    per_writer, writers, readers = 150, 2, 2
    with context.Manager() as manager:
        results: Any = manager.dict(got=manager.list(), stop=False)
        until = time.monotonic() + 30
        processes = [
            context.Process(target=send, args=(tmp_path, n * per_writer, per_writer))
            for n in range(writers)
        ] + [
            context.Process(target=receive, args=(tmp_path, until, results)) for _ in range(readers)
        ]
        for process in processes:
            process.start()
        while len(results["got"]) < per_writer * writers and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.2)  # A doubled message would come now.
        results["stop"] = True
        for process in processes:
            process.join(10)
            assert process.exitcode == 0
        counts = Counter(results["got"])

    assert counts == Counter(range(per_writer * writers))
