// Who is connected: found, ordered, and ended.

import { disconnect } from './confirm.js';
import { debounce, el, empty, setText } from './dom.js';
import { age, bytes, count, rate } from './format.js';
import { Table } from './table.js';
import { visible } from './visible.js';

const EVERY_MS = 2000;
/** What is asked for of each endpoint at a time. */
const FETCHED = 500;
const PAGE = 25;

/** How the server orders what is asked for, so that what a column is sorted by is among what comes. */
const ORDERS = { Queue: 'queue', Received: 'received', Sent: 'sent' };

export function sessions({ api, about, allowed, endpointPicker }) {
  const rates = new Rates();
  const state = { all: [], more: false, page: 0, failed: '' };
  const search = el('input', { type: 'search', id: 'search', placeholder: 'User, address, id, transport', maxlength: 256, autocomplete: 'off', 'aria-label': 'Search sessions' });
  const table = new Table('Sessions', columns(allowed, (item) => end(item)), { sort: { by: 'Since', down: true }, sorted: () => again() });
  const status = el('p', { class: 'hint', role: 'status' });
  const nothing = empty('');
  const pages = pager((step) => {
    state.page += step;
    show();
  });
  const picker = endpointPicker(() => again());
  search.addEventListener('input', debounce(200, () => again()));

  const end = async (item) => {
    if (await disconnect(api, item.endpoint, item)) load();
  };
  const again = () => {
    state.page = 0;
    load();
  };
  let asked = 0;
  const load = async () => {
    const number = (asked += 1);
    const names = picker.value ? [picker.value] : about.endpoints.map(({ name }) => name);
    const parameters = { search: search.value.trim(), order: order(table.sort), limit: FETCHED };
    try {
      const lists = await Promise.all(names.map((endpoint) => api.get('sessions', { endpoint, ...parameters })));
      if (number !== asked) return;
      state.all = lists.flatMap((list, at) => list.sessions.map((session) => ({ ...session, endpoint: names[at] })));
      state.more = lists.some((list) => list.sessions.length === FETCHED);
      state.failed = '';
      rates.take(state.all);
    } catch (error) {
      if (number !== asked) return;
      state.failed = error.message;
    }
    show();
  };
  const show = () => {
    const items = table.arrange(state.all.map((session) => ({ ...session, ...rates.of(session) })));
    state.page = Math.max(0, Math.min(state.page, Math.ceil(items.length / PAGE) - 1));
    table.show(items.slice(state.page * PAGE, (state.page + 1) * PAGE), keyOf);
    pages.show(state.page, Math.ceil(items.length / PAGE));
    setText(status, state.failed || found(items.length, state.more));
    table.element.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
    setText(nothing, search.value ? 'Nobody is called that.' : 'Nobody is connected.');
  };
  load();
  const timer = setInterval(() => document.hidden || load(), EVERY_MS);
  const head = el('div', { class: 'view-head' }, el('h1', {}, 'Sessions'), search, picker.element);
  const foot = el('div', { class: 'table-foot' }, status, pages.element);
  return { element: el('div', {}, head, el('section', { class: 'card' }, table.element, nothing, foot)), stop: () => clearInterval(timer) };
}

const keyOf = ({ endpoint, id }) => `${endpoint} ${id}`;
const order = ({ by, down }) => ORDERS[by] ?? (by === 'Since' && !down ? 'oldest' : 'newest');
const found = (number, more) => (more ? `The first ${count(number)}. Search to find others.` : `${count(number)} ${number === 1 ? 'session' : 'sessions'}`);

/** What goes through each session in a second, from one look to the next. */
class Rates {
  #last = new Map();

  take(all, at = performance.now()) {
    const next = new Map();
    for (const session of all) {
      const before = this.#last.get(keyOf(session));
      const seconds = (at - (before?.at ?? at)) / 1000;
      const grown = (amount, was) => (seconds > 0 ? Math.max(0, amount - was) / seconds : undefined);
      const { received, sent } = session;
      next.set(keyOf(session), {
        at,
        received: received.messages,
        sent: sent.messages,
        in: grown(received.messages, before?.received),
        out: grown(sent.messages, before?.sent),
      });
    }
    this.#last = next;
  }

  of(session) {
    const { in: inward, out } = this.#last.get(keyOf(session)) ?? {};
    return { inward, outward: out };
  }
}

/** Of a session that was seen only once it is not known. */
const perSecond = (number) => (number === undefined ? '–' : rate(number));

function columns(allowed, end) {
  const all = [
    { title: 'Session', name: true, value: ({ id }) => id, fill: link },
    { title: 'User', name: true, value: ({ user }) => user ?? '', text: ({ user }) => (user ? visible(user) : '–') },
    { title: 'Address', wide: true, value: ({ address }) => address, text: ({ address }) => address },
    { title: 'Transport', wide: true, value: ({ transport }) => transport, text: ({ transport }) => transport },
    { title: 'Since', wide: true, value: ({ since }) => since, fill: since },
    { title: 'In/s', number: true, value: ({ inward }) => inward ?? 0, text: ({ inward }) => perSecond(inward) },
    { title: 'Out/s', number: true, value: ({ outward }) => outward ?? 0, text: ({ outward }) => perSecond(outward) },
    { title: 'Received', number: true, wide: true, value: ({ received }) => received.bytes, text: ({ received }) => bytes(received.bytes) },
    { title: 'Sent', number: true, wide: true, value: ({ sent }) => sent.bytes, text: ({ sent }) => bytes(sent.bytes) },
    { title: 'Queue', number: true, value: ({ queue }) => queue.bytes, fill: queued },
  ];
  return allowed.has('disconnect') ? [...all, { title: 'Disconnect', hidden: true, fill: button(end) }] : all;
}

function link(cell, { endpoint, id }) {
  if (!cell.firstChild) cell.append(el('a', { href: `#sessions/${encodeURIComponent(endpoint)}/${id}` }, id), ' ', el('span', { class: 'hint wide-inline' }, endpoint));
}

function since(cell, session) {
  cell.title = session.since;
  setText(cell, age(session.since));
}

function queued(cell, { queue }) {
  setText(cell, queue.messages === 0 ? '0' : `${count(queue.messages)} (${bytes(queue.bytes)})`);
  cell.classList.toggle('alarming', queue.messages > 0);
}

/** The row stays while what is known of its session changes. */
const button = (end) => (cell, item) => {
  if (!cell.firstChild) cell.append(el('button', { type: 'button', class: 'button small quiet', onclick: () => end(cell.item) }, 'End'));
  cell.item = item;
  cell.firstChild.setAttribute('aria-label', `Disconnect ${item.id}`);
};

function pager(turn) {
  const back = el('button', { type: 'button', class: 'button small', onclick: () => turn(-1) }, 'Back');
  const on = el('button', { type: 'button', class: 'button small', onclick: () => turn(1) }, 'Next');
  const where = el('span', { class: 'hint' });
  const element = el('div', { class: 'pager' }, back, where, on);
  return {
    element,
    show(page, pages) {
      element.hidden = pages <= 1;
      setText(where, `${page + 1} of ${pages}`);
      back.disabled = page === 0;
      on.disabled = page >= pages - 1;
    },
  };
}
