from receiver.signature import Key, key_of, sign

KEY = Key("current", b"a secret")
BODY = b'{"id": "1", "kind": "paid"}'


def test_a_signature_is_the_hmac_of_the_body():
    # printf '{}' | openssl dgst -sha256 -hmac 'a secret'
    assert sign(b"a secret", b"{}") == (
        "sha256=c424c6f590d0d71e73c149cf3babaacf68709276ebdf98c4426975d5e07f9397"
    )


def test_the_key_that_signed_is_found():
    assert key_of([KEY], sign(KEY.secret, BODY), BODY, now=0) == KEY


def test_a_body_that_was_changed_has_no_key():
    assert key_of([KEY], sign(KEY.secret, BODY), BODY + b" ", now=0) is None


def test_another_secret_has_no_key():
    assert key_of([KEY], sign(b"another", BODY), BODY, now=0) is None


def test_no_signature_has_no_key():
    assert key_of([KEY], "", BODY, now=0) is None
