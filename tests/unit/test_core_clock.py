from datetime import UTC, datetime, timedelta, timezone

import pytest

from dtr.core.clock import FakeClock, SystemClock, from_micros, rfc3339, to_micros


def test_system_clock_gives_aware_utc_and_never_runs_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_fake_clock_stands_still_until_advanced() -> None:
    clock = FakeClock()
    start = clock.now()
    assert clock.now() == start
    clock.advance(90.5)
    assert clock.now() - start == timedelta(seconds=90.5)
    assert clock.monotonic() == 90.5


def test_a_wall_clock_set_back_leaves_the_monotonic_reading() -> None:
    clock = FakeClock(datetime(2031, 5, 1, tzinfo=UTC))
    clock.advance(10)
    clock.advance(-86_400)
    assert clock.now() == datetime(2031, 4, 30, 0, 0, 10, tzinfo=UTC)
    assert clock.monotonic() == 10


def test_moments_become_microseconds_and_back() -> None:
    moment = datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC)
    assert to_micros(moment) == 1_709_209_815_123_456
    assert from_micros(1_709_209_815_123_456) == moment


def test_text_form_is_utc_with_a_z() -> None:
    assert rfc3339(datetime(2030, 1, 1, tzinfo=UTC)) == "2030-01-01T00:00:00Z"
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2030, 1, 1, 1, 0, 0, 5000, tzinfo=east)) == "2029-12-31T23:00:00.005000Z"


def test_moments_without_a_time_zone_are_refused() -> None:
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 - this is what must be refused
    for function in (to_micros, rfc3339, FakeClock):
        with pytest.raises(ValueError, match="time zone"):
            function(naive)
