import pytest

from receiver.settings import SettingsError, read


def test_a_secret_is_enough():
    settings = read({"HOOKS_SECRET": "s"})
    assert [(key.name, key.secret) for key in settings.keys] == [("current", b"s")]
    assert (settings.database, settings.port) == ("hooks.sqlite", 8080)


@pytest.mark.parametrize("environ", [{}, {"HOOKS_SECRET": ""}])
def test_without_a_secret_it_does_not_start(environ):
    with pytest.raises(SettingsError, match="HOOKS_SECRET"):
        read(environ)


def test_a_port_is_a_number():
    with pytest.raises(SettingsError, match="HOOKS_PORT"):
        read({"HOOKS_SECRET": "s", "HOOKS_PORT": "http"})
