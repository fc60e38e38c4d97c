#!/usr/bin/env python3
"""Bakes the pictures that the globe looks regions and ground up in.

    python3 scripts/assets/regions_texture.py            (from the repository's root)

Needs Pillow and numpy. Writes, all equirectangular, north at the top, longitude -180 at the left:

- assets/textures/region_ids_4k.png, region_ids_cn_4k.png (4096 x 2048, 8-bit gray, lossless and never
  to be filtered): the pixel is the region's row in assets/data/regions.csv counted from 1; 0 is water;
  255 is land that is none of the catalogue's regions.
- assets/textures/earth_2k.png (2048 x 1024, RGBA): R night lights, G height, B land, A opaque, so that
  one fetch gives a shader everything about the ground. Baked from the sources in scripts/assets/sources
  where they lie (see README.md there); left alone otherwise.
"""
import csv
import json
import pathlib

import numpy as np
from PIL import Image, ImageDraw

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "assets" / "data"
TEXTURES = ROOT / "assets" / "textures"
SOURCES = ROOT / "scripts" / "assets" / "sources"
W, H = 4096, 2048
WATER, NO_REGION = 0, 255


def arcs_of(topology):
    """The arcs in degrees: TopoJSON keeps them as differences of whole numbers."""
    sx, sy = topology["transform"]["scale"]
    tx, ty = topology["transform"]["translate"]
    out = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x += dx
            y += dy
            points.append((x * sx + tx, y * sy + ty))
        out.append(points)
    return out


def ring(indices, arcs):
    """One closed ring; a negative index ~i is arc i backwards, and joints stand twice."""
    out = []
    for i in indices:
        points = arcs[i] if i >= 0 else arcs[~i][::-1]
        out += points if not out else points[1:]
    return out


def pixels(points):
    """Pixel positions; PIL's whole numbers are pixel centres, hence the half."""
    return [((lon + 180) / 360 * W - 0.5, (90 - lat) / 180 * H - 0.5) for lon, lat in points]


def area(points):
    """The ring's area in square degrees times cos(latitude): for the drawing order only."""
    a = np.asarray(points)
    x = a[:, 0] * np.cos(np.radians(a[:, 1]))
    y = a[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def bake(topojson, out, regions):
    number = {row["iso2"]: i + 1 for i, row in enumerate(regions)}
    topology = json.loads((SOURCES / topojson).read_text(encoding="utf-8"))
    arcs = arcs_of(topology)
    shapes = []
    for geometry in topology["objects"]["countries"]["geometries"]:
        if geometry["type"] == "Polygon":
            polygons = [geometry["arcs"]]
        elif geometry["type"] == "MultiPolygon":
            polygons = geometry["arcs"]
        else:
            continue
        polygons = [[ring(r, arcs) for r in polygon] for polygon in polygons]
        iso2 = geometry.get("properties", {}).get("iso2")
        total = sum(area(polygon[0]) for polygon in polygons)
        shapes.append((total, number.get(iso2, NO_REGION), iso2, polygons))
    # Largest first: an enclave or a small island group is never painted over.
    shapes.sort(key=lambda s: -s[0])
    image = Image.new("L", (W, H), WATER)
    draw = ImageDraw.Draw(image)
    for _, value, _, polygons in shapes:
        for polygon in polygons:
            outer = pixels(polygon[0])
            if len(outer) < 3:
                continue
            if len(polygon) == 1:
                draw.polygon(outer, fill=value)
                continue
            mask = Image.new("L", (W, H), 0)
            cutter = ImageDraw.Draw(mask)
            cutter.polygon(outer, fill=255)
            for hole in polygon[1:]:
                cutter.polygon(pixels(hole), fill=0)
            image.paste(value, mask=mask)
    a = np.array(image)
    counts = np.bincount(a.ravel(), minlength=256)
    dotted = []
    for i, row in enumerate(regions):
        if counts[i + 1]:
            continue
        x = int((float(row["lon"]) + 180) / 360 * W)
        y = int((90 - float(row["lat"])) / 180 * H)
        for dy in (0, 1):
            for dx in (0, 1):
                a[min(y + dy, H - 1), (x + dx) % W] = i + 1
        dotted.append(row["iso2"])
    counts = np.bincount(a.ravel(), minlength=256)
    missing = [row["iso2"] for i, row in enumerate(regions) if not counts[i + 1]]
    if missing:
        raise SystemExit(f"{out}: regions without a pixel: {', '.join(missing)}")
    Image.fromarray(a, "L").save(TEXTURES / out, optimize=True)
    none = sorted(str(iso2) for _, value, iso2, _ in shapes if value == NO_REGION)
    print(f"{out}: {len(regions)} regions, dotted {dotted}, land without region {none}, "
          f"water {counts[WATER] / a.size:.1%}, smallest {sorted(counts[1:len(regions) + 1])[:5]}")


def bake_earth():
    names = ("night_lights_4k_L.jpg", "height_2k_L.jpg", "landmask_4k.png")
    if not all((SOURCES / name).exists() for name in names):
        print(f"earth_2k.png: left as it is; {', '.join(names)} aren't all in {SOURCES}")
        return
    channels = [Image.open(SOURCES / name).convert("L").resize((2048, 1024), Image.BOX) for name in names]
    channels.append(Image.new("L", (2048, 1024), 255))
    Image.merge("RGBA", channels).save(TEXTURES / "earth_2k.png", optimize=True)
    print(f"earth_2k.png: {(TEXTURES / 'earth_2k.png').stat().st_size} bytes")


def main():
    with open(DATA / "regions.csv", encoding="utf-8", newline="") as file:
        regions = list(csv.DictReader(file))
    if len(regions) > 254:
        raise SystemExit("regions.csv: at most 254 regions fit one byte beside water and unowned land")
    bake("world_50m_default.topojson", "region_ids_4k.png", regions)
    bake("world_50m_cn.topojson", "region_ids_cn_4k.png", regions)
    bake_earth()


if __name__ == "__main__":
    main()
