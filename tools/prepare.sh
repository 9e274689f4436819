#!/usr/bin/env bash
# Prepares a machine for this repository:
#
#   bash tools/prepare.sh demo           .venv with the package, the extension on
#   bash tools/prepare.sh lab            the same, and JupyterLab
#   bash tools/prepare.sh environment    the same, and what tests, measurements and docs need
#   bash tools/prepare.sh lowest         .venv-lowest, with the oldest packages that setup.cfg allows
#   bash tools/prepare.sh 3.13           .venv-3.13, on that Python, if there is one
#   bash tools/prepare.sh browser        Chromium, from the system's packages
#   bash tools/prepare.sh proxy          nginx and Caddy, from there, for the tests of deploy/
#   bash tools/prepare.sh r              R, from there, for the tests of an export's read.R
#   bash tools/prepare.sh postgres       PostgreSQL, from there, for the tests of logs in a database
#   bash tools/prepare.sh hub            a JupyterHub's proxy, by npm, for the tests behind a Hub
#
# What apt is not allowed to install is asked for in a sentence.

set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

# Run apt-get as root, if this account may; never ask for a password.
apt_get() {
    command -v apt-get >/dev/null || return 1
    local as=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as=(sudo -n)
    fi
    # RUNLEVEL: what is installed is not started as a service.
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get "$@" >&2
}

install_packages() {
    apt_get install -y --no-install-recommends "$@" ||
        { apt_get update && apt_get install -y --no-install-recommends "$@"; }
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    say "No Python of version 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3"
    exit 1
}

# Make a virtual environment: make_environment FOLDER PYTHON
make_environment() {
    local venv=$1 python=$2
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv || true
    "$python" -m venv "$venv" || {
        say "$python cannot make virtual environments. On Debian: apt-get install python3-venv"
        exit 1
    }
}

# Install the package with some of its extras: install_into FOLDER EXTRAS [PIP'S OPTIONS]
install_into() {
    local venv=$1 extras=$2
    shift 2
    "$venv/bin/python" -m pip install --disable-pip-version-check "$@" -e ".[$extras]"
    # An editable install brings no data files, and it is one of those that switches the
    # extension on ("jupyter server extension enable" wants it to be there already).
    mkdir -p "$venv/etc/jupyter/jupyter_server_config.d"
    cp jupyter-config/jupyter_server_config.d/uproot_nb.json \
        "$venv/etc/jupyter/jupyter_server_config.d/"
}

# What the demo does not load need not be compiled.
prepare_demo() {
    make_environment .venv "$(find_python)"
    install_into .venv demo --no-compile
}

prepare_lab() {
    make_environment .venv "$(find_python)"
    install_into .venv demo,lab
}

prepare_environment() {
    make_environment .venv "$(find_python)"
    install_into .venv test,bench,docs
    .venv/bin/python -m jupyter server extension enable --sys-prefix uproot_nb
}

prepare_lowest() {
    make_environment .venv-lowest "$(find_python)"
    .venv-lowest/bin/python tools/lowest.py >.venv-lowest/constraints.txt
    install_into .venv-lowest test -c .venv-lowest/constraints.txt
}

# Where a version manager stands in front, the name alone may start nothing: it wants the number.
find_version() {
    env PYENV_VERSION="$1" "python$1" -c 'import sys; print(sys.executable)' 2>/dev/null
}

prepare_version() {
    local python
    python=$(find_version "$1") || {
        say "There is no Python $1 here: its tests are skipped."
        return
    }
    make_environment ".venv-$1" "$python"
    install_into ".venv-$1" test
}

has_browser() {
    [ -n "${UPROOT_NB_CHROMIUM:-}" ] && return
    local name
    [ $# -gt 0 ] || set -- chromium-headless-shell chromium chromium-browser google-chrome
    for name in "$@"; do
        command -v "$name" >/dev/null && return
    done
    return 1
}

prepare_browser() {
    has_browser chromium-headless-shell && return
    install_packages chromium-headless-shell || has_browser || install_packages chromium || true
    has_browser && return
    say "There is no Chromium, and apt may not install it: the tests in a browser are skipped."
    say "Install chromium, or set UPROOT_NB_CHROMIUM to a browser's path."
    if [ -n "${CI:-}" ]; then exit 1; fi
}

has_proxy() {
    local PATH="$PATH:/usr/sbin:/usr/local/sbin"
    command -v nginx >/dev/null && command -v caddy >/dev/null
}

prepare_proxy() {
    has_proxy && return
    install_packages nginx-light caddy openssl || true
    has_proxy && return
    say "There is no nginx or Caddy, and apt may not install them: the tests behind a proxy are skipped."
}

# r-base-core is R without the recommended packages: read.R needs none of them.
prepare_r() {
    command -v Rscript >/dev/null && return
    install_packages r-base-core || true
    command -v Rscript >/dev/null && return
    say "There is no R, and apt may not install it: the tests that run read.R are skipped."
}

has_postgres() { ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null; }

# The tests start servers of their own, and leave the one that the package makes alone.
prepare_postgres() {
    has_postgres && return
    install_packages postgresql || true
    has_postgres && return
    say "There is no PostgreSQL, and apt may not install it: the tests of logs in it are skipped."
    if [ -n "${CI:-}" ]; then exit 1; fi
}

has_hub() { [ -x .venv/lib/hub/node_modules/.bin/configurable-http-proxy ]; }

# The Hub itself is one of the packages that tests need; its proxy is a program for Node.
prepare_hub() {
    has_hub && return
    command -v npm >/dev/null || install_packages npm || true
    npm install --silent --no-audit --no-fund --prefix .venv/lib/hub configurable-http-proxy@4.6.3 >&2 || true
    has_hub && return
    say "There is no npm, or it may not install the Hub's proxy: the tests behind a Hub are skipped."
    if [ -n "${CI:-}" ]; then exit 1; fi
}

case "${1:-}" in
    demo) prepare_demo ;;
    lab) prepare_lab ;;
    environment) prepare_environment ;;
    lowest) prepare_lowest ;;
    3.*) prepare_version "$1" ;;
    browser) prepare_browser ;;
    proxy) prepare_proxy ;;
    r) prepare_r ;;
    postgres) prepare_postgres ;;
    hub) prepare_hub ;;
    *) say "usage: bash tools/prepare.sh demo|lab|environment|lowest|3.13|browser|proxy|r|postgres|hub"; exit 2 ;;
esac
