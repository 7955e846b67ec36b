import json

import pytest

from receiver.app import BODY_MAX, make_app
from receiver.settings import read
from receiver.signature import sign
from receiver.store import Store
from receiver.wsgi import call


@pytest.fixture
def app():
    return make_app(read({"HOOKS_SECRET": "s"}), Store(":memory:"), clock=lambda: 1000)


def deliver(app, body, secret=b"s"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return call(app, "POST", "/hooks", body, sign(secret, body))[0]


def test_a_new_event_is_accepted_and_kept(app):
    assert deliver(app, {"id": "1", "kind": "paid"}) == 202
    status, answer = call(app, "GET", "/events")
    assert (status, answer) == (200, {"events": [{"id": "1", "kind": "paid", "at": 1000}]})


def test_a_delivery_that_is_repeated_is_answered_and_not_kept_again(app):
    event = {"id": "1", "kind": "paid"}
    assert [deliver(app, event), deliver(app, event)] == [202, 200]
    assert len(call(app, "GET", "/events")[1]["events"]) == 1


def test_a_wrong_signature_is_refused(app):
    assert deliver(app, {"id": "1", "kind": "paid"}, secret=b"other") == 401
    assert call(app, "POST", "/hooks", b"{}")[0] == 401
    assert call(app, "GET", "/events")[1] == {"events": []}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1, "kind": "paid"}', b"\xff"])
def test_what_is_no_event_is_refused(app, body):
    assert deliver(app, body) == 400


def test_what_is_too_large_is_refused(app):
    assert deliver(app, b" " * (BODY_MAX + 1)) == 413


def test_it_is_well(app):
    assert call(app, "GET", "/health") == (200, {"status": "well"})
