"""skopeo, podman and buildah, each with storage, credentials and caches of the test's own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from tests.clients.programs import Outcome, clean_environment, find_program, run
from tests.clients.sample_images import SampleImage, write_docker_archive

SYSTEM_STATE = Path("/var/lib/containers")
"""Where all three remember which registry has which blob, with no option to put it elsewhere."""

STORAGE_CONF = """
[storage]
driver = "vfs"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""

CONTAINERS_CONF = """
[engine]
cgroup_manager = "cgroupfs"
lock_type = "file"
tmp_dir = "{folder}/tmp"
"""


@dataclass(frozen=True)
class ContainerTool:
    """One of the three programs, for one user, knowing one registry's certificate authority."""

    program: str
    folder: Path
    cert_dir: Path
    user: str = "nobody"

    def as_user(self, name: str) -> Self:
        """Return the same tool with other credentials and the same images."""
        return replace(self, user=name)

    @property
    def auth_file(self) -> Path:
        """Where the tool keeps this user's credentials."""
        return self.folder / f"auth-{self.user}.json"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment the tool runs in."""
        return clean_environment(self.folder) | {
            "REGISTRY_AUTH_FILE": str(self.auth_file),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
        }

    def run(self, *arguments: str, input_text: str = "") -> Outcome:
        """Run a command of the tool, whatever its outcome."""
        argv = [find_program(self.program), *arguments]
        binds = {self.folder / "state": SYSTEM_STATE}
        return run(argv, env=self.environment, input_text=input_text, binds=binds)

    def succeed(self, *arguments: str, input_text: str = "") -> Outcome:
        """Run a command of the tool and expect success."""
        outcome = self.run(*arguments, input_text=input_text)
        assert outcome.succeeded, outcome
        return outcome

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON and return the document."""
        return json.loads(self.succeed(*arguments).stdout)

    def login(self, host: str, password: str) -> Outcome:
        """Log this user in to a registry."""
        options = ("--cert-dir", str(self.cert_dir), "--username", self.user, "--password-stdin")
        return self.run("login", *options, host, input_text=password)


@dataclass(frozen=True)
class ImageTool(ContainerTool):
    """podman or buildah, which keep images of their own and share the words for moving them."""

    def load(self, image: SampleImage) -> str:
        """Put an image into the tool's own store. Returns its id there."""
        archive = write_docker_archive(self.folder / f"{image.image_id[-12:]}.tar", image, "sample:latest")
        return self.succeed("pull", "--quiet", f"docker-archive:{archive}").stdout.strip()

    def push(self, image: str, reference: str, *options: str) -> Outcome:
        """Push an image of the tool's store to a registry."""
        return self.run("push", "--cert-dir", str(self.cert_dir), *options, image, f"docker://{reference}")

    def pull(self, reference: str, *options: str) -> Outcome:
        """Pull an image into the tool's store; its id is all that is printed on standard output."""
        return self.run("pull", "--cert-dir", str(self.cert_dir), *options, reference)

    def forget(self) -> None:
        """Remove every image of the tool's store, so that the next pull has to fetch it."""
        self.succeed("rmi", "--all", "--force")


def prepare_folder(folder: Path) -> Path:
    """Write the settings that keep a tool inside `folder`. The tool's commands then need root."""
    (folder / "state").mkdir()
    SYSTEM_STATE.mkdir(parents=True, exist_ok=True)
    (folder / "storage.conf").write_text(STORAGE_CONF.format(folder=folder))
    (folder / "containers.conf").write_text(CONTAINERS_CONF.format(folder=folder))
    return folder
