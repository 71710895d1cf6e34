"""A sweep's bundle as one ZIP file for a browser: its three files and nothing else, bounded before it is unpacked.

Names in an archive are compared with those we know, never used as paths.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from engine.errors import Damaged, InputError
from store.bundle_forms import FORMS, PARQUET, Form
from store.bundles import MANIFEST, MOST_BYTES, export_sweep, import_bundle
from store.history import Store
from store.home import Home, make_folder, writing

NAMES = (MANIFEST, PARQUET.lines, PARQUET.heads)
_BLOCK = 1 << 20


def export_zip(store: Store, sweep: str, path: Path, form: Form = PARQUET) -> int:
    """Write a sweep's bundle as one file; returns its number of trajectories."""
    with tempfile.TemporaryDirectory(prefix="budgetscape-bundle-") as folder:
        count = export_sweep(store, sweep, Path(folder), form)
        with writing(path), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
            for name in (MANIFEST, form.lines, form.heads):
                packed.write(Path(folder) / name, name)
    return count


def import_zip(home: Home, path: Path) -> str:
    """Take a bundle in from one file; returns the sweep's name. Raises InputError or Damaged; then nothing changed."""
    make_folder(home.uploads)
    with tempfile.TemporaryDirectory(dir=home.uploads) as folder:
        _unpack(path, Path(folder))
        return import_bundle(home, Path(folder))


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            held = packed.infolist()
            names = [one.filename for one in held]
            whole = ({MANIFEST, form.lines, form.heads} for form in FORMS.values())
            if len(held) > len(NAMES) or set(names) not in whole:
                raise InputError(
                    f"{path.name}: is not the bundle of a sweep; it must hold {', '.join(NAMES)} and nothing else"
                )
            for one in held:
                if one.file_size > MOST_BYTES:
                    raise InputError(
                        f"{path.name}: {one.filename} unpacks to over {MOST_BYTES} bytes"
                    )
                _copy(packed, one, folder / one.filename, path.name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        why = " ".join(str(error).split())[:120]
        raise Damaged(f"{path.name}: is not a whole ZIP file ({why}); export it again") from error


def _copy(packed: zipfile.ZipFile, one: zipfile.ZipInfo, target: Path, where: str) -> None:
    """What an entry says of its size is not believed."""
    with packed.open(one) as source, target.open("wb") as file:
        left = MOST_BYTES
        while block := source.read(min(_BLOCK, left + 1)):
            left -= len(block)
            if left < 0:
                raise InputError(f"{where}: {one.filename} unpacks to over {MOST_BYTES} bytes")
            file.write(block)


def zip_bytes(store: Store, sweep: str) -> bytes:
    """The same, for a download."""
    with tempfile.TemporaryDirectory(prefix="budgetscape-bundle-") as folder:
        path = Path(folder) / "bundle.zip"
        export_zip(store, sweep, path)
        return path.read_bytes()
