#!/bin/bash
# Disks that are full for a while beneath state, orders and audit log. MG: the gateway, DIR: an empty folder.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
cd "$DIR" || exit 2
mkdir -p state orders audit
for disk in state:64k orders:2m audit:200k; do
    mount -t tmpfs -o "size=${disk#*:},mode=700" tmpfs "$DIR/${disk%:*}" || exit 77
done
G= S=
finish() {
    [ -n "$S" ] && kill "$S" 2>/dev/null
    [ -n "$G" ] && kill "$G" 2>/dev/null
    wait
    umount "$DIR/state" "$DIR/orders" "$DIR/audit" 2>/dev/null
}
trap finish EXIT
bad=0
is() { if eval "$2"; then echo "ok      $1"; else echo "NOT SO  $1"; bad=1; fi; }
get() { python3 - "$1" <<'P'
import sys, urllib.request, urllib.error
try: print(urllib.request.urlopen("http://127.0.0.1:21301" + sys.argv[1], timeout=5).read().decode())
except urllib.error.HTTPError as error: print(error.code, error.read().decode())
except OSError as error: print("nothing:", error)
P
}
metric() { get /metrics | sed -n "s/^meridian_gateway_$1 //p"; }
until_so() { for _ in $(seq 150); do eval "$1" && return 0; sleep 0.2; done; return 1; }
fill() { dd if=/dev/zero of="$1/other" bs=1k 2>/dev/null; }
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
    until_so '[ "$(get /health)" = well ]'
}
cat > sender.py <<'P'
"""Sends batches until it is asked to stop, keeps what isn't answered, and sends it again. Says how many rows were taken."""
import base64, json, os, signal, socket, struct, sys, threading, time, zlib
def batch(seq, rows):
    now = int(time.time() * 1000)
    columns = struct.pack(f"<{rows}I", *[1000] * rows) + struct.pack(f"<{rows}H", *[17] * rows) + bytes(2 * rows)
    head = struct.pack("<4sBBxxIIQqq8xI", b"MOB1", 1, 0, 7, rows, seq, now, now + 1, 0)
    return head + struct.pack("<I", zlib.crc32(head + columns)) + columns
s = socket.create_connection(("127.0.0.1", 21300))
s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\nSec-WebSocket-Protocol: meridian.v1.orders\r\n\r\n")
stream = s.makefile("rb")
while stream.readline().strip(): pass
open_batches, taken, later, lock, ended = {}, 0, 0, threading.Lock(), threading.Event()
def write(opcode, data):
    with lock: s.sendall(bytes([0x80 | opcode]) + (struct.pack("!BH", 0x80 | 126, len(data)) if len(data) > 125 else bytes([0x80 | len(data)])) + bytes(4) + data)
def read():
    global taken, later
    while not ended.is_set():
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
seq, again = time.time_ns() // 1000, time.time()
while not stop.is_set() or open_batches:
    if not stop.is_set():
        seq += 1; open_batches[seq] = batch(seq, 500); write(2, open_batches[seq])
    if time.time() - again > 1:
        again = time.time()
        for data in list(open_batches.values()): write(2, data)
    time.sleep(0.1)
print(taken, later)
P
begin
is "it serves" '[ "$(get /health)" = well ]'
python3 sender.py > sent & S=$!
sleep 3

fill state
is "state: a full disk is told" 'until_so "get /health | grep -q \"503.*state: \""'
rm state/other
is "state: it comes back" 'until_so "[ \"\$(get /health)\" = well ]"'

fill orders
is "orders: a full disk is told" 'until_so "get /health | grep -q \"503.*orders: \""'
is "orders: the metric says so" '[ "$(metric orders_refused)" = 1 ]'
sleep 15
rm orders/other
is "orders: it comes back" 'until_so "[ \"\$(get /health)\" = well ]"'

fill audit
flood() { python3 - <<'P'
import socket
for n in range(300):
    s = socket.create_connection(("127.0.0.1", 21300), source_address=(f"127.0.{n // 50}.{n % 50 + 1}", 0)); s.settimeout(5)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://x\r\n\r\n")
    try: s.recv(100)
    except OSError: pass
    s.close()
P
}
flood
is "audit: a full disk is told" 'until_so "get /health | grep -q \"503.*audit: \""'
rm audit/other
is "audit: it comes back" 'until_so "[ \"\$(get /health)\" = well ]"'

rm audit/audit.jsonl orders/*.orders state/s.journal
flood
is "what was deleted is back" 'until_so "[ -e audit/audit.jsonl ] && ls orders/*.orders && [ -e state/s.journal ]" > /dev/null'
kill "$S"; wait "$S"; S=
read -r taken later < sent
echo "        $taken payments taken, $later answers said later"
is "some were to be sent again" '[ "$later" -gt 0 ]'
before=$("$MG" count --live day.toml orders/*.orders | head -1)
is "what was taken is in the log" 'echo "$before" | grep -q "\"payments\":$taken[,}]"'
kill -9 "$G"; wait "$G" 2>/dev/null; G=
is "audit verify" '"$MG" audit verify audit/audit.jsonl > /dev/null'
is "check" '"$MG" check --config gw.toml > /dev/null'
begin
is "after kill -9 it counts the same" '[ "$("$MG" count --live day.toml orders/*.orders | head -1)" = "$before" ]'
is "it starts again" '[ "$(get /health)" = well ]'
[ $bad = 0 ] || { echo "--- the gateway said:"; tail -30 gateway.log; }
exit $bad
