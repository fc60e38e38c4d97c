"""What is drawn: lights and arcs; and figures that say more than the counters do."""
import bisect, collections, math

from counts import Finding
from seen import ORDER, PAYMENT, Seen

KIND_OF = {0: ORDER, 1: PAYMENT}


def region_of_place():
    from shop import catalogue
    order, places = catalogue()
    return {place: order[country] for country, numbers in places.items() for place in numbers}


def settled(seen: Seen):
    """(instant, region, kind, lights by place, by place and bucket) whenever all lights of a region's published count were shown."""
    of = region_of_place()
    counters = {}
    for node, points in seen.points.items():
        if node[0] == "region":
            for kind in (ORDER, PAYMENT):
                series = seen.series(node, kind)
                counters[node[1], kind] = ([point.hi for _, point in series], [count for count, _ in series])
    shown, by_place = collections.Counter(), collections.defaultdict(collections.Counter)
    for frame in seen.lights:
        if frame["per_light"] != 1:
            return
        touched = set()
        for place, code in zip(frame["place"], frame["code"]):
            key = (of.get(place), KIND_OF[code >> 3])
            shown[key] += 1
            by_place[key][place, code & 7] += 1
            touched.add(key)
        for key in touched:
            times, counts = counters.get(key, ([], []))
            at = bisect.bisect_right(times, frame["to_ms"])
            if at and counts[at - 1] == shown[key]:
                places = collections.Counter()
                for (place, _), count in by_place[key].items():
                    places[place] += count
                yield frame["to_ms"], *key, places, dict(by_place[key])


def lights(seen: Seen, k, same_order, said):
    """Lights by place, bucket and kind, at instants when a region's lights are all of its published count."""
    known, instants = collections.defaultdict(dict), 0
    for at, region, kind, places, buckets in settled(seen):
        instants += 1
        for place, count in places.items():
            known["place", place].setdefault((kind, count), at)
        for (place, bucket), count in buckets.items():
            known["place", place, bucket].setdefault((kind, count), at)
    said["lights"] = {"frames": len(seen.lights), "settled": instants}
    for what, counts in sorted(known.items()):
        for kinds in ((ORDER,), (PAYMENT,)) + (((ORDER, PAYMENT),) if same_order and len(what) == 2 else ()):
            before = (0, 0, None)
            for (kind, count), at in sorted(counts.items(), key=lambda item: (item[0][1], item[1])):
                if kind not in kinds:
                    continue
                if 0 < count - before[0] < k and (len(kinds) == 1 or kind != before[2]):
                    yield Finding("lights" if len(kinds) == 1 else "lights of both", what, kind, (before[1], before[1]), (at, at),
                                  count - before[0], count - before[0], "sum")
                if count > before[0]:
                    before = (count, at, kind)


def arcs(seen: Seen, k):
    """An arc's parcels are k at least."""
    for frame in seen.lights:
        told = frame.get("arcs") or {"from_region": [], "to_place": [], "parcels": []}
        for start, end, parcels in zip(told["from_region"], told["to_place"], told["parcels"]):
            if 0 < parcels < k:
                at = (frame["from_ms"], frame["to_ms"])
                yield Finding("arcs", ("arc", start, end), ORDER, at, at, parcels, parcels, "sum")


def loose_ends(seen: Seen, said):
    """Figures that are told elsewhere and differ from what the counters, or the lights, make of them: to be looked at by a person. All
    zero: whatever else is told is made of what was found above."""
    day = seen.hello.get("day", {}).get("start_ms")
    points = seen.points.get(("total",), [])
    times = [point.hi for point in points]
    differs = collections.Counter()
    if day is not None and seen.history and points:
        history = seen.history[-1][1]
        for number, value in enumerate(history["gmv_minor"]):
            instant = day + number * history["step_ms"]
            if instant >= times[0]:
                around = bisect.bisect_right(times, instant)
                near = {points[at].value for at in range(max(0, around - 1), min(len(points), around + 1))}
                differs["history"] += value not in near
    at_tick = {point.hi: point for point in points}
    before = {point.hi: points[at - 1] if at else None for at, point in enumerate(points)}
    for frame in seen.lights:
        point = at_tick.get(frame["to_ms"])
        one = before.get(frame["to_ms"])
        grown = point.orders + point.payments - (one.orders + one.payments if one else 0) if point else 0
        differs["lights' events"] += frame["events"] != grown
    values = {point.value for point in points}
    rates = {rate["gmv_minor_per_s"] for _, rate in seen.rates if rate["gmv_minor_per_s"]}
    said["value_unit"] = {"totals": math.gcd(*values) if values else 0, "rates": math.gcd(*rates) if rates else 0}
    for at, value, passed in seen.reached:
        here = bisect.bisect_right(times, at)
        differs["milestones"] += not (here and points[here - 1].value >= value and passed <= at)
    differs["warmth"] = cold(seen)
    said["differs"] = {key: count for key, count in differs.items() if count}


def cold(seen: Seen):
    """Places whose warmth in a snapshot isn't that of the lights that were shown there: 180 s are its half-life."""
    if not seen.lights or not seen.warmth or seen.lights[0]["seq"] > 40:
        return 0
    heat, frames, wrong = collections.defaultdict(float), iter(seen.lights), 0
    frame, start = next(frames), seen.lights[0]["from_ms"]
    grown = lambda at: 2 ** ((at - start) / 180_000)
    for at, warmth in seen.warmth:
        while frame is not None and frame["to_ms"] <= at:
            for place in frame["place"]:
                heat[place] += grown(frame["from_ms"]) * frame["per_light"]
            frame = next(frames, None)
        for place, level in zip(warmth["place"], warmth["level"]):
            wrong += abs(16 * math.log2(1 + heat[place] / grown(at)) - level) > 1.01
    return wrong
