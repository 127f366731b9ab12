"""The desired state as records: written and read back the same, and nothing else is taken for one."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import FrameError
from bookmill.settings import KafkaSettings
from schemas.subscriptions import Desired, SubscriptionStore, decode

NAMES = st.text(max_size=20)
STORE = SubscriptionStore(KafkaSettings(topic_prefix="p."), "127.0.0.1:1", 7)


@given(
    st.builds(
        Desired,
        exchange=NAMES,
        market=NAMES,
        symbol=NAMES,
        on=st.booleans(),
        channels=st.lists(NAMES, max_size=4).map(tuple),
        asked_by=NAMES,
        asked_micros=st.integers(-(2**62), 2**62),
    )
)
def test_what_is_written_is_read_back(desired: Desired) -> None:
    value = STORE._encode(desired)
    assert value[:5] == struct.pack(">bI", 0, 7)
    assert decode(value) == desired


@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_a_record_or_a_clear_refusal(data: bytes, headed: bool) -> None:
    with suppress(FrameError):
        assert isinstance(decode(struct.pack(">bI", 0, 7) + data if headed else data), Desired)


@pytest.mark.parametrize("cut", range(40))
def test_a_record_cut_short_is_none(cut: int) -> None:
    value = STORE._encode(
        Desired("binance", "spot", "BTC-USDT", True, ("book",), "me", 1_700_000_000_000_000)
    )
    assert len(value) > 40
    with pytest.raises(FrameError):
        decode(value[:cut])


def test_the_key_names_the_instrument_and_the_topic_its_installation() -> None:
    assert Desired("okx", "swap", "BTC-USD", on=True).key == "okx.swap.BTC-USD"
    assert STORE.topic == "p.control.subscriptions"
