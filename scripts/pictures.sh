#!/bin/sh
# Draws the README's pictures anew.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out="$here/docs/pictures"
mkdir -p "$out"
shot() { "$here/run" shot "$@"; }
for at in 00:00:30 00:06:58 15:19:13 23:59:59; do
    shot --at "$at" --size 1920x1080 -o "$out/$(echo "$at" | tr -d :).jpg"
done
shot --at 20:48:00 --scene crown --size 1920x1080 -o "$out/crown.jpg"
shot --at 20:48:00 --scene crown --size 3840x860 --lang zh -o "$out/crown-wall-zh.jpg"
shot --at 00:06:58 --size 3840x860 --lang zh -o "$out/wall-zh.jpg"
shot --at 00:00:30 --size 1080x1920 --lang zh -o "$out/portrait-zh.jpg"
for id in earbuds bottle speaker perfume shoe chair; do
    shot --at 15:19:13 --scene "showroom:$id" --quality high --size 1920x1080 -o "$out/room-$id.jpg"
done
shot --at 15:19:13 --scene showroom:shoe --ar synthetic --quality high --size 1920x1080 -o "$out/room-ar.jpg"
shot --at 15:19:13 --scene showroom:earbuds --quality high --size 3840x860 --lang zh -o "$out/room-wall-zh.jpg"
