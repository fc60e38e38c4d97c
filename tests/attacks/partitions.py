"""Sums over parts: what is left of a parent when its parts are taken off, and all that sums and differences imply together.

Where orders are paid in their order (at once, or all after the same time), order number n and payment number n are one purchase: what orders
and payments say of "the first V" then is said of one set, whatever the delay is. That union of both kinds is `BOTH`.
"""
import collections, random, time

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from counts import KINDS, Finding
from seen import ORDER, PAYMENT, TOTAL, Seen

BOTH = "both"
NONE = ("unplaced",)
WINDOW = 36
CHANNELS = 3


def parts(seen: Seen, name):
    return sorted(node for node in seen.points if node[0] == name and (name != "product" or len(node) == 2))


def count_of(row, kind):
    return row[0 if kind == ORDER else 1] if row else 0


def tables(seen: Seen, all_placed):
    """(parent's name, its counters, children, the table that has to be of the same instant)."""
    regions, categories, products = parts(seen, "region"), parts(seen, "category"), parts(seen, "product")
    category_of = {row_id: row["category"] for row_id, row in enumerate(seen.hello.get("products", []))}
    yield TOTAL, [TOTAL], parts(seen, "channel"), "parts"
    yield TOTAL, [TOTAL], regions, "parts"
    yield TOTAL, [TOTAL], categories, "parts"
    if all_placed:
        yield ("region", "all"), regions, categories, "parts"
    for category in categories:
        own = [product for product in products if category_of.get(product[1]) == category[1]]
        if own:
            yield category, [category], own, "products"


def remainders(seen: Seen, k, same_order, all_placed):
    """(c) What of a parent none of its parts has said: 0 or at least k, in each kind and in both together."""
    for name, parents, children, table in tables(seen, all_placed):
        if not children:
            continue
        known = {kind: {} for kind in KINDS}  # parent's count -> (state, children's counts), the fullest
        found = set()
        for state in seen.states:
            if table not in state.tables:
                continue
            for kind in KINDS:
                whole = sum(count_of(state.counters.get(parent), kind) for parent in parents)
                of = tuple(count_of(state.counters.get(child), kind) for child in children)
                rest = whole - sum(of)
                known[kind][whole] = (state.at, of)
                if 0 < rest < k and (kind, whole, of) not in found:
                    found.add((kind, whole, of))
                    yield left_over(name, kind, whole, rest, state.at, children, of)
        if not same_order or name != TOTAL:
            continue
        # The same set, seen by both kinds: of each part what either of them has said.
        best = [0] * len(children)
        for whole in sorted(set(known[ORDER]) | set(known[PAYMENT])):
            alone, at = [], 0
            for kind in KINDS:
                if whole in known[kind]:
                    at, of = known[kind][whole]
                    alone.append(whole - sum(of))
                    best = [max(one, two) for one, two in zip(best, of)]
            rest = whole - sum(best)
            if 0 < rest < k and rest not in alone:
                yield left_over(name, BOTH, whole, rest, at, children, tuple(best))


def left_over(name, kind, whole, rest, at, children, of):
    what = name + (children[0][0],)
    detail = {"parent": whole, "_parent": name, "_children": list(zip(children, of))}
    return Finding("remainder", what, kind, (at, at), (at, at), rest, rest, "remainder" if name == TOTAL else "sum", detail)


def pools(seen: Seen, k):
    """(c) What a category has outside its cells, a product outside its regions: a series of its own, known to everybody."""
    for whole, table in [(node, "cells") for node in parts(seen, "category")] + [(node, "products") for node in parts(seen, "product")]:
        if whole[0] == "category":
            cells = [node for node in seen.points if node[0] == "cell" and node[2] == whole[1]]
        else:
            cells = [node for node in seen.points if node[0] == "product" and len(node) == 3 and node[1] == whole[1]]
        if not cells:
            continue
        for kind in KINDS:
            before = None
            for state in seen.states:
                if table not in state.tables:
                    continue
                rest = count_of(state.counters.get(whole), kind) - sum(count_of(state.counters.get(cell), kind) for cell in cells)
                if before and 0 < abs(rest - before[1]) < k:
                    apart = abs(rest - before[1])
                    yield Finding("pool", whole + ("elsewhere",), kind, (before[0], before[0]), (state.at, state.at), apart, apart, "sum")
                if before is None or rest != before[1]:
                    before = (state.at, rest)


class System:
    """A parent's first V_j events and its children's shares of them: x[i, j] of child i among the first V_j, which rise with j and
    sum up to V_j. `low` and `high` bound each."""

    def __init__(self, values, children, marks):
        """`marks`: for each child (V from, V to, count): at least `count` of the first `V to`, at most `count` of the first `V from`;
        where `V from` is None, that isn't known."""
        self.values, self.children = values, children
        self.at = {value: index for index, value in enumerate(values)}
        shape = (len(children), len(values))
        self.low, self.high = np.zeros(shape), np.full(shape, np.inf)
        for child, marked in enumerate(marks):
            for start, end, count in marked:
                self.low[child, self.at[end]] = max(self.low[child, self.at[end]], count)
                if start is not None:
                    self.high[child, self.at[start]] = min(self.high[child, self.at[start]], count)
        self.low = np.maximum.accumulate(self.low, axis=1)
        self.high = np.minimum(np.minimum.accumulate(self.high[:, ::-1], axis=1)[:, ::-1], np.array(values))

    def sums_up(self):
        return bool((self.low <= self.high).all() and (self.low.sum(axis=0) <= self.values).all())

    def window(self, start, end):
        """Rows of the programme over the columns start to end: equalities, inequalities, bounds."""
        children, width = len(self.children), end - start
        number = lambda child, column: child * width + column
        rows, columns, signs = [], [], []
        for child in range(children):
            for column in range(width - 1):
                rows += [len(rows) // 2] * 2
                columns += [number(child, column), number(child, column + 1)]
                signs += [1.0, -1.0]
        rises = coo_matrix((signs, (rows, columns)), shape=(children * (width - 1), children * width)).tocsr()
        sums = coo_matrix((np.ones(children * width), ([column for _ in range(children) for column in range(width)],
                                                       [number(child, column) for child in range(children) for column in range(width)])),
                          shape=(width, children * width)).tocsr()
        bounds = np.stack([self.low[:, start:end].ravel(), self.high[:, start:end].ravel()], axis=1)
        return {"A_ub": rises, "b_ub": np.zeros(rises.shape[0]), "A_eq": sums, "b_eq": np.array(self.values[start:end], float), "bounds": bounds}

    def small(self, k, until, tally):
        """(child, column, least, most) of what is 1 to k − 1 at most between two neighbouring V, though k or more came in then."""
        flow = np.diff(self.values)
        rng, out = random.Random(1), []
        step = WINDOW // 2
        for start in range(0, max(1, len(self.values) - 1), step):
            end = min(start + WINDOW, len(self.values))
            last = end == len(self.values)
            if end - start < 2:
                break
            if time.monotonic() > until:
                tally["windows not looked at"] += 1
                continue
            width = end - start
            inside = lambda column: column < width - (0 if last else step // 2) and (start == 0 or column >= step // 2)
            # Between column − 1 and column, where the bounds alone don't say 0 and at least k came in.
            open_ = {(child, column) for child in range(len(self.children)) for column in range(1, width)
                     if inside(column) and flow[start + column - 1] >= k
                     and self.high[child, start + column] - self.low[child, start + column - 1] >= 1}
            programme, rounds = self.window(start, end), 0

            def solve(targets, sign):
                cost = np.zeros(len(self.children) * width)
                for child, column in targets:
                    cost[child * width + column] -= sign
                    cost[child * width + column - 1] += sign
                return linprog(cost, method="highs", **programme)

            while open_:
                # One solution shows many of them to be k at once; those that it doesn't are asked one by one in the end.
                targets = rng.sample(sorted(open_), max(1, len(open_) // 3)) if rounds < 6 else [min(open_)]
                answer = solve(targets, 1)
                tally["programmes"] += 1
                if answer.status == 2:
                    tally["windows that contradict themselves"] += 1
                    break
                if answer.status != 0:
                    tally["programmes without an answer"] += 1
                    open_ -= set(targets)
                    continue
                x = answer.x.reshape(len(self.children), width)
                grown = {(child, column) for child, column in open_ if x[child, column] - x[child, column - 1] >= k - 1e-6}
                open_ -= grown
                if len(targets) == 1:
                    (child, column), = targets
                    most = round(float(x[child, column] - x[child, column - 1]), 6)
                    open_.discard((child, column))
                    if 1 - 1e-6 <= most < k - 1e-6:
                        least = solve(targets, -1)
                        few = float(-0.0 if least.status else least.x.reshape(len(self.children), width)[child, column]
                                    - least.x.reshape(len(self.children), width)[child, column - 1])
                        out.append((child, start + column, max(0, round(few)), int(most + 1e-6)))
                rounds = 0 if grown and len(targets) > 1 and rounds < 3 else rounds + 1
        return out


def led(seen: Seen, node):
    """What either kind told of a counter first: (kind, count). The other kind, told the same later, had so many at least."""
    told = sorted((point.hi, kind != ORDER, kind, count) for kind in KINDS for count, point in seen.series(node, kind))
    top, out = 0, set()
    for _, _, kind, count in told:
        if count > top:
            top = count
            out.add((kind, count))
    return out


def of_total(seen: Seen, name, kinds, none, published):
    """The system of the total and its channels or regions, as one kind or both have told of it."""
    children = parts(seen, name)
    values = {0}
    marks = [[(0, 0, 0)] for _ in children]
    when = {0: 0}
    leads = {node: led(seen, node) for node in children}
    for kind in kinds:
        at = 0 if kind == ORDER else 1
        for count, point in seen.series(TOTAL, kind):
            values.add(count)
            when.setdefault(count, point.hi)
        for child, node in enumerate(children):
            for count, point in seen.series(node, kind):
                total = point.total[at]
                if total in values:
                    whole = published == "exact" or (kind, count) in leads[node]
                    marks[child].append((total if whole else None, total, count))
    if none:
        # What has no region, or one that nothing was said of yet; a channel likewise.
        children = children + [NONE]
        marks.append([(0, 0, 0)])
    return System(sorted(values), children, marks), when


def of_region(seen: Seen, region, kind, k, published):
    """A region and its cells, from the release on with which it has a split of its own."""
    categories = max(1, len(seen.hello.get("categories", [])))
    children = [node for node in parts(seen, "cell") if node[1] == region[1] and seen.series(node, kind)]
    series = seen.series(region, kind)
    if not children or not series:
        return None, None, 0
    pooled = max([count for count, _ in series if count < 4 * k * categories], default=0)
    counts = [pooled] + [count for count, _ in series if count > pooled]
    times = [0] + [point.hi for count, point in series if count > pooled]
    values = [count - pooled for count in counts]
    marks = []
    for node in children:
        marked, leads = [(0, 0, 0)], led(seen, node)
        for count, point in seen.series(node, kind):
            within = [at for at, when in enumerate(times) if point.lo < when <= point.hi]
            if not within:
                return None, None, 0
            whole = published == "exact" or (kind, count) in leads
            marked.append((values[within[0]] if whole else None, values[within[-1]], count))
        marks.append(marked)
    if len(children) < categories:
        children, marks = children + [NONE], marks + [[(0, 0, 0)]]
    return System(values, children, marks), dict(zip(values, times)), pooled


def systems(seen: Seen, k, same_order, seconds, said, published):
    """(c) Linear programmes over all solutions without a count below zero: what is below k in each of them."""
    tally = collections.Counter()
    jobs = []
    for name, none in (("region", True), ("channel", len(parts(seen, "channel")) < CHANNELS)):
        for label, kinds in [(ORDER, [ORDER]), (PAYMENT, [PAYMENT])] + ([(BOTH, KINDS)] if same_order else []):
            system, when = of_total(seen, name, kinds, none, published)
            jobs.append((system, when, label, TOTAL, 0))
    for region in parts(seen, "region"):
        for kind in KINDS:
            system, when, pooled = of_region(seen, region, kind, k, published)
            if system:
                jobs.append((system, when, kind, region, pooled))
    out = []
    for system, when, label, parent, pooled in jobs:
        if len(system.children) < 2 or len(system.values) < 3:
            continue
        if not system.sums_up():
            tally["systems that contradict themselves"] += 1
            continue
        tally["systems"] += 1
        for child, column, least, most in system.small(k, time.monotonic() + seconds, tally):
            first, last = system.values[column - 1], system.values[column]
            at = (when[first], when[last])
            kind = PAYMENT if label == PAYMENT else ORDER
            detail = {"among": [first + pooled, last + pooled], "_parent": parent, "kinds": label}
            claim = "sequence" if system.children[child] != NONE else "sum"
            out.append(Finding("system", system.children[child], kind, (at[0], at[0]), (at[1], at[1]), least, most, claim, detail))
    said["systems"] = dict(tally)
    return out
