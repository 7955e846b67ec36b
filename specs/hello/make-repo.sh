#!/usr/bin/env bash
# Makes the repository of the demo in a new folder: a small Python project that
# reads web server logs. Its tests were written first; a part that they ask for
# is missing. Authors and dates are fixed, so the commit has the same name on
# every machine.
#
# usage: make-repo.sh DIR
set -euo pipefail

dir=${1:?usage: make-repo.sh DIR}
if [ -e "$dir" ]; then
    echo "make-repo.sh: $dir is there already; remove it, or name another folder" >&2
    exit 2
fi
mkdir -p "$dir"
cd "$dir"
mkdir weblog tests samples

cat >.gitignore <<'END'
__pycache__/
.pytest_cache/
/report.xml
END

cat >README.md <<'END'
# weblog

Reads the access log of a web server and says which routes are slow:

    python3 -m weblog samples/access.log

The tests run with `python3 -m pytest`.
END

cat >weblog/__init__.py <<'END'
"""Reads the access log of a web server and says which routes are slow."""
END

cat >weblog/parse.py <<'END'
"""From a line of an access log to an entry."""

import re
from dataclasses import dataclass

LINE = re.compile(
    r'(?P<client>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] '
    r'"(?P<method>[A-Z]+) (?P<target>\S+) [^"]*" '
    r'(?P<status>\d{3}) (?P<size>\d+|-) (?P<micros>\d+)'
)


@dataclass(frozen=True)
class Entry:
    """One request that was answered."""

    method: str
    target: str
    status: int
    micros: int

    @property
    def route(self):
        """The method and the path, with numbers and the query left out."""
        path = self.target.partition("?")[0]
        return f"{self.method} " + re.sub(r"/\d+", "/:id", path)


def parse(line):
    """Returns the entry of a line; None if it is not one."""
    match = LINE.fullmatch(line.strip())
    if match is None:
        return None
    return Entry(
        method=match["method"],
        target=match["target"],
        status=int(match["status"]),
        micros=int(match["micros"]),
    )


def read(lines):
    """Returns the entries of the lines, and how many lines were none."""
    entries = [parse(line) for line in lines]
    good = [entry for entry in entries if entry is not None]
    return good, len(entries) - len(good)
END

cat >weblog/report.py <<'END'
"""The report: a table of routes, the busiest first."""

from collections import defaultdict


def by_route(entries):
    """Returns the entries of each route, the busiest route first."""
    routes = defaultdict(list)
    for entry in entries:
        routes[entry.route].append(entry)
    return sorted(routes.items(), key=lambda item: (-len(item[1]), item[0]))


def table(entries):
    """Returns the rows of the report, as Markdown."""
    rows = ["| route | requests | errors |", "|---|---:|---:|"]
    for route, group in by_route(entries):
        errors = sum(entry.status >= 500 for entry in group)
        rows.append(f"| {route} | {len(group)} | {errors} |")
    return rows
END

cat >weblog/__main__.py <<'END'
"""python3 -m weblog LOG [--output FILE]"""

import argparse

from weblog.parse import read
from weblog.report import table


def main():
    parser = argparse.ArgumentParser(prog="weblog")
    parser.add_argument("log")
    parser.add_argument("--output")
    args = parser.parse_args()
    with open(args.log, encoding="utf-8") as lines:
        entries, bad = read(lines)
    text = "\n".join(
        ["# Access report", ""]
        + table(entries)
        + ["", f"{len(entries)} requests. Lines that could not be read: {bad}."]
    )
    if args.output:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
END

cat >tests/test_parse.py <<'END'
import pytest

from weblog.parse import parse, read

LINE = '192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] "GET /items/42?full=1 HTTP/1.1" 200 512 1834'


def test_a_line_is_an_entry():
    entry = parse(LINE)
    assert (entry.method, entry.status, entry.micros) == ("GET", 200, 1834)


def test_numbers_and_queries_are_no_part_of_a_route():
    assert parse(LINE).route == "GET /items/:id"


@pytest.mark.parametrize("line", ["", "# comment", LINE.replace("1834", "fast")])
def test_anything_else_is_none(line):
    assert parse(line) is None


def test_bad_lines_are_counted():
    entries, bad = read([LINE, "garbage", LINE])
    assert (len(entries), bad) == (2, 1)
END

cat >tests/test_percentiles.py <<'END'
"""Written before the code: what weblog.percentiles has to do."""

import pytest

from weblog.percentiles import percentile

HUNDRED = list(range(1, 101))


@pytest.mark.parametrize("p", [1, 7, 50, 95, 99, 100])
def test_of_a_hundred_values_it_is_the_pth(p):
    assert percentile(HUNDRED, p) == p


@pytest.mark.parametrize(
    "p, expected", [(5, 15), (30, 20), (40, 20), (50, 35), (100, 50)]
)
def test_the_rank_is_rounded_up(p, expected):
    assert percentile([15, 20, 35, 40, 50], p) == expected


def test_the_order_of_the_values_does_not_matter():
    assert percentile([50, 15, 40, 20, 35], 50) == 35


def test_the_values_stay_as_they_are():
    values = [3, 1, 2]
    percentile(values, 50)
    assert values == [3, 1, 2]


def test_one_value_is_every_percentile_of_itself():
    assert [percentile([8], p) for p in (1, 50, 100)] == [8, 8, 8]


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError):
        percentile([], 50)


@pytest.mark.parametrize("p", [0, -1, 101])
def test_a_percentage_is_above_0_and_at_most_100(p):
    with pytest.raises(ValueError):
        percentile([1, 2, 3], p)
END

cat >tests/test_report.py <<'END'
from weblog.parse import Entry
from weblog.report import by_route, table

ENTRIES = [
    Entry("GET", "/items/1", 200, 1000),
    Entry("GET", "/items/2", 500, 3000),
    Entry("GET", "/health", 200, 90),
]


def test_the_busiest_route_comes_first():
    assert [route for route, _ in by_route(ENTRIES)] == ["GET /items/:id", "GET /health"]


def test_requests_and_errors_are_counted():
    row = next(row for row in table(ENTRIES) if "/items/:id" in row)
    assert row.startswith("| GET /items/:id | 2 | 1 |")


def test_every_row_has_as_many_columns():
    assert len({row.count("|") for row in table(ENTRIES)}) == 1
END

# A log of 600 requests, from a fixed sequence of numbers.
seed=1
next() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    number=$((seed / 65536))
}
targets=("GET /health" "GET /items?page=2" "GET /items/%d" "GET /items/%d"
    "PUT /items/%d" "POST /orders" "GET /orders/%d/lines")
base_micros=(90 2400 1200 1200 5200 9000 3100)
for ((line = 0; line < 600; line++)); do
    next
    kind=$((number % 7))
    next
    # shellcheck disable=SC2059 # The formats stand above.
    request=$(printf "${targets[kind]}" "$((number % 50 + 1))")
    next
    micros=$((base_micros[kind] + base_micros[kind] * (number % 100) / 100))
    # One in forty waits for something slow.
    next
    if ((number % 40 == 0)); then micros=$((micros * 30)); fi
    next
    status=200
    if ((number % 60 == 0)); then status=503; fi
    printf '192.0.2.%d - - [22/Nov/2026:10:%02d:%02d +0000] "%s HTTP/1.1" %d %d %d\n' \
        $((number % 200 + 1)) $((line / 60)) $((line % 60)) "$request" $status \
        $((number % 4000)) $micros
done >samples/access.log
echo "-- rotated --" >>samples/access.log

# Nothing of the user's own settings counts, so the commit is always the same.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME="Ada Demo" GIT_AUTHOR_EMAIL="ada@example.invalid"
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_AUTHOR_DATE="2026-01-05T09:00:00Z" GIT_COMMITTER_DATE="2026-01-05T09:00:00Z"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
git init --quiet --initial-branch=main --object-format=sha1 --template= .
git add --all
git commit --quiet --message "weblog: parse access logs, count requests by route"
