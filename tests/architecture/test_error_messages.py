"""What an error says on a page can be said in every language: its values are told apart from its sentence."""

import ast
from pathlib import Path

import pytest

from tests.support.raised import NOT_ON_PAGES, PACKAGE, modules_of_pages, raised_in


def _is_put_together(said: ast.expr) -> bool:
    """Tell whether a text was finished before anybody could translate it: an f-string, a sum, a filled-in format."""
    if isinstance(said, ast.IfExp):
        return _is_put_together(said.body) or _is_put_together(said.orelse)
    is_filled_in = isinstance(said, ast.Call) and getattr(said.func, "attr", "") in {"format", "join"}
    return is_filled_in or isinstance(said, ast.JoinedStr | ast.BinOp)


def _put_together(module: Path) -> list[str]:
    """Return the places of a module where an error is given a finished sentence, itself or through a variable."""
    finished = {
        target.id
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Assign) and _is_put_together(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        f"{module}:{each.line}"
        for each in raised_in(module)
        if _is_put_together(each.said) or (isinstance(each.said, ast.Name) and each.said.id in finished)
    ]


def test_errors_that_pages_show_keep_their_values_apart() -> None:
    wrong = [place for module in modules_of_pages() for place in _put_together(module)]

    assert wrong == [], "use dtr.core.messages.said: no catalog holds a sentence with values in it"


@pytest.mark.parametrize("module", sorted(NOT_ON_PAGES))
def test_modules_whose_errors_no_page_shows_are_there(module: str) -> None:
    assert (PACKAGE / module).exists()


@pytest.mark.parametrize(
    "source",
    [
        'raise Invalid(f"there is no {name}")',
        'raise Invalid("there is no " + name)',
        'raise Invalid("there is no %s" % name)',
        'raise Invalid("there is no {}".format(name))',
        'raise Invalid("all" if name else f"none of {name}")',
        'text = f"there is no {name}"\nraise NameUnknown(text)',
        'def missing():\n    return errors.NoSuchTag(f"there is no {name}", name=name)',
        'class NameUnknown(NotFound):\n    def __init__(self):\n        super().__init__(f"no {name}")',
    ],
)
def test_finished_sentences_are_found(tmp_path: Path, source: str) -> None:
    module = tmp_path / "service.py"
    module.write_text(source)

    assert len(_put_together(module)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'raise Invalid("there is no such name")',
        'raise Invalid(said("there is no %(name)s", name=name), given=f"{name}")',
        "raise Invalid(error.message)",
        'raise ValueError(f"there is no {name}")',
    ],
)
def test_sentences_that_can_be_translated_are_fine(tmp_path: Path, source: str) -> None:
    module = tmp_path / "service.py"
    module.write_text(source)

    assert _put_together(module) == []
