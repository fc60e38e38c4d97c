#!/usr/bin/env python3
"""Looks at the shape of the code: files that are too long, files of different folders that use each other in a circle, and texts in
Chinese, which belong into assets/locales.

    scripts/house.py            exit 1 when there is one

Product code is looked at: src/ of each package, without what stands under #[cfg(test)] and in tests.rs. Function lengths are
Clippy's (clippy.toml). Needs Python 3.11, nothing else.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 800
PACKAGES = [ROOT, *sorted((ROOT / "crates").iterdir()), *sorted((ROOT / "tools").iterdir())]
IS_TEST = re.compile(r"^#\[cfg\((?:all\()?test\b.*\)\]\n(?:#\[.*\]\n)*(?:pub(?:\(crate\))? )?mod \w+(;| \{)", re.M)

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
# Where Chinese isn't a text that somebody words, but data.
MAY_HAVE_HAN = {
    "src/panels/format/mod.rs": "units of numbers, as the digits are",
    "crates/meridian-product/src/manifest.rs": "an example of a product's file in an error",
}


def product_code(path: Path) -> str:
    """A file's text up to its tests, without comments."""
    text = path.read_text()
    for found in IS_TEST.finditer(text):
        if found.group(1) == " {":
            text = text[: found.start()]
            break
    return text


def without_comments(text: str) -> str:
    return re.sub(r"//.*", "", text)


def modules(source: Path) -> dict[tuple[str, ...], Path]:
    """Every module that is a file, by its path from the crate's root."""
    found = {}
    for path in sorted(source.rglob("*.rs")):
        parts = path.relative_to(source).with_suffix("").parts
        if parts[-1] in ("mod", "lib", "main"):
            parts = parts[:-1]
        if "tests" in parts or (path.name == "main.rs" and (source / "lib.rs").exists() and path.parent == source):
            continue
        found[parts] = path
    return found


def split(group: str) -> list[str]:
    """The parts of what stands between braces, at its own depth."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(group):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(group[start:at])
            start = at + 1
    return [part.strip() for part in [*parts, group[start:]] if part.strip()]


def spread(use: str) -> list[tuple[str, ...]]:
    """`a::{b, c::{d, e}}` as all its paths."""
    use = use.strip()
    at = use.find("{")
    if at < 0:
        return [tuple(part.strip() for part in re.split(r"\s+as\s+", use)[0].split("::"))]
    head = tuple(part for part in use[:at].strip().split("::") if part)
    inner = use[at + 1 : use.rindex("}")]
    return [head + tail for part in split(inner) for tail in spread(part)]


def paths_in(text: str) -> list[tuple[str, ...]]:
    found = []
    rest = text
    for use in re.finditer(r"\buse\s+([^;]+);", text):
        found += spread(re.sub(r"\s+", " ", use.group(1)))
        rest = rest.replace(use.group(0), "")
    for path in re.finditer(r"\b(?:crate|super|self)(?:::\w+)+", rest):
        found.append(tuple(path.group(0).split("::")))
    return found


class Crate:
    def __init__(self, package: Path):
        self.files = modules(package / "src")
        self.text = {name: without_comments(product_code(path)) for name, path in self.files.items()}
        # What a module hands on under a name of its own.
        self.handed_on = defaultdict(dict)
        for name, text in self.text.items():
            for use in re.finditer(r"\bpub(?:\([^)]*\))? use\s+([^;]+);", text):
                for path in spread(re.sub(r"\s+", " ", use.group(1))):
                    self.handed_on[name][path[-1]] = self.absolute(name, path)

    def absolute(self, name: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...] | None:
        here = list(name)
        if path[0] == "crate":
            return path[1:]
        if path[0] in ("self", "super"):
            rest = list(path)
            while rest and rest[0] in ("self", "super"):
                if rest.pop(0) == "super":
                    if not here:
                        return None
                    here.pop()
            return (*here, *rest)
        return (*here, *path) if (*here, path[0]) in self.files else None

    def file_of(self, path: tuple[str, ...], hops: int = 4) -> tuple[str, ...] | None:
        """The module that what a path names stands in."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.files:
                module, rest = path[:length], path[length:]
                if rest and hops and (on := self.handed_on[module].get(rest[0])):
                    return self.file_of((*on, *rest[1:]), hops - 1)
                return module
        return None

    def uses(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        edges = defaultdict(set)
        for name, text in self.text.items():
            text = re.sub(r"\bpub(?:\([^)]*\))? use\s+[^;]+;", "", text)
            for path in paths_in(text):
                target = self.absolute(name, path)
                used = self.file_of(target) if target is not None else None
                if used is not None and used != name:
                    edges[name].add(used)
        return edges


def circles(edges: dict) -> list[list]:
    """Strongly connected modules (Tarjan)."""
    index, low, stack, on, found = {}, {}, [], set(), []
    sys.setrecursionlimit(10_000)

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on.add(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            together = []
            while True:
                member = stack.pop()
                on.discard(member)
                together.append(member)
                if member == node:
                    break
            if len(together) > 1:
                found.append(sorted(together))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def main() -> int:
    wrong = 0
    for package in PACKAGES:
        crate = Crate(package)
        for name, path in crate.files.items():
            lines = product_code(path).count("\n")
            if lines > MAX_LINES:
                print(f"{path.relative_to(ROOT)}: {lines} lines of product code, at most {MAX_LINES} are meant: cut it")
                wrong += 1
            where = path.relative_to(ROOT).as_posix()
            for number, line in enumerate(product_code(path).splitlines(), 1):
                if HAN.search(line) and where not in MAY_HAVE_HAN:
                    print(f"{where}:{number}: Chinese in code: texts belong into assets/locales")
                    wrong += 1
        edges = crate.uses()
        for together in circles(edges):
            folders = {crate.files[name].parent for name in together}
            # A folder's mod.rs and the files beside it are one thing.
            if len(folders) == 1:
                continue
            wrong += 1
            print(f"{package.name}: these use each other in a circle, what two of them need belongs below both:")
            for name in together:
                inside = sorted("::".join(other) or "lib" for other in edges[name] if other in together)
                print(f"    {crate.files[name].relative_to(ROOT)} uses {', '.join(inside)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
