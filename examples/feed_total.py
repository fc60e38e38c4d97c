#!/usr/bin/env python3
"""Subscribes to a Meridian feed as JSON and prints GMV as it adds up.

    pip install websockets
    python3 examples/feed_total.py [ws://127.0.0.1:9016] [--seconds N]

At the end it prints one line of JSON. `regions_gmv_minor` is added up here, region by region, plus
what has no place: it must equal `gmv_minor`, the feed's own total.
"""
import argparse
import asyncio
import json
import time

import websockets


async def follow(url, seconds):
    regions, totals, title, digits, prev, lights = {}, None, "", 2, None, 0
    until = time.monotonic() + seconds if seconds else None
    async with websockets.connect(url, subprotocols=["meridian.v1+json"], max_size=8 << 20) as feed:
        await feed.send(json.dumps({"type": "subscribe"}))
        async for message in feed:
            frame = json.loads(message)
            kind = frame["type"]
            if prev is not None and frame["prev"] != prev:
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
                print(f"\r{title}  {clock} UTC  {totals['gmv_minor'] / 10**digits:,.{digits}f}", end="", flush=True)
            elif kind == "lights":
                lights += frame["events"]
            elif kind == "bye":
                break
            if until and time.monotonic() > until:
                break
    print()
    if totals:
        added = sum(regions.values()) + totals["unplaced"]["gmv_minor"]
        print(json.dumps({
            "gmv_minor": totals["gmv_minor"], "regions_gmv_minor": added,
            "orders": totals["orders"], "payments": totals["payments"], "lights_events": lights,
        }))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:9016")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0: never")
    args = parser.parse_args()
    asyncio.run(follow(args.url, args.seconds))
