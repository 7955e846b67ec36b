"""Written before the code: every delivery leaves a line, whatever became of it."""

import json

import pytest

from receiver.app import BODY_MAX, make_app
from receiver.settings import read
from receiver.signature import sign
from receiver.store import Store
from receiver.wsgi import call

EVENT = json.dumps({"id": "1", "kind": "paid"}).encode()


@pytest.fixture
def app():
    times = iter(range(1000, 2000))
    return make_app(read({"HOOKS_SECRET": "s"}), Store(":memory:"), clock=lambda: next(times))


def deliver(app, body=EVENT, secret=b"s"):
    return call(app, "POST", "/hooks", body, sign(secret, body))[0]


def log(app, query=""):
    status, answer = call(app, "GET", f"/deliveries{query}")
    assert status == 200
    return answer["deliveries"]


def test_an_accepted_delivery_is_logged_with_its_key():
    app = make_app(read({"HOOKS_SECRET": "s"}), Store(":memory:"), clock=lambda: 1000.7)
    deliver(app)
    assert log(app) == [{"at": 1000, "outcome": "accepted", "key": "current", "event": "1"}]


def test_a_repeated_one_is_logged_again(app):
    deliver(app)
    deliver(app)
    assert [entry["outcome"] for entry in log(app)] == ["known", "accepted"]


def test_a_refused_one_is_logged_without_what_it_claims_to_be(app):
    assert deliver(app, secret=b"other") == 401
    assert log(app) == [{"at": 1000, "outcome": "wrong signature", "key": None, "event": None}]


def test_what_is_no_event_is_logged(app):
    assert deliver(app, b"{}") == 400
    assert log(app) == [{"at": 1000, "outcome": "no event", "key": "current", "event": None}]


def test_what_is_too_large_is_logged(app):
    assert deliver(app, b" " * (BODY_MAX + 1)) == 413
    assert log(app) == [{"at": 1000, "outcome": "too large", "key": None, "event": None}]


def test_the_newest_come_first_and_are_counted(app):
    for _ in range(60):
        deliver(app)
    assert [entry["at"] for entry in log(app, "?limit=2")] == [1059, 1058]
    assert len(log(app)) == 50


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1001", ""])
def test_a_limit_is_a_number_from_1_to_1000(app, limit):
    assert call(app, "GET", f"/deliveries?limit={limit}")[0] == 400


def test_the_log_outlives_the_service(tmp_path):
    path = str(tmp_path / "hooks.sqlite")
    settings = read({"HOOKS_SECRET": "s"})
    deliver(make_app(settings, Store(path)))
    assert len(log(make_app(settings, Store(path)))) == 1
