import pytest

from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid, NameInvalid, TagInvalid
from dtr.oci.names import MAX_NAME_LENGTH, RepositoryName, parse_reference, parse_tag

LONGEST = "a" * MAX_NAME_LENGTH


@pytest.mark.item("15")
@pytest.mark.parametrize(
    "text",
    [
        "a",
        "0",
        "team/app",
        "a/b/c/d/e",
        "a__b",
        "a_b",
        "a----b",
        "a.b-c_d",
        "manifests",
        "blobs",
        "a/blobs/uploads",
        "tags/list",
        "referrers",
        "a/manifests/b",
        LONGEST,
    ],
)
def test_valid_repository_name_is_kept_as_it_is(text: str) -> None:
    name = RepositoryName.parse(text)
    assert str(name) == name.path == text


@pytest.mark.item("15")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "A",
        "team/App",
        "a//b",
        "/a",
        "a/",
        ".a",
        "a.",
        "-a",
        "a-",
        "_a",
        "a_",
        "a___b",
        "a..b",
        "a.-b",
        "a._b",
        "a-.b",
        "a/../b",
        "..",
        "a/.",
        "a b",
        "a\n",
        "a\x00b",
        "a%2fb",
        "a:b",
        "a\\b",
        "\u00e9",
        "\u0661",
        LONGEST + "a",
    ],
)
def test_invalid_repository_name_is_refused(text: str) -> None:
    with pytest.raises(NameInvalid):
        RepositoryName.parse(text)


@pytest.mark.parametrize(("text", "namespace"), [("team/app/web", "team"), ("alone", "alone")])
def test_namespace_is_the_first_component(text: str, namespace: str) -> None:
    assert RepositoryName.parse(text).namespace == namespace


@pytest.mark.item("19")
@pytest.mark.parametrize("text", ["latest", "_", "V1.0-rc_2", "7", "sha256-" + "0" * 64, "t" * 128])
def test_valid_tag_is_kept_as_it_is(text: str) -> None:
    assert parse_tag(text) == text
    assert parse_reference(text) == text


@pytest.mark.parametrize("text", ["", ".a", "-a", "t" * 129, "a/b", "a b", "a\n", "a+b", "\u00e9"])
def test_invalid_tag_is_refused(text: str) -> None:
    with pytest.raises(TagInvalid):
        parse_tag(text)
    with pytest.raises(TagInvalid):
        parse_reference(text)


def test_reference_with_a_colon_is_a_digest_or_nothing() -> None:
    digest = Digest.of(b"manifest")
    assert parse_reference(str(digest)) == digest
    for text in ("latest:", "sha256:12", ":"):
        with pytest.raises(DigestInvalid):
            parse_reference(text)
