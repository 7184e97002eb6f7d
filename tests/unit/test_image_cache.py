"""Answers kept in memory: dropped when the database has moved on."""

from dtr.features.images.cache import ValidatedCache


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
