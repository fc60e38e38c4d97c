"""What a recording shows: for each counter the values that were published, and when; and the truth to check findings by."""
import bisect, collections, json

ORDER, PAYMENT, CORRECTION = "order", "payment", "correction"
TOTAL, UNPLACED = ("total",), ("unplaced",)
COUNTS = ("orders", "payments", "gmv_minor")

# A published state of a counter: it came to be after `lo` and was there at `hi` (event time); `total` is what the total had then.
Point = collections.namedtuple("Point", "lo hi orders payments value total")
# What everything stood at, at one instant, for sums over parts. `tables`: which of them are of this very instant.
State = collections.namedtuple("State", "at tables counters")


class Seen:
    """Reads recordings of one day; several gateways and epochs are laid over each other."""

    def __init__(self, files):
        self.hello, self.points, self.states, self.lights, self.arcs = {}, {}, [], [], []
        # (since, until, (how many, their value))
        self.corrections, self.warmth, self.history, self.rates, self.reached = [], [], [], [], []
        self.frames = collections.Counter()
        streams = collections.defaultdict(list)
        for name in files:
            with open(name, encoding="utf-8") as file:
                for line in file:
                    if not line.endswith("}\n"):
                        continue  # The last one, torn.
                    said = json.loads(line)
                    frame = said["f"]
                    self.frames[frame["type"]] += 1
                    if frame["type"] == "hello":
                        self.hello = frame
                    else:
                        streams[said["c"].split(".")[0], frame["epoch"]].append(frame)
        for frames in streams.values():
            self.read(frames)
        for node, points in self.points.items():
            # Two gateways say the same at the same instant: once is enough, and the later `lo` is the nearer.
            same = {}
            for point in points:
                key = (point.hi, *point[2:5])
                if key not in same or same[key].lo < point.lo:
                    same[key] = point
            self.points[node] = sorted(same.values(), key=lambda point: (point.hi, point.orders, point.payments))
        self.states.sort(key=lambda state: state.at)
        self.corrections.sort(key=lambda row: (row[1], row[2]))
        self.lights.sort(key=lambda light: (light["to_ms"], light["seq"]))
        self.lights = [light for at, light in enumerate(self.lights)
                       if at == 0 or (light["epoch"], light["seq"]) != (self.lights[at - 1]["epoch"], self.lights[at - 1]["seq"])]

    def read(self, frames):
        """One stream of one gateway, in the order of its numbers."""
        rank = {"tick": 0, "lights": 1, "products": 2, "snapshot": 3}
        frames = [frame for frame in frames if frame["type"] in rank]
        frames.sort(key=lambda frame: (frame.get("event_ms", frame.get("to_ms")), frame["seq"], rank[frame["type"]]))
        now, told = {}, {"parts": None, "cells": None, "products": None}

        def put(node, row, table, at, total):
            more = tuple(row[key] for key in COUNTS) + ((row["units"],) if "units" in row else ())
            before = now.get(node)
            if before == more:
                return
            now[node] = more
            lo = told[table] if told[table] is not None else at - 100
            self.points.setdefault(node, []).append(Point(lo, at, *more[:3], total))

        for frame in frames:
            kind, at = frame["type"], frame.get("event_ms")
            if kind == "lights":
                self.lights.append(frame)
                continue
            products = frame if kind == "products" else frame.get("products")
            if kind in ("tick", "snapshot"):
                totals = frame["totals"]
                total = (totals["orders"], totals["payments"])
                put(TOTAL, totals, "parts", at, total)
                put(UNPLACED, totals["unplaced"], "parts", at, total)
                corrected = (totals["corrections"], totals["corrected_minor"])
                if corrected[0] and all(other != corrected for _, _, other in self.corrections):
                    self.corrections.append((told["parts"] or at, at, corrected))
                for name, key in (("region", "regions"), ("category", "categories"), ("channel", "channels")):
                    for row in frame.get(key, []):
                        put((name, row["id"]), row, "parts", at, total)
                for row in frame.get("cells", []):
                    put(("cell", row["region"], row["category"]), row, "cells", at, total)
                self.rates.append((at, frame["rates"]))
                self.reached += [(at, row["gmv_minor"], row["at_ms"]) for row in frame.get("reached", [])]
                if kind == "snapshot":
                    self.warmth.append((at, frame["warmth"]))
                    self.history.append((at, frame["history"]))
                tables = {"parts"} | ({"cells"} if frame.get("cells") or kind == "snapshot" else set())
                told.update({table: at for table in tables})
            else:
                total, tables = now.get(TOTAL, (0, 0))[:2], {"products"}
            if products:
                for row in products.get("products", []):
                    put(("product", row["id"]), row, "products", at, total)
                for row in products.get("regions", []):
                    put(("product", row["product"], row["region"]), row, "products", at, total)
                told["products"] = at
                if kind == "snapshot":
                    tables.add("products")
            if kind == "products" and self.states and self.states[-1].at == at:
                tables |= self.states[-1].tables
                self.states.pop()
            fine = len(tables) > 1 or "products" in tables
            kept = dict(now) if fine else {node: row for node, row in now.items() if node[0] not in ("cell", "product")}
            if not self.states or self.states[-1].counters != kept:
                self.states.append(State(at, frozenset(tables), kept))

    def prices(self):
        """Products' prices as the feed tells them: value ÷ units, where that is one whole number all along."""
        means = collections.defaultdict(set)
        for state in self.states:
            for node, row in state.counters.items():
                if node[0] == "product" and len(row) > 3 and row[3] > 0:
                    means[node[1]].add(row[2] / row[3])
        return {product: int(next(iter(values))) for product, values in means.items() if len(values) == 1 and next(iter(values)).is_integer()}

    def series(self, node, kind):
        """Published counts of one kind, each once, as (count, first point that said it), rising."""
        first = {}
        for point in self.points.get(node, []):
            count = point.orders if kind == ORDER else point.payments
            if count > 0 and count not in first:
                first[count] = point
        return sorted(first.items())


def is_of(node):
    """A test whether a line of the truth belongs to a counter."""
    kind = node[0]
    if kind == "total":
        return lambda line: True
    if kind == "and":
        one, two = is_of(node[1]), is_of(node[2])
        return lambda line: one(line) and two(line)
    if kind == "unplaced":
        return lambda line: line["region"] is None
    if kind == "cell":
        return lambda line: line["region"] == node[1] and line["category"] == node[2]
    if kind == "product" and len(node) > 2:
        return lambda line: line["product"] == node[1] and line["region"] == node[2]
    return lambda line: line[kind] == node[1]


class Truth:
    """What the shop wrote of its own orders."""

    def __init__(self, file):
        self.lines = collections.defaultdict(list)
        with open(file, encoding="utf-8") as lines:
            for text in lines:
                line = json.loads(text)
                self.lines[line["kind"]].append(line)
        for lines in self.lines.values():
            lines.sort(key=lambda line: (line["taken"], line["sent"], line["at"]))
        self.kept = {}

    def of(self, kind, node):
        """The lines of a counter, and their instants."""
        key = (kind, node)
        if key not in self.kept:
            lines = list(filter(is_of(node), self.lines[kind]))
            self.kept[key] = (lines, sorted(line["at"] for line in lines), sorted(line["sent"] for line in lines),
                              sorted(line["taken"] for line in lines))
        return self.kept[key]

    def between(self, kind, node, start, end, slack=0):
        """(as its instants say, at least, at most) between two points (lo, hi) in time."""
        _, made, sent, taken = self.of(kind, node)
        upto = lambda times, at: bisect.bisect_right(times, at)
        exact = upto(made, end[1]) - upto(made, start[1])
        least = upto(taken, end[0] - slack) - upto(sent, start[1] + slack)
        most = upto(sent, end[1] + slack) - upto(taken, start[0] - slack)
        return exact, max(0, least), max(0, most)

    def among(self, kind, parent, child, first, last):
        """How many of a child are among a parent's events number `first` + 1 to `last`."""
        return sum(map(is_of(child), self.of(kind, parent)[0][first:last]))
