"""Connections to one address are opened one after the other, whoever opens them."""

from __future__ import annotations

import asyncio
import time

from producers.openings import Openings


def test_lines_wait_for_each_other_at_one_address_and_not_at_another() -> None:
    async def run() -> list[tuple[str, float]]:
        openings, started_s, done = Openings(), time.monotonic(), list[tuple[str, float]]()

        async def one(url: str, proxy: str | None = None) -> None:
            await openings.turn(url, proxy, 20.0)
            done.append((url, time.monotonic() - started_s))

        await asyncio.gather(
            one("wss://a/public"), one("wss://a/business"), one("wss://a/public"), one("wss://b/x")
        )
        return done

    done = asyncio.run(run())
    at_a = [at_s for url, at_s in done if "//a/" in url]
    assert at_a[1] >= 0.05
    assert at_a[2] >= 0.1
    assert next(at_s for url, at_s in done if "//b/" in url) < 0.05
