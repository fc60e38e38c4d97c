#!/usr/bin/env python3
"""A shop of our own: sends orders, payments and refunds to a gateway's live day, and keeps the truth for itself.

    shop.py --day live.toml [--ends-in SECONDS]                          the day's file for the gateway, with the shop's products
    shop.py ws://127.0.0.1:9016 --preset one-per-second --seconds 300 --truth truth.jsonl

A line of the truth is one order, payment or correction: when it was made, and between which instants (`sent`, `taken`) it was counted.
"""
import argparse, asyncio, csv, heapq, json, math, os, random, struct, sys, time, zlib

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "assets", "data")
# One item an order, at its product's price, in minor units; the dear ones are rare. Prices with few common divisors, as shops have them.
PRICES = [1295, 3490, 5999, 18950, 79900]
SHARES = [0.38, 0.30, 0.20, 0.09, 0.03]
COUNTRIES = "DE FR GB AT CH NL IT ES SE BE DK PL NO FI IE PT CZ LU IS MT".split()
ORDER, PAYMENT, CORRECTION = "order", "payment", "correction"
PRESETS = {
    "five-prices": dict(rate=0.1, pay="at-once", prices="5", products=5, regions=7),
    "one-per-second": dict(rate=1.0, pay="at-once", prices="5", products=5, regions=7),
    "six-per-second": dict(rate=6.0, pay="random:0.2-5", prices="many", products=5, regions=12),
    "constant-delay": dict(rate=2.0, pay="delay:3.7", prices="5", products=5, regions=7),
    "refunds": dict(rate=3.0, pay="at-once", prices="5", products=5, regions=7, refunds=0.2, unplaced=0.05, unpaid=0.1),
    "busy": dict(rate=60.0, pay="at-once", prices="many", products=12, regions=20),
}
DEFAULTS = dict(rate=1.0, pay="at-once", prices="5", products=5, regions=7, refunds=0.0, unplaced=0.0, unpaid=0.0)


def rows_of(name):
    with open(os.path.join(DATA, name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def catalogue():
    """Regions' numbers by country, and the places of each, as docs/feed.md counts them."""
    order = {row["iso2"]: at for at, row in enumerate(rows_of("regions.csv"))}
    cities = sorted(rows_of("cities.csv"), key=lambda row: (order[row["iso2"]], -int(row["population"]), row["name"]))
    places = {}
    for number, row in enumerate(cities):
        places.setdefault(row["iso2"], []).append(number)
    return order, places


def encode(kind, source, sequence, rows, items):
    """A batch as docs/orders.md has it. Rows: (at, place, category, channel, amount); items: (row, product, units, amount)."""
    column = lambda table, at, form: struct.pack(f"<{len(table)}{form}", *(row[at] for row in table))
    columns = column(rows, 4, "q") + column(rows, 1, "H") + column(rows, 2, "B") + column(rows, 3, "B")
    columns += column(items, 0, "I") + column(items, 1, "H") + column(items, 2, "i") + column(items, 3, "q")
    begin, end = min(row[0] for row in rows), max(row[0] for row in rows) + 1
    head = struct.pack("<4sBBxxIIQqq8xI", b"MOB1", kind, 1 | 4, source, len(rows), sequence, begin, end, len(items))
    return head + struct.pack("<I", zlib.crc32(head + columns)) + columns


def category_of(product, categories):
    return product % categories


def end_of(args):
    """The next whole minute that is so far off: days begin and end with one."""
    return -(-(time.time() + args.ends_in) // 60) * 60


def day_file(args):
    """The live day's file. With --ends-in the day is of one hour and over then."""
    lines = ["synthetic = false", 'gmv_counts = "payment"', 'currency = "EUR"', "celebrate = [1_000, 10_000, 100_000]",
             "[title]", 'en = "A shop of our own"', 'zh = "测试商店"', "[day]"]
    if args.ends_in:
        lines += [time.strftime('start = "%Y-%m-%dT%H:%M:%S+00:00"', time.gmtime(end_of(args) - 3600)), "hours = 1", "late_s = 5"]
    else:
        lines += ['zone = "UTC"', "hours = 24", "late_s = 60"]
    lines += ["lag_s = 2", "silent_s = 0"]
    for number in range(args.categories):
        lines += ["[[category]]", f'name = {{ en = "Category {number}", zh = "类别{number}" }}']
    for number in range(args.products):
        lines += ["[[product]]", f'id = "product-{number}"', f'name = {{ en = "Product {number}", zh = "商品{number}" }}',
                  f'category = "Category {category_of(number, args.categories)}"']
    return "\n".join(lines) + "\n"


def knows(args):
    """What anybody can find out of the shop without its feed: its prices, and when one pays."""
    said = [] if args.unplaced else ["--all-placed"]
    if args.prices == "5":
        said += ["--prices-known", ",".join(str(PRICES[at % 5]) for at in range(args.products))]
    if not args.unpaid:
        said += ["--delay-known", args.pay.partition(":")[2] or "0"]
    return " ".join(said)


class Shop:
    def __init__(self, args):
        self.args, self.random = args, random.Random(args.seed)
        self.regions, places = catalogue()
        self.countries = COUNTRIES[:args.regions]
        self.weights = [(at + 1) ** -1.4 for at in range(len(self.countries))]
        # A few cities of each, most in the first.
        self.places = {country: places[country][:6] for country in self.countries}
        count = args.products
        self.prices = [PRICES[at % 5] for at in range(count)]
        self.shares = [SHARES[at % 5] for at in range(count)]
        kind, _, span = args.pay.partition(":")
        self.delay = {"at-once": lambda: 0.0, "delay": lambda: float(span),
                      "random": lambda: self.random.uniform(*map(float, span.split("-")))}[kind]
        self.at_once = kind == "at-once"

    def event(self):
        country = self.random.choices(self.countries, self.weights)[0]
        product = self.random.choices(range(len(self.prices)), self.shares)[0]
        amount = self.prices[product]
        if self.args.prices == "many":
            amount = max(100, int(amount * math.exp(self.random.gauss(0, 0.5))))
        cities = self.places[country]
        place = self.random.choices(cities, [(at + 1) ** -1.2 for at in range(len(cities))])[0]
        unplaced = self.random.random() < self.args.unplaced
        return {"region": None if unplaced else self.regions[country], "place": 65535 if unplaced else place,
                "category": category_of(product, self.args.categories), "channel": self.random.choices([0, 1, 2], [0.6, 0.3, 0.1])[0],
                "product": product, "amount": amount}

    def due(self, seconds):
        """(when from the start, number, kind, event), in order; payments and refunds follow their orders."""
        heap, number, at = [], 0, self.random.expovariate(self.args.rate)
        while at < seconds or heap:
            while at < seconds and (not heap or at <= heap[0][0]):
                event = self.event()
                heapq.heappush(heap, (at, number, ORDER, event))
                if self.random.random() >= self.args.unpaid:
                    paid = at + self.delay()
                    heapq.heappush(heap, (paid, number + 1, PAYMENT, event))
                    if self.random.random() < self.args.refunds:
                        back = paid + self.random.uniform(5, 60)
                        heapq.heappush(heap, (back, number + 2, CORRECTION, event))
                number += 3
                at += self.random.expovariate(self.args.rate)
            if heap:
                due = heapq.heappop(heap)
                if due[0] < seconds:
                    yield due


class Sender:
    """Keeps a batch until it is answered, as docs/orders.md asks for; after a loss it sends it again."""

    def __init__(self, url, truth, token=None):
        self.url, self.truth, self.token = url, truth, token
        self.sequence, self.open, self.problems = time.time_ns() // 1000, {}, 0
        self.ready, self.socket = asyncio.Event(), None

    async def run(self):
        from websockets.asyncio.client import connect
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        while True:
            try:
                async with connect(self.url, subprotocols=["meridian.v1.orders"], max_size=None, additional_headers=headers) as socket:
                    await socket.recv()
                    for batch, _ in list(self.open.values()):
                        await socket.send(batch)
                    self.socket = socket
                    self.ready.set()
                    async for message in socket:
                        self.answered(json.loads(message))
            except (OSError, Exception) as error:
                if isinstance(error, asyncio.CancelledError):
                    raise
                self.ready.clear()
                await asyncio.sleep(0.5)

    def answered(self, answer):
        kept = self.open.get(answer["sequence"])
        if kept is None:
            return
        if answer["type"] == "later":
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(self.again(kept[0])))
            return
        del self.open[answer["sequence"]]
        if answer["type"] == "refused":
            self.problems += len(kept[1])
            print("refused:", answer.get("problem"), file=sys.stderr)
            return
        taken = int(time.time() * 1000)
        for row in kept[1]:
            self.truth.write(json.dumps({**row, "taken": taken}) + "\n")
        self.truth.flush()

    async def again(self, batch):
        if self.ready.is_set():
            await self.socket.send(batch)

    async def send(self, events):
        """Events of (kind, at, event) as one message: a batch for each kind and second."""
        batches, message, sent = {}, b"", int(time.time() * 1000)
        for kind, at, event in events:
            batches.setdefault((kind == ORDER, at // 1000), []).append((kind, at, event))
        for (orders, _), events in sorted(batches.items(), key=lambda item: (item[0][1], not item[0][0])):
            rows, items, lines = [], [], []
            for kind, at, event in events:
                sign = -1 if kind == CORRECTION else 1
                items.append((len(rows), event["product"], sign, sign * event["amount"]))
                rows.append((at, event["place"], event["category"], event["channel"], sign * event["amount"]))
                lines.append({"kind": kind, "at": at, "sent": sent, **event})
            self.sequence += 1
            batch = encode(0 if orders else 1, 1, self.sequence, rows, items)
            self.open[self.sequence] = (batch, lines)
            message += batch
        await self.ready.wait()
        try:
            await self.socket.send(message)
        except Exception:
            pass  # It is sent again after the next connection.


async def trade(args):
    shop = Shop(args)
    with open(args.truth, "w", encoding="utf-8") as truth:
        sender = Sender(args.url, truth, os.environ.get("MERIDIAN_TOKEN"))
        task = asyncio.create_task(sender.run())
        await asyncio.wait_for(sender.ready.wait(), 30)
        started, waiting, many = time.time(), [], args.rate > 15
        for due, _, kind, event in shop.due(args.seconds):
            rest = started + due - time.time()
            if rest > (0 if many else -1):
                # What is due at once goes as one message: an order and its payment are one.
                if waiting and (not many or rest > 0):
                    await sender.send(waiting)
                    waiting = []
                await asyncio.sleep(max(rest, 0.1 if many else 0.0))
            waiting.append((kind, int(time.time() * 1000), event))
            if shop.at_once and kind == ORDER:
                continue
            if not many:
                await sender.send(waiting)
                waiting = []
        if waiting:
            await sender.send(waiting)
        for _ in range(100):
            if not sender.open:
                break
            await asyncio.sleep(0.1)
        task.cancel()
        print(json.dumps({"unanswered": len(sender.open), "refused": sender.problems}))
    return not sender.open and not sender.problems


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:9016")
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--rate", type=float, help="orders a second")
    parser.add_argument("--pay", help="at-once, delay:SECONDS or random:MIN-MAX")
    parser.add_argument("--prices", choices=["5", "many"])
    parser.add_argument("--products", type=int)
    parser.add_argument("--categories", type=int, default=2)
    parser.add_argument("--regions", type=int, help=f"at most {len(COUNTRIES)}, the first with the most")
    parser.add_argument("--refunds", type=float, help="share of payments that are taken back within a minute")
    parser.add_argument("--unplaced", type=float, help="share without a known place")
    parser.add_argument("--unpaid", type=float, help="share of orders that are never paid")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--truth", default="truth.jsonl")
    parser.add_argument("--day", help="write the live day's file there, say in how many seconds it ends, and end")
    parser.add_argument("--knows", action="store_true", help="print what anybody may know of this shop, as the adversary's arguments, and end")
    parser.add_argument("--ends-in", type=float, default=0, help="with --day: the day is over with the first whole minute after so many seconds")
    args = parser.parse_args()
    for key, value in {**DEFAULTS, **PRESETS.get(args.preset, {})}.items():
        if getattr(args, key) is None:
            setattr(args, key, value)
    return args


if __name__ == "__main__":
    given = arguments()
    if given.knows:
        print(knows(given))
    elif given.day:
        with open(given.day, "w", encoding="utf-8") as file:
            file.write(day_file(given))
        print(int(end_of(given) - time.time()) if given.ends_in else 86_400)
    else:
        sys.exit(0 if asyncio.run(trade(given)) else 1)
