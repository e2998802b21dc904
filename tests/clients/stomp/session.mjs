// What the scenarios are written with: one STOMP client as a session, what it hears, and assertions. Runs in Node and,
// as it is, in a page; so it uses nothing but the language.

/** How long anything may take that is waited for. */
const LIMIT_MS = 20_000;

export function within(limitMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const show = (value) => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length})` : text;
};

export function check(truth, what) {
  if (!truth) throw new Error(what);
}

export function same(actual, expected, what) {
  check(JSON.stringify(actual) === JSON.stringify(expected), `${what}: ${show(actual)}, expected ${show(expected)}`);
}

/** What comes, in the order in which it comes. */
export class Inbox {
  #kept = [];
  #waiting = [];

  push(item) {
    const taker = this.#waiting.shift();
    if (taker) taker(item);
    else this.#kept.push(item);
  }

  /** The next one that came, or comes in time. */
  next(what = 'a message') {
    const item = this.#kept.length > 0 ? this.#kept.shift() : new Promise((resolve) => this.#waiting.push(resolve));
    return within(LIMIT_MS, what, item);
  }

  /** The bodies of the next ones. */
  async bodies(count) {
    const bodies = [];
    while (bodies.length < count) bodies.push((await this.next(`message ${bodies.length + 1} of ${count}`)).body);
    return bodies;
  }
}

let receipts = 0;

/** One client of @stomp/stompjs, from CONNECT to the close of its socket. */
export class Session {
  errors = new Inbox();
  heartbeats = new Inbox();

  /** `settings` are the client's own; what else a session needs, the world has. */
  constructor(world, { token = world.tokens.ada, server = 'closing', plain = false, ...settings } = {}) {
    this.client = new world.Stomp.Client();
    Object.assign(this.client, {
      ...world.way(server, plain),
      connectHeaders: token ? { Authorization: `Bearer ${token}` } : {},
      reconnectDelay: 0,
      debug: (line) => line === '<<< PONG' && this.heartbeats.push(line),
      ...settings,
    });
    this.connected = new Promise((resolve) => (this.client.onConnect = resolve));
    this.client.onStompError = (frame) => this.errors.push(frame);
    this.closed = new Promise((resolve) => (this.client.onWebSocketClose = resolve));
    this.disconnected = new Promise((resolve) => (this.client.onDisconnect = resolve));
    this.client.activate();
  }

  /** A session that the server has let in. */
  static async enter(world, options) {
    const session = new Session(world, options);
    session.greeting = await within(LIMIT_MS, 'CONNECTED', Promise.race([session.connected, session.closed]));
    check(session.client.connected, `closed before CONNECTED: ${session.greeting.code} ${session.greeting.reason}`);
    return session;
  }

  /** Calls `act` with headers that ask for a receipt, and waits for it. */
  async withReceipt(what, act) {
    const receipt = `receipt-${(receipts += 1)}`;
    const received = new Promise((resolve) => this.client.watchForReceipt(receipt, resolve));
    const result = act({ receipt });
    await within(LIMIT_MS, `the receipt of ${what}`, received);
    return result;
  }

  /** Subscribes, and gives what comes once the server has said that it does. */
  async subscribe(destination, headers = {}) {
    const inbox = new Inbox();
    inbox.subscription = await this.withReceipt(`SUBSCRIBE ${destination}`, (receipt) =>
      this.client.subscribe(destination, (message) => inbox.push(message), { ...headers, ...receipt }),
    );
    return inbox;
  }

  /** Sends, and waits for the receipt. */
  async send(destination, body, { headers = {}, ...more } = {}) {
    await this.withReceipt(`SEND ${destination}`, (receipt) =>
      this.client.publish({ destination, body, ...more, headers: { ...headers, ...receipt } }),
    );
  }

  /** The ERROR that the server sends, and the close behind it. */
  async ending(limitMs = LIMIT_MS) {
    const close = await within(limitMs, 'the close', this.closed);
    const { headers, body } = await this.errors.next('the ERROR before the close');
    return { headers, body, code: close.code, reason: close.reason };
  }

  /** DISCONNECT with a receipt, as the client always does it. */
  async leave() {
    this.client.deactivate();
    const first = await within(LIMIT_MS, 'the receipt of DISCONNECT', Promise.race([this.disconnected, this.closed]));
    check(first.command === 'RECEIPT', `closed instead of the receipt of DISCONNECT: ${first.code} ${first.reason}`);
    await within(LIMIT_MS, 'the close behind DISCONNECT', this.closed);
  }
}
