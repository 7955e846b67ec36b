"""The events that were received, in SQLite."""

import sqlite3

SCHEMA = """
create table if not exists event (
    number  integer primary key,
    id      text not null unique,
    kind    text not null,
    body    blob not null,
    at      integer not null
)
"""


class Store:
    """Keeps each event once, by the id that its sender gave it."""

    def __init__(self, path):
        # One lock of SQLite holds for all threads of the server.
        self.connection = sqlite3.connect(path, check_same_thread=False)
        with self.connection:
            self.connection.execute(SCHEMA)

    def add(self, id, kind, body, at):
        """Keeps an event; returns False if its id is known."""
        with self.connection:
            done = self.connection.execute(
                "insert into event (id, kind, body, at) values (?, ?, ?, ?)"
                " on conflict (id) do nothing",
                (id, kind, body, at),
            )
        return done.rowcount == 1

    def events(self, limit=50):
        """Returns id, kind and time of the events, the newest first."""
        rows = self.connection.execute(
            "select id, kind, at from event order by number desc limit ?", (limit,)
        )
        return [{"id": id, "kind": kind, "at": at} for id, kind, at in rows]
