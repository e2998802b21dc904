// The frames panel: everything that went over the wire, newest last.

import { byId, element, appendFollowing } from './page.js';
import { byteLength, bytes, clock, plural } from './format.js';

const LIMIT = 500;
const LONG = 180;
const PING = /\\"type\\":\\"p[io]ng\\"/;
const ARROWS = { in: '↓', out: '↑' };
const DIRECTIONS = { in: 'received', out: 'sent' };

export class FramesPanel {
  #rows = [];
  #held = [];
  #paused = false;
  #log = byId('frames-log');

  constructor() {
    byId('frames-pause').addEventListener('click', () => this.#togglePause());
    byId('frames-clear').addEventListener('click', () => this.#clear());
    byId('frames-filters').addEventListener('input', () => this.#filterAll());
    byId('frames-filters').addEventListener('submit', (event) => event.preventDefault());
    this.#showCount();
  }

  add(direction, text) {
    const row = { direction, text, kind: kindOf(direction, text), at: new Date() };
    keepLast(this.#paused ? this.#held : this.#rows, row);
    if (!this.#paused) this.#show(row);
    this.#showCount();
  }

  #show(row) {
    row.node = rowNode(row);
    this.#filter(row);
    appendFollowing(this.#log, row.node);
  }

  #filterAll() {
    this.#rows.forEach((row) => this.#filter(row));
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#showCount();
  }

  #filter(row) {
    row.node.hidden = !passes(row, currentFilter());
  }

  #togglePause() {
    this.#paused = !this.#paused;
    byId('frames-pause').setAttribute('aria-pressed', String(this.#paused));
    byId('frames-pause').textContent = this.#paused ? 'Resume' : 'Pause';
    if (!this.#paused) this.#release();
    this.#showCount();
  }

  #release() {
    for (const row of this.#held.splice(0)) {
      keepLast(this.#rows, row);
      this.#show(row);
    }
  }

  #clear() {
    this.#rows = [];
    this.#held = [];
    this.#log.replaceChildren();
    this.#showCount();
  }

  #showCount() {
    const shown = this.#rows.filter(({ node }) => !node.hidden).length;
    const hidden = this.#rows.length - shown;
    const parts = [plural(shown, 'frame'), hidden && `${hidden} hidden`, this.#paused && `${this.#held.length} waiting`];
    byId('frames-count').textContent = parts.filter(Boolean).join(', ');
  }
}

/** What a SockJS frame is, by its first character. */
function kindOf(direction, text) {
  if (PING.test(text)) return 'ping';
  if (direction === 'out') return 'message';
  if (text[0] === 'h') return text.length > 1 ? 'prelude' : 'heartbeat';
  return { o: 'open', a: 'message', m: 'message', c: 'close' }[text[0]] ?? 'unknown';
}

function keepLast(rows, row) {
  rows.push(row);
  if (rows.length > LIMIT) rows.shift().node?.remove();
}

function currentFilter() {
  return {
    direction: byId('filter-direction').value,
    text: byId('filter-text').value.toLowerCase(),
    quiet: byId('filter-quiet').checked,
  };
}

function passes(row, { direction, text, quiet }) {
  if (direction && row.direction !== direction) return false;
  if (!quiet && isQuiet(row.kind)) return false;
  return row.text.toLowerCase().includes(text);
}

const isQuiet = (kind) => kind === 'ping' || kind === 'heartbeat' || kind === 'prelude';

function rowNode({ direction, text, kind, at }) {
  const node = element('li', `frame ${direction} is-${kind}`);
  node.append(
    arrowNode(direction),
    element('time', '', clock(at, true)),
    payloadNode(text),
    element('span', 'size', bytes(byteLength(text))),
  );
  return node;
}

function arrowNode(direction) {
  const arrow = element('span', 'arrow', ARROWS[direction]);
  arrow.title = DIRECTIONS[direction];
  arrow.append(element('span', 'visually-hidden', DIRECTIONS[direction]));
  return arrow;
}

function payloadNode(text) {
  if (text.length <= LONG) return element('code', '', text);
  const details = element('details', '');
  const summary = element('summary', '');
  summary.append(element('code', '', `${text.slice(0, 120)}…`));
  details.append(summary, element('code', '', text));
  return details;
}
