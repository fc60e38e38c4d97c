"""Counts and sums of money together: which products can they have been? One order is one piece of one product at its price."""
import bisect, collections, math

from counts import Finding, exact_instants
from partitions import tables
from seen import CORRECTION, ORDER, PAYMENT, TOTAL, Seen

# Blocks of more purchases than this have so many solutions that nothing is looked for.
MOST_ITEMS = 80
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


def rounding(seen: Seen, prices, known="auto"):
    """How a published value relates to the true one: (lowest, highest) of the true for a published, judged by what all of them have in
    common: to the cent, to a step, or to so many digits. Down, up and to the nearest are all thought possible, unless it is `known`."""
    values = {abs(point.value) for node, points in seen.points.items() if node[0] != "product" for point in points if point.value}
    if not values or not prices:
        return "exact", lambda value: (value, value)
    step = math.gcd(*values)
    if step > math.gcd(*prices.values()) and len(values) > 3:
        below, above = {"down": (0, step - 1), "nearest": (step // 2, step // 2)}.get(known, (step - 1, step - 1))
        return f"steps of {step}", lambda value: (value - below, value + above)
    digits = max(len(str(value).rstrip("0")) for value in values)
    if digits <= 3 and len(values) > 3:
        def around(value):
            unit = 10 ** max(0, len(str(abs(value))) - digits)
            below, above = {"down": (0, unit - 1), "nearest": (unit // 2, unit // 2)}.get(known, (unit - 1, unit - 1))
            return value - below, value + above
        return f"{digits} digits", around
    return "exact", lambda value: (value, value)


def states(seen: Seen, node):
    """(since, until, count, value) whenever the value of a counter changed; the total's without its corrections, which are told."""
    if node == CORRECTED:
        return [(at, at, count, value) for at, (count, value) in seen.corrections]
    column = 0 if seen.hello.get("gmv_counts") == "order" else 1
    moments = [at for at, _ in seen.corrections]
    out = []
    for point in seen.points.get(node, []):
        value = point.value
        if node == TOTAL and (at := bisect.bisect_right(moments, point.hi)):
            value += seen.corrections[at - 1][1][1]
        if (out[-1][3] if out else 0) != value:
            out.append((point.lo, point.hi, point[2 + column], value))
    return out


def purchases(seen: Seen, k, prices, said, known="auto"):
    """(d) For each release of a counter, what is the same in all solutions."""
    name, around = rounding(seen, prices, known)
    said["values"] = name
    exact = name == "exact"
    if len(prices) < max(2, len(seen.hello.get("products", []))):
        said["values"] += ", but not all prices are known"
        return
    category_of = {number: row["category"] for number, row in enumerate(seen.hello.get("products", []))}
    kind = ORDER if seen.hello.get("gmv_counts") == "order" else PAYMENT
    corrected = [at for at, _ in seen.corrections]
    baskets, tally = {}, collections.Counter()

    def basket(node):
        category = node[1] if node[0] == "category" else node[2] if node[0] == "cell" else None
        if category not in baskets:
            own = {product: price for product, price in prices.items() if category is None or category_of.get(product) == category}
            baskets[category] = Basket(own) if len(own) > 1 else None
        return baskets[category]

    def solve(node, count, low, high):
        goods = basket(node)
        if goods is None or not 0 < count <= MOST_ITEMS or high < count * min(goods.prices) or low > high:
            return {}
        tally["blocks"] += 1
        ranges = goods.ranges(count, max(0, low), high)
        if ranges is None:
            tally["blocks without a solution"] += 1
            return {}
        tally["blocks with one solution"] += all(few == many for few, many in ranges.values())
        return {product: span for product, span in ranges.items() if 1 <= span[0] <= span[1] < k}

    for node in sorted(seen.points, key=str) + [CORRECTED]:
        if node[0] in ("product", "unplaced"):
            continue
        path = [(0, 0, 0, 0)] + states(seen, node)
        for at, (*end, last, value) in enumerate(path[1:], 1):
            # Where values are rounded, longer blocks are narrower for each piece; the first `at` of them begin at nothing, exactly.
            for run in [1] if exact else sorted({*range(1, min(RUNS, at) + 1), at}):
                *start, first, before = path[at - run]
                # A correction in between lowers the value without a count; a part's comes when there are k of its own, any time later.
                if last <= first or node[0] != "total" and any(moment <= end[1] for moment in corrected):
                    continue
                (low, high), (low_before, high_before) = around(value), around(before) if before else (0, 0)
                found = solve(node, last - first, low - high_before, high - low_before)
                for product, (few, many) in found.items():
                    claim = "time" if exact_instants(seen, node) and (first or node[0] != "cell") else "sum"
                    detail = {"pieces": last - first, "value_minor": value - before, "_node": ("and", node, ("product", product))}
                    of = CORRECTION if node == CORRECTED else kind
                    yield Finding("value", node + (f"product {product}",), of, tuple(start), tuple(end), few, many, claim, detail)
                if found:
                    break
    yield from left_values(seen, k, kind, around, corrected, solve)
    said["knapsacks"] = dict(tally)


def left_values(seen: Seen, k, kind, around, corrected, solve):
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
                if row and row[2]:
                    fewest, most = around(row[2]) if at < len(parents) or children[0][0] != "product" else (row[2], row[2])
                    low, high = (low + fewest, high + most) if at < len(parents) else (low - most, high - fewest)
            if (count, low, high) in done or count <= 0:
                continue
            done.add((count, low, high))
            for product, (few, many) in solve(name, count, low, high).items():
                detail = {"in": f"{'/'.join(map(str, name))}, less its {children[0][0]} rows", "pieces": count, "value_minor": [low, high]}
                yield Finding("value left", name + (children[0][0], f"product {product}"), kind, (state.at, state.at), (state.at, state.at),
                              few, many, "sum", detail)
