#!/bin/bash
# Disks that are full for a while beneath state, orders and audit log. MG: the gateway, DIR: an empty folder.
# It takes about a minute, and ends within LIMIT seconds (300) whatever happens.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
[ -n "${LIMITED:-}" ] || LIMITED=1 exec timeout -k 15 "${LIMIT:-300}" "$0"
cd "$DIR" || exit 2
mkdir -p state orders audit
for disk in state:1m orders:2m audit:200k; do
    mount -t tmpfs -o "size=${disk#*:},mode=700" tmpfs "$DIR/${disk%:*}" || exit 77
done
G= S=
# Waits a few seconds for what was asked to stop, and then doesn't ask.
gone() { for _ in $(seq 50); do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done; kill -9 "$1" 2>/dev/null; wait "$1" 2>/dev/null; }
finish() {
    trap - EXIT TERM
    for id in $S $G; do kill "$id" 2>/dev/null; gone "$id"; done
    umount "$DIR/state" "$DIR/orders" "$DIR/audit" 2>/dev/null
}
trap finish EXIT
trap 'echo "NOT SO  it is done in ${LIMIT:-300} seconds"; said; exit 1' TERM
bad=0
is() { if eval "$2"; then echo "ok      $1"; else echo "NOT SO  $1"; bad=1; echo "        health: $(get /health | head -c 400)"; fi; }
said() { echo "--- the gateway said last, and the sender:"; tail -qn 8 gateway.log sender.log | cut -c -400; }
get() { python3 - "$1" 2> /dev/null <<'P'
import sys, urllib.request, urllib.error
try: print(urllib.request.urlopen("http://127.0.0.1:21301" + sys.argv[1], timeout=5).read().decode())
except urllib.error.HTTPError as error: print(error.code, error.read().decode())
except OSError as error: print("nothing:", error)
P
}
metric() { get /metrics | sed -n "s/^meridian_gateway_$1 //p"; }
until_so() { local end=$((SECONDS + 30)); while [ $SECONDS -lt $end ]; do eval "$1" && return 0; sleep 0.2; done; return 1; }
well() { until_so '[[ "$(get /health)" == well* ]]'; }
fill() { dd if=/dev/zero of="$1/other" bs=1k 2>/dev/null; }
count() { timeout 60 "$MG" count --live day.toml orders/*.orders | head -1; }
cat > day.toml <<'T'
synthetic = true
gmv_counts = "payment"
currency = "CNY"
[title]
en = "Today"
zh = "今日"
[day]
zone = "UTC"
[[category]]
name = { en = "Garden", zh = "园艺" }
T
cat > gw.toml <<T
listen = "127.0.0.1:21300"
state = "state/s.journal"
[source]
live = "day.toml"
order_log = "orders"
[audit]
file = "audit/audit.jsonl"
[admin]
listen = "127.0.0.1:21301"
T
begin() {
    "$MG" --config gw.toml 2>> gateway.log & G=$!
    well
}
cat > sender.py <<'P'
"""Sends 1.2 MB and then little batches until it is asked to stop, keeps what isn't answered, and sends it again. However
fast or slow this machine is: never more than 1.6 MB, and never for longer than four minutes. Says how many rows were taken."""
import base64, json, os, signal, socket, struct, sys, threading, time, zlib
def batch(seq, rows):
    now = int(time.time() * 1000)
    columns = struct.pack(f"<{rows}I", *[1000] * rows) + struct.pack(f"<{rows}H", *[17] * rows) + bytes(2 * rows)
    head = struct.pack("<4sBBxxIIQqq8xI", b"MOB1", 1, 0, 7, rows, seq, now, now + 1, 0)
    return head + struct.pack("<I", zlib.crc32(head + columns)) + columns
s = socket.create_connection(("127.0.0.1", 21300), timeout=30)
s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\nSec-WebSocket-Protocol: meridian.v1.orders\r\n\r\n")
stream = s.makefile("rb")
while stream.readline().strip(): pass
open_batches, taken, later, lock = {}, 0, 0, threading.Lock()
def write(opcode, data):
    with lock: s.sendall(bytes([0x80 | opcode]) + (struct.pack("!BH", 0x80 | 126, len(data)) if len(data) > 125 else bytes([0x80 | len(data)])) + bytes(4) + data)
def read():
    global taken, later
    while True:
        first, size = stream.read(2)
        if size == 126: size = struct.unpack("!H", stream.read(2))[0]
        data = stream.read(size)
        if first & 15 == 9: write(10, data)
        if first & 15 != 1: continue
        answer = json.loads(data)
        if answer["type"] in ("taken", "duplicate") and open_batches.pop(answer["sequence"], None): taken += answer["rows"]
        if answer["type"] == "later": later += 1
threading.Thread(target=read, daemon=True).start()
stop = threading.Event(); signal.signal(signal.SIGTERM, lambda *_: stop.set())
began = again = time.time()
seq, large, small = time.time_ns() // 1000, 300, 400_000
while (not stop.is_set() or open_batches) and time.time() - began < 240:
    for _ in range(10 if large else 1):
        rows = 500 if large else 20
        if stop.is_set() or not large and small < 8 * rows + 64: break
        seq += 1; open_batches[seq] = batch(seq, rows); write(2, open_batches[seq])
        if large:
            large -= 1
            if not large: open("sent.large", "w").close()
        else: small -= 8 * rows + 64
    if time.time() - again > 1:
        again = time.time()
        for data in list(open_batches.values()): write(2, data)
    time.sleep(0.1)
print(taken, later, len(open_batches))
P
is "it serves" begin
python3 sender.py > sent 2> sender.log & S=$!
is "a first megabyte is sent" 'until_so "[ -e sent.large ]"'

fill state
is "state: a full disk is told" 'until_so "get /health | grep -q \"503.*state: \""'
rm state/other
is "state: it comes back" well

fill orders
is "orders: a full disk is told" 'until_so "get /health | grep -q \"503.*orders: \""'
is "orders: the metric says so" '[ "$(metric orders_refused)" = 1 ]'
sleep 5
rm orders/other
is "orders: it comes back" well

fill audit
flood() { timeout 60 python3 - "$1" <<'P'
import socket, sys
for n in range(int(sys.argv[1])):
    s = socket.create_connection(("127.0.0.1", 21300), source_address=(f"127.0.{n // 50}.{n % 50 + 1}", 0), timeout=5)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://x\r\n\r\n")
    try: s.recv(100)
    except OSError: pass
    s.close()
P
}
flood 280
is "audit: a full disk is told" 'until_so "get /health | grep -q \"503.*audit: \""'
rm audit/other
is "audit: it comes back" well
is "audit: more than half its disk" 'until_so "[ $(stat -c %s audit/audit.jsonl) -gt 104000 ]"'
is "orders: more than half their disk" '[ "$(stat -c %s orders/*.orders)" -gt 1100000 ]'

# What is open and deleted still takes its space: there is none for a second copy.
rm audit/audit.jsonl orders/*.orders state/s.journal
flood 10
is "what was deleted is back" 'until_so "[ -e audit/audit.jsonl ] && ls orders/*.orders && [ -e state/s.journal ]" > /dev/null'
is "and all is well" well
is "the metric counts it" '[ "$(metric "storage_displaced_total{what=\"orders\"}")" = 1 ]'

# There is none at all: what is the matter is said until there is some.
fill orders
rm orders/*.orders
is "orders: that the file was deleted is told" 'until_so "get /health | grep -q \"503.*orders: .*deleted.*make room\""'
is "orders: the metric counts that too" '[ "$(metric "storage_displaced_total{what=\"orders\"}")" = 2 ]'
rm orders/other
is "orders: it is back with the first space" 'well && ls orders/*.orders > /dev/null'
kill "$S"; gone "$S"; S=
read -r taken later left < sent
echo "        $taken payments taken, $later answers said later"
is "all that was sent was taken in the end" '[ "${left:-1}" = 0 ]'
is "some were to be sent again" '[ "${later:-0}" -gt 0 ]'
before=$(count)
is "what was taken is in the log" 'echo "$before" | grep -q "\"payments\":$taken[,}]"'
kill -9 "$G"; wait "$G" 2>/dev/null; G=
is "audit verify" 'timeout 60 "$MG" audit verify audit/audit.jsonl > /dev/null'
is "check" 'timeout 60 "$MG" check --config gw.toml > /dev/null'
is "it starts again" begin
is "after kill -9 it counts the same" '[ "$(count)" = "$before" ]'
[ $bad = 0 ] || said
exit $bad
