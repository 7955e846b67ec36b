"""Fails unless what people read is in order: no long line, no link that leads nowhere."""

import pathlib
import re
import sys

LONGEST = 120
bad = 0
for page in sorted([*pathlib.Path(".").glob("*.md"), *pathlib.Path("docs").glob("**/*.md")]):
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if len(line) > LONGEST and not line.startswith("|"):
            print(f"{page}:{number}: {len(line)} characters, but at most {LONGEST}")
            bad += 1
        for target in re.findall(r"\]\(([^)#:\s]+)\)", line):
            if not (page.parent / target).exists():
                print(f"{page}:{number}: {target} is not there")
                bad += 1
sys.exit(bad > 0)
