// One STOMP connection to the built-in endpoint, over any way, with its frames made visible. stompjs does the talking.

import { admitHtmlfile } from './link.js';

const ENDPOINT = '/stomp';
const SECRETS = /^(authorization|x-authorization|token|access_token|passcode):.*$/gim;
const HEARTBEAT = '\n';

/** The way that is no SockJS. */
export const PLAIN = 'plain WebSocket';

export class StompLink {
  #client;
  #leaving = false;
  #receipts = 0;
  #lastWords = '';

  /** `on` has `frame(direction, text)`, `open(version)`, and `close(reason)`, which is empty for a visitor's own wish. */
  constructor(way, token, on) {
    this.#client = new window.StompJs.Client({
      webSocketFactory: () => visible(socketFor(way), on.frame),
      connectHeaders: token ? { Authorization: `Bearer ${token}` } : {},
      // What ended stays ended, so that its frames can be read.
      reconnectDelay: 0,
      onConnect: () => on.open(this.#client.connectedVersion),
      onStompError: ({ headers }) => (this.#lastWords = headers.message ?? 'The server sent an ERROR.'),
      onWebSocketClose: ({ code, reason }) => on.close(this.#leaving ? '' : this.#lastWords || `${code} ${reason}`),
    });
    this.#client.activate();
  }

  get connected() {
    return this.#client.connected;
  }

  close() {
    this.#leaving = true;
    this.#client.deactivate();
  }

  subscribe(destination, ack, onMessage) {
    return this.#client.subscribe(destination, onMessage, { ack });
  }

  /** `onReceipt(id)` asks for a receipt, and is called when it comes. */
  send(destination, body, onReceipt) {
    const headers = { 'content-type': 'text/plain' };
    if (onReceipt) {
      const id = `receipt-${(this.#receipts += 1)}`;
      this.#client.watchForReceipt(id, () => onReceipt(id));
      headers.receipt = id;
    }
    this.#client.publish({ destination, body, headers });
  }
}

function socketFor(way) {
  if (way === 'htmlfile') admitHtmlfile();
  if (way === PLAIN) return new WebSocket(`${location.origin.replace(/^http/, 'ws')}${ENDPOINT}/websocket`, ['v12.stomp', 'v11.stomp', 'v10.stomp']);
  return new window.SockJS(ENDPOINT, null, way === 'auto' ? {} : { transports: [way] });
}

function visible(socket, look) {
  const send = socket.send;
  socket.send = (data) => {
    look('out', readable(data));
    send.call(socket, data);
  };
  socket.addEventListener('message', ({ data }) => look('in', readable(data)));
  return socket;
}

/** A frame without the NUL at its end, and without what nobody should read over a visitor's shoulder. */
function readable(data) {
  const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
  if (text === HEARTBEAT) return 'heart-beat';
  const [head, ...body] = text.replace(/\0\n*$/, '').split('\n\n');
  return [head.replace(SECRETS, '$1:(hidden)'), ...body].join('\n\n').trim();
}
