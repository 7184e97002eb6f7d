"""containerd by itself, driven by `ctr`, whose pushes and pulls are those of containerd's own library."""

import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.programs import Outcome, clean_environment, daemon, find_program, run
from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import SampleImage, digest_of, write_oci_layout

CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/containerd.sock"
"""

HOSTS = """
server = "https://{host}"
ca = "{ca_file}"
[host]
"""
"""A registry as containerd's `certs.d` describes it. Without it, `localhost` would mean plain HTTP."""


@dataclass(frozen=True)
class Containerd:
    """A running containerd."""

    folder: Path

    def run(self, *arguments: str) -> Outcome:
        """Run a `ctr` command, whatever its outcome."""
        access = ("--address", str(self.folder / "containerd.sock"), "--namespace", "tests")
        return run([find_program("ctr"), *access, *arguments], env=clean_environment(self.folder))

    def succeed(self, *arguments: str) -> str:
        """Run a `ctr` command, expect success, return its standard output."""
        outcome = self.run(*arguments)
        assert outcome.succeeded, outcome
        return outcome.stdout

    def push(self, reference: str, user: str, *, password: str = "", debug: bool = False) -> Outcome:
        """Push an image from the content store as a user, with the right password unless another is given."""
        detail = ["--debug"] if debug else []
        access = self._access(user, password or PASSWORDS[user])
        return self.run(*detail, "images", "push", *access, reference)

    def pull(self, reference: str, user: str | None, *options: str) -> Outcome:
        """Pull an image into the content store, as a user or as nobody."""
        access = self._access(user, PASSWORDS[user]) if user else self._access()
        return self.run("images", "pull", "--snapshotter", "native", *access, *options, reference)

    def load(self, images: Sequence[SampleImage], reference: str) -> str:
        """Import an index over some images as `reference`. Returns the index's digest."""
        name, _, tag = reference.rpartition(":")
        layout = self.folder / tag
        digest = write_oci_layout(layout, images, tag)
        archive = self.folder / f"{tag}.tar"
        with tarfile.open(archive, "w") as writer:
            writer.add(layout, arcname=".")
        self.succeed("images", "import", "--all-platforms", "--no-unpack", "--base-name", name, str(archive))
        return digest

    def forget(self) -> None:
        """Remove every image and its content, so that the next pull has to fetch it."""
        references = self.succeed("images", "list", "--quiet").split()
        self.succeed("images", "remove", "--sync", *references)

    def content(self, digest: str) -> bytes:
        """Return a blob of the content store as it was received."""
        return self.succeed("content", "get", digest).encode()

    def has_content(self, blob: bytes) -> bool:
        """Tell whether the content store holds a blob; it checked the digest when it took the blob in."""
        return digest_of(blob) in self.succeed("content", "list", "--quiet").split()

    def manifests(self, index_digest: str) -> list[str]:
        """Return the digests of the images in an index of the content store."""
        index = json.loads(self.content(index_digest))
        return [entry["digest"] for entry in index["manifests"]]

    def target(self, reference: str) -> str:
        """Return the digest that an image name stands for."""
        lines = self.succeed("images", "list", f"name=={reference}").splitlines()
        return lines[1].split()[2]

    def _access(self, user: str = "", password: str = "") -> list[str]:
        credentials = ["--user", f"{user}:{password}"] if user else []
        return [*credentials, "--hosts-dir", str(self.folder / "certs.d")]

    def trust(self, registry: Registry) -> None:
        """Let pushes and pulls trust a registry's certificate authority."""
        folder = self.folder / "certs.d" / registry.host
        folder.mkdir(parents=True)
        (folder / "hosts.toml").write_text(HOSTS.format(host=registry.host, ca_file=registry.ca_file))


@contextmanager
def containerd_engine(folder: Path) -> Iterator[Containerd]:
    """Run containerd while the block lasts. Needs root."""
    config = folder / "config.toml"
    config.write_text(CONFIG.format(folder=folder))
    engine = Containerd(folder)
    argv = [find_program("containerd"), "--config", str(config)]
    env, log = clean_environment(folder), folder / "containerd.log"
    with daemon(argv, env=env, log=log, ready=lambda: engine.run("version").succeeded):
        yield engine
