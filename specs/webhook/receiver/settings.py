"""The settings, from the environment. docs/settings.md describes each."""

from dataclasses import dataclass

from receiver.signature import Key


class SettingsError(ValueError):
    """A setting is missing or makes no sense."""


@dataclass(frozen=True)
class Settings:
    """What the service is told when it starts."""

    keys: tuple
    database: str
    port: int


def read(environ):
    """Returns the settings that the environment has."""
    secret = environ.get("HOOKS_SECRET", "")
    if not secret:
        raise SettingsError("HOOKS_SECRET is missing")
    port = environ.get("HOOKS_PORT", "8080")
    if not port.isdecimal():
        raise SettingsError(f"HOOKS_PORT is no number: {port}")
    return Settings(
        keys=(Key("current", secret.encode()),),
        database=environ.get("HOOKS_DATABASE", "hooks.sqlite"),
        port=int(port),
    )
