import pytest

from dtr.oci.descriptor import MAX_SIZE_BYTES, Descriptor, Platform
from dtr.oci.digest import Digest
from dtr.oci.errors import ManifestInvalid
from dtr.oci.mediatypes import OCI_LAYER, OCI_MANIFEST

DIGEST = Digest.of(b"layer")
PLAIN: dict[str, object] = {"mediaType": OCI_LAYER, "digest": str(DIGEST), "size": 5}
FULL: dict[str, object] = {
    "mediaType": OCI_MANIFEST,
    "digest": str(Digest.of(b"child", "sha512")),
    "size": 0,
    "annotations": {"org.example.name": "\u0000 anything"},
    "urls": ["https://mirror.example/layer"],
    "artifactType": "application/vnd.example; version=1",
    "platform": {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8",
        "os.version": "10.0",
        "os.features": ["win32k"],
    },
}


def test_plain_descriptor_is_read() -> None:
    assert Descriptor.parse(PLAIN) == Descriptor(OCI_LAYER, DIGEST, 5)


def test_full_descriptor_is_read_and_written_back() -> None:
    descriptor = Descriptor.parse(FULL)
    assert descriptor.platform == Platform("linux", "arm64", "v8", "10.0", ("win32k",))
    assert descriptor.to_json() == FULL
    assert Descriptor.parse(PLAIN).to_json() == PLAIN


def test_inline_data_and_unknown_fields_are_accepted_and_not_kept() -> None:
    value = PLAIN | {"data": "bGF5ZXI=", "org.example.new": [{"deep": None}]}
    assert Descriptor.parse(value).to_json() == PLAIN


def test_null_means_absent_for_optional_fields() -> None:
    nulls = dict.fromkeys(("annotations", "urls", "artifactType", "platform"))
    assert Descriptor.parse(PLAIN | nulls) == Descriptor.parse(PLAIN)


def test_descriptors_can_be_kept_in_sets() -> None:
    assert len({Descriptor.parse(FULL), Descriptor.parse(FULL), Descriptor.parse(PLAIN)}) == 2


def test_largest_size_is_accepted() -> None:
    assert Descriptor.parse(PLAIN | {"size": MAX_SIZE_BYTES}).size_bytes == MAX_SIZE_BYTES


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mediaType", None),
        ("mediaType", ""),
        ("mediaType", 7),
        ("mediaType", "text/plain\r\nX-Evil: 1"),
        ("mediaType", "application/\u00e9"),
        ("mediaType", "a/" + "b" * 254),
        ("digest", None),
        ("digest", ["sha256"]),
        ("digest", "sha256:short"),
        ("digest", "md5:" + "0" * 32),
        ("size", None),
        ("size", "5"),
        ("size", 5.0),
        ("size", 1e300),
        ("size", True),
        ("size", -1),
        ("size", MAX_SIZE_BYTES + 1),
        ("annotations", []),
        ("annotations", {"a": 1}),
        ("annotations", {"a": None}),
        ("urls", "https://example"),
        ("urls", [1]),
        ("artifactType", {}),
        ("artifactType", "a\x00b"),
        ("platform", "linux"),
        ("platform", {"os": 1}),
        ("platform", {"architecture": ["amd64"]}),
        ("platform", {"os.features": "win32k"}),
    ],
)
def test_wrong_field_is_refused_with_its_place(field: str, value: object) -> None:
    with pytest.raises(ManifestInvalid, match=r"layers\[3\]") as caught:
        Descriptor.parse(PLAIN | {field: value}, "layers[3]")
    assert field in caught.value.message


@pytest.mark.parametrize("value", [None, [], "sha256", 1, True])
def test_descriptor_that_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(ManifestInvalid):
        Descriptor.parse(value)
