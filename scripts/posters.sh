#!/bin/sh
# Draws the shipped products' posters anew: what is shown until a model is there.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
for folder in "$here"/assets/products/*/; do
    id=$(basename "$folder")
    "$here/run" product render "$id" --size 768x768 --quality high -o "${folder}poster.webp"
done
