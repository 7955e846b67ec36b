"""Asks an application without a server: for tests and for the replay."""

import io
import json
from wsgiref.util import setup_testing_defaults


def call(app, method, path, body=b"", signature=None):
    """Returns the status and the JSON that an application answers with."""
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    if signature is not None:
        # As a server hands headers over: each byte is one character.
        environ["HTTP_X_HOOKS_SIGNATURE"] = signature.encode().decode("latin-1")
    setup_testing_defaults(environ)
    status = []
    parts = app(environ, lambda line, headers, error=None: status.append(line))
    text = b"".join(parts)
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    return int(status[0].split()[0]), answer
