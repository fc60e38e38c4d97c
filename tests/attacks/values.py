"""Counts and sums of money together: which products can they have been? One order is one piece of one product at its price."""
import bisect, collections, math

from counts import Finding, exact_instants
from partitions import tables
from seen import CORRECTION, ORDER, PAYMENT, TOTAL, Seen

# Blocks of more purchases than this have so many solutions that nothing is looked for.
MOST_ITEMS = 80
# But for the whole day.
MOST_OF_DAY = 300
# So many releases of a counter, one after the other, are looked at as one block too.
RUNS = 4
# What was taken back of the total.
CORRECTED = ("total", "corrected")


class Basket:
    """All ways to spend an amount on so many pieces."""

    def __init__(self, prices):
        self.products = sorted(prices)
        self.prices = [prices[product] for product in self.products]
        self.unit = math.gcd(*self.prices)
        self.kept = {}

    def reach(self, without, count, most):
        """For 0 to `count` pieces of the other products: the sums that there are, as bits."""
        bits = most // self.unit + 1
        key = (without, count, (bits + 4095) // 4096)
        if key not in self.kept:
            mask = (1 << key[2] * 4096) - 1
            sums = [1] + [0] * count
            for at, price in enumerate(self.prices):
                if at != without:
                    price //= self.unit
                    for pieces in range(1, count + 1):
                        sums[pieces] |= sums[pieces - 1] << price & mask
            if len(self.kept) > 400:
                self.kept.clear()
            self.kept[key] = sums
        return self.kept[key]

    def ranges(self, count, low, high):
        """For each product the fewest and most pieces in any solution with a sum in low..=high; None if there is none."""
        out = {}
        for at, (product, price) in enumerate(zip(self.products, self.prices)):
            sums = self.reach(at, count, high)
            possible = []
            for pieces in range(min(count, high // price) + 1):
                rest_low, rest_high = max(0, low - pieces * price), high - pieces * price
                start, end = -(-rest_low // self.unit), rest_high // self.unit
                if end >= start and sums[count - pieces] >> start & ((1 << end - start + 1) - 1):
                    possible.append(pieces)
            if not possible:
                return None
            out[product] = (possible[0], possible[-1])
        return out


class Rounding:
    """How a published value relates to the true one: to the cent; or down to a multiple of a step, and not lower than what was said
    before. The step is `part` × k of the dearest order so far, rounded up to 1, 2 or 5 and zeros: which that is isn't known."""

    def __init__(self, seen: Seen, prices, k, how, part):
        self.prices = sorted(set(prices.values()))
        self.steps = {price: step_of(price * k * part) for price in self.prices}
        values = {abs(point.value) for node, points in seen.points.items() if node[0] != "product" for point in points if point.value}
        least = min(self.steps.values(), default=1)
        coarse = bool(values) and sum(value % least == 0 for value in values) >= len(values) / 2
        self.how = how if how != "auto" else "steps" if coarse else "exact"

    def dearest(self, value, fresh):
        """The dearest prices that there may have been until a value was said, each with how much more there may be; None: it is exact.
        `fresh`: it was said for the first time."""
        if self.how == "exact" or self.prices and value % self.steps[self.prices[0]]:
            return [(None, 0)]
        return [(price, step - 1) for price, step in self.steps.items() if not fresh or value % step == 0]


def step_of(least):
    """The next of 1, 2, 5, 10, … that is so much."""
    ten = 1
    while True:
        for digit in (1, 2, 5):
            if ten * digit >= least:
                return ten * digit
        ten *= 10


def states(seen: Seen, node, rounded):
    """(since, until, count, value, whether the value is new) whenever it changed, or the count where values are rounded; the total's
    without its corrections, which are told."""
    if node == CORRECTED:
        return [(lo, hi, count, value, True) for lo, hi, (count, value) in seen.corrections]
    column = 0 if seen.hello.get("gmv_counts") == "order" else 1
    moments = [at for _, at, _ in seen.corrections]
    out = []
    for point in seen.points.get(node, []):
        value = point.value
        # (Where both are rounded, their sum isn't.)
        if node == TOTAL and not rounded and (at := bisect.bisect_right(moments, point.hi)):
            value += seen.corrections[at - 1][2][1]
        count = point[2 + column]
        before = out[-1][2:4] if out else (0, 0)
        if before[1] != value or rounded and before[0] != count:
            out.append((point.lo, point.hi, count, value, before[1] != value))
    return out


def purchases(seen: Seen, k, prices, said, how="auto", part=0.5):
    """(d) For each release of a counter, what is the same in all solutions."""
    rounds = Rounding(seen, prices, k, how, part)
    said["values"] = rounds.how
    exact = rounds.how == "exact"
    if len(prices) < max(2, len(seen.hello.get("products", []))):
        said["values"] += ", but not all prices are known"
        return
    category_of = {number: row["category"] for number, row in enumerate(seen.hello.get("products", []))}
    kind = ORDER if seen.hello.get("gmv_counts") == "order" else PAYMENT
    corrected = [at for _, at, _ in seen.corrections]
    baskets, tally = {}, collections.Counter()

    def basket(node, dearest=None):
        category = node[1] if node[0] == "category" else node[2] if node[0] == "cell" else None
        key = (category, dearest)
        if key not in baskets:
            own = {product: price for product, price in prices.items()
                   if (category is None or category_of.get(product) == category) and (dearest is None or price <= dearest)}
            baskets[key] = Basket(own) if own else None
        return baskets[key]

    def solve(node, count, low, high, dearest=None, most_items=MOST_ITEMS):
        """Fewest and most of each product; {} where that isn't looked for, None where there is no solution."""
        goods = basket(node, dearest)
        if goods is None:
            return None
        if not 0 < count <= most_items:
            return {}
        if low > high or high < count * min(goods.prices):
            return None
        tally["blocks"] += 1
        return goods.ranges(count, max(0, low), min(high, count * max(goods.prices)))

    def between(node, start, end, most_items):
        """Over all that the dearest orders may have been."""
        (first, before, fresh_before), (last, value, fresh) = start, end
        union, any_ = {}, False
        seen_intervals = set()
        for was, more_before in rounds.dearest(before, fresh_before) if before or first else [(None, 0)]:
            for is_, more in rounds.dearest(value, fresh):
                if was is not None and is_ is not None and was > is_:
                    continue
                own = rounds.how == "own-steps" and is_ is not None
                low, high = value - before - more_before, value - before + more
                key = (low, high, is_ if own else None)
                if key in seen_intervals:
                    continue
                seen_intervals.add(key)
                ranges = solve(node, last - first, low, high, is_ if own else None, most_items)
                if ranges == {}:
                    return {}
                if ranges is None:
                    continue
                if any_:
                    for product in set(union) | set(ranges):
                        (one, two), (three, four) = union.get(product, (0, 0)), ranges.get(product, (0, 0))
                        union[product] = (min(one, three), max(two, four))
                else:
                    union, any_ = dict(ranges), True
        tally["blocks with one solution"] += any_ and all(few == many for few, many in union.values())
        tally["blocks without a solution"] += not any_
        return {product: span for product, span in union.items() if 1 <= span[0] <= span[1] < k}

    for node in sorted(seen.points, key=str) + [CORRECTED]:
        if node[0] in ("product", "unplaced"):
            continue
        path = [(0, 0, 0, 0, False)] + states(seen, node, not exact)
        for at, (*end, last, value, fresh) in enumerate(path[1:], 1):
            # Where values are rounded, longer blocks are narrower for each piece; the first `at` of them begin at nothing, exactly.
            day = at == len(path) - 1
            for run in [1] if exact and not day else sorted({*range(1, min(1 if exact else RUNS, at) + 1), at}):
                *start, first, before, fresh_before = path[at - run]
                # A correction in between lowers the value without a count; a part's comes when there are k of its own, any time later.
                if last <= first or (node[0] != "total" or not exact and node != CORRECTED) and any(moment <= end[1] for moment in corrected):
                    continue
                found = between(node, (first, before, fresh_before), (last, value, fresh),
                                MOST_OF_DAY if day and run == at else MOST_ITEMS)
                for product, (few, many) in found.items():
                    claim = "time" if exact_instants(seen, node) and (first or node[0] != "cell") else "sum"
                    detail = {"pieces": last - first, "value_minor": value - before, "_node": ("and", node, ("product", product))}
                    of = CORRECTION if node == CORRECTED else kind
                    yield Finding("value", node + (f"product {product}",), of, tuple(start), tuple(end), few, many, claim, detail)
                if found:
                    break
    yield from left_values(seen, k, kind, rounds, corrected, solve)
    said["knapsacks"] = dict(tally)


def left_values(seen: Seen, k, kind, rounds, corrected, solve):
    """What of a parent none of its parts has said is a count with a value as well."""
    column = 0 if kind == ORDER else 1
    for name, parents, children, table in tables(seen, False):
        if not children or name[0] != "total" and name[0] != "category":
            continue
        done = set()
        for state in seen.states:
            if table not in state.tables or any(moment <= state.at for moment in corrected):
                continue
            rows = [state.counters.get(node) for node in parents + children]
            count = sum((1 if at < len(parents) else -1) * row[column] for at, row in enumerate(rows) if row)
            low = high = 0
            for at, row in enumerate(rows):
                if row and (row[2] or row[column]):
                    exactly = at >= len(parents) and children[0][0] == "product"
                    fewest = row[2]
                    most = row[2] if exactly else row[2] + max(more for _, more in rounds.dearest(row[2], False))
                    low, high = (low + fewest, high + most) if at < len(parents) else (low - most, high - fewest)
            if (count, low, high) in done or count <= 0:
                continue
            done.add((count, low, high))
            for product, (few, many) in (solve(name, count, low, high) or {}).items():
                if not 1 <= few <= many < k:
                    continue
                detail = {"in": f"{'/'.join(map(str, name))}, less its {children[0][0]} rows", "pieces": count, "value_minor": [low, high]}
                yield Finding("value left", name + (children[0][0], f"product {product}"), kind, (state.at, state.at), (state.at, state.at),
                              few, many, "sum", detail)
