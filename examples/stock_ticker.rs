//! Prices that change faster than a slow client can hear: it misses some on the way, and always has the newest.
//!
//! `cargo run --example stock_ticker`; open the page, and switch on "Slow client". The page is in `examples/stock_ticker`.
//!
//! | destination | is |
//! |---|---|
//! | SUBSCRIBE `/topic/stocks/*`, or one `/topic/stocks/{symbol}` | each new price |
//! | SUBSCRIBE `/app/market` | whether the market is open, and all prices now |
//! | SEND `/app/market`, SUBSCRIBE `/topic/market` | to open and close it, for everybody |

mod support;

use byway::broker::{BrokerSettings, SlowConsumerPolicy, SlowConsumerSettings};
use byway::messaging::{Json, Messages, Messenger, PublishError, Result, State};
use byway::policy::{ActionSetting, RuleSettings, Rules, Who};
use byway::{Byway, DestinationPattern, Settings, SettingsError, Stomp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let market = Market::new();
    let messages =
        Messages::new().with(market.clone()).on_subscribe("/market", report).on_send("/market", open_or_close);
    let stomp = Stomp::new().broker(broker()?).authorizer(rules()?).messages(messages);
    let (byway, messenger) = Byway::stomp(Settings::default(), stomp)?;
    tokio::spawn(trade(market, messenger));
    let pages = support::pages(include_str!("stock_ticker/index.html"), include_str!("stock_ticker/page.js"));
    support::serve(byway, pages).await
}

/// While a price waits for a client, a newer one of the same stock takes its place.
fn broker() -> Result<BrokerSettings, Box<dyn std::error::Error>> {
    let pattern = DestinationPattern::parse("/topic/stocks/*")?;
    let prices = SlowConsumerSettings { pattern, policy: SlowConsumerPolicy::KeepNewest, key: None };
    Ok(BrokerSettings { slow_consumers: vec![prices], ..BrokerSettings::default() })
}

/// Only the market makes prices.
fn rules() -> Result<Rules, SettingsError> {
    Rules::new(&[
        RuleSettings::allow(Who::ANYONE, ActionSetting::Subscribe, "/topic/**"),
        RuleSettings::allow(Who::ANYONE, ActionSetting::Any, "/app/market"),
    ])
}

#[derive(Clone)]
struct Market(Arc<Mutex<Report>>);

#[derive(Clone, Serialize)]
struct Report {
    open: bool,
    stocks: Vec<Stock>,
}

/// A stock, and the latest of its prices.
#[derive(Clone, Serialize)]
struct Stock {
    symbol: &'static str,
    cents: u32,
    /// How many prices there were: whoever hears 7 after 4 has missed two.
    number: u64,
}

const SYMBOLS: [&str; 8] = ["BREAD", "CHALK", "FERN", "HONEY", "LAMP", "MAPS", "ROPE", "TEA"];

/// How often one stock has a new price: 200 times in a second, that is 25 for each.
const TICK: Duration = Duration::from_millis(5);

impl Market {
    fn new() -> Self {
        let stocks = SYMBOLS.map(|symbol| Stock { symbol, cents: 10_000, number: 0 }).into();
        Self(Arc::new(Mutex::new(Report { open: true, stocks })))
    }

    /// A new price for a stock, both by chance.
    fn trade(&self, to: &Messenger) -> Result<(), PublishError> {
        let mut report = self.0.lock();
        if !report.open {
            return Ok(());
        }
        let chance = getrandom::u32().unwrap_or_default();
        let stock = &mut report.stocks[chance as usize % SYMBOLS.len()];
        let up = (chance >> 8) % 101;
        stock.cents = (stock.cents + up).saturating_sub(50).max(100);
        stock.number += 1;
        to.send(format!("/topic/stocks/{}", stock.symbol), stock)
    }

    /// Told under the lock: no price comes behind the report that the market is closed.
    fn open(&self, open: bool, to: &Messenger) -> Result<(), PublishError> {
        let mut report = self.0.lock();
        report.open = open;
        to.send("/topic/market", &*report)
    }
}

async fn trade(market: Market, to: Messenger) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        // What cannot be published now is out of date soon.
        let _ = market.trade(&to);
    }
}

async fn report(State(market): State<Market>) -> Json<Report> {
    Json(market.0.lock().clone())
}

#[derive(Deserialize)]
struct Order {
    open: bool,
}

async fn open_or_close(Json(order): Json<Order>, State(market): State<Market>, to: Messenger) -> Result {
    Ok(market.open(order.open, &to)?)
}
