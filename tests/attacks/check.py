#!/usr/bin/env python3
"""Whether the adversary finds what was hidden for it, and nothing where there is nothing: python3 tests/attacks/check.py"""
import argparse, json, os, tempfile, unittest

import adversary

REGIONS = {"A": 39, "B": 52, "C": 10}
PRICES = [1295, 3490, 5999, 18950, 79900]


def frame(at, seq, orders, payments, value=0, regions=(), channels=()):
    """A tick; regions and channels: (id, orders, payments, value)."""
    rows = lambda table: [dict(zip(("id", "orders", "payments", "gmv_minor"), row)) for row in table]
    placed = [sum(row[at] for row in regions) for at in (1, 2, 3)]
    unplaced = {"orders": orders - placed[0], "payments": payments - placed[1], "gmv_minor": value - placed[2]}
    return {"epoch": 2, "seq": seq, "prev": seq - 1, "type": "tick", "event_ms": at, "published_ms": at, "mode": "live",
            "totals": {"orders": orders, "payments": payments, "gmv_minor": value, "unplaced": unplaced, "corrections": 0, "corrected_minor": 0},
            "rates": {"gmv_minor_per_s": 0}, "regions": rows(regions), "channels": rows(channels)}


def found(frames, all_placed=True, prices=None, delay="0", step=0.5):
    """The methods that found something in these frames, and what."""
    hello = {"type": "hello", "epoch": 2, "seq": 0, "prev": 0, "gmv_counts": "payment", "day": {"start_ms": 0},
             "categories": [{}], "products": [{"category": 0}] * len(prices or [])}
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as file:
        for said in [hello] + frames:
            file.write(json.dumps({"rx": 0, "c": "0.first", "f": said}) + "\n")
    try:
        args = argparse.Namespace(recordings=[file.name], k=10, delay_known=delay, any_delay=False, all_placed=all_placed,
                                  lp_seconds=10, published="exact", rounding="auto", step=step, prices_known=",".join(map(str, prices)) if prices else "")
        return adversary.attack(args)[0]
    finally:
        os.unlink(file.name)


def methods(findings):
    return {finding.method for finding in findings}


class Adversary(unittest.TestCase):
    def test_a_shared_grid_tells_nothing(self):
        frames = [frame(1_000, 1, 12, 12), frame(2_000, 2, 25, 12), frame(2_500, 3, 25, 25),
                  frame(3_000, 4, 50, 50, regions=[(REGIONS["A"], 20, 20, 0)]), frame(4_000, 5, 75, 50, regions=[(REGIONS["A"], 33, 20, 0)]),
                  frame(4_100, 6, 75, 75, regions=[(REGIONS["A"], 33, 33, 0)])]
        self.assertEqual(found(frames), [])

    def test_within_a_series(self):
        findings = found([frame(1_000, 1, 12, 0), frame(2_000, 2, 15, 0)], delay=None)
        self.assertEqual([(finding.method, finding.least) for finding in findings], [("series", 3)])

    def test_orders_against_payments(self):
        findings = found([frame(1_000, 1, 12, 0), frame(2_000, 2, 12, 14), frame(3_000, 3, 30, 14), frame(4_000, 4, 30, 31)])
        self.assertEqual(sorted(finding.least for finding in findings if finding.method == "kinds"), [1, 2])

    def test_a_constant_delay_is_found(self):
        grid = [12 * step for step in range(1, 9)]
        frames = [frame(1_000 * at, at, grid[at - 1], grid[at - 5] if at > 4 else 0) for at in range(1, 9)]
        with_delay = found(frames, delay=None)
        self.assertEqual(with_delay, [])
        frames[5] = frame(6_000, 6, grid[5], grid[1] + 4)
        self.assertIn("series", methods(found(frames[:7], delay="4")))

    def test_what_is_left_of_a_sum(self):
        frames = [frame(1_000, 1, 40, 0, regions=[(REGIONS["A"], 20, 0, 0), (REGIONS["B"], 14, 0, 0)])]
        self.assertEqual([(finding.method, finding.least) for finding in found(frames)], [("remainder", 6)])
        frames = [frame(1_000, 1, 40, 0, regions=[(REGIONS["A"], 20, 0, 0), (REGIONS["B"], 20, 0, 0)])]
        self.assertEqual(found(frames), [])

    def test_what_both_kinds_leave_together(self):
        a, b = REGIONS["A"], REGIONS["B"]
        frames = [frame(1_000, 1, 40, 0, regions=[(a, 20, 0, 0)]), frame(1_100, 2, 40, 40, regions=[(a, 20, 0, 0), (b, 0, 14, 0)])]
        findings = found(frames)
        self.assertIn(("remainder", "both", 6), [(finding.method, finding.kind, finding.least) for finding in findings])
        self.assertEqual(found(frames, delay="0.1-9"), [])

    def test_what_spans_imply_together(self):
        # A is said at 1 and 3, B at 1, 2 and 3: between 2 and 3 there came 12, of them 10 of B; A's span has 24 of which 20 came with 2.
        a, b = REGIONS["A"], REGIONS["B"]
        frames = [frame(1_000, 1, 40, 0, regions=[(a, 20, 0, 0), (b, 20, 0, 0)]),
                  frame(2_000, 2, 70, 0, regions=[(b, 30, 0, 0)]),
                  frame(3_000, 3, 86, 0, regions=[(a, 44, 0, 0), (b, 42, 0, 0)])]
        findings = found(frames)
        self.assertEqual(methods(findings), {"system"})
        self.assertEqual({(finding.what[1], finding.least) for finding in findings}, {(a, 4)})

    def test_products_by_their_prices(self):
        # 7, 1, 3 and 1 of four of them.
        pieces = [7, 1, 3, 1, 0]
        value = sum(count * price for count, price in zip(pieces, PRICES))
        findings = found([frame(1_000, 1, 0, 12, value)], prices=PRICES)
        self.assertEqual({(finding.what[1], finding.least) for finding in findings if finding.method == "value"},
                         {(f"product {at}", count) for at, count in enumerate(pieces) if count})
        self.assertEqual(found([frame(1_000, 1, 0, 12, value)]), [])

    def test_rounded_values(self):
        # Of two prices and down to steps of 100 000 (half of ten of the dearer): 14 pieces for 100 000 to 199 999 have 4 to 9 of it.
        findings = found([frame(1_000, 1, 0, 14, 100_000)], prices=[3490, 18950])
        self.assertEqual([(finding.what[1], finding.least, finding.most) for finding in findings], [("product 1", 4, 9)])
        # Twice as wide, it may always have been none, or ten.
        told = [frame(1_000 * at, at, 0, 14 * at, value * 200_000) for at, value in ((1, 0), (2, 1), (3, 1), (4, 2))]
        self.assertEqual(found(told, prices=[3490, 18950], step=1.0), [])

    def test_random_delays_bound(self):
        # Paid within a second: 14 payments at 3.0 s are orders of before 3.0 and at least those of before 2.0.
        frames = [frame(1_000, 1, 12, 0), frame(3_000, 2, 12, 14), frame(3_100, 3, 15, 14)]
        self.assertIn("bounds", methods(found(frames, delay="0-1")))


if __name__ == "__main__":
    unittest.main()
