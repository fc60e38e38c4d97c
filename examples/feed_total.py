#!/usr/bin/env python3
"""Subscribes to a Meridian feed as JSON and prints GMV as it adds up. It needs nothing but Python 3.

    python3 examples/feed_total.py [ws://127.0.0.1:9016] [--seconds N]      (MERIDIAN_TOKEN: a token)

At the end it prints one line of JSON. `regions_gmv_minor` is added up here, region by region, plus
what has no place: it must equal `gmv_minor`, the feed's own total.
"""
import argparse, base64, json, os, socket, ssl, struct, sys, time
from urllib.parse import urlsplit


class Feed:
    """A WebSocket that sends text and receives whole messages."""

    def __init__(self, url, token, protocol="meridian.v1+json"):
        at = urlsplit(url)
        if at.scheme not in ("ws", "wss") or not at.hostname:
            raise SystemExit(f"{url} isn't an address of a gateway: one such as ws://127.0.0.1:9016 or wss://host/path/ is needed")
        self.socket = socket.create_connection((at.hostname, at.port or (443 if at.scheme == "wss" else 80)), timeout=10)
        if at.scheme == "wss":
            self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=at.hostname)
        target = (at.path or "/") + (f"?{at.query}" if at.query else "")
        lines = [f"GET {target} HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade",
                 f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Protocol: {protocol}"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.reader = self.socket.makefile("rb")
        status = self.reader.readline().decode().partition(" ")[2].strip()
        while self.reader.readline().strip():
            pass
        if status.startswith("4"):
            raise SystemExit(f"{url} refused the connection: {status}")
        if status[:1] in ("2", "3"):
            raise SystemExit(f"{url} isn't a gateway: it answers {status} where one begins a WebSocket; is the address right, with its path?")
        if not status.startswith("101"):
            raise ConnectionError(f"{url} answers {status or 'nothing'}")

    def send(self, payload, opcode=1):
        mask = os.urandom(4)
        whole = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
        size = (len(payload),) if len(payload) < 126 else (127, len(payload))
        head = struct.pack("!BB" + "Q" * (len(size) - 1), 0x80 | opcode, 0x80 | size[0], *size[1:])
        self.socket.sendall(head + mask + whole.to_bytes(len(payload), "big"))

    def __iter__(self):
        parts = b""
        while True:
            head = self.reader.read(2)
            if len(head) < 2:
                raise ConnectionError("the gateway closed the connection")
            first, length = head
            if length > 125:
                length = int.from_bytes(self.reader.read(2 if length == 126 else 8), "big")
            payload, opcode = self.reader.read(length), first & 15
            if opcode == 9:
                self.send(payload, 10)  # ping: pong
            elif opcode == 8:
                return
            elif opcode < 3:
                parts += payload
                if first & 0x80:
                    yield parts
                    parts = b""


def follow(url, seconds):
    regions, totals, title, digits, prev, lights = {}, None, "", 2, None, 0
    until = time.monotonic() + seconds if seconds else None
    feed = Feed(url, os.environ.get("MERIDIAN_TOKEN"))
    feed.send(json.dumps({"type": "subscribe"}).encode())
    for message in feed:
        frame = json.loads(message)
        kind = frame["type"]
        if prev is not None and kind != "snapshot" and frame["prev"] != prev:
            raise SystemExit(f"gap: frame {frame['seq']} follows {frame['prev']}, have {prev}")
        prev = frame["seq"]
        if kind == "hello":
            if frame["version"] != 1:
                raise SystemExit(f"protocol version {frame['version']} is not 1")
            title = frame["title"]["en"]
            digits = {"JPY": 0, "KRW": 0}.get(frame["currency"], 2)
        elif kind in ("snapshot", "tick"):
            if kind == "snapshot":
                regions.clear()
            regions.update((row["id"], row["gmv_minor"]) for row in frame.get("regions", []))
            totals = frame["totals"]
            clock = time.strftime("%H:%M:%S", time.gmtime(frame["event_ms"] / 1000))
            if sys.stdout.isatty():
                print(f"\r{title}  {clock} UTC  {totals['gmv_minor'] / 10**digits:,.{digits}f}", end="", flush=True)
        elif kind == "lights":
            lights += frame["events"]
        if kind == "bye" or until and time.monotonic() > until:
            break
    if totals is None:
        raise SystemExit(f"{url} ended before it said any figures")
    added = sum(regions.values()) + totals["unplaced"]["gmv_minor"]
    if sys.stdout.isatty():
        print()
    print(json.dumps({"gmv_minor": totals["gmv_minor"], "regions_gmv_minor": added, "orders": totals["orders"],
                      "payments": totals["payments"], "lights_events": lights}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:9016")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0: never")
    args = parser.parse_args()
    try:
        follow(args.url, args.seconds)
    except OSError as error:
        raise SystemExit(f"{args.url}: {error}")
