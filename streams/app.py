"""``faust -A streams.app worker``: the application as Faust's own command line looks for it.

``bookmill worker`` runs the same application, with our logging and our status port.
"""

from __future__ import annotations

import sys

from bookmill.errors import BookmillError
from bookmill.settings_loading import load
from streams.application import create_app, prepare

__all__ = ["app"]

try:
    app = create_app(prepare(load()))
except BookmillError as error:
    sys.exit(f"bookmill: {error}")
