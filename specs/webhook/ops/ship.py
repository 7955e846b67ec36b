"""Puts the service into a folder, as a release of its own, and makes it the current one.

python3 ops/ship.py FOLDER [--note FILE]    ships the tree it is started in
python3 ops/ship.py FOLDER --is-shipped     ends with 0 if that was done, else with 1

A release is named by the digest of its files. Each step can be repeated, and the
line in `history` is the last one: who finds it knows that all others were done.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import sys
import zipfile

# What the service needs to run; a wheel of pure Python is an archive of its files.
WHEELS = ("bottle", "waitress")


def shipped():
    """Returns the files of a release, by their place in it."""
    paths = [path for path in pathlib.Path("receiver").rglob("*.py")]
    paths += [pathlib.Path("docs/settings.md"), pathlib.Path("requirements.txt")]
    return sorted(paths)


def digest():
    """Returns the name of the release."""
    state = hashlib.sha256()
    for path in shipped():
        state.update(f"{path}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()[:12]


def write(release, note):
    """Writes the files of a release into a new folder."""
    for path in shipped():
        (release / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, release / path)
    for name in WHEELS:
        [wheel] = pathlib.Path("vendor/wheels").glob(f"{name}-*.whl")
        zipfile.ZipFile(wheel).extractall(release / "lib")
    if note is not None:
        shutil.copyfile(note, release / "NOTE")


def ship(folder, name, note):
    """Makes the release and points `current` at it."""
    release = folder / "releases" / name
    new = release.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(release, ignore_errors=True)
    new.mkdir(parents=True)
    write(new, note)
    new.rename(release)
    link = folder / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(pathlib.Path("releases") / name)
    os.replace(link, folder / "current")
    with open(folder / "history", "a", encoding="utf-8") as history:
        history.write(f"{name}\n")


def is_shipped(folder, name):
    """Says whether the last line of the history is this release."""
    try:
        lines = (folder / "history").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return lines[-1:] == [name]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--note")
    parser.add_argument("--is-shipped", action="store_true")
    args = parser.parse_args()
    folder = pathlib.Path(args.folder).expanduser()
    name = digest()
    if args.is_shipped:
        sys.exit(not is_shipped(folder, name))
    ship(folder, name, args.note)
    print(f"release {name} is current")


if __name__ == "__main__":
    main()
