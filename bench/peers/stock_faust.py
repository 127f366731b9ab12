"""The handler under Faust as it comes, tuned as far as its settings go: ``python -m bench.peers.stock_faust JOB``."""

from __future__ import annotations

import asyncio
from typing import Any

import faust
import uvloop

from bench.peers.job import Handler, Job, read_job

__all__ = ["create_app"]


def create_app(job: Job) -> faust.App:
    """One agent over the raw topics, record by record; events go straight to the app's own producer.

    ``app.producer.send`` is the shortest way Faust has: ``topic.send`` adds serializers and a future of its own.
    """
    app = faust.App(
        f"{job.prefix}faust",
        broker=";".join(f"kafka://{server}" for server in job.kafka.split(",")),
        datadir=job.folder,
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        broker_max_poll_records=2000,
        broker_commit_interval=5.0,
        broker_commit_every=100_000,
        stream_buffer_maxsize=32_768,
        stream_wait_empty=False,
        producer_compression_type="lz4",
        producer_linger=0.05,
        producer_max_batch_size=1_000_000,
        producer_acks=-1,
        table_standby_replicas=1,
    )
    handler = Handler(job)
    raws = app.topic(
        *(job.prefix + name for name in job.raw_topics), key_serializer="raw", value_serializer="raw"
    )

    @app.agent(raws, name="mill")
    async def mill(stream: Any) -> None:
        send = app.producer.send
        async for event in stream.events():
            message = event.message
            for topic, (key, value, headers) in handler.process(message.topic, message.partition, message):
                await send(topic, key, value, message.partition, None, headers)

    return app


def main() -> None:
    """Run until SIGTERM."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(create_app(read_job()), loop=loop, loglevel="warning", redirect_stdouts=False)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
