"""When the engine asks next: pure rules."""

from datetime import UTC, datetime, timedelta

import pytest

from generation.engine.timing import back_off, first_poll, likely_duration, poll_interval


def test_a_back_off_doubles_up_to_its_most():
    assert [back_off(n, first=2, most=30) for n in range(6)] == [2, 4, 8, 16, 30, 30]
    assert back_off(10_000, first=1, most=60) == 60


@pytest.mark.parametrize(
    ("age", "floor", "expected"),
    [(0, 0.2, 1), (29, 0.2, 1), (60, 0.2, 2), (300, 0.2, 5), (900, 0.2, 15), (5, 60, 60)],
)
def test_a_task_is_asked_less_often_as_it_ages_and_never_below_the_floor(age, floor, expected):
    assert poll_interval(age, floor) == expected


def test_without_experience_the_first_check_comes_at_the_floor():
    assert first_poll([], 60) == 60
    assert first_poll([], 1) == 1


def test_where_checks_are_dear_the_first_is_placed_when_nine_of_ten_have_ended():
    assert first_poll(list(range(100)), 60) == 90


def test_where_checks_are_cheap_the_first_comes_early():
    assert first_poll(list(range(100)), 1) == 5
    assert first_poll([0.1] * 10, 0.2) == 1


def test_a_duration_lies_between_the_last_look_and_the_one_that_found_it_ended():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert likely_duration(start, None, start + timedelta(seconds=60)) == 30
    assert (
        likely_duration(start, start + timedelta(seconds=60), start + timedelta(seconds=80)) == 70
    )


def test_dear_checks_settle_near_the_true_duration():
    """Tasks take 20 s. Each check teaches; the first one must not drift later and later."""
    seen: list[float] = []
    for _ in range(300):
        at = first_poll(seen[-500:], 60)
        while at < 20:
            at += 60
        seen.append(at / 2 if at < 60 else (at - 60 + at) / 2)
    assert 10 <= first_poll(seen[-500:], 60) <= 60
