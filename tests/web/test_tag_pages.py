"""The pages about tags and images: what they show, who may do what, hostile content, long lists."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from dtr.features.images.pages.texts import Budget, excerpt, pretty_json
from tests.support.api import ApiClient
from tests.support.people import PASSWORD, make_organization, make_user
from tests.support.registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)
from tests.support.server import ServerProcess
from tests.support.visitor import Visit, Visitor, notices_in, visits

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresqlServer

REPOSITORIES = "/api/v0/repositories"
SHOP = "/repositories/acme/web%2Fshop"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
MAX_PAGE_BYTES = 200 * 1024
ABSENT = f"sha256:{0:064x}"
SBOM = "application/spdx+json"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a registry with an organization, its owner olivia, its member mia, the stranger simon; for each database."""
    database = None
    if request.param == "postgresql":
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql")
        database = postgresql.fresh_database(migrated=False)
    server = ServerProcess(tmp_path_factory.mktemp("site") / "data", database=database)
    server.start()
    root = ApiClient(server.url, "admin", server.admin_password)
    for name in ("olivia", "mia", "simon"):
        make_user(root, name)
    make_user(root, "audrey", isAuditor=True)
    make_organization(root, "acme", olivia=True, mia=False)
    root.close()
    yield server
    assert server.stop() == 0


@pytest.fixture
def admin(site: ServerProcess) -> Iterator[ApiClient]:
    """Give the administrator's client of the API."""
    client = ApiClient(site.url, "admin", site.admin_password)
    yield client
    client.close()


@pytest.fixture
def pusher(site: ServerProcess) -> Iterator[RegistryClient]:
    """Give olivia's client of the registry."""
    client = RegistryClient(site.url, "olivia", PASSWORD)
    yield client
    client.close()


@pytest.fixture
def name(admin: ApiClient, request: pytest.FixtureRequest) -> str:
    """Make a public repository of this test alone; its name has a slash in it."""
    short = f"web/{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower()).strip('-')[-80:]}"
    made = admin.post(f"{REPOSITORIES}/acme", {"name": short, "visibility": "public"})
    assert made.status_code == 201, made.text
    return f"acme/{short}"


@pytest.fixture
def visit(site: ServerProcess) -> Iterator[Visit]:
    """Give what opens browsers."""
    with visits(site.url) as opened:
        yield opened


@pytest.fixture
def olivia(visit: Visit) -> Visitor:
    """Give the browser of the owner of acme."""
    return visit("olivia")


def at(name: str, rest: str) -> str:
    """Return the address of a page about a repository."""
    namespace, _, short = name.partition("/")
    return f"/repositories/{namespace}/{short.replace('/', '%2F')}/{rest}"


def tags_of(admin: ApiClient, name: str) -> dict[str, str]:
    """Return the tags that the API knows, with their digests."""
    namespace, _, short = name.partition("/")
    found = admin.get(f"{REPOSITORIES}/{namespace}/{short.replace('/', '%2F')}/tags")
    return {each["name"]: each["digest"] for each in found.json()}


def make_immutable(admin: ApiClient, name: str) -> None:
    namespace, _, short = name.partition("/")
    changed = admin.patch(f"{REPOSITORIES}/{namespace}/{short.replace('/', '%2F')}", {"immutableTags": True})
    assert changed.is_success, changed.text


def push(
    client: RegistryClient, name: str, tag: str, config: dict[str, Any], *layers: bytes, **extra: Any
) -> bytes:
    """Push an image with a configuration of one's own; return its manifest."""
    content = json.dumps(config).encode()
    for blob in (content, *layers):
        client.push_blob(name, blob)
    manifest = image_manifest(content, *layers, **extra)
    assert client.push_manifest(name, tag, manifest).status_code == 201
    return manifest


def attach(client: RegistryClient, name: str, subject: bytes, type_: str, content: bytes) -> str:
    """Push an artifact about another manifest; return its digest."""
    for blob in (b"{}", content):
        client.push_blob(name, blob)
    layer = descriptor(content, type_, annotations={"org.opencontainers.image.title": "found.json"})
    artifact = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": type_,
        "config": descriptor(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [layer],
        "subject": descriptor(subject, OCI_MANIFEST),
    }
    document = json.dumps(artifact).encode()
    assert client.push_manifest(name, sha256(document), document).status_code == 201
    return sha256(document)


def shown_tags(page: str) -> list[str]:
    """Return the tags that a list links to, in its order."""
    return re.findall(r'main-cell break"><a href="[^"]*/tags/([^"]*)"', page)


# -- the list


def test_an_empty_repository_tells_who_may_push_how_to_push(visit: Visit, olivia: Visitor, name: str) -> None:
    address = str(olivia.http.base_url).rstrip("/").partition("://")[2]

    assert f"docker push {address}/{name}:latest" in olivia.see(at(name, "tags"))
    assert "docker push " + address not in visit().see(at(name, "tags"))


def test_a_tag_is_listed_with_platform_size_digest_and_who_pushed_it(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    config = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    manifest = push(pusher, name, "v1", config, b"x" * 5000)

    page = olivia.see(at(name, "tags"))

    assert shown_tags(page) == ["v1"]
    assert "linux/arm64/v8" in page
    assert "5.1 kB" in page
    assert f'data-copy="{sha256(manifest)}"' in page
    assert "by olivia" in page


def test_tags_are_filtered_by_a_part_of_the_name_in_any_case(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    for tag in ("V1-Alpha", "v1_beta", "v2-alpha", "latest"):
        pusher.push_image(name, tag)

    assert shown_tags(olivia.see(at(name, "tags?q=ALPHA"))) == ["V1-Alpha", "v2-alpha"]
    assert shown_tags(olivia.see(at(name, "tags?q=1_"))) == ["v1_beta"]
    assert "No tag matches" in olivia.see(at(name, "tags?q=%25"))
    olivia.see(at(name, "tags?q=%00"), 400)
    olivia.see(at(name, "tags?start=%00"), 400)


def test_a_long_list_comes_in_pages_of_25_that_keep_the_filter(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    manifest = pusher.push_image(name, "other")
    wanted = [f"v{number:03}" for number in range(60)]
    for tag in wanted:
        assert pusher.push_manifest(name, tag, manifest).status_code == 201

    found, address = [], at(name, "tags?q=v")
    for _ in range(3):
        page = olivia.see(address)
        found.append(shown_tags(page))
        following = re.search(r'rel="next" href="([^"]*)"', page)
        address = unescape(following[1]) if following else ""

    assert [len(each) for each in found] == [25, 25, 10]
    assert [tag for each in found for tag in each] == wanted
    assert not address
    assert "60 entries" in page


def test_the_largest_page_of_tags_is_bounded(pusher: RegistryClient, olivia: Visitor, name: str) -> None:
    manifest = push(pusher, name, "v", {"os": HOSTILE * 5, "architecture": HOSTILE * 5})
    for number in range(100):
        tag = f"v{number:0127}"
        assert pusher.push_manifest(name, tag, manifest).status_code == 201

    page = olivia.see(at(name, "tags?size=100"))

    assert len(shown_tags(page)) == 100
    assert len(page.encode()) < MAX_PAGE_BYTES
    assert "<script>alert" not in page


# -- one image


def test_an_image_is_shown_with_its_layers_documents_and_pull_commands(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    history = [
        {"created_by": "COPY base / # buildkit"},
        {"created_by": '/bin/sh -c #(nop) CMD ["sh"]', "empty_layer": True},
    ]
    config = {"os": "linux", "architecture": "amd64", "author": "Ann <a@example.org>", "history": history}
    manifest = push(pusher, name, "v1", config, b"base" * 1000, annotations={"org.example.team": "blue"})

    page = unescape(olivia.see(at(name, "tags/v1")))

    for text in (
        "COPY base /",
        'CMD ["sh"]',
        "Ann <a@example.org>",
        f"/{name}:v1",
        f"/{name}@{sha256(manifest)}",
        "org.example.team",
        '"author": "Ann <a@example.org>"',  # of the configuration
        f'"digest": "{sha256(b"base" * 1000)}"',  # of the manifest
    ):
        assert text in page, text


def test_an_index_leads_to_its_images_and_tells_which_are_not_there(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    images = [
        push(pusher, name, f"only-{each}", {"os": "linux", "architecture": each}, each.encode())
        for each in ("amd64", "arm64")
    ]
    children = [
        descriptor(image, OCI_MANIFEST, platform={"os": "linux", "architecture": each})
        for image, each in zip(images, ("amd64", "arm64"), strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()
    assert pusher.push_manifest(name, "multi", index, OCI_INDEX).status_code == 201
    assert pusher.request("DELETE", name, f"manifests/{sha256(images[1])}").status_code == 202

    page = olivia.see(at(name, "tags/multi"))

    assert f'href="{at(name, "manifests/")}{sha256(images[0])}"' in page
    assert f'href="{at(name, "manifests/")}{sha256(images[1])}"' not in page
    assert "not in this repository" in page
    assert "linux/arm64" in olivia.see(at(name, "tags"))
    assert "only-amd64" in olivia.see(at(name, f"manifests/{sha256(images[0])}"))


def test_what_is_attached_to_an_image_is_shown_with_it_and_leads_back(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    image = pusher.push_image(name, "v1")
    sbom = attach(pusher, name, image, SBOM, b"what is in it")
    signature = f"{sha256(image).replace(':', '-')}.sig"
    pusher.push_image(name, signature, b"signed")

    page = olivia.see(at(name, "tags/v1"))

    assert f'href="{at(name, "manifests/")}{sbom}"' in page
    assert SBOM in page
    assert f'href="{at(name, "tags/")}{signature}"' in page
    attached = olivia.see(at(name, f"manifests/{sbom}"))
    assert "found.json" in attached
    assert "oras pull" in attached
    assert f'href="{at(name, "manifests/")}{sha256(image)}"' in attached


def test_a_chart_is_pulled_with_helm(pusher: RegistryClient, olivia: Visitor, name: str) -> None:
    for blob in (b'{"name":"shop"}', b"chart"):
        pusher.push_blob(name, blob)
    chart = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b'{"name":"shop"}', "application/vnd.cncf.helm.config.v1+json"),
        "layers": [descriptor(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    }
    assert pusher.push_manifest(name, "1.0.0_rc.1", json.dumps(chart).encode()).status_code == 201

    page = olivia.see(at(name, "tags/1.0.0_rc.1"))

    assert f"/{name} --version 1.0.0+rc.1" in page
    assert "Helm chart" in page
    assert "&#34;name&#34;: &#34;shop&#34;" in page


def test_hostile_configurations_are_inert_and_bounded(
    pusher: RegistryClient, olivia: Visitor, name: str
) -> None:
    history = [{"created_by": f"RUN {HOSTILE} \u202e{number} {'<&>' * 400}"} for number in range(1500)]
    config = {
        "os": HOSTILE,
        "architecture": HOSTILE,
        "author": HOSTILE * 9,
        "history": history,
        "created": HOSTILE,
    }
    annotations = {f"{HOSTILE}{number}": HOSTILE * 90 for number in range(200)}
    image = push(pusher, name, "v1", config, b"base", annotations=annotations)
    for number in range(30):
        attach(pusher, name, image, f"application/vnd.example.{'x' * 90}{number}", str(number).encode())
    for number in range(60):
        tag = f"t{number:0127}"
        assert pusher.push_manifest(name, tag, image).status_code == 201

    page = olivia.see(at(name, "tags/v1"))

    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert len(page.encode()) < MAX_PAGE_BYTES
    assert "docker buildx imagetools inspect --raw" in page


@pytest.mark.parametrize(
    "config", [b"[" * 5000 + b"]" * 5000, b"\xff\x00<b>", b'{"history": {"a": 1}}', b"null"]
)
def test_a_configuration_that_is_nonsense_is_shown_as_it_is(
    pusher: RegistryClient, olivia: Visitor, name: str, config: bytes
) -> None:
    pusher.push_blob(name, config)
    assert pusher.push_manifest(name, "v1", image_manifest(config)).status_code == 201

    page = olivia.see(at(name, "tags/v1"))

    assert "Configuration" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    "rest", ["tags/absent", "tags/-bad", f"manifests/{ABSENT}", "manifests/md5:1", "manifests/v1"]
)
def test_what_is_not_there_is_not_found(olivia: Visitor, name: str, rest: str) -> None:
    olivia.see(at(name, rest), 404)


# -- deletion


def test_chosen_tags_are_deleted_after_a_question(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    for tag in ("a", "b", "c"):
        pusher.push_image(name, tag)
    page = at(name, "tags")

    asked = olivia.send(at(name, "tags/delete"), tag=["a", "b"])

    assert asked.status_code == 200
    assert "Delete 2 tags?" in asked.text
    assert set(tags_of(admin, name)) == {"a", "b", "c"}
    done = olivia.send(at(name, "tags/delete"), tag=["a", "b"], confirmed="yes")
    assert (done.status_code, done.headers["location"]) == (303, page)
    assert notices_in(olivia.see(page)) == ["Deleted 2 tags"]
    assert set(tags_of(admin, name)) == {"c"}


def test_a_form_without_tags_says_so_and_one_with_a_tag_that_went_tells_it(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    pusher.push_image(name, "a")
    page = at(name, "tags")

    nothing = olivia.send(at(name, "tags/delete"), confirmed="yes")
    assert nothing.status_code == 400
    assert notices_in(nothing.text) == ["choose the tags to delete first"]
    many = olivia.send(at(name, "tags/delete"), tag=[f"t{number}" for number in range(101)])
    assert many.status_code == 400
    olivia.send(at(name, "tags/delete"), tag=["a", HOSTILE], confirmed="yes")
    after = olivia.see(page)
    assert notices_in(after) == [f"Deleted 1 of 2 tags: {name} has no tag {HOSTILE}"]
    assert "<script>alert" not in after
    assert tags_of(admin, name) == {}


def test_a_manifest_is_deleted_with_its_tags_after_a_question(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    page = at(name, f"manifests/{digest}")

    asked = olivia.send(f"{page}/delete")
    assert "cannot be brought back" in asked.text
    assert set(tags_of(admin, name)) == {"a"}
    done = olivia.send(f"{page}/delete", confirmed="yes")

    assert done.status_code == 303
    assert tags_of(admin, name) == {}
    olivia.see(page, 404)


# -- the way back


def test_a_deleted_tag_comes_back(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    olivia.send(at(name, "tags/delete"), tag="a", confirmed="yes")
    page = olivia.see(at(name, "tags"))
    assert "1 deleted tag can be brought back" in page
    assert f'action="{at(name, "tags/a/restore")}"' in page

    done = olivia.send(at(name, "tags/a/restore"))

    assert (done.status_code, done.headers["location"]) == (303, at(name, "tags/a"))
    assert tags_of(admin, name) == {"a": digest}
    again = olivia.send(at(name, "tags/a/restore"))
    assert again.status_code == 409


def test_a_tag_is_rolled_back_to_where_its_manifest_is_still_there(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    digests = [sha256(pusher.push_image(name, "a", str(number).encode())) for number in range(3)]
    assert pusher.request("DELETE", name, f"manifests/{digests[0]}").status_code == 202

    page = olivia.see(at(name, "tags/a"))
    assert re.findall(r'name="digest" value="([^"]*)"', page) == [digests[1]]
    done = olivia.send(at(name, "tags/a/restore"), digest=digests[1])

    assert done.status_code == 303
    assert tags_of(admin, name) == {"a": digests[1]}
    assert "moved back" in olivia.see(at(name, "tags/a"))
    gone = olivia.send(at(name, "tags/a/restore"), digest=digests[0])
    assert gone.status_code == 409
    assert tags_of(admin, name) == {"a": digests[1]}


@pytest.mark.parametrize(("digest", "status"), [("nonsense", 400), (ABSENT, 404)])
def test_a_tag_does_not_go_where_it_never_was(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str, digest: str, status: int
) -> None:
    before = sha256(pusher.push_image(name, "a"))

    answer = olivia.send(at(name, "tags/a/restore"), digest=digest)

    assert answer.status_code == status
    assert tags_of(admin, name) == {"a": before}


# -- rights


def forms_in(page: str) -> list[str]:
    """Return where the forms of a page send to, but for those of every page."""
    found = re.findall(r'<form method="post" action="([^"]*)"', page)
    return [each for each in found if each.startswith("/repositories/")]


@pytest.mark.parametrize("who", ["simon", "mia", "audrey", ""])
def test_who_may_only_look_gets_no_buttons_and_no_way_around_them(
    pusher: RegistryClient, admin: ApiClient, visit: Visit, olivia: Visitor, name: str, who: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    pusher.push_image(name, "a", b"another")
    pusher.push_image(name, "gone")
    olivia.send(at(name, "tags/delete"), tag="gone", confirmed="yes")
    before = tags_of(admin, name)
    visitor = visit(who)

    for rest in ("tags", "tags/a", f"manifests/{digest}"):
        assert forms_in(visitor.see(at(name, rest))) == [], rest
    for rest, fields in (
        ("tags/delete", {"tag": "a"}),
        ("tags/delete", {"tag": "a", "confirmed": "yes"}),
        ("tags/a/restore", {"digest": digest}),
        ("tags/gone/restore", {}),
        (f"manifests/{digest}/delete", {}),
        (f"manifests/{digest}/delete", {"confirmed": "yes"}),
    ):
        token = re.search(r'name="csrf_token" value="([^"]*)"', visitor.see(at(name, "tags")))
        data = {"csrf_token": token[1] if token else "", **fields}
        answer = visitor.http.post(at(name, rest), data=data)
        assert answer.status_code in {401, 403}, (rest, answer.status_code)
    assert tags_of(admin, name) == before


def test_who_may_not_pull_reads_no_documents(pusher: RegistryClient, visit: Visit, admin: ApiClient) -> None:
    made = admin.post(f"{REPOSITORIES}/acme", {"name": "secret"})
    assert made.status_code in {201, 409}
    push(pusher, "acme/secret", "v1", {"os": "linux", "config": {"Env": ["KEY=of-the-kingdom"]}})

    assert "of-the-kingdom" in visit("olivia").see(at("acme/secret", "tags/v1"))
    page = visit("audrey").see(at("acme/secret", "tags/v1"))
    assert "of-the-kingdom" not in page
    assert "docker pull" not in page
    visit("simon").see(at("acme/secret", "tags/v1"), 404)
    visit("simon").see(at("acme/secret", "tags"), 404)


def test_immutable_tags_offer_no_deletion_and_stay(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    current = sha256(pusher.push_image(name, "a", b"another"))
    make_immutable(admin, name)

    assert forms_in(olivia.see(at(name, "tags"))) == []
    assert forms_in(olivia.see(at(name, "tags/a"))) == []
    rolled_back = olivia.send(at(name, "tags/a/restore"), digest=digest)
    assert rolled_back.status_code == 403
    deleted = olivia.send(at(name, f"manifests/{current}/delete"), confirmed="yes")
    assert deleted.status_code == 403
    assert tags_of(admin, name) == {"a": current}


def test_forms_from_other_sites_change_nothing(
    pusher: RegistryClient, admin: ApiClient, olivia: Visitor, name: str
) -> None:
    pusher.push_image(name, "a")
    fields = {"tag": "a", "confirmed": "yes", "csrf_token": "guessed"}

    answer = olivia.http.post(at(name, "tags/delete"), data=fields)

    assert answer.status_code == 403
    assert set(tags_of(admin, name)) == {"a"}


# -- texts


def test_an_excerpt_counts_bytes_as_they_are_sent() -> None:
    assert excerpt("abc", 3).text == "abc"
    assert excerpt("<<<", 8).text == "<<"
    assert excerpt("<<<", 8).is_cut
    assert excerpt("版本", 5).text == "版"
    assert excerpt("a\u202eb\x00\n", 99).text == "a\\u202eb\\u0000\n"


def test_a_budget_is_used_up() -> None:
    budget = Budget(5)

    assert [budget.take(each, 4).text for each in ("abcdef", "xyz", "no")] == ["abcd", "x", ""]


def test_json_is_indented_unless_that_would_make_it_huge() -> None:
    assert pretty_json(b'{"a":[1]}', 99).text == '{\n  "a": [\n    1\n  ]\n}'
    deep = b"[" * 900 + b"]" * 900
    assert len(pretty_json(b"[" * 4000 + b"]" * 4000, 99_999).text) == 8000
    assert pretty_json(deep, 500).is_cut
    assert pretty_json(b"no json", 99).text == "no json"
