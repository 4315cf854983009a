"""How often a provider is called, told by a clock that only our waiting moves."""

import asyncio
import json

import httpx
import pytest

from generation.providers.base import Order
from generation.providers.errors import NotTaken, TooSoon
from generation.providers.fashn import Fashn
from generation.providers.rate_limits import Ahead, Clock, SlidingWindow, TokenBucket, Turns
from tests.providers.conftest import answer_of, raw_server, speak


class Watch(Clock):
    """Time passes by sleeping alone."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def moments(limit, calls, *, longest=1e9, watch=None):
    """Seconds after the first at which so many calls are made one after the other."""
    watch = watch or Watch()
    turns, start = Turns("Somebody", limit, watch), watch.time

    async def make():
        made = []
        for _ in range(calls):
            await turns.wait(longest=longest)
            made.append(watch.time - start)
        return made

    return asyncio.run(make())


def test_a_window_slides():
    assert moments(SlidingWindow(3, 10), 8) == [0, 0, 0, 10, 10, 10, 20, 20]


def test_no_window_of_that_length_ever_holds_more():
    watch, limit = Watch(), SlidingWindow(50, 10.0)
    turns, made = Turns("Somebody", limit, watch), []

    async def make():
        for number in range(400):
            await turns.wait(longest=1e9)
            made.append(watch.time)
            watch.time += (number * 37 % 11) / 100

    asyncio.run(make())

    assert all(later - earlier > 9.999999 for earlier, later in zip(made, made[50:], strict=False))


def test_a_bucket_lets_many_go_after_a_quiet_time_and_then_one_by_one():
    assert moments(TokenBucket(per_second=2, burst=3), 6) == [0, 0, 0, 0.5, 1.0, 1.5]


def test_a_bucket_fills_up_to_its_burst_only():
    watch, limit = Watch(), TokenBucket(per_second=1, burst=2)
    assert moments(limit, 2, watch=watch) == [0, 0]
    watch.time += 1000

    assert moments(limit, 4, watch=watch) == [0, 0, 1, 2]


def test_without_a_limit_nobody_waits():
    assert moments(None, 1000) == [0] * 1000


def test_who_would_wait_long_is_told_at_once_and_takes_no_turn():
    watch, limit = Watch(), SlidingWindow(1, 60)
    turns = Turns("FASHN", limit, watch)

    async def make():
        await turns.wait(longest=10)
        for _ in range(3):
            with pytest.raises(TooSoon, match="FASHN is called as often as it allows") as failure:
                await turns.wait(longest=10)
            assert (failure.value.code, failure.value.retry_after) == ("rate_limited", 60)
        watch.time += 55
        await turns.wait(longest=10)

    asyncio.run(make())

    assert watch.time == 1060


def test_calls_that_wait_together_go_in_the_order_of_asking():
    """Each is promised its own turn, however many ask before the first has gone."""

    async def make():
        loop = asyncio.get_running_loop()
        turns, gone = Turns("Somebody", SlidingWindow(2, 0.05)), []
        start = loop.time()

        async def call(number):
            await turns.wait(longest=5)
            gone.append((number, loop.time() - start))

        await asyncio.gather(*(call(number) for number in range(6)))
        return gone

    gone = asyncio.run(make())

    assert [number // 2 for number, _at in gone] == [0, 0, 1, 1, 2, 2]
    assert all(at >= 0.05 * (number // 2) - 0.005 for number, at in gone)


def test_a_pause_that_was_asked_for_keeps_calls_back():
    watch = Watch()
    turns = Turns("Somebody", None, watch)
    turns.pause(5)
    turns.pause(2)
    turns.pause(None)

    async def make():
        with pytest.raises(NotTaken) as failure:
            await turns.wait(longest=4)
        assert failure.value.retry_after == 5
        await turns.wait(longest=6)

    asyncio.run(make())

    assert watch.time == 1005


RUN = Order("background-remove", files={"image": "https://files.example/a.jpg"})


def test_the_fifty_first_run_of_a_minute_is_not_sent():
    async def talk(client):
        for _ in range(50):
            await client.submit(RUN)
        with pytest.raises(TooSoon) as failure:
            await client.submit(RUN)
        return failure.value

    with raw_server(answer_of(200, json.dumps({"id": "5a2d"}))) as (url, seen):
        failure = speak(url, talk, Fashn, clock=Watch())

    assert len(seen) == 50
    assert failure.code == "rate_limited"
    assert 60 <= failure.retry_after <= 61


def test_the_vendors_rates_can_be_switched_off():
    async def talk(client):
        for _ in range(51):
            await client.submit(RUN)

    with raw_server(answer_of(200, json.dumps({"id": "5a2d"}))) as (url, seen):
        speak(url, talk, Fashn, clock=Watch(), limited=False)

    assert len(seen) == 51


@pytest.mark.parametrize(("per_second", "waited"), [(1, 2), (0.5, 4), (0, 0)])
def test_sellerpic_is_asked_as_often_as_the_operator_says(per_second, waited):
    watch = Watch()
    usage = json.dumps({"code": 0, "data": {"remaining": 1, "total": 2}, "success": True})

    async def talk(client):
        for _ in range(122):
            await client.balance()

    with raw_server(answer_of(200, usage)) as (url, _seen):
        speak(url, talk, clock=watch, requests_per_second=per_second)

    assert watch.time - 1000 == waited


class Running(Watch):
    """Time that also passes by itself, so that many can wait side by side."""

    async def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        while self.time < until:
            await asyncio.sleep(0)


def test_questions_about_tasks_never_keep_an_order_back():
    """35 running tasks are asked after each second, at one call a second, for 100 seconds."""
    watch, kept_back, orders = Running(), [], []
    task = json.dumps({"code": 0, "data": {"id": "9", "resultList": []}, "success": True})
    swap = Order("swapModel", {"model_image": "UPLOAD/a.jpg"}, {"model": "5"})

    async def ask(client):
        while watch.time < 1100:
            try:
                await client.status("9")
                await watch.sleep(1)
            except TooSoon as exc:
                kept_back.append(exc.retry_after)
                await watch.sleep(exc.retry_after or 1)

    async def order(client):
        while watch.time < 1100:
            asked_at = watch.time
            await client.submit(swap)
            orders.append(watch.time - asked_at)
            await watch.sleep(5)

    async def pass_time(talks):
        while not talks.done():
            watch.time += 0.25
            for _ in range(5):
                await asyncio.sleep(0)

    class Wire(httpx.AsyncBaseTransport):
        calls = 0

        async def handle_async_request(self, request):
            self.calls += 1
            return httpx.Response(200, text=task)

    wire = Wire()

    async def talk(client):
        talks = asyncio.gather(*(ask(client) for _ in range(35)), order(client))
        await pass_time(talks)
        talks.result()

    speak("http://sellerpic.test", talk, clock=watch, requests_per_second=1, transport=wire)

    assert len(orders) >= 19, "one each five seconds"
    assert max(orders) == 0
    assert kept_back, "the questions were too many, as was meant"
    assert wire.calls <= 140 + 2 * 120


def test_what_goes_ahead_counts_with_the_others():
    watch = Watch()
    others = TokenBucket(per_second=1, burst=1)
    first = Turns("Somebody", Ahead(TokenBucket(per_second=1, burst=2), others), watch)
    last = Turns("Somebody", others, watch)

    async def make():
        await first.wait(longest=0)
        await first.wait(longest=0)
        with pytest.raises(TooSoon) as failure:
            await last.wait(longest=1)
        return failure.value.retry_after

    assert asyncio.run(make()) == 2
    assert watch.time == 1000


def test_a_pause_of_the_provider_is_kept_by_the_calls_after_it():
    slow = answer_of(429, json.dumps({"error": "RateLimitExceeded"}), headers="Retry-After: 20\r\n")

    async def talk(client):
        for expected in ("RateLimitExceeded", "rate_limited"):
            with pytest.raises(NotTaken) as failure:
                await client.submit(RUN)
            assert (failure.value.code, failure.value.retry_after) == (expected, 20)

    with raw_server(slow) as (url, seen):
        speak(url, talk, Fashn, clock=Watch())

    assert len(seen) == 1
