"""The whole server killed at random points of mixed work: what was acknowledged is there after the restart."""

import random
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.faults.conftest import ALICE_PASSWORD
from tests.support.registry import RegistryClient, image_manifest, sha256
from tests.support.server import ServerProcess

ROUNDS = 25
CLIENTS = 4
RESTART_SECONDS = 5.0
MAX_ROUND_SECONDS = 0.7


@dataclass
class Image:
    """An image as its pusher knows it."""

    name: str
    tag: str
    config: bytes
    layer: bytes

    @property
    def manifest(self) -> bytes:
        return image_manifest(self.config, self.layer)


@dataclass
class Ledger:
    """What one client was told. What it asked for without an answer may have happened or not."""

    kept: dict[str, Image] = field(default_factory=dict)
    deleted: list[Image] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class User:
    """Pushes, pulls and deletes until the connection breaks."""

    def __init__(self, server: ServerProcess, ledger: Ledger, seed: int) -> None:
        self._client = RegistryClient(server.url, "alice", ALICE_PASSWORD)
        self._ledger = ledger
        self._random = random.Random(seed)
        self._name = f"alice/r{seed % CLIENTS}"

    def work(self) -> None:
        with closing(self._client):
            try:
                while True:
                    self._step()
            except httpx.TransportError:
                return
            except AssertionError as error:
                self._ledger.wrong.append(f"{self._name}: {error}")

    def _step(self) -> None:
        dice = self._random.random()
        if dice < 0.6 or not self._ledger.kept:
            self._push()
        elif dice < 0.85:
            self._ledger.wrong += differences(self._client, self._any())
        else:
            self._delete(self._any())

    def _any(self) -> Image:
        return self._random.choice(list(self._ledger.kept.values()))

    def _push(self) -> None:
        size = self._random.choice([10, 3_000, 200_000, 1_500_000])
        config, layer = self._random.randbytes(40), self._random.randbytes(size)
        image = Image(self._name, f"t{self._random.getrandbits(64):x}", config, layer)
        self._upload(image)
        self._ledger.kept[image.tag] = image

    def _upload(self, image: Image) -> None:
        for content in (image.config, image.layer):
            location = self._client.start_upload(image.name)
            patched = self._client.session("PATCH", image.name, location, content=content)
            assert patched.status_code == 202
            done = self._client.session(
                "PUT", image.name, patched.headers["location"], params={"digest": sha256(content)}
            )
            assert done.status_code == 201
        assert self._client.push_manifest(image.name, image.tag, image.manifest).status_code == 201

    def _delete(self, image: Image) -> None:
        del self._ledger.kept[image.tag]
        answer = self._client.request("DELETE", image.name, f"manifests/{sha256(image.manifest)}")
        assert answer.status_code == 202
        self._ledger.deleted.append(image)


def differences(client: RegistryClient, image: Image) -> list[str]:
    """Pull an image; say what is not as it was pushed."""
    expected = {
        f"manifests/{image.tag}": image.manifest,
        f"blobs/{sha256(image.config)}": image.config,
        f"blobs/{sha256(image.layer)}": image.layer,
    }
    answers = {rest: client.request("GET", image.name, rest) for rest in expected}
    return [
        f"{image.name}/{rest}: {answer.status_code}, {len(answer.content)} bytes"
        for rest, answer in answers.items()
        if (answer.status_code, answer.content) != (200, expected[rest])
    ]


def is_gone(client: RegistryClient, image: Image) -> bool:
    references = (image.tag, sha256(image.manifest))
    answers = [client.request("HEAD", image.name, f"manifests/{reference}") for reference in references]
    return [answer.status_code for answer in answers] == [404, 404]


def work_until_killed(server: ServerProcess, ledgers: list[Ledger], round_number: int) -> None:
    users = [User(server, ledger, round_number * CLIENTS + index) for index, ledger in enumerate(ledgers)]
    threads = [threading.Thread(target=user.work, daemon=True) for user in users]
    for thread in threads:
        thread.start()
    time.sleep(random.Random(round_number).uniform(0.05, MAX_ROUND_SECONDS))
    server.kill()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def make_repositories(server: ServerProcess) -> None:
    """Nobody may delete from a repository that is not there yet, so that its first token would not do."""
    with closing(RegistryClient(server.url, "alice", ALICE_PASSWORD)) as client:
        for number in range(CLIENTS):
            client.push_blob(f"alice/r{number}", b"first")


def restart_seconds(server: ServerProcess) -> float:
    started = time.monotonic()
    server.start()
    return time.monotonic() - started


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.item("E1", "B2", "B3", "49")
def test_kill_9_under_mixed_load_loses_nothing_that_was_acknowledged(server: ServerProcess) -> None:
    make_repositories(server)
    ledgers = [Ledger() for _ in range(CLIENTS)]
    restarts = []
    for round_number in range(ROUNDS):
        work_until_killed(server, ledgers, round_number)
        restarts.append(restart_seconds(server))

    with closing(RegistryClient(server.url, "alice", ALICE_PASSWORD)) as client:
        kept = [image for ledger in ledgers for image in ledger.kept.values()]
        deleted = [image for ledger in ledgers for image in ledger.deleted]
        assert len(kept) > ROUNDS
        assert deleted
        assert [line for image in kept for line in differences(client, image)] == []
        assert [line for ledger in ledgers for line in ledger.wrong] == []
        assert [image for image in deleted if not is_gone(client, image)] == []
    assert max(restarts) < RESTART_SECONDS
    # At most the uploads that were under way at each kill are left; they expire.
    uploads = files_below(server.data / "storage" / "uploads")
    assert len(uploads) <= ROUNDS * CLIENTS
    checked = server.run("check")
    assert checked.returncode == 0, checked.stdout
    blobs = files_below(server.data / "storage" / "blobs")
    assert [path for path in blobs if sha256(path.read_bytes()) != f"sha256:{path.name}"] == []


@pytest.mark.fault
@pytest.mark.item("49", "E1")
def test_an_upload_cut_by_kill_9_goes_on_where_it_stood(server: ServerProcess, alice: RegistryClient) -> None:
    content = random.Random(5).randbytes(3_000_000)
    location = alice.start_upload("alice/app")
    answer = alice.session("PATCH", "alice/app", location, content=content[:2_000_000])
    assert answer.status_code == 202
    server.kill()
    server.start()

    status = alice.session("GET", "alice/app", location)
    stands_at = int(status.headers["range"].partition("-")[2]) + 1
    done = alice.session(
        "PUT", "alice/app", location, params={"digest": sha256(content)}, content=content[stands_at:]
    )

    assert (status.status_code, stands_at, done.status_code) == (204, 2_000_000, 201)
    assert alice.request("GET", "alice/app", f"blobs/{sha256(content)}").content == content
