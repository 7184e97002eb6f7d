"""Texts of image pages: excerpts, budgets, indented JSON."""

from dtr.features.images.pages.texts import Budget, excerpt, pretty_json


def test_an_excerpt_counts_bytes_as_they_are_sent() -> None:
    assert excerpt("abc", 3).text == "abc"
    assert excerpt("<<<", 8).text == "<<"
    assert excerpt("<<<", 8).is_cut
    assert excerpt("版本", 5).text == "版"
    assert excerpt("a\u202eb\x00\n", 99).text == "a\\u202eb\\u0000\n"


def test_a_budget_is_used_up() -> None:
    budget = Budget(5)

    assert [budget.take(each, 4).text for each in ("abcdef", "xyz", "no")] == ["abcd", "x", ""]


def test_json_is_indented_unless_that_would_make_it_huge() -> None:
    assert pretty_json(b'{"a":[1]}', 99).text == '{\n  "a": [\n    1\n  ]\n}'
    deep = b"[" * 900 + b"]" * 900
    assert len(pretty_json(b"[" * 4000 + b"]" * 4000, 99_999).text) == 8000
    assert pretty_json(deep, 500).is_cut
    assert pretty_json(b"no json", 99).text == "no json"
