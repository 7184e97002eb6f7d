"""Engines and registries shared by all client tests of a session; each test takes repositories of its own."""

import os
import re
from collections.abc import Iterator
from typing import TypeVar

import pytest

from tests.clients import registries
from tests.clients.container_tools import ContainerTool, ImageTool, prepare_folder
from tests.clients.containerd_engine import Containerd, containerd_engine
from tests.clients.docker_engine import DockerEngine, docker_engine
from tests.clients.ipv6_relay import has_ipv6_loopback, relay_from_ipv6
from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import Sample

Folders = pytest.TempPathFactory
Tool = TypeVar("Tool", bound=ContainerTool)


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Sample:
    words = re.findall(r"[a-z0-9]+", request.node.name.removeprefix("test_").lower())
    return Sample("-".join(words))


@pytest.fixture(scope="session")
def root() -> None:
    """Engines mount file systems; that is root's privilege."""
    if os.geteuid() != 0:
        pytest.skip("client tests start container engines, which needs root")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: Folders) -> Iterator[Registry]:
    with registries.our_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def peer(tmp_path_factory: Folders) -> Iterator[str]:
    with registries.peer_registry(tmp_path_factory.mktemp("peer")) as host:
        yield host


@pytest.fixture(scope="session")
def docker_of_nobody(root: None, registry: Registry, tmp_path_factory: Folders) -> Iterator[DockerEngine]:
    if not has_ipv6_loopback():
        pytest.skip("docker checks no certificates on 127.0.0.1, and there is no other loopback address")
    folder = tmp_path_factory.mktemp("docker")
    with relay_from_ipv6(registry.server.port), docker_engine(folder) as engine:
        engine.trust(registry.host, registry.ca_file)
        yield engine


@pytest.fixture(scope="session")
def docker(docker_of_nobody: DockerEngine, registry: Registry) -> DockerEngine:
    """Docker with alice logged in."""
    engine = docker_of_nobody.as_user("alice")
    outcome = engine.login(registry.host, PASSWORDS["alice"])
    assert outcome.succeeded, outcome
    return engine


@pytest.fixture(scope="session")
def containerd(root: None, registry: Registry, tmp_path_factory: Folders) -> Iterator[Containerd]:
    with containerd_engine(tmp_path_factory.mktemp("containerd")) as engine:
        engine.trust(registry)
        yield engine


@pytest.fixture(scope="session")
def skopeo(root: None, registry: Registry, tmp_path_factory: Folders) -> ContainerTool:
    """Skopeo with alice logged in."""
    folder = prepare_folder(tmp_path_factory.mktemp("skopeo"))
    return _logged_in(ContainerTool("skopeo", folder, registry.cert_dir, "alice"), registry)


@pytest.fixture(scope="session", params=["podman", "buildah"])
def tool(
    request: pytest.FixtureRequest, root: None, registry: Registry, tmp_path_factory: Folders
) -> ImageTool:
    """Podman, then buildah, with alice logged in."""
    folder = prepare_folder(tmp_path_factory.mktemp(request.param))
    return _logged_in(ImageTool(request.param, folder, registry.cert_dir, "alice"), registry)


def _logged_in(tool: Tool, registry: Registry) -> Tool:
    outcome = tool.login(registry.host, PASSWORDS[tool.user])
    assert outcome.succeeded, outcome
    return tool
