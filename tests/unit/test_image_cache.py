"""Answers kept in memory: bounded, and dropped when the database has moved on."""

from dtr.features.images.cache import ENTRY_OVERHEAD_BYTES, BoundedCache, ValidatedCache

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


class Database:
    """A generation that the test moves."""

    def __init__(self, number: int | None = 1) -> None:
        self.number = number

    def generation(self) -> int | None:
        return self.number


def validated(database: Database) -> ValidatedCache[str, str]:
    return ValidatedCache(database.generation, 1_000_000)


def read_and_put(cache: ValidatedCache[str, str], key: str = "a", value: str = "A") -> None:
    cache.put(key, value, 1, cache.generation())


def test_an_answer_is_true_while_nothing_was_written() -> None:
    cache = validated(Database())
    read_and_put(cache)

    assert cache.get("a") == "A"


def test_any_write_drops_every_answer() -> None:
    database = Database()
    cache = validated(database)
    read_and_put(cache, "a")
    read_and_put(cache, "b")

    database.number = 2

    assert cache.get("a") is None
    assert cache.get("b") is None


def test_an_answer_read_before_a_write_is_not_kept_after_it() -> None:
    database = Database()
    cache = validated(database)
    generation = cache.generation()
    database.number = 2
    cache.get("something else")

    cache.put("a", "stale", 1, generation)

    assert cache.get("a") is None


def test_an_answer_put_while_a_write_went_unnoticed_is_dropped_at_the_next_look() -> None:
    database = Database()
    cache = validated(database)
    generation = cache.generation()
    database.number = 2

    cache.put("a", "stale", 1, generation)

    assert cache.get("a") is None


def test_a_generation_that_went_back_drops_answers_too() -> None:
    database = Database(5)
    cache = validated(database)
    read_and_put(cache)

    database.number = 4

    assert cache.get("a") is None


def test_without_generations_nothing_is_kept() -> None:
    cache = validated(Database(None))
    read_and_put(cache)

    assert cache.get("a") is None


def test_answers_are_dropped_when_generations_cease() -> None:
    database = Database()
    cache = validated(database)
    read_and_put(cache)
    database.number = None
    assert cache.get("a") is None

    database.number = 1

    assert cache.get("a") is None
