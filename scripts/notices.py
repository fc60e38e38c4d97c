#!/usr/bin/env python3
"""Writes THIRD-PARTY-NOTICES.txt: whose packages are in the binaries, and the licences that ask to be passed on.

    scripts/notices.py              write it anew (after each change of Cargo.lock; fetches the packages' sources)
    scripts/notices.py --check      exit 1 when it isn't of this Cargo.lock (needs nothing but the two files)

Everything that any feature on any system may link is in it. Of "A OR B" Apache-2.0 is chosen where it is offered, then
MIT: one text serves hundreds of packages. Needs Python 3.11 and cargo, nothing else.
"""

import hashlib
import json
import re
import subprocess
import sys
import textwrap
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY-NOTICES.txt"
# The first that is offered is chosen.
PREFERRED = [
    "Apache-2.0", "MIT", "MIT-0", "0BSD", "Zlib", "ISC", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "Unicode-3.0",
    "Apache-2.0 WITH LLVM-exception", "CC0-1.0", "MPL-2.0",
]
# What a text is, by words that only it has.
SIGNS = {
    "Apache-2.0": r"apache license,? version 2\.0",
    "MIT": r"permission is hereby granted, free of charge, to any person obtaining a copy of this software .{0,900}"
           r"the above copyright notice and this permission notice",
    "MIT-0": r"mit no attribution",
    "BSL-1.0": r"boost software license",
    "BSD-3-Clause": r"redistributions? of source code must .*neither the name",
    "BSD-2-Clause": r"redistributions? of source code must (?!.*neither the name)",
    "ISC": r"permission to use, copy, modify, and( or)? distribute this software .{0,60}(is hereby granted,? )?provided that",
    "0BSD": r"permission to use, copy, modify, and or distribute this software .{0,60}is hereby granted\.",
    "Zlib": r"this software is provided .as-is., without any express or implied warranty\. in no event",
    "Unicode-3.0": r"unicode license v3",
    "MPL-2.0": r"mozilla public license",
    "CC0-1.0": r"cc0 1\.0 universal",
    "Unlicense": r"this is free and unencumbered software",
    "GPL": r"gnu (lesser )?general public license",
}
# For packages that name a licence and bring no text. 0BSD, CC0 and, for binaries, BSL ask for none.
MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""
STANDARD = [("The MIT licence\n\n" + MIT, [])]
NAMED = re.compile(r"^(un)?(licen[sc]e|copying|copyright|notice|authors\.?licen[sc]e)", re.I)
NOT_TEXT = re.compile(r"\.(rs|py|c|h|json|toml|ya?ml|html|sh|in|hbs|lock|tmpl)$", re.I)


def lock_hash() -> str:
    """Of the packages' names and versions: what the file has to be of."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    lines = sorted(f"{package['name']} {package['version']}\n" for package in lock["package"] if "source" in package)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def alternatives(expression: str) -> list[set[str]]:
    """An SPDX expression as the sets of licences of which one set is enough."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either() -> list[set[str]]:
        found = both()
        while words and words[0] == "OR":
            words.pop(0)
            found = found + both()
        return found

    def both() -> list[set[str]]:
        found = one()
        while words and words[0] == "AND":
            words.pop(0)
            found = [left | right for right in one() for left in found]
        return found

    def one() -> list[set[str]]:
        word = words.pop(0)
        if word == "(":
            found = either()
            words.pop(0)
            return found
        if words and words[0] == "WITH":
            words.pop(0)
            word += " WITH " + words.pop(0)
        return [{word}]

    return either()


def chosen(package: dict) -> set[str]:
    """The licences under which a package is taken."""
    expression = package["license"] or ""
    if not expression:
        sys.exit(f"{package['name']} {package['version']} names no licence: look at it, and teach this script")

    def rank(of: set[str]) -> tuple[int, int]:
        unknown = [name for name in of if name not in PREFERRED]
        return (len(unknown), sum(PREFERRED.index(name) for name in of - set(unknown)))

    best = min(alternatives(expression), key=rank)
    if unknown := best - set(PREFERRED):
        sys.exit(f"{package['name']} {package['version']}: {expression}: {', '.join(unknown)} isn't among ours (deny.toml)")
    return best


def linked(metadata: dict) -> set[str]:
    """The ids of what a binary is made of: no macros, and nothing that is for tests or build scripts alone."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    macros = {package["id"] for package in metadata["packages"]
              if any("proc-macro" in target["kind"] for target in package["targets"])}
    root = metadata["resolve"]["root"]
    found, todo = set(), [root]
    while todo:
        for dep in nodes[todo.pop()]["deps"]:
            kinds = {kind["kind"] for kind in dep["dep_kinds"]}
            if None in kinds and dep["pkg"] not in found and dep["pkg"] not in macros:
                found.add(dep["pkg"])
                todo.append(dep["pkg"])
    return found


def metadata(*features: str) -> dict:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", *features]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def plain(text: str) -> str:
    """A text as it is compared: words alone, without the appendix that tells how to apply the licence."""
    text = re.split(r"END OF TERMS AND CONDITIONS", text)[0]
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def signs(text: str) -> set[str]:
    flat = re.sub(r"[\s*#/>]+", " ", text.lower())
    return {name for name, sign in SIGNS.items() if re.search(sign, flat)}


def texts(package: dict, taken: set[str]) -> list[tuple[str, str]]:
    """Name and text of each file of the package that has to be passed on."""
    folder = Path(package["manifest_path"]).parent
    files = [path for path in sorted(folder.rglob("*"))
             if NAMED.match(path.name) and path.is_file() and not NOT_TEXT.search(path.name)
             and not {"tests", "test", "examples", "benches", "target"} & set(path.relative_to(folder).parts[:-1])]
    if package.get("license_file"):
        files.append(folder / package["license_file"])
    found = {}
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").replace("\f", "\n").strip("\n")
        kinds = signs(text)
        names = {name.split(" WITH ")[0] for name in taken}
        # What is a licence, and none that was chosen, is the other side of an OR. NOTICE and what isn't known stays.
        if kinds and not kinds & names and path.parent == folder and len(alternatives(package["license"])) > 1:
            continue
        if kinds and kinds <= {"GPL", "Unlicense"} or len(text) < 40:
            continue
        found.setdefault(plain(text), (path.relative_to(folder).as_posix(), text))
    return list(found.values())


def wrapped(words: str, indent: str = "  ") -> str:
    return textwrap.fill(words, 110, initial_indent=indent, subsequent_indent=indent, break_long_words=False)


def shape(texts_of: dict[str, list[tuple[str, str]]], taken: dict[str, set[str]]) -> dict[str, tuple[str, list[str]]]:
    """The texts that differ, each with who it is of. Copies of the Apache licence differ in layout alone."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for name, found in texts_of.items():
        for _, text in found:
            key = plain(text)
            if signs(text) == {"Apache-2.0"} and 8_500 < len(text) < 12_000:
                key = "Apache-2.0"
            of = groups.setdefault(key, (text, []))[1]
            if name not in of:
                of.append(name)
    return groups


def write() -> None:
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    whole = metadata("--all-features")
    packages = {package["id"]: package for package in whole["packages"]}
    gateway = linked(metadata("--manifest-path", "crates/meridian-gateway/Cargo.toml"))
    texts_of, taken, bare = {}, {}, []
    for key in sorted(linked(whole), key=lambda key: (packages[key]["name"], packages[key]["version"])):
        package = packages[key]
        name = f"{package['name']} {package['version']}" + ("*" if key in gateway else "")
        taken[name] = chosen(package)
        texts_of[name] = texts(package, taken[name])
        if not any(signs(text) for _, text in texts_of[name]):
            by = ", ".join(re.sub(r" *<[^>]*>", "", author) for author in package["authors"]) or "its authors"
            bare.append(f"{name}: {' and '.join(sorted(taken[name]))}; copyright {by}")
    groups = shape(texts_of, taken)
    order = sorted(groups.items(), key=lambda group: (-len(group[1][1]), group[0]))
    rule = "=" * 110
    out = [
        "THIRD-PARTY NOTICES",
        "",
        wrapped("Meridian's binaries are built from the packages below, which their authors license as stated. All come from "
                "crates.io, where their source is to be had: https://crates.io/crates/NAME/VERSION. Where a package offers a "
                "choice, it is taken under the first licence named with it here. A star (*) marks what is in meridian-gateway; "
                "all, on one system or another, may be in meridian. Both contain Rust's standard library as well (MIT OR "
                "Apache-2.0, The Rust Project Contributors). Fonts, data and pictures: CREDITS.md.", ""),
        "",
        f"Written by scripts/notices.py for the {len(texts_of)} packages linked of Cargo.lock's, sha256:{lock_hash()}",
        "",
        rule,
        "Packages",
        "",
        *(wrapped(f"{name}: {' and '.join(sorted(of))}") for name, of in taken.items()),
        "",
        rule,
        "Without a text of their own (the standard texts are below)",
        "",
        *(wrapped(line) for line in bare),
    ]
    for text, of in [*STANDARD, *(group for _, group in order)]:
        out += ["", rule, *([wrapped("Of: " + ", ".join(of), "")] if of else []), "", text]
    FILE.write_text("\n".join(line.rstrip() for line in "\n".join(out).split("\n")) + "\n", encoding="utf-8")
    print(f"{FILE.name}: {len(texts_of)} packages, {len(gateway)} of them the gateway's; {len(groups)} texts; {len(bare)} have none")


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        if f"sha256:{lock_hash()}" not in FILE.read_text(encoding="utf-8")[:2_000]:
            sys.exit("THIRD-PARTY-NOTICES.txt isn't of this Cargo.lock: run scripts/notices.py and commit what it writes")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        write()


if __name__ == "__main__":
    main()
