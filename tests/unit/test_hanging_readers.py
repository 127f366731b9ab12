"""Each thread that reads Kafka for as long as its part runs: where the library's call does not come back, the part ends and says so."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

_PART = """
    import asyncio, threading
    from functools import partial

    import {module} as module
    from bookmill.kafka_watch import KafkaWatch
    from bookmill.pulse import ended_without
    from bookmill.settings import KafkaSettings, ProducerSettings

    class Hanging:
        calls = 0

        def __init__(self, *_):
            pass

        def poll(self, *_):
            self.calls += 1
            if self.calls > 2:
                threading.Event().wait()

        def consume(self, *_):
            return self.poll()

        def to_end(self):
            return []

        def __getattr__(self, name):
            return lambda *_, **__: None

    module.{client} = Hanging
    module.ended_without = partial(ended_without, after_s=0.5, every_s=0.05)
"""
_REQUESTS = """
    module.AvroDeserializer = Hanging
    reader = module.ControlReader(KafkaSettings(), "127.0.0.1:1", None, print)
    reader._ends = dict
    reader.start()
    threading.Event().wait()
"""
_SUBSCRIPTIONS = """
    module.SubscriptionReader(KafkaSettings(), ProducerSettings(), "127.0.0.1:1", "me", None).start()
    threading.Event().wait()
"""
_RULES = """
    with module.RuleFollower({}, "control.alerts"):
        threading.Event().wait()
"""
_EVENTS = """
    async def serve():
        async with module.Feed(Hanging, [], None, None, prefix="", watch=KafkaWatch(), failed=print):
            await asyncio.Event().wait()

    asyncio.run(serve())
"""


@pytest.mark.parametrize(
    ("module", "client", "start"),
    [
        pytest.param("producers.control", "Consumer", _REQUESTS, id="requests"),
        pytest.param("producers.subscription_reader", "Consumer", _SUBSCRIPTIONS, id="subscriptions"),
        pytest.param("streams.watcher.rules", "Follower", _RULES, id="rules"),
        pytest.param("gateway.feed", "Consumer", _EVENTS, id="events"),
    ],
)
def test_a_call_that_does_not_come_back_ends_its_part(module: str, client: str, start: str) -> None:
    text = textwrap.dedent(_PART).format(module=module, client=client) + textwrap.dedent(start)
    ended = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "bookmill: A call of a library has not come back for 0 s. Start this part again.\n" in ended.stderr
    assert "poll" in ended.stdout + ended.stderr, "the log says where"
    assert "Traceback" not in ended.stdout + ended.stderr
