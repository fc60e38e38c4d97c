#!/usr/bin/env python3
"""Sends orders to a Meridian gateway that serves a live day. It needs nothing but Python 3.

    python3 examples/send_orders.py [ws://127.0.0.1:9016] [--number N] < orders.jsonl      (MERIDIAN_TOKEN: a source's token)

A line is {"kind": "order", "country": "DE", "city": "Berlin", "category": "Garden", "channel": "mobile", "amount": 1999}, where
kind is order or payment, city may be left out, amount is in minor units and "at" (milliseconds since 1970) may be given.
Lines of a tenth of a second become a batch; a batch is kept until the gateway says that it is counted, and sent again after a
loss. At the end it prints a line of JSON.
"""
import argparse, collections, csv, json, os, queue, struct, sys, threading, time, zlib
from feed_total import Feed

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "assets", "data")
CHANNELS = ("mobile", "desktop", "store")


def places():
    """A place's number by country and city; a country's first place by the country alone."""
    numbers = {}
    with open(os.path.join(DATA, "cities.csv"), encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            numbers.setdefault((row["iso2"], None), number)
            numbers.setdefault((row["iso2"], row["name"]), number)
    return numbers


def encode(kind, number, sequence, rows):
    """A batch as docs/orders.md has it, of rows (at, place, category, channel, amount)."""
    column = lambda at, form: struct.pack(f"<{len(rows)}{form}", *(row[at] for row in rows))
    columns = column(4, "q") + column(1, "H") + column(2, "B") + column(3, "B")
    now = int(time.time() * 1000)
    begin, end = min((row[0] for row in rows), default=now), max((row[0] for row in rows), default=now) + 1
    head = struct.pack("<4sBBxxIIQqq8xI", b"MOB1", kind, 1, number, len(rows), sequence, begin, end, 0)
    return head + struct.pack("<I", zlib.crc32(head + columns)) + columns


def read(lines, day, numbers):
    """Batches of the lines: (kind, rows), a tenth of a second each."""
    categories = {name: at for at, name in enumerate(day["categories"])}
    rows, until = collections.defaultdict(list), time.monotonic() + 0.1
    for number, line in enumerate(lines, 1):
        try:
            order = json.loads(line)
            country = order.get("country")
            place = numbers.get((country, order.get("city")), numbers.get((country, None), 65535))
            row = (int(order.get("at", time.time() * 1000)), place, categories[order["category"]],
                   CHANNELS.index(order["channel"]), int(order["amount"]))
            rows[("order", "payment").index(order["kind"])].append(row)
        except (ValueError, KeyError, TypeError) as error:
            print(f"line {number} is left out: {error!r}", file=sys.stderr)
        if time.monotonic() > until or sum(map(len, rows.values())) >= 50_000:
            yield from rows.items()
            rows, until = collections.defaultdict(list), time.monotonic() + 0.1
    yield from rows.items()


def send(url, number):
    numbers, open_batches, said = places(), collections.OrderedDict(), collections.Counter()
    given, sequence, day, feed = queue.Queue(1), time.time_ns() // 1000, None, None
    while True:
        try:
            feed = Feed(url, os.environ.get("MERIDIAN_TOKEN"), "meridian.v1.orders")
            answers = iter(feed)
            welcome = json.loads(next(answers))
            if day is None:
                def fill():
                    for batch in read(sys.stdin, welcome, numbers):
                        given.put(batch)
                    given.put(None)
                day = welcome
                threading.Thread(target=fill, daemon=True).start()
            for batch in open_batches.values():
                feed.send(batch, 2)
            ended = False
            while not ended or open_batches:
                if not ended:
                    try:
                        batch = given.get(timeout=5)
                    except queue.Empty:
                        batch = (0, [])  # still here, and nothing sold
                    ended = batch is None
                    if not ended:
                        sequence += 1
                        open_batches[sequence] = encode(batch[0], number, sequence, batch[1])
                        said["rows"] += len(batch[1])
                        feed.send(open_batches[sequence], 2)
                while open_batches:
                    answer = json.loads(next(answers))
                    said[answer["type"]] += 1
                    if answer["type"] == "later":
                        time.sleep(1)
                        feed.send(open_batches[answer["sequence"]], 2)
                        continue
                    if answer["type"] == "refused":
                        print(f"refused: {answer['problem']}", file=sys.stderr)
                    open_batches.pop(answer["sequence"], None)
            print(json.dumps(said))
            return
        except (OSError, ValueError, StopIteration) as error:
            print(f"{url}: {error!r}; trying again", file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:9016")
    parser.add_argument("--number", type=int, default=1, help="this source's number: each needs its own")
    args = parser.parse_args()
    send(args.url, args.number)
