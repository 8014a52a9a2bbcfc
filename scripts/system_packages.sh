#!/bin/sh
# Install Debian packages, only those that are missing, and only if we may.
# usage: system_packages.sh [PACKAGE...]
# Without a name: what a viewer needs to be tested without a screen.
set -eu

[ $# -gt 0 ] || set -- xvfb xauth libegl1 libgl1 libdbus-1-3 libglib2.0-0 \
    libfontconfig1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 \
    libxcb-keysyms1 libxcb-shape0

if ! command -v dpkg >/dev/null 2>&1; then
    command -v xvfb-run >/dev/null 2>&1 && exit 0
    echo "This is no Debian: please install what it calls $*." >&2
    exit 1
fi
missing=""
for package in "$@"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "Debian packages are missing, please install them:$missing" >&2
    exit 1
fi
echo "Installing Debian packages:$missing"
$as_root apt-get update -qq
# The list is meant to fall apart into words.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends $missing >/dev/null
