"""The same handler under other stream frameworks. Each peer is a program of its own that runs until it is stopped."""
