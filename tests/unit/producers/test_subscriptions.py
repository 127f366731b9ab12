"""What a shared producer does with what it reads: begins, tells, hands over, and shows what it cannot collect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from producers.control import Request
from producers.subscriptions import Subscriptions
from schemas.subscriptions import Desired

BTC = Desired("binance", "spot", "BTC-USDT", on=True)
ETH = Desired("binance", "spot", "ETH-USDT", on=True)


@dataclass
class FakeMarket:
    """Collects what it is told to; what is in ``delivering`` delivers."""

    wanted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    delivering: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def want(self, symbol: str, channels: Sequence[str] = ()) -> None:
        self.wanted[symbol] = tuple(channels)

    def drop(self, symbol: str) -> None:
        self.wanted.pop(symbol, None)

    def delivers(self, symbol: str) -> bool:
        return symbol in self.delivering

    def refusal(self, symbol: str, channels: Sequence[str] = ()) -> str:
        if "liquidations" in channels:
            return f"there are no liquidations of {symbol}."
        return f"there is no {symbol}." if symbol in self.unknown else ""

    def wire_symbol(self, symbol: str) -> str:
        return symbol.replace("-", "")


@dataclass
class World:
    market: FakeMarket = field(default_factory=FakeMarket)
    told: list[tuple[str, str]] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(
            {("binance", "spot"): self.market},
            self,
            producer_id="me",
            hand_over_s=30.0,
            clock=lambda: self.now_s,
        )

    def collected(self, desired: Desired, wire_symbol: str) -> None:
        self.told.append((desired.key, wire_symbol))

    def given(self, *states: Desired, partition: int = 0) -> None:
        self.subscriptions.given(partition, {one.key: one for one in states})
        self.subscriptions.look()

    def hear(self, desired: Desired, producer: str) -> None:
        self.subscriptions.hear(
            Request(
                desired.exchange,
                desired.market,
                self.market.wire_symbol(desired.symbol),
                "collected",
                "",
                0.0,
                producer=producer,
                symbol=desired.symbol,
            )
        )
        self.subscriptions.look()

    def take(self, *partitions: int) -> None:
        self.subscriptions.taken(partitions)
        self.subscriptions.look()


def test_what_is_on_is_collected_and_told_when_it_delivers() -> None:
    world = World()
    off = Desired("binance", "spot", "SOL-USDT", on=False)
    world.given(BTC, Desired("binance", "spot", "ETH-USDT", on=True, channels=("book",)), off)
    assert world.market.wanted == {"BTC-USDT": (), "ETH-USDT": ("book",)}
    assert world.told == []
    world.market.delivering.add("BTC-USDT")
    world.subscriptions.look()
    world.subscriptions.look()
    assert world.told == [("binance.spot.BTC-USDT", "BTCUSDT")]
    assert world.subscriptions.states() == {
        "idle": 1,
        "starting": 1,
        "collecting": 1,
        "leaving": 0,
        "refused": 0,
    }


def test_a_change_touches_no_other() -> None:
    world = World()
    world.given(BTC, ETH)
    world.market.wanted.pop("BTC-USDT")  # shows that nobody asks for it again
    world.subscriptions.changed(
        0, ETH.key, Desired("binance", "spot", "ETH-USDT", on=True, channels=("trades",))
    )
    world.subscriptions.look()
    assert world.market.wanted == {"ETH-USDT": ("trades",)}
    world.subscriptions.changed(0, ETH.key, None)
    world.subscriptions.look()
    assert world.market.wanted == {}


def test_what_goes_to_another_is_collected_until_the_other_delivers() -> None:
    world = World()
    world.given(BTC, partition=0)
    world.given(ETH, partition=1)
    world.take(0)
    world.hear(BTC, "me")
    world.hear(ETH, "other")  # that is ours
    assert world.market.wanted == {"BTC-USDT": (), "ETH-USDT": ()}
    world.hear(BTC, "other")
    assert world.market.wanted == {"ETH-USDT": ()}
    assert world.subscriptions.counts["handed_over"] == 1
    world.subscriptions.look()
    assert world.subscriptions.collected() == [ETH.key]


def test_patience_with_another_that_says_nothing_ends() -> None:
    world = World()
    world.given(BTC)
    world.take(0)
    world.now_s = 29.9
    world.subscriptions.look()
    assert world.market.wanted
    world.now_s = 30.0
    world.subscriptions.look()
    assert world.market.wanted == {}
    assert world.subscriptions.counts["expired"] == 1


def test_what_comes_back_goes_on_and_is_told_again() -> None:
    world = World()
    world.market.delivering.add("BTC-USDT")
    world.given(BTC)
    world.take(0)
    world.given(BTC)
    assert world.market.wanted == {"BTC-USDT": ()}
    assert len(world.told) == 2
    world.take(0)
    world.given(Desired("binance", "spot", "BTC-USDT", on=False))
    assert world.market.wanted == {}


def test_a_partition_given_again_without_an_instrument_ends_it() -> None:
    world = World()
    world.given(BTC, ETH)
    world.given(ETH)
    assert world.market.wanted == {"ETH-USDT": ()}


def test_what_cannot_be_collected_is_shown_and_costs_only_itself_and_is_tried_when_it_can() -> None:
    world = World()
    world.market.unknown.add("BTC-USDT")
    elsewhere = Desired("okx", "swap", "BTC-USD", on=True)
    world.given(BTC, ETH, elsewhere)
    assert world.market.wanted == {"ETH-USDT": ()}
    assert world.subscriptions.health() == {
        "subscription binance.spot.BTC-USDT": "there is no BTC-USDT.",
        "subscription okx.swap.BTC-USD": "okx.swap is not among the markets of this producer's settings: BTC-USD is not collected.",
    }
    world.market.unknown.clear()
    world.subscriptions.look()
    assert world.market.wanted == {"ETH-USDT": (), "BTC-USDT": ()}
    assert list(world.subscriptions.health()) == ["subscription okx.swap.BTC-USD"]
    nothing = Desired("binance", "spot", "ETH-USDT", on=True, channels=("liquidations",))
    world.subscriptions.changed(0, ETH.key, nothing)
    for _ in range(3):
        world.subscriptions.look()
    assert world.market.wanted == {"BTC-USDT": ()}
    assert "there are no liquidations of ETH-USDT." in world.subscriptions.health().values()
