"""``python -m bookmill``: the same as the command ``bookmill``; child parts are started this way."""

from bookmill.cli import main

main()
