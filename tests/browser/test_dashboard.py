"""The dashboard in a real browser: each view, light and dark, keyboard, narrow screens, what is stale, what is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import WIDE, Watched
from tests.browser.fake_gateway import FakeGateway
from tests.browser.fake_world import text

BITCOIN = "binance.spot.BTC-USDT"
ROWS = "tbody tr:not(.space):visible"

VIEWS: dict[str, Callable[[Page], Locator]] = {
    "Markets": lambda page: page.get_by_role("grid", name="Markets").locator(ROWS).first,
    "Book": lambda page: page.locator(".ladder .bids tr:visible td").first,
    "Candles": lambda page: page.locator(".plot canvas").first,
    "Trades": lambda page: page.get_by_role("grid", name=re.compile("Trades of")).locator(ROWS).first,
    "Spread": lambda page: page.locator(".plot canvas").first,
    "Quality": lambda page: page.get_by_role("grid", name="Book health").locator(ROWS).first,
    "System": lambda page: page.get_by_role("grid", name="Buffers").locator(ROWS).first,
    "Subscriptions": lambda page: page.locator(".exchange").first,
    "Alerts": lambda page: page.get_by_role("grid", name="Rules"),
}
"""By name in the bar: something that stands there once the view has its data."""


@pytest.fixture
def moving(made_up: FakeGateway) -> Iterator[FakeGateway]:
    """The made-up gateway, afterwards as it was."""
    yield made_up
    made_up.held = False
    made_up.told.failing = ""
    for each in made_up.world.moving():
        each.frozen, each.state = False, "live"


def opened(watched: Watched, address: str, place: str = "") -> Page:
    """The page, with its live connection."""
    watched.page.goto(f"{address}/{place}")
    expect(watched.page.locator("#connection")).to_have_text("live")
    return watched.page


def grid(page: Page, name: str) -> Locator:
    """A table."""
    return page.get_by_role("grid", name=name)


def row(page: Page, name: str, content: str) -> Locator:
    """The rows of a table with some text."""
    return grid(page, name).locator(ROWS).filter(has_text=content)


def field(page: Page, name: str) -> Locator:
    """A field of the window that is open."""
    return page.get_by_role("dialog").locator(f"[name={name}]")


def test_each_view_shows_its_data_dark_light_and_on_a_narrow_screen(watched: Watched, address: str) -> None:
    page = opened(watched, address)
    for number, (name, content) in enumerate(VIEWS.items(), start=1):
        page.locator("#views").get_by_role("link", name=name).click()
        expect(content(page)).to_be_visible()
        expect(page.locator("#views [aria-current]")).to_contain_text(name)
        page.wait_for_timeout(300)  # for pictures with all that is asked for at first
        watched.picture(f"{number}-{name.lower()}-dark")
        page.emulate_media(color_scheme="light")
        page.wait_for_timeout(150)
        watched.picture(f"{number}-{name.lower()}-light")
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_timeout(150)
        expect(content(page)).to_be_attached()
        for scrolled in ("documentElement", "querySelector('main')"):
            assert page.evaluate(f"document.{scrolled}.scrollWidth") <= 360, f"{name} scrolls sideways"
        watched.picture(f"{number}-{name.lower()}-narrow")
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="dark")


def test_a_long_table_has_only_the_rows_that_can_be_seen(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address)
    expect(page.get_by_text("516 instruments")).to_be_visible()
    table = grid(page, "Markets")
    expect(table).to_have_attribute("aria-rowcount", "517")
    assert table.locator("tbody tr").count() < 80
    page.locator(".table").evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(row(page, "Markets", "XRP-USDT")).to_have_count(4)
    table.get_by_role("button", name="Last").click()
    expect(table.locator("th[aria-sort=descending]")).to_have_text("Last")
    page.locator(".table").evaluate("node => { node.scrollTop = 0; }")
    expect(table.locator(ROWS).first).to_contain_text("BTC-USDT")


def test_the_filter_narrows_and_is_part_of_the_link(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address)
    expect(grid(page, "Markets").locator(ROWS).first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("btc kraken")
    expect(grid(page, "Markets").locator(ROWS)).to_have_count(1)
    assert page.url.endswith("#/markets?q=btc+kraken")
    page.reload()
    expect(grid(page, "Markets").locator(ROWS)).to_have_count(1)


def test_prices_are_the_gateways_own_texts(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/markets?q=xrp+okx")
    expect(grid(page, "Markets").locator(ROWS)).to_have_count(1)
    moving.held = True
    instrument = moving.world.instruments["okx.swap.XRP-USDT"]
    instrument.middle += 5
    moving.held = False
    expect(row(page, "Markets", "XRP-USDT").locator("td").nth(1)).to_have_text(re.compile(r"^0\.52\d{3}$"))


def test_best_by_symbol(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address)
    page.get_by_role("button", name="Best by symbol").click()
    expect(grid(page, "Best by symbol").locator(ROWS)).to_have_count(4)
    watched.picture("markets-by-symbol")
    row(page, "Best by symbol", "ETH-USDT").click()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Filter")).to_have_value("ETH-USDT")
    expect(grid(page, "Markets").locator(ROWS)).to_have_count(4)


def test_the_ladder_is_the_gateways_book_also_after_an_update_was_lost(
    watched: Watched, moving: FakeGateway
) -> None:
    page = opened(watched, moving.address, f"#/book/{BITCOIN}")
    ladder = page.locator(".ladder")
    expect(ladder.locator(".bids tr:visible").first).to_be_visible()
    moving.lose("book")
    page.wait_for_timeout(1200)
    moving.held = True

    def shown() -> list[tuple[str, ...]]:
        rows = ladder.locator(".bids tr:visible").all_inner_texts()[:12]
        return [tuple(plain(cell) for cell in cells.split("\t")[:2]) for cells in rows]

    bids = list(moving.world.instruments[BITCOIN].levels(12)["bids"].items())
    for _ in range(50):
        if shown() == bids:
            break
        page.wait_for_timeout(100)
    assert shown() == bids
    asked = next(iter(moving.world.instruments[BITCOIN].levels(1)["asks"]))
    middle = (Decimal(asked) + Decimal(bids[0][0])) / 2
    expect(ladder.locator(".middle")).to_have_text(
        re.compile(rf"^{text(middle)} +spread 0\.1 \(0\.015 bps\)$")
    )


def plain(shown: str) -> str:
    """Without the zeros that make points stand below each other."""
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def test_long_quantities_are_cut_and_whole_in_the_tooltip(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/book/okx.swap.BTC-USDT")
    sizes = page.locator(".ladder .bids tr:visible td:nth-of-type(1)")
    expect(sizes.first).to_have_text(re.compile(r"^\d\.\d{8}$"))
    expect(sizes.first).to_have_attribute("title", re.compile(r"^\d\.\d{15,18}$"))
    assert sizes.evaluate_all("cells => cells.every(cell => cell.scrollWidth <= cell.clientWidth)")


def test_a_book_that_is_not_live_says_so(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, f"#/book/{BITCOIN}")
    expect(page.locator(".panel .badge.good")).to_have_text("live")
    moving.world.instruments[BITCOIN].state = "resyncing"
    expect(page.locator(".panel .badge.warn")).to_have_text("resyncing")
    expect(page.locator(".ladder.stale")).to_be_visible()
    expect(page.locator(".headline.stale .badge")).to_have_text("resyncing")
    watched.picture("book-resyncing")


def test_what_is_stale_looks_stale(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/markets?q=sol+binance+spot")
    price = row(page, "Markets", "SOL-USDT")
    expect(price).not_to_have_class(re.compile("stale"))
    expect(price.locator(".badge")).to_have_text("live")
    instrument = moving.world.instruments["binance.spot.SOL-USDT"]
    instrument.frozen = True
    instrument.heard_us -= 14_000_000
    page.reload()  # fourteen seconds old by now; the rest this page has to count itself
    expect(price).to_have_class(re.compile("stale"))
    expect(price.locator(".badge")).to_have_text("stale")
    expect(price.locator("td").last).to_have_text(re.compile(r"^1\d s$"))
    watched.picture("markets-stale")


def test_keys(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/markets?q=usdm")
    expect(grid(page, "Markets").locator(ROWS).first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    expect(page.locator("tr[aria-selected=true]")).to_contain_text("ETH-USDT")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/book/binance.usdm.ETH-USDT$"))
    page.keyboard.press("4")
    expect(page).to_have_url(re.compile("#/trades/binance.usdm.ETH-USDT$"))
    expect(grid(page, "Trades of ETH-USDT").locator(ROWS).first).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("switch views")
    watched.picture("keys")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("sol okx")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/trades/okx.swap.SOL-USDT$"))
    expect(page.locator("h1")).to_contain_text("SOL-USDT")


def test_the_colours_that_were_chosen_are_remembered(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/alerts")
    dark = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(dark)
    page.keyboard.press("t")
    expect(page.locator("#theme")).to_have_text("light")
    light = page.evaluate(dark)
    assert light != before
    page.reload()
    assert page.evaluate(dark) == light
    expect(page.locator("#theme")).to_have_text("light")


def test_a_lost_connection_is_told_and_comes_back(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, f"#/trades/{BITCOIN}")
    expect(grid(page, "Trades of BTC-USDT").locator(ROWS).first).to_be_visible()
    watched.away = True
    moving.stop()
    expect(page.locator("#banner")).to_contain_text("What is shown is old")
    expect(page.locator("body.lost main")).to_be_visible()
    watched.picture("lost")
    moving.start()
    expect(page.locator("#banner")).to_be_hidden(timeout=20_000)
    watched.away = False
    newest = moving.world.instruments[BITCOIN].traded + 1
    numbers = grid(page, "Trades of BTC-USDT").locator("td:last-child")
    expect(numbers.filter(has_text=re.compile(rf"^{newest}$"))).to_be_visible()


def test_a_candle_link_opens_the_same_and_the_newest_candle_moves(
    watched: Watched, moving: FakeGateway
) -> None:
    page = opened(watched, moving.address, f"#/candles/{BITCOIN}?interval=1h")
    expect(page.get_by_role("button", name="1h")).to_have_attribute("aria-pressed", "true")
    close = page.locator(".figure", has_text="Close").locator("dd")
    expect(close).to_have_text(re.compile(r"^6\d{4}\.\d$"))
    moving.held = True
    page.wait_for_timeout(300)
    instrument = moving.world.instruments[BITCOIN]
    instrument.middle += 1000
    moving.held = False
    expect(close).to_have_text(re.compile(rf"^{text(instrument.tick * instrument.middle)[:4]}"))


def test_gaps_and_completeness(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/quality")
    expect(row(page, "Gaps", "okx.swap.SOL-USDT")).to_contain_text("sequence")
    expect(grid(page, "Gaps").locator(ROWS)).to_have_count(1)
    page.get_by_role("button", name="All").click()
    expect(row(page, "Gaps", "kraken.spot.ETH-USDT")).to_contain_text("4.5 s")
    expect(row(page, "Completeness", "okx.swap.SOL-USDT")).to_contain_text("98.4102 %")


def test_the_system_is_told_with_rates(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/system")
    expect(row(page, "Parts", "worker")).to_contain_text("waiting for a snapshot: okx.swap.SOL-USDT")
    expect(row(page, "Connections", "binance.spot")).to_contain_text(re.compile(r"[12]\u202f\d{3}"))
    expect(row(page, "Buffers", "producer records")).to_contain_text("85 %")
    expect(page.locator(".figure", has_text="Receipt → gateway").locator("dd")).to_have_text("4.10 / 18.8 ms")
    expect(page.locator(".figure", has_text="Gateway → browser").locator("dd")).to_contain_text("ms")


def test_an_instrument_is_subscribed_to_and_removed(watched: Watched, moving: FakeGateway) -> None:
    watched.refusals = {404}
    page = opened(watched, moving.address, "#/subscriptions")
    page.get_by_label("Instrument", exact=True).fill("binans.spot.SOL-USDT")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("alert")).to_have_text(
        re.compile("There is no exchange binans. Did you mean binance?")
    )
    page.get_by_label("Instrument", exact=True).fill("binance.spot.SOL-USDT")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("status").filter(has_text="collected")).to_contain_text("binance.spot.SOL-USDT")
    expect(row(page, "Subscriptions", "binance.spot.SOL-USDT")).to_contain_text("collected")
    page.get_by_role("button", name="Remove binance.spot.SOL-USDT").click()
    page.get_by_role("button", name="Stop collecting").click()
    expect(row(page, "Subscriptions", "binance.spot.SOL-USDT")).to_have_count(0)


def test_a_collector_is_stopped_when_that_is_meant(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/subscriptions")
    page.get_by_role("button", name="Stop kraken").click()
    page.get_by_role("button", name="Leave it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert moving.told.stopped == set()
    page.get_by_role("button", name="Stop kraken").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop kraken").click()
    expect(page.get_by_text("kraken: 4 stopped.")).to_be_visible()
    page.get_by_role("button", name="Start kraken").click()
    expect(page.get_by_text("kraken: 4 started.")).to_be_visible()
    assert moving.told.stopped == set()


def test_the_key_stays_in_its_tab(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, "#/subscriptions")
    page.get_by_label("API key").fill("secret-key")
    with page.expect_request(lambda request: request.headers.get("authorization") == "Bearer secret-key"):
        page.get_by_role("button", name="Use").click()
    assert page.evaluate("Object.values(sessionStorage)") == ["secret-key"]
    assert "secret-key" not in page.evaluate("JSON.stringify(localStorage)") + page.content()
    page.get_by_role("button", name="Forget").click()
    assert page.evaluate("sessionStorage.length") == 0


def test_alert_rules_are_made_changed_and_deleted(watched: Watched, moving: FakeGateway) -> None:
    watched.refusals = {409}
    page = opened(watched, moving.address, "#/alerts")
    expect(row(page, "Rules", "Bitcoin at 70000")).to_contain_text("trade price crosses 70000 upwards")
    expect(row(page, "What has been alerted", "12.5 bps")).to_be_visible()
    page.get_by_role("button", name="New rule").click()
    field(page, "id").fill("btc-70k")
    field(page, "kind").select_option("change_percent")
    field(page, "percent").fill("2.5")
    watched.picture("alert-form")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_contain_text("There is a rule btc-70k already.")
    field(page, "id").fill("")
    field(page, "name").fill("Fast moves")
    page.get_by_role("button", name="Save").click()
    expect(row(page, "Rules", "Fast moves")).to_contain_text("changes 2.5 % in 60 s")
    assert moving.told.rules["fast-moves"]["condition"] == {
        "kind": "change_percent",
        "window_s": 60,
        "percent": "2.5",
        "direction": "both",
        "price": "trade",
    }
    page.get_by_role("button", name="Edit Fast moves").click()
    field(page, "percent").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(row(page, "Rules", "Fast moves")).to_contain_text("changes 3 % in 60 s")
    page.get_by_role("button", name="Off Fast moves").click()
    expect(row(page, "Rules", "Fast moves")).to_have_class(re.compile("stale"))
    page.get_by_role("button", name="Delete Fast moves").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, "Rules", "Fast moves")).to_have_count(0)


def test_an_alert_shows_itself_in_any_view(watched: Watched, moving: FakeGateway) -> None:
    page = opened(watched, moving.address, f"#/book/{BITCOIN}")
    expect(page.locator(".ladder .bids tr:visible").first).to_be_visible()
    alert = {**moving.told.alerts[0], "message": "BTC-USDT is above 70000.", "alert": "made-up"}
    moving.alert(alert)
    expect(page.get_by_role("alert")).to_contain_text("BTC-USDT is above 70000.")
    expect(page.locator("#unseen")).to_have_text("1")
    page.keyboard.press("9")
    expect(page.locator("#unseen")).to_be_hidden()
    expect(row(page, "What has been alerted", "BTC-USDT is above 70000.")).to_be_visible()


def test_what_the_gateway_refuses_is_said_in_its_words(watched: Watched, moving: FakeGateway) -> None:
    watched.refusals = {503}
    moving.told.failing = "ClickHouse does not answer within 15 s."
    page = opened(watched, moving.address)
    expect(page.get_by_role("alert")).to_contain_text("ClickHouse does not answer within 15 s.")
    expect(grid(page, "Markets").locator(ROWS).first).to_be_visible()
