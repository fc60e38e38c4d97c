#!/usr/bin/env python3
"""The adversary: reads nothing but what anybody can see of the public feed, and works out counts of fewer than k.

    adversary.py recording.jsonl [more …] --k 10 [--truth truth.jsonl]

Each line of its answer is a count that it found, the last one a summary. What it knows beside the frames: that everybody's counts are
whole numbers and none is below zero, how the guard works, the shop's prices (from the feed, or --prices-known), and how long after an order its
payment comes (found in the feed, or --delay-known). It ends with 1 if it found any.
"""
import argparse, collections, json, sys, time

from counts import across_bounds, across_kinds, delay_of, within_series
from partitions import BOTH, pools, remainders, systems
from seen import ORDER, PAYMENT, Seen, Truth
from traces import arcs, lights, loose_ends
from values import purchases


def judge(truth, finding):
    """What the truth says of a finding: right, near (within the batches' time on the way), or wrong."""
    if finding.claim == "time":
        exact, least, most = truth.between(finding.kind, finding.detail.get("_node", finding.what), finding.start, finding.end, slack=20)
    elif finding.claim == "sequence":
        exact = truth.among(finding.kind, finding.detail["_parent"], finding.what, *finding.detail["among"])
        least = most = exact
    elif finding.claim == "remainder":
        # What the parts have said is among what the parent has said: then the rest is what it is.
        kinds = [finding.kind] if finding.kind != BOTH else [ORDER, PAYMENT]
        among = lambda child: max(truth.among(kind, finding.detail["_parent"], child, 0, finding.detail["parent"]) for kind in kinds)
        return "right" if all(among(child) >= count for child, count in finding.detail["_children"]) else "wrong: premise"
    else:
        return "sum"
    if finding.least <= exact <= finding.most:
        return "right"
    return "near" if least <= finding.most and most >= finding.least else f"wrong: {exact}"


def prices_of(text):
    """1295,3490,… in the order of products, or 0:1295,3:3490."""
    pairs = [part.split(":") if ":" in part else [at, part] for at, part in enumerate(text.split(","))]
    return {int(product): int(price) for product, price in pairs}


def attack(args):
    started = time.monotonic()
    seen = Seen(args.recordings)
    delay = delay_of(seen)
    said = {"frames": dict(seen.frames), "orders": len(seen.series(("total",), ORDER)), "payments": len(seen.series(("total",), PAYMENT)),
            "delay": vars(delay)}
    known = None
    if args.delay_known:
        known = [int(float(part) * 1000) for part in args.delay_known.split("-")]
    findings = list(within_series(seen, args.k))
    same_order = False
    findings += pools(seen, args.k)
    if known and len(known) == 2:
        findings += across_bounds(seen, args.k, *known)
    elif known or delay.accepted or args.any_delay:
        same_order = True
        findings += across_kinds(seen, args.k, known[0] if known else delay.ms)
    said["same_order"] = same_order
    findings += remainders(seen, args.k, same_order, args.all_placed)
    findings += systems(seen, args.k, same_order, args.lp_seconds, said, args.published)
    prices = prices_of(args.prices_known) if args.prices_known else seen.prices()
    said["prices"] = prices
    findings += purchases(seen, args.k, prices, said, args.rounding, args.step)
    findings += lights(seen, args.k, same_order, said)
    findings += arcs(seen, args.k)
    loose_ends(seen, said)
    return findings, said, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--truth")
    parser.add_argument("--prices-known", help="the products' prices in minor units, in their order")
    parser.add_argument("--delay-known", help="seconds from order to payment: one number, or MIN-MAX")
    parser.add_argument("--published", choices=["led", "exact"], default="led",
                        help="what a published count of a part is: all of it for the kind that says it first and a least for the other, or all of it")
    parser.add_argument("--rounding", choices=["auto", "exact", "steps", "own-steps"], default="auto",
                        help="values: to the cent; or down to steps of `--step` × k of the dearest order so far, of anything or of that counter")
    parser.add_argument("--step", type=float, default=1.0)
    parser.add_argument("--any-delay", action="store_true", help="believe in the best delay though the feed doesn't bear it out")
    parser.add_argument("--all-placed", action="store_true", help="the adversary knows that every order has a region")
    parser.add_argument("--lp-seconds", type=float, default=60, help="time for linear programmes, for each split")
    parser.add_argument("--quiet", action="store_true", help="the summary alone")
    args = parser.parse_args()
    findings, said, seconds = attack(args)
    truth = Truth(args.truth) if args.truth else None
    table = collections.defaultdict(collections.Counter)
    for finding in findings:
        verdict = judge(truth, finding) if truth else None
        row = table[finding.method]
        row["found"] += 1
        row["exactly one"] += finding.least == finding.most == 1
        row["exact"] += finding.least == finding.most
        row["of a sum"] += finding.claim == "sum"
        if verdict:
            row[verdict.split(":")[0]] += 1
        if not args.quiet:
            print(json.dumps(finding.line(verdict)))
    print(json.dumps({"summary": {name: {key: value for key, value in row.items() if value} for name, row in table.items()},
                      "found": len(findings), **said, "seconds": round(seconds, 1)}))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
