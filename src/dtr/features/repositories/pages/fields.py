"""The forms about a repository: what a browser sent as changes, and a repository as what a browser would send."""

from collections.abc import Mapping

from dtr.features.repositories.model import Repository, RepositoryChanges, parse_visibility
from dtr.plumbing.web.forms import Form

Fields = dict[str, list[str]]


def description_changes(form: Form) -> RepositoryChanges:
    """Return what the form about descriptions sets."""
    return RepositoryChanges(
        short_description=form.text("short_description"), long_description=form.raw("long_description")
    )


def behaviour_changes(form: Form) -> RepositoryChanges:
    """Return what the form about tags and visibility sets. Raises Invalid."""
    return RepositoryChanges(
        visibility=parse_visibility(form.text("visibility")),
        immutable_tags=form.checked("immutable_tags"),
        strict_sizes=form.checked("strict_sizes"),
        allow_missing_children=form.checked("allow_missing_children"),
        scan_on_push=form.checked("scan_on_push"),
        tag_limit=form.number("tag_limit"),
    )


def new_repository_settings(form: Form) -> RepositoryChanges:
    """Return what the form for a new repository sets. Raises Invalid."""
    return RepositoryChanges(
        short_description=form.text("short_description"),
        visibility=parse_visibility(form.text("visibility")),
        immutable_tags=form.checked("immutable_tags"),
        scan_on_push=form.checked("scan_on_push"),
        tag_limit=form.number("tag_limit"),
    )


def filled(repository: Repository, section: str = "", sent: Form | None = None) -> Form:
    """Return the forms of the settings page as they are shown: as the repository is, or as one of them was sent."""
    fields: dict[str, Fields] = {
        "description": {
            "short_description": [repository.short_description],
            "long_description": [repository.long_description],
        },
        "behaviour": {
            "visibility": [repository.visibility],
            "tag_limit": [str(repository.tag_limit)],
            **_checks(
                {
                    "immutable_tags": repository.immutable_tags,
                    "strict_sizes": repository.strict_sizes,
                    "allow_missing_children": repository.allow_missing_children,
                    "scan_on_push": repository.scan_on_push,
                }
            ),
        },
        "rename": {"new_name": [repository.path]},
        "delete": {},
    }
    if sent is not None:
        fields[section] = {name: list(values) for name, values in sent.fields.items()}
    return Form({name: values for each in fields.values() for name, values in each.items()})


def _checks(values: Mapping[str, bool]) -> Fields:
    """Return checkboxes as a browser sends them: only those that are set."""
    return {name: ["on"] for name, is_set in values.items() if is_set}
