"""Groups orders by region, category and channel: how many, and their value. A line of JSON for each peer.

count.py FOLDER THREADS RUNS; FOLDER holds the columns region, category, channel (u8) and amount (u32)."""

import json
import sys
import time

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

folder, threads, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
column = lambda name, kind: np.fromfile(f"{folder}/{name}", dtype=kind)
region, category, channel = (column(name, np.uint8) for name in ("region", "category", "channel"))
amount = column("amount", np.uint32)
rows = len(amount)


def best(name, run):
    run()
    secs, total = min(timed(run) for _ in range(runs))
    print(json.dumps({"peer": name, "rows_per_s": rows / secs, "sum": int(total)}), flush=True)


def timed(run):
    began = time.perf_counter()
    total = run()
    return time.perf_counter() - began, total


table = pa.table({"region": region, "category": category, "channel": channel, "amount": amount})
base = duckdb.connect()
base.execute(f"SET threads = {threads}")
base.register("arrow_orders", table)
base.execute("CREATE TABLE orders AS SELECT * FROM arrow_orders")
query = "SELECT region, category, channel, count(*), sum(amount::UBIGINT) AS value FROM orders GROUP BY ALL"
best(f"DuckDB {duckdb.__version__}", lambda: sum(row[4] for row in base.execute(query).fetchall()))

frame = pl.from_arrow(table)


def polars():
    grouped = frame.lazy().group_by("region", "category", "channel").agg(pl.len(), pl.col("amount").cast(pl.UInt64).sum())
    return grouped.collect()["amount"].sum()


best(f"Polars {pl.__version__}", polars)

if threads == 1:
    stride = (int(category.max()) + 1) * (int(channel.max()) + 1)

    def bincount():
        key = region.astype(np.uint32) * stride + category.astype(np.uint32) * 3 + channel
        np.bincount(key)
        return np.bincount(key, weights=amount).sum()

    best(f"numpy {np.__version__} bincount", bincount)
