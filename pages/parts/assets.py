"""The browser files and their addresses: each address carries a hash of its content, so it may be kept for ever.

Knows no Streamlit: the server serves these, the pages point at them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CLIENT = Path(__file__).parents[2] / "engine" / "client"
CLIENT_FILES = (
    "surface.js",
    "camera.js",
    "dressing.js",
    "mark.js",
    "saving.js",
    "dials.js",
    "map.js",
    "trace.js",
    "compared.js",
    "lanes.js",
    "replay.js",
    "palette.js",
    "print.js",
    "address.js",
    "group.js",
    "shared.js",
    "client.css",
)
"""What may be asked for by name; nothing else in the folder is served."""


@cache
def plotly_file() -> Path:
    """plotly.js as the installed package carries it; found without importing the package."""
    spec = find_spec("plotly")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@cache
def plotly_address() -> str:
    return f"/assets/plotly/{_hash(plotly_file().read_bytes())}/plotly.min.js"


@cache
def client_address() -> str:
    """Address of the folder of browser modules, without the last slash."""
    return f"/assets/client/{_hash(*((CLIENT / name).read_bytes() for name in CLIENT_FILES))}"


def _hash(*contents: bytes) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for content in contents:
        digest.update(content)
    return digest.hexdigest()
