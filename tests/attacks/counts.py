"""Differences of published counts: within one series, and of orders against payments under a delay that the adversary knows or finds."""
import bisect, dataclasses, statistics

from seen import CORRECTION, ORDER, PAYMENT, TOTAL, Seen

KINDS = (ORDER, PAYMENT)


@dataclasses.dataclass
class Finding:
    """A count of 1 to k − 1 that has to be so, `least` to `most` of it."""
    method: str
    what: tuple
    kind: str
    start: tuple  # (lo, hi) of its beginning, in event time of `kind`
    end: tuple
    least: int
    most: int
    claim: str  # what is said: "time" (between two instants), "sequence" (among the parent's events), "product", "sum"
    detail: dict = dataclasses.field(default_factory=dict)

    def line(self, verdict=None):
        said = {"method": self.method, "what": "/".join(map(str, self.what)), "kind": self.kind, "from_ms": self.start[1],
                "to_ms": self.end[1], "count": self.least if self.least == self.most else [self.least, self.most], "claim": self.claim}
        said.update({key: value for key, value in self.detail.items() if not key.startswith("_")})
        if verdict is not None:
            said["truth"] = verdict
        return said


@dataclasses.dataclass
class Delay:
    """Payments come `ms` after their orders, all of them alike, or so it looks."""
    ms: int
    accepted: bool
    matched: int
    spread_ms: float
    contradictions: float


def delay_of(seen: Seen, most_ms=120_000, step_ms=100):
    """The constant delay that fits best, and whether the feed bears it out."""
    orders, payments = (seen.series(TOTAL, kind) for kind in KINDS)
    if len(orders) < 3 or len(payments) < 3:
        return Delay(0, False, 0, 0.0, 1.0)
    when = {count: point.hi for count, point in orders}
    apart = sorted(point.hi - when[count] for count, point in payments if count in when)
    spread = float("inf")
    if len(apart) >= 4:
        cut = len(apart) // 20
        inner = apart[cut:len(apart) - cut] if cut else apart
        spread = inner[-1] - inner[0]
        if len(apart) >= min(len(orders), len(payments)) // 2:
            # Both kinds say the same values: when they do tells the delay, if it is one.
            return Delay(int(statistics.median(inner)), spread <= 500, len(apart), spread, 0.0)
    times = [point.hi for _, point in orders]
    counts = [count for count, _ in orders]

    def wrong(delay_ms):
        bad = 0
        for count, point in payments:
            at = bisect.bisect_right(times, point.hi - delay_ms)
            below = counts[at - 1] if at else 0
            above = counts[at] if at < len(counts) else float("inf")
            bad += max(below - count, count - above, 0) > 1
        return bad / len(payments)

    tried = [(wrong(delay_ms), delay_ms) for delay_ms in range(0, most_ms + 1, step_ms)]
    least = min(tried)[0]
    best = [delay_ms for share, delay_ms in tried if share <= least]
    # Of a run of equally good ones, the middle of the first.
    run = [delay_ms for at, delay_ms in enumerate(best) if delay_ms == best[0] + at * step_ms]
    return Delay(0 if run[0] == 0 else run[len(run) // 2], least <= 0.04, len(apart), spread, least)


def exact_instants(seen: Seen, node):
    """Whether a counter's published value is everything of it until that instant. A category's or a product's isn't: it is a sum of
    what its regions released, each when it did."""
    return node[0] in ("total", "region", "channel", "cell") or node[0] == "product" and len(node) > 2


def nodes(seen: Seen):
    return sorted((node for node in seen.points if node[0] != "unplaced"), key=str)


def within_series(seen: Seen, k):
    """(a) What was published of one kind of one counter, at any two instants, is equal or differs by k at least."""
    for node in nodes(seen):
        for kind in KINDS:
            before = (0, None)
            for count, point in seen.series(node, kind):
                if 0 < count - before[0] < k:
                    start = (before[1].lo, before[1].hi) if before[1] else (0, 0)
                    claim = "time" if exact_instants(seen, node) else "sum"
                    yield Finding("series", node, kind, start, (point.lo, point.hi), count - before[0], count - before[0], claim)
                before = (count, point)
    counts = [((lo, hi), count) for lo, hi, (count, _) in seen.corrections]
    for (start, one), (end, two) in zip([((0, 0), 0)] + counts, counts):
        if 0 < two - one < k:
            yield Finding("series", ("total",), CORRECTION, start, end, two - one, two - one, "time")


def across_kinds(seen: Seen, k, delay_ms):
    """(b) Orders and payments sample one counter: what one says more than the other, at neighbouring instants."""
    for node in nodes(seen):
        # A cell counts from where its region was large enough in that kind: elsewhere in the other.
        claim = "time" if exact_instants(seen, node) and node[0] not in ("cell", "product") else "sum"
        merged = []
        for kind in KINDS:
            shift = delay_ms if kind == PAYMENT else 0
            merged += [(count, point.hi - shift, point.lo - shift, kind) for count, point in seen.series(node, kind)]
        merged.sort()
        before = (0, 0, 0, ORDER)
        for now in merged:
            apart = now[0] - before[0]
            if 0 < apart < k and now[3] != before[3] and now[1] >= before[1] - 300:
                start, end = before[1:3][::-1], (min(now[2], now[1]), now[1])
                yield Finding("kinds", node, ORDER, start, end, apart, apart, claim, {"delay_ms": delay_ms})
            if apart:
                before = now


def across_bounds(seen: Seen, k, least_ms, most_ms):
    """(b) Where each order is paid after `least_ms` to `most_ms`, a published payment bounds the orders of other instants."""
    for node in nodes(seen):
        if not exact_instants(seen, node) or node[0] in ("cell", "product"):
            continue
        orders, payments = (seen.series(node, kind) for kind in KINDS)
        if not orders or not payments:
            continue
        # (instant, known to be at least, at most)
        floor = sorted([(point.hi, count) for count, point in orders] + [(point.hi - least_ms, count) for count, point in payments])
        ceiling = sorted([(point.hi, count) for count, point in orders] + [(point.lo - most_ms, count) for count, point in payments])
        least, most = 0, [(0, 0)]
        for at, count in floor:
            least = max(least, count)
            most.append((at, least))
        floor = most
        best, high = float("inf"), []
        for at, count in reversed(ceiling):
            best = min(best, count)
            high.append((at, best))
        high.reverse()
        instants = sorted({at for at, _ in floor} | {at for at, _ in high})
        floor_at = lambda at: floor[bisect.bisect_right(floor, (at, float("inf"))) - 1][1]
        high_times = [at for at, _ in high]
        high_at = lambda at: high[index][1] if (index := bisect.bisect_left(high_times, at)) < len(high) else float("inf")
        for one, two in zip(instants, instants[1:]):
            few, many = max(0, floor_at(two) - high_at(one)), high_at(two) - floor_at(one)
            if 1 <= many < k and few <= many:
                yield Finding("bounds", node, ORDER, (one, one), (two, two), int(few), int(many), "time",
                              {"delay_ms": [least_ms, most_ms]})
