// The ticker's page: prices, how many of them came, and a switch that makes this client a slow one.

import { byId, element } from '/static/demo/page.js';
import { connect, jsonOf, leave, send } from '/support/session.js';

const PAUSE_MS = 2000;
const WINDOW_S = 5;
const SAMPLES = 60;
const SVG = 'http://www.w3.org/2000/svg';
const NOTES = {
  fast: 'Takes prices as they come.',
  slow: `Polls, and asks for more only ${PAUSE_MS / 1000} s after each answer.`,
};

let client = null;
let stocks = new Map();
let market = null;
let totals = [];

byId('slow').addEventListener('change', start);
byId('market').addEventListener('click', () => send(client, '/app/market', { open: !market.open }));
setInterval(showRates, 1000);
beSlow();
start();

async function start() {
  if (client) await leave(client);
  [stocks, totals, market] = [new Map(), [], null];
  byId('stocks').replaceChildren();
  byId('slow-note').textContent = byId('slow').checked ? NOTES.slow : NOTES.fast;
  client = connect({ transports: byId('slow').checked ? ['xhr-polling'] : undefined, connected });
}

function connected(client) {
  client.subscribe('/topic/stocks/*', (message) => priced(jsonOf(message)));
  client.subscribe('/topic/market', (message) => reported(jsonOf(message)));
  client.subscribe('/app/market', (message) => reported(jsonOf(message)));
}

function priced(stock) {
  const row = stocks.get(stock.symbol);
  if (!row || row.number >= stock.number) return;
  row.receive(stock);
  showNewest();
}

function reported(report) {
  market = report;
  if (!stocks.size) report.stocks.forEach((stock) => stocks.set(stock.symbol, new Row(stock)));
  byId('market').disabled = false;
  byId('market').textContent = report.open ? 'Close the market' : 'Open the market';
  showNewest();
}

/** With the market closed, the last price that came has to be the last that there was. */
function showNewest() {
  if (!market) return;
  const newest = market.stocks.filter(({ symbol, number }) => stocks.get(symbol).number === number);
  byId('newest').textContent = market.open ? '–' : `${newest.length} of ${market.stocks.length}`;
  byId('newest-note').textContent = market.open ? 'close the market to compare' : 'stocks whose last price is here';
}

/** From the numbers that prices have: those that were missed are counted, too. */
function showRates() {
  const rows = [...stocks.values()];
  const sum = (what) => rows.reduce((all, row) => all + row[what], 0);
  totals = [...totals, { at: performance.now(), published: sum('published'), received: sum('received') }].slice(-WINDOW_S - 1);
  const [first, last] = [totals[0], totals.at(-1)];
  const seconds = (last.at - first.at) / 1000;
  for (const what of ['published', 'received']) {
    byId(what).textContent = seconds ? `${Math.round((last[what] - first[what]) / seconds)} / s` : '–';
  }
}

/** One stock's row in the table. */
class Row {
  received = 0;
  #first;
  #prices = [];
  #cells = ['price number', 'wide', 'number', 'number'].map((className) => element('td', className));
  #line = document.createElementNS(SVG, 'polyline');

  constructor({ symbol, cents, number }) {
    [this.#first, this.number, this.#prices] = [number, number, [cents]];
    const chart = document.createElementNS(SVG, 'svg');
    chart.setAttribute('viewBox', `0 0 ${SAMPLES} 28`);
    chart.setAttribute('preserveAspectRatio', 'none');
    chart.setAttribute('aria-hidden', 'true');
    chart.append(this.#line);
    this.#cells[1].append(chart);
    const row = element('tr', '');
    row.append(element('td', '', symbol), ...this.#cells);
    byId('stocks').append(row);
    this.#show();
  }

  get published() {
    return this.number - this.#first;
  }

  receive({ cents, number }) {
    this.received += 1;
    this.number = number;
    this.#prices = [...this.#prices, cents].slice(-SAMPLES);
    this.#show();
  }

  #show() {
    const [price, , received, missed] = this.#cells;
    const [before, last] = [this.#prices.at(-2), this.#prices.at(-1)];
    price.textContent = (last / 100).toFixed(2);
    price.className = `price number ${last > before ? 'up' : last < before ? 'down' : ''}`;
    received.textContent = this.received;
    missed.textContent = this.published - this.received;
    this.#draw();
  }

  #draw() {
    const [low, high] = [Math.min(...this.#prices), Math.max(...this.#prices)];
    const left = SAMPLES - this.#prices.length;
    const height = (cents) => 26 - (24 * (cents - low)) / (high - low || 1);
    this.#line.setAttribute('points', this.#prices.map((cents, at) => `${left + at},${height(cents)}`).join(' '));
  }
}

/** Makes each poll wait, once the session is open and for as long as the switch is on. */
function beSlow() {
  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.isPoll = url.includes('/xhr?') || url.endsWith('/xhr');
    open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const later = this.isPoll && byId('slow').checked && client?.connected;
    if (later) setTimeout(() => this.readyState === XMLHttpRequest.OPENED && send.call(this, body), PAUSE_MS);
    else send.call(this, body);
  };
}
