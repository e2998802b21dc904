// What is kept of one topic: its newest publications.

import { el, empty, setText } from './dom.js';
import { bytes } from './format.js';
import { message } from './message.js';
import { visible, visibleText } from './visible.js';

const SHOWN = 50;

export function history(api) {
  const title = el('h2');
  const list = el('ol', { class: 'watch', tabindex: 0, 'aria-label': 'Publications' });
  const close = el('button', { type: 'button', class: 'button small', onclick: () => (element.hidden = true) }, 'Close');
  const head = el('div', { class: 'card-head' }, title, el('span', { class: 'hint' }, `the last ${SHOWN}, newest first`), el('div', { class: 'tools' }, close));
  const element = el('section', { class: 'card history', hidden: true }, head, list);
  const open = async (endpoint, destination) => {
    element.hidden = false;
    setText(title, visible(destination));
    list.replaceChildren();
    try {
      const { publications } = await api.get('history', { endpoint, destination, limit: SHOWN });
      list.replaceChildren(...publications.reverse().map(row));
      if (publications.length === 0) list.append(empty('Nothing is kept any more.'));
    } catch (error) {
      list.append(empty(error.message));
    }
    element.scrollIntoView({ block: 'nearest' });
    close.focus({ preventScroll: true });
  };
  return { element, open };
}

function row({ id, headers, body, encoding }) {
  const names = Object.entries(headers).map(([name, value]) => `${visible(name)}:${visible(value)}`);
  const whole = [...names, '', encoding ? `(base64) ${body}` : visibleText(body)].join('\n');
  const summary = visibleText(body).split('\n', 1)[0];
  return el('li', { class: 'watch-row kept' },
    el('time', {}, id.split('-').at(-1)), el('div', { class: 'watch-text' }, message(whole, summary)), el('span', { class: 'size' }, bytes(new Blob([body]).size)));
}
