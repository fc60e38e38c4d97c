#!/usr/bin/env bash
# Shops, a gateway for each, recorders and the adversary: fails if a count below k is found in any of the public feeds.
#
#   MG=target/release/meridian-gateway MINUTES=20 tests/attacks/privacy.sh [PRESET …]
#
# Each day ends while it is recorded; half-way its gateway is stopped and started again with its order log; a relay is recorded too. PORT: the first
# of two ports for each preset, on loopback. OUT keeps recordings, truths and findings.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
gateway=$(realpath "${MG:-$here/../../target/release/meridian-gateway}")
minutes=${MINUTES:-20}
port=${PORT:-21700}
k=${K:-10}
out=${OUT:-$(mktemp -d)}
presets=("$@")
[ ${#presets[@]} -gt 0 ] || presets=(five-prices one-per-second six-per-second constant-delay refunds busy)
seconds=$((minutes * 60))
mkdir -p "$out"
out=$(realpath "$out")
python3 -c 'import websockets, numpy, scipy' || { echo "pip install websockets numpy scipy" >&2; exit 2; }

ended() { kill "$1" 2>/dev/null && wait "$1" 2>/dev/null || true; }

one() { # preset, port: everything of one shop
    local folder=$out/$1 port=$2 source relay recorder shop status=0
    mkdir -p "$folder"
    cd "$folder"
    rm -rf orders
    printf 'listen = "127.0.0.1:%d"\n[source]\nlive = "live.toml"\norder_log = "orders"\n[privacy]\nk = %d\n' "$port" "$k" >gateway.toml
    local left
    left=$(python3 "$here/shop.py" --preset "$1" --day live.toml --ends-in $((seconds + 12)))
    "$gateway" --config gateway.toml >gateway.log 2>&1 &
    source=$!
    sleep 2
    "$gateway" --upstream "ws://127.0.0.1:$port" --listen "127.0.0.1:$((port + 1))" >relay.log 2>&1 &
    relay=$!
    trap 'ended $source; ended $relay; ended ${recorder:-}; ended ${shop:-}' EXIT
    sleep 2
    python3 "$here/record.py" recording.jsonl "ws://127.0.0.1:$port" "ws://127.0.0.1:$((port + 1))" --seconds $((left + 10)) >record.log 2>&1 &
    recorder=$!
    sleep 1
    python3 "$here/shop.py" "ws://127.0.0.1:$port" --preset "$1" --seconds "$seconds" --truth truth.jsonl >shop.log 2>&1 &
    shop=$!
    sleep $((seconds / 2))
    if [ "${RESTART:-1}" = 1 ]; then
        ended "$source"
        "$gateway" --config gateway.toml >>gateway.log 2>&1 &
        source=$!
    fi
    wait "$shop" || { echo "$1: the shop: $(tail -1 shop.log)" >&2; status=2; }
    wait "$recorder" || { echo "$1: the recorder: $(tail -1 record.log)" >&2; status=2; }
    ended "$source"
    ended "$relay"
    # shellcheck disable=SC2046
    nice "$here/adversary.py" recording.jsonl --k "$k" --truth truth.jsonl $(python3 "$here/shop.py" --preset "$1" --knows) >found.jsonl || status=$((status | 1))
    echo "$1: $(tail -1 found.jsonl)"
    return $status
}

pids=()
for preset in "${presets[@]}"; do
    one "$preset" "$port" &
    pids+=($!)
    port=$((port + 2))
done
failed=0
for pid in "${pids[@]}"; do
    wait "$pid" || failed=1
done
echo "recordings and findings in $out"
[ $failed = 0 ] && echo "nothing below $k was found" || echo "counts below $k were found, or something went wrong"
exit $failed
