import dataclasses
import ipaddress
from pathlib import Path

import pytest
import yaml

from dtr.settings import ListenAddress, Settings, SettingsError, load_settings, render_reference, shown
from dtr.settings.tree import leaves, sections

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def from_yaml(folder: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    file = folder / "registry.yaml"
    file.write_text(text)
    return load_settings(file, environment)


def refusal(environment: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment=environment)
    return caught.value


def test_without_any_source_the_defaults_hold() -> None:
    settings = load_settings()

    assert settings == Settings()
    assert str(settings.listen) == "127.0.0.1:5000"
    assert settings.tokens.lifetime_seconds == 300
    assert settings.cache.answers_bytes == 64 * 1024 * 1024
    assert {"localhost", "127.0.0.1", "::1"} < set(settings.tls.hosts)


def test_the_command_line_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "registry.yaml"
    file.write_text("workers: 2\nlogs: {level: error}\nuploads: {idle_seconds: 2h}\n")
    environment = {"DTR_WORKERS": "3", "DTR_LOGS_LEVEL": "debug"}

    settings = load_settings(file, environment, {"workers": "4"})

    assert settings.workers == 4
    assert settings.logs.level == "debug"
    assert settings.uploads.idle_seconds == 7200


def test_a_command_line_value_of_none_counts_as_not_given() -> None:
    assert load_settings(environment={"DTR_WORKERS": "3"}, command_line={"workers": None}).workers == 3


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "registry.yaml"
    file.write_text("read_only: true\n")

    assert load_settings(environment={"DTR_CONFIG": str(file)}).read_only


def test_a_file_that_is_empty_or_has_empty_sections_changes_nothing(tmp_path: Path) -> None:
    assert from_yaml(tmp_path, "") == Settings()
    assert from_yaml(tmp_path, "tls:\nlogs: {}\n") == Settings()


def test_unknown_names_are_refused_with_the_name_that_was_probably_meant(tmp_path: Path) -> None:
    assert refusal({"DTR_UPLOADS_IDLE_SECOND": "1"}).hint == "did you mean 'DTR_UPLOADS_IDLE_SECONDS'?"
    with pytest.raises(SettingsError, match=r"unknown setting 'tokens\.lifetime'") as caught:
        from_yaml(tmp_path, "tokens: {lifetime: 300}")
    assert caught.value.hint == "did you mean 'tokens.lifetime_seconds'?"
    with pytest.raises(SettingsError, match="unknown setting 'wrokers'"):
        load_settings(command_line={"wrokers": 1})


def test_an_unknown_name_unlike_any_other_gets_a_way_to_find_out() -> None:
    assert "dtr settings show" in refusal({"DTR_QQQQQQ": "1"}).hint


def test_the_first_password_and_other_programs_variables_are_no_settings() -> None:
    environment = {"DTR_ADMIN_PASSWORD": "canary", "PATH": "/bin", "DTRX": "1"}

    assert load_settings(environment=environment) == Settings()


@pytest.mark.parametrize(
    "variable",
    [
        "DTR_SERVICE_HOST",
        "DTR_SERVICE_PORT_HTTPS",
        "DTR_PORT",
        "DTR_PORT_5000_TCP_ADDR",
        "DTR_DB_SERVICE_HOST",
    ],
)
def test_variables_that_kubernetes_adds_for_a_service_named_dtr_do_not_stop_the_start(variable: str) -> None:
    assert load_settings(environment={variable: "tcp://10.0.0.1:5000"}) == Settings()


def test_every_setting_reads_its_default_back_and_refuses_nonsense_by_name() -> None:
    for leaf in leaves(Settings):
        plain = leaf.kind.show(leaf.default())
        text = ",".join(map(str, plain)) if isinstance(plain, list) else str(plain)

        assert leaf.kind.parse(text) == leaf.default()
        with pytest.raises(SettingsError, match=leaf.name):
            load_settings(environment={leaf.variable: "\0"})


@pytest.mark.parametrize(
    ("given", "bytes_meant"),
    [("65536", 65536), ("64KiB", 65536), ("64 kib", 65536), ("10MB", 10_000_000), ("1.5GiB", 1610612736)],
)
def test_sizes_take_units(given: str, bytes_meant: int) -> None:
    assert load_settings(environment={"DTR_CACHE_ANSWERS_BYTES": given}).cache.answers_bytes == bytes_meant


@pytest.mark.parametrize("given", ["", "64M", "64Mi", "-1", "many", "1.0000001kB", "٣"])
def test_sizes_that_are_unclear_are_refused(given: str) -> None:
    assert "cache.answers_bytes" in refusal({"DTR_CACHE_ANSWERS_BYTES": given}).message


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("90s", 90), ("1h30m", 5400), ("7d", 604800), ("120000ms", 120)]
)
def test_times_take_units(given: str, seconds: int) -> None:
    assert load_settings(environment={"DTR_UPLOADS_IDLE_SECONDS": given}).uploads.idle_seconds == seconds


@pytest.mark.parametrize("given", ["", "1 week", "30s ", "h", "1h30", "-5s", "1500ms", "59"])
def test_times_that_are_unclear_too_short_or_not_whole_are_refused(given: str) -> None:
    assert "uploads.idle_seconds" in refusal({"DTR_UPLOADS_IDLE_SECONDS": given}).message


def test_times_of_a_connection_may_have_a_fraction() -> None:
    assert load_settings(environment={"DTR_LIMITS_HEADER_SECONDS": "500ms"}).limits.header_seconds == 0.5


@pytest.mark.parametrize(("given", "days"), [("14", 14), ("30d", 30), ("48h", 2)])
def test_days_take_units(given: str, days: int) -> None:
    assert load_settings(environment={"DTR_TOKENS_ROTATE_DAYS": given}).tokens.rotate_days == days


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        (":5000", "", 5000),
        ("[::1]:0", "::1", 0),
        ("registry:443", "registry", 443),
        ("0.0.0.0:80", "0.0.0.0", 80),
    ],
)
def test_listening_addresses(given: str, host: str, port: int) -> None:
    assert load_settings(environment={"DTR_LISTEN": given}).listen == ListenAddress(host, port)


@pytest.mark.parametrize("given", ["5000", "localhost", "::1:5000", "a:b", "a:65536", "a:-1", "a:٣"])
def test_listening_addresses_that_are_unclear_are_refused(given: str) -> None:
    assert "HOST:PORT" in refusal({"DTR_LISTEN": given}).message


def test_a_listening_address_is_shown_as_it_is_given() -> None:
    assert str(ListenAddress("::1", 5000)) == "[::1]:5000"
    assert str(ListenAddress("", 5000)) == ":5000"


def test_lists_come_from_yaml_lists_and_from_text_with_commas(tmp_path: Path) -> None:
    networks = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))

    assert (
        from_yaml(tmp_path, "network: {trusted_proxies: [10.0.0.0/8, 'fd00::/8']}").network.trusted_proxies
        == networks
    )
    environment = {"DTR_NETWORK_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"}
    assert load_settings(environment=environment).network.trusted_proxies == networks
    assert load_settings(environment={"DTR_NETWORK_TRUSTED_PROXIES": ""}).network.trusted_proxies == ()


def test_a_network_with_host_bits_is_refused() -> None:
    assert "host bits" in refusal({"DTR_NETWORK_TRUSTED_PROXIES": "10.0.0.1/8"}).message


@pytest.mark.parametrize(
    "text", ["workers: true", "workers: [1]", "workers: 1.5", "tls: {enabled: 2}", "tls: on"]
)
def test_values_of_the_wrong_type_are_refused_with_the_name_of_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"registry\.yaml"):
        from_yaml(tmp_path, text)


def test_the_word_none_takes_a_value_away(tmp_path: Path) -> None:
    text = "uploads: {chunk_limit_bytes: 10MiB}"

    assert from_yaml(tmp_path, text).uploads.chunk_limit_bytes == 10 * 1024 * 1024
    assert (
        from_yaml(tmp_path, text, {"DTR_UPLOADS_CHUNK_LIMIT_BYTES": "none"}).uploads.chunk_limit_bytes is None
    )


@pytest.mark.parametrize(
    "given", ["registry.example.com", "https://u:p@host", "https://host/path", "ftp://host", "http://"]
)
def test_an_external_url_is_scheme_and_host_only(given: str) -> None:
    assert "external_url" in refusal({"DTR_EXTERNAL_URL": given}).message


def test_an_external_url_loses_its_trailing_slash() -> None:
    assert (
        load_settings(environment={"DTR_EXTERNAL_URL": "https://host:8443/"}).external_url
        == "https://host:8443"
    )


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "not valid YAML"), ("- a", "name: value"), ("tls: 5", "'tls'")]
)
def test_files_that_make_no_sense_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        from_yaml(tmp_path, text)


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings(tmp_path / "absent.yaml")


def test_a_certificate_without_its_key_is_refused() -> None:
    assert "belong together" in refusal({"DTR_TLS_CERTIFICATE": "/a.pem"}).message


def test_memory_storage_is_refused_for_several_workers() -> None:
    assert "one worker" in refusal({"DTR_STORAGE_DRIVER": "memory", "DTR_WORKERS": "2"}).message


def test_the_database_is_sqlite_in_the_data_directory_unless_named() -> None:
    assert (
        load_settings(environment={"DTR_DATA": "/srv/dtr"}).database_url == "sqlite:////srv/dtr/metadata.db"
    )
    assert load_settings(environment={"DTR_DATABASE": "postgresql://h/d"}).database_url == "postgresql://h/d"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:canary@db/dtr",
        "postgresql://user:can@ary/x:canary@db:5432/dtr",
        "postgresql://db/dtr?user=u&password=canary&sslmode=require",
    ],
)
def test_a_password_in_the_database_url_is_never_shown(url: str) -> None:
    settings = load_settings(environment={"DTR_DATABASE": url})

    assert settings.database_url == url
    assert "canary" not in str(shown(settings))
    assert "ary" not in str(shown(settings))


def test_a_database_url_that_is_refused_is_not_repeated() -> None:
    error = refusal({"DTR_DATABASE": "mysql://user:canary@db/dtr"})

    assert "canary" not in error.message + error.hint


def test_what_is_shown_can_be_read_again(tmp_path: Path) -> None:
    settings = load_settings(
        environment={
            "DTR_LISTEN": "[::1]:1",
            "DTR_NETWORK_TRUSTED_PROXIES": "10.0.0.0/8",
            "DTR_TLS_ENABLED": "yes",
        }
    )

    assert from_yaml(tmp_path, yaml.safe_dump(shown(settings))) == settings


def test_the_tree_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings().workers = 2  # type: ignore[misc]


def test_every_variable_names_one_setting_only() -> None:
    variables = [leaf.variable for leaf in leaves(Settings)]

    assert len(variables) == len(set(variables))


def test_every_section_and_every_setting_says_what_it_means() -> None:
    assert all((of.__doc__ or "").endswith(".") for _, of in sections(Settings))
    assert all(leaf.meaning.endswith(".") for leaf in leaves(Settings))


def test_the_reference_page_is_what_the_tree_says() -> None:
    assert REFERENCE.read_text() == render_reference(), "run `make docs`"
