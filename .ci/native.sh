#!/bin/sh
# Installs the native libraries that WeasyPrint needs (Pango) where they are missing.
# `native.sh browser` also installs Chromium, with which the tests open the pages.
set -eu
case "${1:-}" in
"" | browser) ;;
*)
    echo "usage: native.sh [browser]" >&2
    exit 2
    ;;
esac
missing=""
has() { ldconfig -p 2>/dev/null | grep -q "$1"; }
has libpango-1.0.so.0 || missing="$missing libpango-1.0-0"
has libpangoft2-1.0.so.0 || missing="$missing libpangoft2-1.0-0"
has libharfbuzz-subset.so.0 || missing="$missing libharfbuzz-subset0"
if [ "${1:-}" = browser ] && ! command -v chromium >/dev/null 2>&1 &&
    ! command -v chromium-browser >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then
    missing="$missing chromium"
fi
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing:$missing; install Pango, HarfBuzz and, for the tests, Chromium with your package manager" >&2
    exit 1
fi
run=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "missing; as root, run: apt-get install$missing" >&2
        exit 1
    fi
    run="sudo"
fi
$run apt-get update -qq
# shellcheck disable=SC2086 - a list of package names
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq $missing
