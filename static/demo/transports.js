// The ways to the server, in the words of the page, and what each needs from the browser.

import { byId, element } from './page.js';

const WAYS = [
  {
    way: 'auto',
    title: 'Any open way',
    transports: [{ name: 'auto', note: 'the first that works' }],
  },
  {
    way: 'road',
    title: 'The road',
    transports: [{ name: 'websocket', note: 'one socket, both ways', needs: ['WebSocket'] }],
  },
  {
    way: 'byway',
    title: 'Byways: streaming',
    transports: [
      { name: 'xhr-streaming', note: 'one long answer to one request', needs: ['XMLHttpRequest'] },
      { name: 'eventsource', note: 'server-sent events', needs: ['EventSource', 'XMLHttpRequest'] },
      { name: 'iframe-eventsource', note: 'server-sent events in a frame', needs: ['EventSource', 'postMessage'] },
      { name: 'htmlfile', note: 'scripts that stream into a frame', needs: ['postMessage', 'XMLHttpRequest'] },
      { name: 'iframe-htmlfile', note: 'the same, one frame deeper', needs: ['postMessage'] },
    ],
  },
  {
    way: 'footpath',
    title: 'Footpaths: polling',
    transports: [
      { name: 'xhr-polling', note: 'one request for each frame', needs: ['XMLHttpRequest'] },
      { name: 'iframe-xhr-polling', note: 'polling in a frame', needs: ['XMLHttpRequest', 'postMessage'] },
      { name: 'jsonp-polling', note: 'one script tag for each frame', needs: [] },
    ],
  },
];

const TRANSPORTS = new Map(
  WAYS.flatMap(({ way, transports }) => transports.map((transport) => [transport.name, { way, ...transport }])),
);

export const transportNames = [...TRANSPORTS.keys()];

export const isTransport = (name) => TRANSPORTS.has(name);

export const noteOf = (name) => TRANSPORTS.get(name)?.note ?? '';

export const wayOf = (name) => TRANSPORTS.get(name)?.way ?? '';

/** The browser features that a transport needs and this browser lacks. */
export function missingFor(name) {
  return (TRANSPORTS.get(name)?.needs ?? []).filter((feature) => !(feature in window));
}

/** Draws the choice; `choose(name)` is called for each click. */
export class WayPicker {
  #buttons = new Map();

  constructor(choose) {
    byId('ways').append(...WAYS.map((group) => this.#group(group, choose)));
  }

  select(name) {
    for (const [key, button] of this.#buttons) button.setAttribute('aria-pressed', String(key === name));
  }

  /** Marks where the session really is, which under "auto" is not what was clicked. */
  here(name) {
    for (const [key, button] of this.#buttons) button.classList.toggle('here', key === name);
  }

  #group({ way, title, transports }, choose) {
    const group = element('fieldset', `way-group ${way}`);
    const buttons = element('div', 'way-buttons');
    buttons.append(...transports.map(({ name, note }) => this.#button(name, note, choose)));
    group.append(element('legend', '', title), buttons);
    return group;
  }

  #button(name, note, choose) {
    const missing = missingFor(name);
    const button = element('button', 'way-button', name);
    button.type = 'button';
    button.title = missing.length ? `This browser has no ${missing.join(', ')}` : note;
    button.classList.toggle('missing', missing.length > 0);
    button.addEventListener('click', () => choose(name));
    this.#buttons.set(name, button);
    return button;
  }
}
