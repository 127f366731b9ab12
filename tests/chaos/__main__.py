"""``python -m tests.chaos``: schedules of faults, one after the other, each with the judgement at its end.

``--schedules 10 --seconds 60 --seed 7`` runs the schedules of the seeds 7 to 16. The same seed is the same schedule; what the reactions
meet is the machine's timing. ``--minutes 30 --memory`` is one long schedule in which all processes live, and tells whether they grow.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from bookmill.settings import PlatformSettings, Settings
from embedded.platform import Platform
from tests.chaos.memory import Memory
from tests.chaos.run import Result, run
from tests.chaos.schedule import schedule

_ANY_PORTS = PlatformSettings(kafka_port=0, registry_port=0, clickhouse_port=0, gateway_first=False)


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def main() -> int:
    """The command line; the exit status says whether everything was as it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--schedules", type=int, default=1, help="so many, of the seeds from --seed on")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each goes on")
    parser.add_argument("--seed", type=int, default=None, help="of the first one; any where not given")
    parser.add_argument("--minutes", type=float, default=None, help="the same as --seconds, in minutes")
    parser.add_argument("--memory", action="store_true", help="all processes live; print what they hold")
    parser.add_argument("--list", action="store_true", help="only print the schedule")
    parser.add_argument("--keep", type=Path, default=None, help="where logs go of schedules that went wrong")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    seconds = options.seconds if options.minutes is None else options.minutes * 60
    if options.list:
        for step in schedule(seed, seconds, processes_live=options.memory):
            _say(str(step))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the parts have to be stopped
    results: list[Result] = []
    memory = Memory() if options.memory else None
    with (
        tempfile.TemporaryDirectory(prefix="chaos-platform-") as folder,
        Platform(Settings(data_dir=Path(folder), platform=_ANY_PORTS)) as platform,
    ):
        for number in range(options.schedules):
            result = run(
                platform,
                seed + number,
                seconds,
                say=_say,
                keep=options.keep,
                watch=memory.look if memory else None,
                processes_live=options.memory,
            )
            results.append(result)
            _say(result.report if result.verdict.problems else result.line)
    bad = [result.seed for result in results if result.verdict.problems]
    _say(
        f"{len(results)} schedules of {seconds:.0f} s from seed {seed} on: {f'not as it should be: {bad}' if bad else 'all as it should be'}"
    )
    if memory:
        _say(memory.table())
        return 1 if bad or memory.grown() else 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
