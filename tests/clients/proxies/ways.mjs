// One way from a client to the server: a proxy in front of the server, or one that the client asks for everything.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import WebSocket from 'ws';

/** How soon something arrives that nothing holds back. */
const SOON = 1_500;
/** How late something arrives that was held until its answer ended: streams are told to end before. */
const LATE = 6_000;

export const YES = 'yes';
export const LATER = 'late';
export const no = (why) => `no (${why})`;

/**
 * `proxy` is its port, `server` the port of the server, `forward` whether the proxy is one that is asked for other servers, and `from`
 * the client's address.
 */
export class Way {
  constructor({ proxy, server, forward, from }) {
    Object.assign(this, { proxy, server, forward, from });
    this.host = `127.0.0.1:${forward ? server : proxy}`;
  }

  /** Sends a request. Its answer is a stream, and comes as it comes. */
  ask(path, { method = 'GET', headers = {}, body } = {}) {
    const target = this.forward ? `http://${this.host}${path}` : path;
    const own = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const request = http.request({
      host: '127.0.0.1', port: this.proxy, localAddress: this.from, agent: false, method, path: target,
      headers: { Host: this.host, ...own, ...headers },
    });
    request.end(body);
    return new Answer(request);
  }

  async socket(path) {
    const address = `ws://${this.host}${path}`;
    if (!this.forward) return new Socket(new WebSocket(address, { localAddress: this.from }));
    const tunnel = await this.tunnel();
    return new Socket(new WebSocket(address, { createConnection: () => tunnel }));
  }

  /** What a browser asks a forward proxy for before it opens a WebSocket. */
  tunnel() {
    const request = http.request({
      host: '127.0.0.1', port: this.proxy, localAddress: this.from, agent: false, method: 'CONNECT', path: this.host,
    });
    return new Promise((resolve, reject) => {
      request.on('connect', ({ statusCode }, socket) =>
        statusCode === 200 ? resolve(socket) : reject(new Error(`CONNECT: ${statusCode}`)));
      request.on('error', reject);
      request.end();
    });
  }
}

/** Waits for a promise for so long. */
async function within(ms, promise, otherwise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, otherwise)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

class Listener {
  text = '';
  over = false;
  waiting = new Set();

  heard(text, over = false) {
    this.text += text;
    this.over ||= over;
    this.waiting.forEach((look) => look());
  }

  /** Whether this text comes within the time. */
  has(wanted, ms) {
    let look;
    const seen = new Promise((resolve) => {
      look = () => (this.text.includes(wanted) || this.over) && resolve(this.text.includes(wanted));
      this.waiting.add(look);
      look();
    });
    return within(ms, seen, false).finally(() => this.waiting.delete(look));
  }
}

class Answer extends Listener {
  constructor(request) {
    super();
    this.request = request;
    this.head = new Promise((resolve) => {
      request.on('response', (response) => {
        response.setEncoding('utf8');
        response.on('data', (text) => this.heard(text));
        response.on('end', () => this.heard('', true));
        response.on('error', () => this.heard('', true));
        resolve(response);
      });
      request.on('error', ({ code }) => {
        this.heard('', true);
        resolve({ statusCode: code, headers: {} });
      });
    });
    this.ended = this.head.then(async ({ statusCode, headers }) => {
      await this.has('\0', LATE);
      return { status: statusCode, headers, body: this.text };
    });
  }

  /** The whole answer; status 0 where none comes. */
  whole(ms = LATE) {
    return within(ms, this.ended, { status: 0, headers: {}, body: '' });
  }

  leave() {
    this.request.destroy();
  }
}

class Socket extends Listener {
  constructor(socket) {
    super();
    this.socket = socket;
    socket.on('message', (data) => this.heard(data.toString()));
    socket.on('close', () => this.heard('', true));
    this.opened = new Promise((resolve) => {
      socket.on('open', () => resolve(YES));
      socket.on('unexpected-response', (_, { statusCode }) => resolve(no(statusCode)));
      socket.on('error', ({ message }) => resolve(no(message)));
    });
  }

  open() {
    return within(SOON, this.opened, no('silence'));
  }
}

// ------------------------------------------------------------- what is tried

const post = (way, path, body, headers = {}) => way.ask(path, { method: 'POST', body, headers }).whole();

/** Says when something arrived: at once, or when `end` has ended the stream that it comes by. */
async function arrival(stream, wanted, end = async () => {}) {
  if (await stream.has(wanted, SOON)) return YES;
  await end();
  if (await stream.has(wanted, LATE)) return LATER;
  const { status } = await stream.whole(1);
  return no(status === 200 || status === 0 ? 'silence' : status);
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

export async function websocket(way) {
  const socket = await way.socket('/chat-echo/websocket').catch(({ message }) => message);
  if (typeof socket === 'string') return no(socket);
  const opened = await socket.open();
  if (opened !== YES) return opened;
  socket.socket.send('through');
  const arrived = (await socket.has('through', SOON)) ? YES : no('silence');
  socket.socket.terminate();
  return arrived;
}

/** A transport whose answers go on: the server ends them after 4 KiB. */
const streaming = (transport, method = 'GET') => async (way) => {
  const session = `/chat-echo/000/${randomUUID()}`;
  const stream = way.ask(`${session}/${transport}?c=_jp.a`, { method, body: method === 'POST' ? '' : undefined });
  await stream.has('o', SOON / 3);
  await post(way, `${session}/xhr_send`, '["through"]');
  const arrived = await arrival(stream, 'through', () => post(way, `${session}/xhr_send`, `["${'x'.repeat(5_000)}"]`));
  stream.leave();
  return arrived;
};

export const xhr_streaming = streaming('xhr_streaming', 'POST');
export const eventsource = streaming('eventsource');
export const htmlfile = streaming('htmlfile');

/** A transport that asks anew for each frame. */
async function polling(receive, send, message) {
  const greeted = await receive().whole();
  if (!greeted.body.includes('o')) return no(greeted.status || 'silence');
  const poll = receive();
  const { status } = await send(JSON.stringify([message]));
  if (status !== 204 && status !== 200) return no(status || 'silence');
  return arrival(poll, message);
}

const xhrs = (way, message) => {
  const session = `/chat-echo/000/${randomUUID()}`;
  const receive = () => way.ask(`${session}/xhr`, { method: 'POST', body: '' });
  return polling(receive, (messages) => post(way, `${session}/xhr_send`, messages), message);
};

export const xhr = (way) => xhrs(way, 'through');
export const large = (way) => xhrs(way, `${'0123456789'.repeat(10_240)}end`);

export function jsonp(way) {
  const session = `/chat-echo/000/${randomUUID()}`;
  const receive = () => way.ask(`${session}/jsonp?c=_jp.a`);
  const send = (messages) => post(way, `${session}/jsonp_send`, `d=${encodeURIComponent(messages)}`, FORM);
  return polling(receive, send, 'through');
}

const topic = () => `/topic/${randomUUID()}`;

/** A feed that the server is asked to end after 3 s. */
const feed = (format, opening) => async (way, server) => {
  const destination = topic();
  const stream = way.ask(`/chat-stomp/feed${destination}?format=${format}&wait=3`);
  await stream.has(opening, SOON / 3);
  await server.publish(destination, 'through');
  const arrived = await arrival(stream, 'through');
  stream.leave();
  return arrived;
};

export const feed_events = feed('events', 'retry');
export const feed_lines = feed('lines', '"open"');

export async function feed_poll(way, server) {
  const destination = topic();
  const poll = (after, wait) => way.ask(`/chat-stomp/feed${destination}?format=poll&wait=${wait}&after=${after}`);
  const { status, headers } = await poll('', 0).whole();
  if (status !== 204) return no(status || 'silence');
  const id = headers['last-event-id'];
  if (!id) return no('no Last-Event-ID');
  const held = poll(id, 3);
  await server.publish(destination, 'through');
  if (!(await poll(id, 0).has('through', SOON))) return no('silence');
  return arrival(held, 'through');
}

/** Longer than the time-outs of 2 s, through which the heartbeats of 1 s carry. */
const IDLE = 3_500;

export async function idle(way, server) {
  const destination = topic();
  const stream = way.ask(`/chat-stomp/feed${destination}?format=lines&wait=8`);
  const socket = await way.socket('/chat-echo/websocket').catch(() => undefined);
  const upgraded = (await socket?.open()) === YES;
  await new Promise((resolve) => setTimeout(resolve, IDLE));
  await server.publish(destination, 'through');
  const cells = [await arrival(stream, 'through')];
  if (upgraded) {
    socket.socket.send('through');
    cells.push((await socket.has('through', SOON)) ? YES : no('WebSocket'));
    socket.socket.terminate();
  }
  stream.leave();
  return cells.find((cell) => cell !== YES) ?? YES;
}

export async function address(way, server) {
  await way.ask(`/chat-echo/000/${randomUUID()}/xhr`, { method: 'POST', body: '' }).whole();
  const { sessions } = await server.sessions('echo');
  return sessions.some(({ address }) => address === way.from) ? YES : no("the proxy's");
}

export async function own_page(way) {
  const headers = { Origin: `http://${way.host}` };
  const { status } = await way.ask(`/chat-echo/000/${randomUUID()}/xhr`, { method: 'POST', body: '', headers }).whole();
  return status === 200 ? YES : no(status || 'silence');
}

/** Nobody else is at this endpoint. Within two heartbeats whoever writes to a client that has left learns of it. */
export async function leaving(way, server) {
  const stream = way.ask('/chat-leaving/feed/topic/a?format=lines');
  const becomes = async (count, ms) => {
    for (const until = Date.now() + ms; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if ((await server.sessions('leaving')).sessions.length === count) return true;
    }
    return false;
  };
  const came = await becomes(1, SOON);
  stream.leave();
  return came && (await becomes(0, IDLE)) ? YES : no(came ? 'unnoticed' : 'silence');
}

/** The endpoint takes one session, which is there already. */
export async function refusal(way) {
  const { status, headers, body } = await way.ask(`/chat-full/000/${randomUUID()}/xhr`, { method: 'POST', body: '' }).whole();
  const is_whole = headers['retry-after'] === '5' && body === 'No more sessions now.\n';
  return status === 503 && is_whole ? YES : no(status === 503 ? 'changed' : status || 'silence');
}
