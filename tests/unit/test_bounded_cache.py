"""Values kept in memory: the most recently used, up to a number of bytes."""

from dtr.plumbing.cache import ENTRY_OVERHEAD_BYTES, BoundedCache

ROOM_FOR_TWO = 2 * (ENTRY_OVERHEAD_BYTES + 10)


def filled(limit_bytes: int, *keys: str, size: int = 10) -> BoundedCache[str, str]:
    cache: BoundedCache[str, str] = BoundedCache(limit_bytes)
    for key in keys:
        cache.put(key, key.upper(), size)
    return cache


def kept(cache: BoundedCache[str, str], keys: str) -> str:
    return "".join(key for key in keys if cache.get(key) is not None)


def test_what_was_put_is_found() -> None:
    assert filled(ROOM_FOR_TWO, "a").get("a") == "A"


def test_what_was_not_put_is_not_found() -> None:
    assert filled(ROOM_FOR_TWO, "a").get("b") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = filled(ROOM_FOR_TWO, "a", "b")
    cache.get("a")

    cache.put("c", "C", 10)

    assert kept(cache, "abc") == "ac"


def test_a_value_larger_than_the_limit_is_not_kept() -> None:
    cache = filled(ROOM_FOR_TWO, "a")

    cache.put("b", "B", ROOM_FOR_TWO)

    assert cache.get("b") is None


def test_a_limit_of_zero_keeps_nothing() -> None:
    assert kept(filled(0, "a", "b"), "ab") == ""


def test_tiny_values_count_with_their_overhead() -> None:
    cache = filled(10 * ENTRY_OVERHEAD_BYTES, *map(str, range(100)), size=0)

    assert sum(cache.get(str(number)) is not None for number in range(100)) == 10


def test_putting_again_replaces_value_and_size() -> None:
    cache = filled(ROOM_FOR_TWO, "a", "a", "a")

    cache.put("b", "B", 10)

    assert kept(cache, "ab") == "ab"


def test_dropped_values_make_room() -> None:
    cache = filled(ROOM_FOR_TWO, "a", "b")
    cache.drop("a")
    cache.drop("a")

    cache.put("c", "C", 10)

    assert kept(cache, "abc") == "bc"


def test_after_clearing_there_is_room_for_all() -> None:
    cache = filled(ROOM_FOR_TWO, "a", "b")
    cache.clear()
    assert kept(cache, "ab") == ""

    cache.put("c", "C", 10)
    cache.put("d", "D", 10)

    assert kept(cache, "cd") == "cd"
