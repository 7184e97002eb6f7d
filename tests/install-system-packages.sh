#!/usr/bin/env bash
# Install the Debian packages that tests and benchmarks drive: real clients, a peer registry, PostgreSQL, a browser.
#
# Quick when everything is there. Starts no service. Not root, or not on Debian: says what is missing and ends well;
# the tests that need a missing program are skipped, and pytest's summary says which.
set -euo pipefail

packages=(
    docker.io docker-registry podman buildah skopeo  # clients, a daemon and the peer
    fuse-overlayfs uidmap                            # what podman and buildah need to run anywhere
    postgresql openssl curl jq
    chromium fonts-noto-cjk                          # pages as people see them, also in Chinese
)
commands=(dockerd docker docker-registry podman buildah skopeo fuse-overlayfs newuidmap psql openssl curl jq chromium)

missing_commands() {
    local command
    for command in "${commands[@]}"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null || printf '%s ' "$command"
    done
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
            printf '%s\n' "$package"
    done
}

# Debian asks this program before it starts a service after an installation; 101 means "do not".
forbid_service_starts() {
    [[ -e /usr/sbin/policy-rc.d ]] && return
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

on_debian() {
    [[ -r /etc/os-release ]] && grep -q '^ID=debian$' /etc/os-release && command -v apt-get >/dev/null
}

if ! on_debian || [[ "$(id -u)" != 0 ]]; then
    missing="$(missing_commands)"
    [[ -z "$missing" ]] || echo "not installed, tests that need them are skipped: $missing" >&2
    exit 0
fi

# From Debian 13 on, the daemon and its command line are two packages.
if (($(. /etc/os-release && echo "${VERSION_ID:-99}") >= 13)); then
    packages+=(docker-cli)
fi

mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} -gt 0 ]] || exit 0

export DEBIAN_FRONTEND=noninteractive
forbid_service_starts
echo "installing for the tests: ${missing[*]}" >&2
apt-get update -qq
apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null
