// One SockJS session, with a window cut into it: the client library hides its frames and its
// failed attempts, and showing those is what this page is for. The only places that reach into
// the library's private parts (1.6.1) are `#watchAttempts`, `#watchFrames` and `watchSender`.

const ENDPOINT = '/chat';
const JSONP_CALLBACKS = '_jp';
const SILENT = { attempt() {}, frame() {}, open() {}, message() {}, close() {} };

export class Link {
  tried = [];
  opened = false;
  #sock;
  #on;
  #leaving = false;

  /** `on` holds the callbacks of SILENT. */
  constructor(transport, on) {
    this.#on = on;
    if (transport === 'htmlfile') admitHtmlfile();
    this.#sock = new window.SockJS(ENDPOINT, null, transport === 'auto' ? {} : { transports: [transport] });
    this.#watchFrames();
    this.#watchAttempts();
    this.#watchEvents();
  }

  send(message) {
    this.#sock.send(JSON.stringify(message));
  }

  close() {
    this.#leaving = true;
    this.#sock.close();
  }

  /** Closes without a word to the page, which has moved on to another link. */
  abandon() {
    this.#on = SILENT;
    this.close();
  }

  #watchFrames() {
    before(this.#sock, '_transportMessage', (frame) => this.#on.frame('in', frame));
  }

  #watchAttempts() {
    const sock = this.#sock;
    const connect = sock._connect;
    sock._connect = () => {
      connect.call(sock);
      if (sock._transport) this.#attempt(sock._transport);
    };
  }

  #attempt(transport) {
    this.tried.push(transport.transportName);
    watchSender(transport, (text) => this.#on.frame('out', text));
    this.#on.attempt(transport.transportName);
  }

  #watchEvents() {
    const sock = this.#sock;
    sock.onopen = () => this.#opened(sock.transport);
    sock.onmessage = (event) => this.#on.message(JSON.parse(event.data));
    sock.onclose = (event) => this.#on.close(this.#ending(event));
  }

  #opened(transport) {
    this.opened = true;
    this.#on.open(transport);
  }

  #ending({ code, reason, wasClean }) {
    return { code, reason, wasClean, byVisitor: this.#leaving, opened: this.opened, tried: this.tried };
  }
}

/** HTTP transports gather messages into one request: only their sender sees what really leaves. */
function watchSender(transport, look) {
  if (transport.sender) before(transport, 'sender', (url, payload) => look(payload));
  else before(transport, 'send', (quoted) => look(`[${quoted}]`));
}

function before(object, method, look) {
  const original = object[method];
  object[method] = (...args) => {
    look(...args);
    return original.apply(object, args);
  };
}

/**
 * The streamed page sets its document.domain, and may then call only into a page that did the same.
 * Browsers with origin-keyed agents ignore the setting on both sides.
 */
export function admitHtmlfile() {
  if (!window.originAgentCluster) document.domain = location.hostname;
}

/**
 * A script that jsonp-polling has asked for still runs when its session is over, and then calls a
 * function that the library has removed. Functions that are gone become ones that do nothing.
 */
function forgiveLateScripts() {
  const nothing = () => {};
  window[JSONP_CALLBACKS] = new Proxy({}, { get: (callbacks, name) => callbacks[name] ?? nothing });
}

forgiveLateScripts();
