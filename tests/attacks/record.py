#!/usr/bin/env python3
"""Records what anybody can see: the public feed as JSON, over several connections at once.

    record.py recording.jsonl ws://127.0.0.1:9016 [more gateways or relays …] --seconds 300 [--late 2]

To each address one connection follows the feed from the beginning, one more says `relay` (a snapshot each five seconds), and
--late N join late, stay for a while and come back, over and over. Lines: {"rx": wall clock, "c": who, "f": frame}. A frame that another
connection to the same address had is left out, but for snapshots and hellos.
"""
import argparse, asyncio, json, os, random, sys, time

from websockets.asyncio.client import connect


class Recording:
    def __init__(self, file):
        self.file, self.known, self.frames = file, set(), 0

    def add(self, who, url, text):
        frame = json.loads(text)
        name = (url, frame.get("epoch"), frame.get("seq"), frame.get("type"))
        if frame.get("type") not in ("snapshot", "hello", "bye"):
            if name in self.known:
                return
            self.known.add(name)
        self.frames += 1
        self.file.write(json.dumps({"rx": round(time.time(), 3), "c": who}, separators=(",", ":"))[:-1] + ',"f":' + text.strip() + "}\n")


async def follow(recording, url, who, subscribe, until, again, stay=None, first_wait=0.0, rng=random):
    """Follows from now, or from later on for a while, until the end."""
    await asyncio.sleep(first_wait)
    token = os.environ.get("MERIDIAN_VIEWER")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    while time.time() < until:
        leave = min(until, time.time() + stay) if stay else until
        try:
            async with asyncio.timeout(max(leave - time.time(), 0.1)):
                async with connect(url, subprotocols=["meridian.v1+json"], max_size=None, additional_headers=headers) as socket:
                    await socket.send(json.dumps({"type": "subscribe", **subscribe}))
                    async for message in socket:
                        recording.add(who, url, message)
        except TimeoutError:
            pass
        except Exception as error:
            if time.time() < until - 1:
                print(f"{who}: {type(error).__name__}: {error}; again", file=sys.stderr)
        await asyncio.sleep(rng.uniform(2, again) if stay else 0.2)


async def record(args):
    until, rng = time.time() + args.seconds, random.Random(args.seed)
    with open(args.recording, "w", encoding="utf-8", buffering=1 << 16) as file:
        recording = Recording(file)
        tasks = []
        for at, url in enumerate(args.urls):
            tasks.append(follow(recording, url, f"{at}.first", {}, until, 1))
            tasks.append(follow(recording, url, f"{at}.relay", {"relay": True, "lights_per_s": 0}, until, 1))
            for late in range(args.late):
                tasks.append(follow(recording, url, f"{at}.late{late}", {}, until, 30, stay=3,
                                    first_wait=rng.uniform(5, max(6, args.seconds / 4)), rng=rng))
        await asyncio.gather(*tasks)
        print(json.dumps({"frames": recording.frames}))
    return recording.frames > 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording")
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--late", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(0 if asyncio.run(record(parser.parse_args())) else 1)
