"""python3 -m receiver.replay FILE: plays recorded deliveries to the service.

The service runs in this process, with the settings and the clock of the
recording and a database in memory: the same recording always gives the same.
"""

import collections
import json
import sys

from receiver.app import make_app
from receiver.settings import read
from receiver.store import Store
from receiver.wsgi import call


def main(path):
    with open(path, encoding="utf-8") as lines:
        head, *deliveries = [json.loads(line) for line in lines]
    now = [0]
    app = make_app(read(head["settings"]), Store(":memory:"), clock=lambda: now[0])
    answers = collections.Counter()
    for delivery in deliveries:
        now[0] = delivery["at"]
        body = delivery["body"].encode()
        status, _ = call(app, "POST", "/hooks", body, delivery["signature"])
        answers[status] += 1
    print(f"deliveries: {len(deliveries)}")
    for status, count in sorted(answers.items()):
        print(f"answered {status}: {count}")
    status, log = call(app, "GET", "/deliveries?limit=1000")
    if status != 200:
        print("log of deliveries: none")
        return
    outcomes = collections.Counter(
        (entry["outcome"], entry["key"] or "no key") for entry in log["deliveries"]
    )
    for (outcome, key), count in sorted(outcomes.items()):
        print(f"logged {outcome}, {key}: {count}")


if __name__ == "__main__":
    main(*sys.argv[1:])
