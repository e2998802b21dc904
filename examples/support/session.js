// A STOMP session over SockJS, and the two things that every page does with it: show its state, and sign in.

import { byId } from '/static/demo/page.js';

const RECONNECT_MS = 2000;
const LABELS = { connecting: 'Connecting', open: 'Connected', closed: 'Not connected' };

/** Says at the head of the page how its connection is. */
export function showState(state) {
  byId('state').dataset.state = state;
  byId('state').textContent = LABELS[state];
}

/**
 * Connects, and connects again when the session is lost. `connected(client)` is the place to subscribe: it is called each time.
 * `refused(reason)` is called where the server ends the session over something that the page did; then it stays ended.
 */
export function connect({ token, transports, connected, refused = () => {} }) {
  showState('connecting');
  const client = new window.StompJs.Client({
    webSocketFactory: () => new window.SockJS('/stomp', null, transports ? { transports } : {}),
    connectHeaders: token ? { Authorization: `Bearer ${token}` } : {},
    reconnectDelay: RECONNECT_MS,
    onConnect() {
      showState('open');
      connected(client);
    },
    onStompError({ headers, body }) {
      client.deactivate();
      refused(body || headers.message);
    },
    // A client that was left for another one says no more.
    onWebSocketClose: () => client.left || showState(client.active ? 'connecting' : 'closed'),
  });
  client.activate();
  return client;
}

export function leave(client) {
  client.left = true;
  showState('closed');
  return client.deactivate();
}

export const jsonOf = (message) => JSON.parse(message.body);

export function send(client, destination, content) {
  const headers = { 'content-type': 'application/json' };
  client.publish({ destination, headers, body: JSON.stringify(content) });
}

/**
 * Who signed in with this tab, now or before it was loaded again. The form `#sign-in` has a `name`, for which the server gives
 * a token; then `#inside` is shown in place of `#outside`, and `enter` is called with the server's answer.
 */
export class Door {
  #enter;
  #key = `byway-${document.title}`;

  constructor(enter) {
    this.#enter = enter;
    byId('sign-in').addEventListener('submit', (event) => this.#submit(event));
    byId('sign-out').addEventListener('click', () => {
      sessionStorage.removeItem(this.#key);
      location.reload();
    });
    const known = sessionStorage.getItem(this.#key);
    if (known) this.#open(JSON.parse(known));
  }

  /** Back to the form, which says why. */
  close(why) {
    sessionStorage.removeItem(this.#key);
    byId('inside').hidden = true;
    byId('outside').hidden = false;
    byId('sign-in-note').textContent = why;
  }

  async #submit(event) {
    event.preventDefault();
    const name = new FormData(event.target, event.submitter).get('name');
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch('/login', { method: 'POST', headers, body: JSON.stringify({ name }) });
    if (!answer.ok) return this.close(await answer.text());
    const known = await answer.json();
    sessionStorage.setItem(this.#key, JSON.stringify(known));
    this.#open(known);
  }

  #open(known) {
    byId('sign-in-note').textContent = '';
    byId('outside').hidden = true;
    byId('inside').hidden = false;
    byId('me').textContent = known.name;
    this.#enter(known);
  }
}
