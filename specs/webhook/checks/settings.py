"""Fails unless docs/settings.md has a row for each setting that the code reads."""

import pathlib
import re
import sys

code = pathlib.Path("receiver/settings.py").read_text(encoding="utf-8")
page = pathlib.Path("docs/settings.md").read_text(encoding="utf-8")
read = set(re.findall(r'"(HOOKS_[A-Z_]+)"', code))
described = set(re.findall(r"^\| `(HOOKS_[A-Z_]+)` \|", page, re.MULTILINE))
for name in sorted(read - described):
    print(f"docs/settings.md has no row for `{name}`, which receiver/settings.py reads")
for name in sorted(described - read):
    print(f"docs/settings.md describes `{name}`, which nothing reads")
sys.exit(read != described)
