"""A docker engine of the tests' own: its data, sockets and certificates live in a temporary folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.clients.programs import Outcome, clean_environment, daemon, find_program, private_mounts, run
from tests.clients.sample_images import SampleImage, files_of_tar, write_docker_archive

HOSTS = "::1 localhost\n"
"""What the engine takes for /etc/hosts; `ipv6_relay` tells why."""


@dataclass(frozen=True)
class DockerEngine:
    """A running engine, and one user's command line for it."""

    folder: Path
    socket: Path
    user: str = "nobody"

    def as_user(self, name: str) -> Self:
        """Return the same engine with a command line for another user's credentials."""
        return replace(self, user=name)

    @property
    def config_file(self) -> Path:
        """Where the command line keeps this user's credentials."""
        return self.folder / f"config-{self.user}" / "config.json"

    def run(self, *arguments: str, input_text: str = "") -> Outcome:
        """Run a docker command, whatever its outcome."""
        env = clean_environment(self.folder) | {"DOCKER_CONFIG": str(self.config_file.parent)}
        argv = [find_program("docker"), "--host", f"unix://{self.socket}", *arguments]
        return run(argv, env=env, input_text=input_text, binds=self.binds)

    @property
    def binds(self) -> dict[Path, Path]:
        """What the engine and its command line see in place of the machine's own settings."""
        return {self.folder / "hosts": Path("/etc/hosts"), self.folder / "etc-docker": Path("/etc/docker")}

    def succeed(self, *arguments: str, input_text: str = "") -> str:
        """Run a docker command, expect success, return its standard output."""
        outcome = self.run(*arguments, input_text=input_text)
        assert outcome.succeeded, outcome
        return outcome.stdout

    def login(self, host: str, password: str) -> Outcome:
        """Log this user in to a registry."""
        return self.run("login", "--username", self.user, "--password-stdin", host, input_text=password)

    def load(self, image: SampleImage, tag: str) -> None:
        """Put an image into the engine's own store."""
        archive = write_docker_archive(self.folder / f"{image.image_id[-12:]}.tar", image, tag)
        self.succeed("load", "--input", str(archive))
        archive.unlink()

    def forget(self, *references: str) -> None:
        """Remove images from the engine, so that the next pull has to fetch them."""
        self.succeed("image", "rm", "--force", *references)

    def image_id(self, reference: str) -> str:
        """Return the digest of the configuration of an image in the engine's store."""
        return self.succeed("image", "inspect", "--format", "{{.Id}}", reference).strip()

    def files(self, reference: str) -> dict[str, bytes]:
        """Return the files that a container of an image would see, less those that docker itself adds."""
        container = self.succeed("create", "--network", "none", reference).strip()
        exported = self.folder / f"{container[:12]}.tar"
        self.succeed("export", "--output", str(exported), container)
        self.succeed("rm", container)
        found = files_of_tar(exported.read_bytes())
        exported.unlink()
        return {name: content for name, content in found.items() if name.endswith(".txt")}

    def trust(self, host: str, ca_file: Path) -> None:
        """Let the engine trust a registry's certificate authority, from the next request on."""
        trusted = self._authority_of(host)
        trusted.parent.mkdir(parents=True, exist_ok=True)
        trusted.write_bytes(ca_file.read_bytes())

    @contextmanager
    def without_trust(self, host: str) -> Iterator[None]:
        """Take the trust in a registry's authority away while the block lasts."""
        trusted = self._authority_of(host)
        hidden = trusted.rename(self.folder / "hidden.crt")
        try:
            yield
        finally:
            hidden.rename(trusted)

    def _authority_of(self, host: str) -> Path:
        return self.folder / "etc-docker" / "certs.d" / host / "ca.crt"


@contextmanager
def docker_engine(folder: Path) -> Iterator[DockerEngine]:
    """Run dockerd, and the containerd that it starts, while the block lasts. Needs root."""
    engine = DockerEngine(folder, folder / "docker.sock")
    (folder / "hosts").write_text(HOSTS)
    (folder / "etc-docker").mkdir()
    Path("/etc/docker").mkdir(exist_ok=True)
    argv = private_mounts(_dockerd(engine), engine.binds)
    env, log = clean_environment(folder), folder / "dockerd.log"
    with daemon(argv, env=env, log=log, ready=lambda: engine.run("version").succeeded):
        yield engine


def _dockerd(engine: DockerEngine) -> list[str]:
    return [
        find_program("dockerd"),
        *("--host", f"unix://{engine.socket}"),
        *("--data-root", str(engine.folder / "data")),
        *("--exec-root", str(engine.folder / "exec")),
        *("--pidfile", str(engine.folder / "dockerd.pid")),
        *("--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]
