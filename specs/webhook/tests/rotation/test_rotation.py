"""Written before the code: two secrets hold while senders change to the new one."""

import pytest

from receiver.settings import SettingsError, read
from receiver.signature import Key, key_of, sign

BODY = b'{"id": "1", "kind": "paid"}'
ENDS = 2000
CURRENT = Key("current", b"new")
PREVIOUS = Key("previous", b"old", until=ENDS)
KEYS = (CURRENT, PREVIOUS)


def found(header, now=1000, keys=KEYS):
    key = key_of(keys, header, BODY, now)
    return key and key.name


def test_both_secrets_hold():
    assert found(sign(b"new", BODY)) == "current"
    assert found(sign(b"old", BODY)) == "previous"
    assert found(sign(b"other", BODY)) is None


@pytest.mark.parametrize("now, name", [(ENDS - 1, "previous"), (ENDS, None), (ENDS + 1, None)])
def test_the_previous_secret_holds_until_the_rotation_ends(now, name):
    assert found(sign(b"old", BODY), now) == name


@pytest.mark.parametrize("now", [0, ENDS, ENDS * 1000])
def test_the_current_secret_has_no_end(now):
    assert found(sign(b"new", BODY), now) == "current"


@pytest.mark.parametrize("between", [",", ", ", " , "])
def test_a_sender_may_sign_with_several_secrets(between):
    header = between.join([sign(b"other", BODY), sign(b"old", BODY)])
    assert found(header) == "previous"


def test_of_several_signatures_the_current_secret_counts():
    header = ",".join([sign(b"old", BODY), sign(b"new", BODY)])
    assert found(header) == "current"


@pytest.mark.parametrize("header", ["", ",", "sha256=", "sha256=é", "nonsense", "," * 5000])
def test_anything_else_has_no_key(header):
    assert found(header) is None


def test_of_very_many_signatures_none_is_looked_at():
    assert found(",".join([sign(b"other", BODY)] * 8 + [sign(b"new", BODY)])) is None


ROTATING = {
    "HOOKS_SECRET": "new",
    "HOOKS_SECRET_PREVIOUS": "old",
    "HOOKS_ROTATION_ENDS": "2000",
}


def test_a_rotation_stands_in_the_settings():
    assert read(ROTATING).keys == KEYS


@pytest.mark.parametrize(
    "name, value",
    [
        ("HOOKS_ROTATION_ENDS", ""),
        ("HOOKS_ROTATION_ENDS", "soon"),
        ("HOOKS_SECRET_PREVIOUS", ""),
        ("HOOKS_SECRET_PREVIOUS", "new"),
    ],
)
def test_half_a_rotation_does_not_start(name, value):
    with pytest.raises(SettingsError, match=name):
        read({**ROTATING, name: value})
