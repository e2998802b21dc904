// What the broker has: who listens where, and what is kept.

import { debounce, el, empty, setText } from './dom.js';
import { bytes, count } from './format.js';
import { history } from './history.js';
import { Table } from './table.js';
import { visible } from './visible.js';

const EVERY_MS = 2000;
const PAGE = 50;

export function destinations({ api, about, endpointPicker }) {
  const brokers = about.endpoints.filter(({ application }) => application === 'stomp').map(({ name }) => name);
  // Each page begins behind the last of the one before.
  const state = { begins: [''] };
  const search = el('input', { type: 'search', id: 'search', placeholder: '/topic/…', maxlength: 256, autocomplete: 'off', 'aria-label': 'Only destinations that begin with' });
  const kept = history(api);
  const table = new Table('Destinations', columns((destination) => kept.open(picker.value, destination)));
  const status = el('p', { class: 'hint', role: 'status' });
  const nothing = empty('');
  const picker = endpointPicker(() => again(), brokers);
  const back = el('button', { type: 'button', class: 'button small', onclick: () => turn(() => state.begins.pop()) }, 'Back');
  const on = el('button', { type: 'button', class: 'button small', onclick: () => turn(() => state.begins.push(state.next)) }, 'Next');
  search.addEventListener('input', debounce(200, () => again()));

  const again = () => turn(() => (state.begins = ['']));
  const turn = (change) => {
    change();
    load();
  };
  let asked = 0;
  const load = async () => {
    const number = (asked += 1);
    const parameters = { endpoint: picker.value, prefix: search.value.trim(), after: state.begins.at(-1), limit: PAGE };
    try {
      const list = await api.get('destinations', parameters);
      if (number === asked) show(list);
    } catch (error) {
      if (number === asked) setText(status, error.message);
    }
  };
  const show = (list) => {
    state.next = list.next;
    table.show(list.destinations, ({ destination }) => destination);
    table.element.hidden = list.destinations.length === 0;
    nothing.hidden = list.destinations.length > 0;
    setText(nothing, search.value ? 'Nothing begins like that.' : 'Nobody listens anywhere, and nothing is kept.');
    setText(status, list.destinations.length === 0 ? '' : `${count(list.destinations.length)} ${state.begins.length > 1 || list.next ? 'on this page' : 'in all'}`);
    back.disabled = state.begins.length === 1;
    on.disabled = !list.next;
    pager.hidden = back.disabled && on.disabled;
  };
  const pager = el('div', { class: 'pager', hidden: true }, back, on);
  const head = el('div', { class: 'view-head' }, el('h1', {}, 'Destinations'), search, picker.element);
  if (brokers.length === 0) return { element: el('div', {}, head, empty('No endpoint has destinations.')), stop: () => {} };
  load();
  const timer = setInterval(() => document.hidden || load(), EVERY_MS);
  const foot = el('div', { class: 'table-foot' }, status, pager);
  return { element: el('div', {}, head, el('section', { class: 'card' }, table.element, nothing, foot), kept.element), stop: () => clearInterval(timer) };
}

function columns(open) {
  return [
    { title: 'Destination', name: true, fill: name(open) },
    { title: 'Kind', wide: true, text: ({ kind }) => kind },
    { title: 'Subscribers', number: true, text: ({ subscribers }) => count(subscribers) },
    { title: 'Waiting', number: true, fill: waiting },
    { title: 'With consumers', number: true, wide: true, text: ({ queue }) => (queue ? count(queue.unacknowledged) : '') },
    { title: 'Kept', number: true, wide: true, text: ({ history }) => (history ? count(history.messages) : '') },
    { title: 'Size', number: true, wide: true, text: ({ queue, history }) => (queue || history ? bytes((queue ?? history).bytes) : '') },
  ];
}

/** Where something is kept, the name opens it. */
const name = (open) => (cell, { destination, history: kept }) => {
  if (cell.firstChild?.localName === (kept ? 'button' : 'code')) return;
  const text = el('code', {}, visible(destination));
  cell.replaceChildren(kept ? el('button', { type: 'button', class: 'link', title: 'Shows what is kept', onclick: () => open(destination) }, text) : text);
};

function waiting(cell, { queue, subscribers }) {
  setText(cell, queue ? count(queue.messages) : '');
  // What waits for nobody waits for ever.
  cell.classList.toggle('alarming', Boolean(queue) && queue.messages > 0 && subscribers === 0);
}
