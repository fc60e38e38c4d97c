#!/usr/bin/env bash
# Puts DuckDB, Polars and numpy into a folder of their own, for `cargo bench --bench count`.
set -euo pipefail
folder=${XDG_CACHE_HOME:-$HOME/.cache}/meridian/peers
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --upgrade duckdb numpy polars pyarrow
"$folder/bin/python" -c 'import duckdb, numpy, polars; print("DuckDB", duckdb.__version__, "Polars", polars.__version__, "numpy", numpy.__version__)'
