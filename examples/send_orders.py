#!/usr/bin/env python3
"""Sends orders to a Meridian gateway that serves a live day. It needs nothing but Python 3.

    python3 examples/send_orders.py [ws://127.0.0.1:9016] [--number N] < orders.jsonl      (MERIDIAN_TOKEN: a source's token)

A line is {"kind": "order", "country": "DE", "city": "Berlin", "category": "Garden", "channel": "mobile", "amount": 1999}, where
kind is order or payment, city may be left out, amount is a whole number of minor units, and "at" (milliseconds since 1970) may
be given. docs/orders.md says more. N is the number that the token was made with (`token make --number N`). Lines that can't be sent are named and left out. Lines of a tenth of a second become a batch; a batch is kept until the
gateway says that it is counted, and sent again after a loss. What is kept is in memory: whoever starts it again has to begin with
the first line that wasn't counted. At the end it prints a line of JSON: rows that were sent and refused, lines that were left out,
batches, and how often the gateway said of one that it is taken, came before or is to be sent again later. It fails if anything was
left out or refused.

Over wss, SSL_CERT_FILE=certificate.pem has Python believe a certificate of the gateway's own.
"""
import argparse, collections, csv, json, os, queue, ssl, struct, sys, threading, time, zlib
from feed_total import Feed

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "assets", "data")
LINE = '{"kind": "order", "country": "DE", "city": "Berlin", "category": "Garden", "channel": "mobile", "amount": 1999}'
KINDS, CHANNELS = ("order", "payment"), ("mobile", "desktop", "store")


def rows_of(name):
    with open(os.path.join(DATA, name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def places():
    """A place's number by country and city, as docs/feed.md counts them; a country's first place by the country alone."""
    order = {row["iso2"]: at for at, row in enumerate(rows_of("regions.csv"))}
    cities = sorted(rows_of("cities.csv"), key=lambda row: (order[row["iso2"]], -int(row["population"]), row["name"]))
    numbers = {}
    for number, row in enumerate(cities):
        numbers.setdefault((row["iso2"], None), number)
        numbers.setdefault((row["iso2"], row["name"]), number)
    return numbers


def encode(kind, number, sequence, rows):
    """A batch as docs/orders.md has it, of rows (at, place, category, channel, amount); of none, to say that one is still here."""
    column = lambda at, form: struct.pack(f"<{len(rows)}{form}", *(row[at] for row in rows))
    columns = column(4, "q") + column(1, "H") + column(2, "B") + column(3, "B")
    begin = min((row[0] for row in rows), default=int(time.time() * 1000))
    end = max((row[0] for row in rows), default=begin) + 1
    head = struct.pack("<4sBBxxIIQqq8xI", b"MOB1", kind, 1, number, len(rows), sequence, begin, end, 0)
    return head + struct.pack("<I", zlib.crc32(head + columns)) + columns


def row_of(line, day, numbers):
    """A line's kind and row; ValueError says what is wrong with it."""
    try:
        order = json.loads(line)
    except ValueError:
        raise ValueError(f"{line.strip()[:60]!r} is no JSON: a line such as {LINE} is needed") from None
    if not isinstance(order, dict):
        raise ValueError(f"an object is needed, such as {LINE}")
    for key, known in (("kind", KINDS), ("category", day["categories"]), ("channel", CHANNELS)):
        if order.get(key) not in known:
            raise ValueError(f"{key} is {order.get(key)!r}: one of {', '.join(known)} is needed")
    at, amount = order.get("at", int(time.time() * 1000)), order.get("amount")
    if type(amount) is not int or abs(amount) > 10**13:
        raise ValueError(f"amount is {amount!r}: a whole number of minor units, 10000000000000 at most, is needed")
    if type(at) is not int or not day["start_ms"] <= at < day["end_ms"]:
        raise ValueError(f"at is {at!r}: the day is from {day['start_ms']} to {day['end_ms']}")
    place = numbers.get((order.get("country"), order.get("city")), numbers.get((order.get("country"), None), 65535))
    return KINDS.index(order["kind"]), (at, place, day["categories"].index(order["category"]),
                                        CHANNELS.index(order["channel"]), amount)


def read(lines, day, out, said):
    """Gives the lines' rows to `out`, one by one, and None at their end."""
    numbers = places()
    for number, line in enumerate(lines, 1):
        try:
            out.put(row_of(line, day, numbers))
        except (ValueError, TypeError) as error:
            said["lines_left_out"] += 1
            print(f"standard input, line {number} is left out: {error}", file=sys.stderr)
    out.put(None)


def gather(given):
    """Batches of what came within a tenth of a second, cut where a second of their own time ends: [(kind, rows)]; and whether
    that was all. After five seconds of nothing, an empty one."""
    batches, until, wait = collections.defaultdict(list), None, 5
    while sum(map(len, batches.values())) < 50_000:
        try:
            row = given.get(timeout=wait)
        except queue.Empty:
            break
        if row is None:
            return [(kind, rows) for (kind, _), rows in batches.items()], True
        batches[row[0], row[1][0] // 1000].append(row[1])
        until = until or time.monotonic() + 0.1
        wait = max(until - time.monotonic(), 0)
    return [(kind, rows) for (kind, _), rows in batches.items()] or [(0, [])], False


def heard(answers):
    """The gateway's next message."""
    message = next(answers, None)
    if message is None:
        raise ConnectionError("the gateway said goodbye")
    return json.loads(message)


def send(url, number):
    open_batches, said = collections.OrderedDict(), collections.Counter()
    given, sequence, started, ended = queue.Queue(100_000), time.time_ns() // 1000, False, False
    while not ended or open_batches:
        try:
            feed = Feed(url, os.environ.get("MERIDIAN_TOKEN"), "meridian.v1.orders")
            answers = iter(feed)
            day = heard(answers)
            if not started:
                threading.Thread(target=read, args=(sys.stdin, day, given, said), daemon=True).start()
                started = True
            for batch in open_batches.values():
                feed.send(batch, 2)
            while not ended or open_batches:
                while open_batches:
                    answer = heard(answers)
                    if answer["type"] != "refused":
                        said[f"batches_{answer['type']}"] += 1
                    batch = open_batches.get(answer["sequence"])
                    if answer["type"] == "later" and batch:
                        time.sleep(1)
                        feed.send(batch, 2)
                        continue
                    if answer["type"] == "refused":
                        said["rows_refused"] += answer["rows"]
                        said["batches_refused"] += 1
                        print(f"rows refused: {answer['rows']}: {answer['problem']}", file=sys.stderr)
                    open_batches.pop(answer["sequence"], None)
                batches, ended = ([], True) if ended else gather(given)
                for kind, rows in batches:
                    sequence += 1
                    said["rows"] += len(rows)
                    said["batches"] += 1
                    open_batches[sequence] = encode(kind, number, sequence, rows)
                    feed.send(open_batches[sequence], 2)
        except ssl.SSLCertVerificationError as error:
            raise SystemExit(f"{url} shows a certificate that isn't believed ({error.verify_message}): "
                             "SSL_CERT_FILE=certificate.pem has Python believe the gateway's own")
        except (OSError, ValueError, IndexError) as error:
            print(f"{url}: {error or type(error).__name__}; batches that wait: {len(open_batches)}; trying again in 5 s", file=sys.stderr)
            time.sleep(5)
    feed.send(b"\x03\xe8", 8)  # goodbye
    print(json.dumps(said))
    if said["rows_refused"] or said["batches_refused"] or said["lines_left_out"]:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:9016")
    parser.add_argument("--number", type=int, default=1, help="this source's number, the one that its token was made with: each needs its own")
    args = parser.parse_args()
    send(args.url, args.number)
