"""The routes of the service."""

import json
import time

import bottle

from receiver.signature import key_of

# A larger delivery is refused before it is read.
BODY_MAX = 256 * 1024


def event_of(body):
    """Returns id and kind of the event that a body holds; None if it holds none."""
    try:
        event = json.loads(body)
        id, kind = event["id"], event["kind"]
    except (ValueError, KeyError, TypeError):
        return None
    if isinstance(id, str) and isinstance(kind, str) and id and kind:
        return id, kind
    return None


def make_app(settings, store, clock=time.time):
    """Returns the service as a WSGI application."""
    app = bottle.Bottle()

    @app.post("/hooks")
    def receive():
        if bottle.request.content_length > BODY_MAX:
            return answer(413, "too large")
        now = int(clock())
        body = bottle.request.body.read()
        header = bottle.request.get_header("X-Hooks-Signature", "")
        if key_of(settings.keys, header, body, now) is None:
            return answer(401, "the signature is wrong")
        event = event_of(body)
        if event is None:
            return answer(400, "no event")
        id, kind = event
        if not store.add(id, kind, body, now):
            return answer(200, "known")
        return answer(202, "accepted")

    @app.get("/events")
    def events():
        return {"events": store.events()}

    @app.get("/health")
    def health():
        return answer(200, "well")

    return app


def answer(status, text):
    """Answers with a status and one word about it."""
    bottle.response.status = status
    return {"status": text}
