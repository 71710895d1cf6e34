"""A sweep as a folder that travels: journal lines and run heads, as Parquet or JSON lines, and a manifest of hashes.

A bundle is data: it is bounded, checked against its manifest and line by line, and taken in through a journal like any
other run, or refused whole. What is exported, imported and exported again is the same bytes but for the manifest's
time. The heads of the runs are for people with other tools; they are never read here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Container, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import Damaged, InputError
from engine.identity import content_hash
from store import judgements
from store.bundle_forms import FORMS, PARQUET, Form, Packed
from store.history import Store
from store.home import Home, aside, checked_name, make_folder, write_whole, writing
from store.journal import MOST_LINE, SUFFIX, Line, canonical_again, line_again, read_sweep, sha_of
from store.rows import plan_row, rows_of

VERSION = 1
KINDS = ("sweep", "trajectory", judgements.KIND)
MANIFEST, LINES, HEADS = "manifest.json", PARQUET.lines, PARQUET.heads
MOST_MANIFEST = 1_000_000
MOST_BYTES = 2 * 1024**3
"""Of one file of a bundle, and of its lines once they are unpacked."""


def export_sweep(
    store: Store,
    sweep: str,
    folder: Path,
    form: Form = PARQUET,
    only: Collection[str] | None = None,
) -> int:
    """Write a sweep's bundle, of these trajectories only when ids are given; returns their number.

    Raises InputError when there is nothing to write.
    """
    ids = [i for i in store.trajectory_ids(sweep) if only is None or i in only]
    if not ids:
        raise InputError(f"sweep '{sweep[:80]}' has no runs to export")
    heads = store.frame(
        "SELECT * FROM runs SEMI JOIN (SELECT unnest(?) AS trajectory_id) USING (trajectory_id) "
        "WHERE sweep = ? ORDER BY id",
        [ids, sweep],
    )
    make_folder(folder)
    with writing(folder):
        with aside(folder / form.lines) as path:
            form.write_lines(path, _lines(store, sweep, ids, set(heads["id"])))
        with aside(folder / form.heads) as path:
            form.write_heads(path, heads)
    manifest = {
        "version": VERSION,
        "sweep": sweep,
        "trajectories": len(ids),
        "runs": len(heads),
        "files": {name: _hash(folder / name) for name in (form.lines, form.heads)},
        "made_by": f"budgetscape store export {sweep}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_whole(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    return len(ids)


def import_bundle(home: Home, folder: Path) -> str:
    """Take a bundle in as a journal file; returns the sweep's name. Doing it twice changes nothing.

    Raises Damaged or InputError with the reason when anything is not what the manifest says, and InputError when the
    sweep is here with another plan; then nothing was taken in.
    """
    return _take_in(home, folder, "bundle")


def install_bundles(home: Home, folder: Path) -> list[str]:
    """Take in every bundle that stands in a folder, in the place of what it held before; returns the sweeps' names."""
    return [_take_in(home, p.parent, "shipped") for p in sorted(folder.glob(f"*/{MANIFEST}"))]


# ----------------------------------------------------------------------------------------- writing


def _lines(store: Store, sweep: str, ids: Sequence[str], runs: Container[str]) -> Iterator[Packed]:
    """Kind, id and body of every line: the plan where there is one, the trajectories by id, then the judgements."""
    rows = store.frame("SELECT hash, plan FROM sweeps WHERE sweep = ?", [sweep])
    for row in rows.to_dict("records"):
        yield (
            "sweep",
            sweep,
            canonical_again({"hash": row["hash"], "plan": json.loads(row["plan"])}),
        )
    for id in ids:
        yield "trajectory", id, canonical_again(store.line(id).body)
    lines = [x for x in read_sweep(store.home, sweep) if x.kind == judgements.KIND]
    first = {
        x.id: x for x in reversed(lines)
    }  # of two under one id the first counts, as in the tables
    for id, line in sorted(first.items()):
        if line.body["run_id"] not in runs:
            continue
        yield line.kind, id, canonical_again(line.body)


# ----------------------------------------------------------------------------------------- reading


def _take_in(home: Home, folder: Path, word: str) -> str:
    manifest, form = _manifest(folder)
    sweep = checked_name("sweep", str(manifest["sweep"]))
    path = home.journals / sweep / f"{word}-{content_hash(manifest['files'], 16)}{SUFFIX}"
    if path.exists():
        return sweep
    _check_files(folder, manifest, form)
    old = set(path.parent.glob(f"shipped-*{SUFFIX}")) if word == "shipped" else set()
    make_folder(path.parent)
    with writing(path), aside(path) as new, new.open("wb") as out:
        for raw, line in _checked_lines(folder, sweep, form):
            if word == "bundle":
                _check_plan(home, sweep, line)
            out.write(raw)
    for before in old:
        before.unlink(missing_ok=True)
    return sweep


def _checked_lines(folder: Path, sweep: str, form: Form) -> Iterator[tuple[bytes, Line]]:
    """The lines of a bundle; Damaged at the first that is not one of ours, or when they unpack to too much."""
    total = 0
    for packed in form.read_lines(folder / form.lines):
        raw, line = _line(packed, sweep)
        total += len(raw)
        if total > MOST_BYTES:
            raise Damaged(f"{folder.name} unpacks to more than {MOST_BYTES:,} bytes")
        yield raw, line


def _line(packed: Packed, sweep: str) -> tuple[bytes, Line]:
    kind, id, text = packed
    if kind not in KINDS or len(text or "") > MOST_LINE:
        raise Damaged("a bundle holds a line of an unknown kind, or one that is too long")
    try:
        body = json.loads(text)
        raw = line_again(kind, id, body)
    except (ValueError, TypeError, RecursionError, InputError):
        raise Damaged("a bundle holds a line that is no JSON of ours") from None
    if not isinstance(body, dict) or (kind == "sweep" and id != sweep):
        raise Damaged(f"a bundle of {sweep} holds a line of something else")
    line = Line(kind, id, sha_of(raw), body, 0, len(raw))
    if line.kind == "sweep":
        plan_row(line)
    elif line.kind == judgements.KIND:
        judgements.row_of(line, sweep)
    else:
        rows_of(line, sweep)
    return raw, line


def _check_plan(home: Home, sweep: str, line: Line) -> None:
    """Refuse a plan under a name that another plan has here."""
    if line.kind == "sweep":
        here = {x.sha for x in read_sweep(home, sweep) if x.kind == "sweep"}
        if here - {line.sha}:
            raise InputError(
                f"sweep '{sweep}' is here with another plan; import the bundle into another home"
            )


def _manifest(folder: Path) -> tuple[dict[str, Any], Form]:
    """What a bundle says of itself, and its form."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MOST_MANIFEST:
            raise Damaged(f"{folder.name}/{MANIFEST} is too large for a manifest")
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        version, files, _ = manifest["version"], manifest["files"], manifest["sweep"]
        if type(version) is not int or version < 1:
            raise ValueError("no version")
        names = {name for name, sha in files.items() if isinstance(sha, str)}
    except OSError as error:
        raise InputError(f"{folder.name} is no bundle: {MANIFEST} cannot be read") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(
            f"{folder.name}/{MANIFEST} is not a manifest ({type(error).__name__})"
        ) from None
    if version > VERSION:
        raise InputError(
            f"{folder.name} has format {version}, newer than {VERSION}: update the program"
        )
    form = next((f for f in FORMS.values() if names == {f.lines, f.heads}), None)
    if form is None or len(files) > len(names):
        known = " or ".join(f"{f.lines} and {f.heads}" for f in FORMS.values())
        raise Damaged(f"{folder.name}/{MANIFEST} names other files than {known}")
    return manifest, form


def _check_files(folder: Path, manifest: dict[str, Any], form: Form) -> None:
    for name in (form.lines, form.heads):
        part = folder / name
        if not part.is_file() or part.is_symlink() or part.stat().st_size > MOST_BYTES:
            raise Damaged(f"{folder.name}/{name} is missing, a link, or too large")
        if _hash(part) != manifest["files"][name]:
            raise Damaged(f"{folder.name}/{name} is not what its manifest says")
    if wrong := form.check(folder / form.lines, MOST_BYTES):
        raise Damaged(f"{folder.name}/{form.lines} {wrong}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
