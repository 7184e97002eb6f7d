"""What helm, oras and cosign store: by the real library of oras, and by the requests that they make."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.http_user import HttpUser, http_user
from tests.clients.programs import Outcome, clean_environment, run
from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import OCI_MANIFEST, Sample, descriptor, digest_of, layer_tar

pytestmark = pytest.mark.client

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
SBOM = "application/vnd.example.sbom"
TITLE = "org.opencontainers.image.title"
SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"

ORAS_PULL = """
import sys
import oras.client
host, password, target, folder = sys.argv[1:]
client = oras.client.OrasClient(hostname=host)
client.login(hostname=host, username="alice", password=password)
client.pull(target=target, outdir=folder)
print(client.get_tags(target))
"""


@pytest.fixture
def alice(registry: Registry, sample: Sample) -> Iterator[HttpUser]:
    with http_user(registry, "alice", sample.repository()) as user:
        yield user


def artifact(config_type: str, layer_type: str, content: bytes, **more: object) -> dict[str, object]:
    """Return the manifest of an artifact of one file."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config_type, b"{}"),
        "layers": [descriptor(layer_type, content)],
        **more,
    }


def run_python_client(registry: Registry, script: str, *arguments: str) -> Outcome:
    """Run a script with a client library, trusting our registry."""
    trust = {"SSL_CERT_FILE": str(registry.ca_file), "REQUESTS_CA_BUNDLE": str(registry.ca_file)}
    places = {"PYTHONPATH": ":".join(sys.path)}
    env = clean_environment(registry.cert_dir) | trust | places
    return run([sys.executable, "-c", script, registry.host, PASSWORDS["alice"], *arguments], env=env)


@pytest.mark.item("69")
def test_oras_pulls_the_file_of_an_artifact(registry: Registry, alice: HttpUser, tmp_path: Path) -> None:
    """Its push is left out: the Python library uploads with the token it got for looking, on any registry."""
    content = b"an artifact is any file\n"
    for blob in (b"{}", content):
        alice.push_blob(blob)
    titled = descriptor("text/plain", content, annotations={TITLE: "notes.txt"})
    alice.push_manifest("1", artifact(EMPTY, "text/plain", content, layers=[titled]))
    target = registry.image(f"{alice.repository}:1")
    outcome = run_python_client(registry, ORAS_PULL, target, str(tmp_path))
    assert outcome.succeeded, outcome
    assert (tmp_path / "notes.txt").read_bytes() == content
    assert "['1']" in outcome.stdout


@pytest.mark.item("36", "69", "80")
def test_chart_is_stored_with_helms_own_media_types(alice: HttpUser) -> None:
    chart = layer_tar({"demo/Chart.yaml": b"name: demo\n"})
    for blob in (b"{}", chart):
        alice.push_blob(blob)
    manifest = artifact(HELM_CONFIG, HELM_CHART, chart)
    alice.push_manifest("0.1.0", manifest)
    assert alice.get("manifests/0.1.0") == manifest
    assert alice.get("tags/list")["tags"] == ["0.1.0"]
    assert alice.http.get(f"/v2/{alice.repository}/blobs/{digest_of(chart)}").content == chart


@pytest.mark.item("71", "86", "87", "88")
def test_attached_artifacts_are_discovered_by_type(alice: HttpUser) -> None:
    for blob in (b"{}", b"image", b"sbom"):
        alice.push_blob(blob)
    image = alice.push_manifest("1", artifact(HELM_CONFIG, HELM_CHART, b"image"))
    subject_digest = image.headers["Docker-Content-Digest"]
    subject = {"mediaType": OCI_MANIFEST, "digest": subject_digest, "size": len(image.request.content)}
    sbom = artifact(EMPTY, SBOM, b"sbom", subject=subject, artifactType=SBOM, annotations={"made": "today"})
    attached = alice.push_manifest("attached", sbom)
    assert attached.headers["OCI-Subject"] == subject_digest
    [found] = alice.get(f"referrers/{subject_digest}", artifactType=SBOM)["manifests"]
    assert found["digest"] == attached.headers["Docker-Content-Digest"]
    assert (found["artifactType"], found["annotations"]) == (SBOM, {"made": "today"})
    assert alice.get(f"referrers/{subject_digest}", artifactType="other/type")["manifests"] == []


@pytest.mark.item("19")
def test_signature_tag_of_cosign_is_an_ordinary_tag(alice: HttpUser) -> None:
    payload = b'{"critical":{}}'
    for blob in (b"{}", payload):
        alice.push_blob(blob)
    tag = digest_of(b"some image").replace(":", "-") + ".sig"
    alice.push_manifest(tag, artifact("application/vnd.oci.image.config.v1+json", SIGNATURE, payload))
    assert alice.get("tags/list")["tags"] == [tag]
