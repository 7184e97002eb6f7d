import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import dtr
from dtr.core import errors as core_errors
from dtr.core.errors import (
    Denied,
    Invalid,
    NotFound,
    PageSizeInvalid,
    ReadOnly,
    RegistryError,
    StorageFull,
    TooManyRequests,
    Unavailable,
)
from dtr.oci import errors as oci_errors
from dtr.oci.errors import (
    ANSWERS,
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestTooLarge,
    NameInvalid,
    QuotaExceeded,
    RangeNotSatisfiable,
    TagImmutable,
    UploadUnknown,
    answer_for,
    error_body,
)

FLOOR_0 = {core_errors.__name__, oci_errors.__name__}

# Bases whose subclasses rooms handle before a door sees them; one that slips through is our bug, hence 500.
HANDLED_BELOW_THE_DOORS = {"dtr.plumbing.blobs.errors.BlobStoreError"}


def subclasses_of(cls: type[RegistryError]) -> Iterator[type[RegistryError]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from subclasses_of(subclass)


def import_all_error_modules() -> None:
    for module in pkgutil.walk_packages(dtr.__path__, "dtr."):
        if module.name.endswith(".errors"):
            import_module(module.name)


def full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def is_covered(cls: type[RegistryError]) -> bool:
    bases = [base for base in cls.__mro__ if base is not RegistryError]
    return any(base in ANSWERS or full_name(base) in HANDLED_BELOW_THE_DOORS for base in bases)


def errors_of_the_product() -> list[type[RegistryError]]:
    import_all_error_modules()
    return [cls for cls in subclasses_of(RegistryError) if cls.__module__.startswith("dtr.")]


def test_every_error_of_the_product_has_an_answer() -> None:
    assert [full_name(cls) for cls in errors_of_the_product() if not is_covered(cls)] == []


def test_every_error_of_the_protocol_is_named_in_the_table() -> None:
    named_here = [cls for cls in errors_of_the_product() if cls.__module__ in FLOOR_0]
    assert [full_name(cls) for cls in named_here if cls not in ANSWERS] == []


def test_codes_are_capitals_and_underscores_and_statuses_are_errors() -> None:
    for status, code in ANSWERS.values():
        assert 400 <= status <= 599
        assert code.replace("_", "").isalpha()
        assert code.isupper()


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (RegistryError("x"), (500, "UNKNOWN")),
        (NameInvalid("x"), (400, "NAME_INVALID")),
        (PageSizeInvalid("x"), (400, "PAGINATION_NUMBER_INVALID")),
        (BlobUnknown("x"), (404, "BLOB_UNKNOWN")),
        (UploadUnknown("x"), (404, "BLOB_UPLOAD_UNKNOWN")),
        (TagImmutable("x"), (403, "DENIED")),
        (QuotaExceeded("x"), (403, "DENIED")),
        (ReadOnly("x"), (405, "UNSUPPORTED")),
        (ManifestTooLarge("x"), (413, "MANIFEST_INVALID")),
        (RangeNotSatisfiable(size_bytes=7), (416, "RANGE_INVALID")),
        (TooManyRequests("x", retry_after_seconds=3), (429, "TOOMANYREQUESTS")),
        (Unavailable("x"), (503, "UNAVAILABLE")),
        (StorageFull("x"), (507, "UNAVAILABLE")),
    ],
)
def test_error_is_answered_as_the_protocol_says(error: RegistryError, answer: tuple[int, str]) -> None:
    assert answer_for(error) == answer


def test_an_unlisted_subclass_is_answered_like_its_nearest_base() -> None:
    class OwnRuleBroken(TagImmutable):
        pass

    assert answer_for(OwnRuleBroken("x")) == (403, "DENIED")


@pytest.mark.parametrize("base", [Invalid, NotFound, Denied])
def test_message_and_detail_are_kept(base: type[RegistryError]) -> None:
    error = base("a sentence", name="team/app", attempts=3)
    assert str(error) == error.message == "a sentence"
    assert error.detail == {"name": "team/app", "attempts": 3}


def test_errors_that_ask_to_wait_say_how_long() -> None:
    error = TooManyRequests("slow down", retry_after_seconds=30, limit="logins")
    assert error.retry_after_seconds == 30
    assert error.detail == {"limit": "logins"}
    assert Unavailable("busy").retry_after_seconds > 0


def test_body_is_a_json_object_with_one_list_of_errors() -> None:
    body = json.loads(error_body(BlobUnknown("no such blob", digest="sha256:00")))
    entry = {"code": "BLOB_UNKNOWN", "message": "no such blob", "detail": {"digest": "sha256:00"}}
    assert body == {"errors": [entry]}


def test_body_without_detail_leaves_it_out() -> None:
    assert json.loads(error_body(BlobUnknown("gone"))) == {
        "errors": [{"code": "BLOB_UNKNOWN", "message": "gone"}],
    }


def test_missing_blobs_get_one_entry_each_with_the_digest() -> None:
    body = json.loads(error_body(ManifestBlobUnknown(digests=["sha256:aa", "sha256:bb"])))
    assert [entry["code"] for entry in body["errors"]] == ["MANIFEST_BLOB_UNKNOWN"] * 2
    assert [entry["detail"] for entry in body["errors"]] == [{"digest": "sha256:aa"}, {"digest": "sha256:bb"}]


def test_body_survives_text_that_is_not_unicode_and_values_that_are_not_json() -> None:
    body = error_body(Invalid("broken \ud800", given=b"\xff", kinds={1}))
    assert body.isascii()
    assert json.loads(body)["errors"][0]["code"] == "INVALID_PARAMETERS"
