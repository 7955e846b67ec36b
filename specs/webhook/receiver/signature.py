"""Signatures of deliveries: HMAC-SHA256 of the body."""

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """A shared secret, and what it is called in logs."""

    name: str
    secret: bytes


def sign(secret, body):
    """Returns the signature of a body, as a sender puts it in the header."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def key_of(keys, header, body, now):
    """Returns the key with which the body was signed; None if with none of them.

    `now` is in seconds since 1970.
    """
    key = keys[0]
    if hmac.compare_digest(sign(key.secret, body).encode(), header.encode()):
        return key
    return None
