#!/bin/sh
# Install the Debian packages that a viewer needs to be tested without a screen,
# only those that are missing, and only if we may.
set -eu

packages="xvfb xauth libegl1 libgl1 libdbus-1-3 libglib2.0-0 libfontconfig1 \
libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"

command -v dpkg >/dev/null 2>&1 || exit 0
missing=""
for package in $packages; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "The tests need these packages, ask for them to be installed:$missing" >&2
    exit 1
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq \
    --no-install-recommends $missing >/dev/null
