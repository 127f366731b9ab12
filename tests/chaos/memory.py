"""What the parts hold in memory over the time of a run, and whether that is flat."""

from __future__ import annotations

import time
from statistics import median

import psutil

from tests.chaos.stage import Stage

__all__ = ["Memory", "change", "mean_of"]

_EVERY_S = 10.0
_SETTLED = 1 / 3
"""The first part of a run, in which buffers fill for the first time, is not compared."""
_FLAT = 0.05


class Memory:
    """Samples of resident memory (bytes) by part; :meth:`look` is called often and looks once in ten seconds."""

    def __init__(self) -> None:
        self._samples: dict[str, list[tuple[float, int]]] = {}
        self._processes: dict[str, set[int]] = {}
        self._start_s = time.monotonic()
        self._next_s = 0.0

    def look(self, stage: Stage) -> None:
        """Take a sample of each part, if it is time."""
        now_s = time.monotonic() - self._start_s
        if now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        for name, pid in stage.processes().items():
            try:
                held = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self._samples.setdefault(name, []).append((now_s, held))
            self._processes.setdefault(name, set()).add(pid)

    def grown(self) -> list[str]:
        """Parts whose memory was not flat, of those that lived all the time: the platform's servers are restarted."""
        return [
            name
            for name, samples in self._samples.items()
            if len(self._processes[name]) == 1 and abs(change(samples)) > _FLAT
        ]

    def _restarts(self, name: str) -> str:
        times = len(self._processes[name]) - 1
        return f", restarted {times} times" if times else ""

    def table(self) -> str:
        """A line for each part: what it held in each tenth of the time, and the change."""
        lines = [f"{'MiB':12}{'in each tenth of the time':>70}  from its second third on"]
        for name, samples in self._samples.items():
            tenths = " ".join(
                f"{mean_of(samples, tenth / 10, (tenth + 1) / 10) / 2**20:6.0f}" for tenth in range(10)
            )
            lines.append(f"{name:12}{tenths:>70}  {change(samples):+.1%}{self._restarts(name)}")
        return "\n".join(lines)


def mean_of(samples: list[tuple[float, int]], begin: float, end: float) -> float:
    """The median of the samples between two parts (0 to 1) of the time."""
    first_s, last_s = samples[0][0], samples[-1][0]
    span_s = last_s - first_s
    held = [value for at_s, value in samples if first_s + begin * span_s <= at_s <= first_s + end * span_s]
    return median(held) if held else 0.0


def change(samples: list[tuple[float, int]]) -> float:
    """How much more is held in the last third of the time than in the one before, as a share."""
    before = mean_of(samples, _SETTLED, 1 - _SETTLED)
    return mean_of(samples, 1 - _SETTLED, 1.0) / before - 1 if before else 0.0
