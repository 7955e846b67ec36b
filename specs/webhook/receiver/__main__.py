"""python3 -m receiver: serves until it is stopped."""

import os
import sys

import waitress

from receiver.app import make_app
from receiver.settings import SettingsError, read
from receiver.store import Store


def main():
    try:
        settings = read(os.environ)
    except SettingsError as error:
        sys.exit(f"receiver: {error}")
    app = make_app(settings, Store(settings.database))
    waitress.serve(app, host="127.0.0.1", port=settings.port)


if __name__ == "__main__":
    main()
