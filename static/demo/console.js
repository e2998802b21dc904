// The STOMP console: connect, subscribe, send, and read every frame.

import { appendFollowing, byId, element } from './page.js';
import { clock } from './format.js';
import { PLAIN, StompLink } from './stomp.js';
import { missingFor, transportNames } from './transports.js';

const LIMIT = 200;
const ARROWS = { in: '↓', out: '↑' };
const DIRECTIONS = { in: 'received', out: 'sent' };
const CONNECT_FIRST = 'Connect first.';

export class StompConsole {
  #link = null;
  #log = byId('stomp-log');

  constructor() {
    for (const way of [PLAIN, ...transportNames]) byId('stomp-way').append(new Option(way === 'auto' ? 'SockJS, any way' : way, way));
    byId('stomp-way').value = 'auto';
    listen('stomp-connect', () => (this.#link ? this.#link.close() : this.#connect()));
    listen('stomp-subscribe', () => this.#subscribe());
    listen('stomp-send', () => this.#send());
    byId('stomp-clear').addEventListener('click', () => this.#log.replaceChildren());
    this.#show('Not connected.');
  }

  #connect() {
    const way = byId('stomp-way').value;
    const missing = missingFor(way);
    if (missing.length) return this.#show(`This browser has no ${missing.join(', ')}.`, 'bad');
    this.#show('Connecting.');
    this.#link = new StompLink(way, byId('stomp-token').value.trim(), {
      frame: (direction, text) => this.#frame(direction, text),
      open: (version) => this.#show(`Connected: STOMP ${version}.`, 'good'),
      close: (reason) => this.#closed(reason),
    });
    this.#showButton();
  }

  #closed(reason) {
    this.#link = null;
    this.#showButton();
    byId('stomp-subscriptions').replaceChildren();
    if (reason) this.#show(`Ended: ${reason}`, 'bad');
    else this.#show('Not connected.');
  }

  #subscribe() {
    if (!this.#link?.connected) return this.#show(CONNECT_FIRST, 'bad');
    const destination = byId('stomp-from').value.trim();
    const subscription = this.#link.subscribe(destination, byId('stomp-ack').value, (message) => this.#offerAck(message));
    const chip = element('li', '');
    const button = element('button', 'button small', `${destination} ×`);
    button.type = 'button';
    button.title = `Unsubscribe ${subscription.id}`;
    button.addEventListener('click', () => {
      subscription.unsubscribe();
      chip.remove();
    });
    chip.append(button);
    byId('stomp-subscriptions').append(chip);
  }

  #send() {
    if (!this.#link?.connected) return this.#show(CONNECT_FIRST, 'bad');
    const sentAt = performance.now();
    const onReceipt = (id) => this.#show(`${id} after ${Math.round(performance.now() - sentAt)} ms.`, 'good');
    this.#link.send(byId('stomp-to').value.trim(), byId('stomp-body').value, byId('stomp-receipt').checked && onReceipt);
  }

  #frame(direction, text) {
    const row = element('li', `stomp-frame ${direction}`);
    const arrow = element('span', 'arrow', ARROWS[direction]);
    arrow.append(element('span', 'visually-hidden', DIRECTIONS[direction]));
    row.append(arrow, element('time', '', clock(new Date(), true)), element('pre', '', text));
    appendFollowing(this.#log, row);
    if (this.#log.children.length > LIMIT) this.#log.firstElementChild.remove();
  }

  /** A message that waits for it can be acknowledged, once, below its frame. */
  #offerAck(message) {
    if (!message.headers.ack) return;
    const choice = element('li', 'stomp-ack');
    for (const [name, settle] of [['ACK', message.ack], ['NACK', message.nack]]) {
      const button = element('button', 'button small', name);
      button.type = 'button';
      button.addEventListener('click', () => {
        choice.remove();
        if (this.#link?.connected) settle();
      });
      choice.append(button);
    }
    // The frame itself is shown when this event is over.
    queueMicrotask(() => appendFollowing(this.#log, choice));
  }

  #showButton() {
    byId('stomp-connect-button').textContent = this.#link ? 'Disconnect' : 'Connect';
    byId('stomp-connect-button').classList.toggle('primary', !this.#link);
  }

  #show(text, kind = '') {
    byId('stomp-note').textContent = text;
    byId('stomp-note').className = `hint ${kind}`;
  }
}

function listen(form, act) {
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    act();
  });
}
