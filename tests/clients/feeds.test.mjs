// Feeds, as a page reads them with nothing but the browser's own EventSource, in headless Chromium, and as libraries do.
//
//   BYWAY=path/to/byway node --test feeds.test.mjs

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { getBytes, getLines, getMessages } from '@microsoft/fetch-event-source/lib/cjs/parse.js';
import { EventSource as NodeEventSource } from 'eventsource-3.0.7';
import { launchChromium } from './chromium.mjs';
import { eventually, startServer } from './support.mjs';
import { visit } from './visitor.mjs';

const configuration = `
broker.history = [{ pattern = "/topic/kept/*" }]
feeds.retry = "100ms"
feeds.heartbeat = "100ms"
[endpoints.chat]
path = "/chat"
app = "chat"
[endpoints.stomp]
path = "/stomp"
app = "stomp"
`;

const key = 'byway_the-key-of-the-feeds-test';

/** A server that a backend can publish to. */
const published = `
[api]
keys = [{ name = "backend", hash = "sha256:${createHash('sha256').update(key).digest('hex')}", allow = ["publish", "tickets"] }]
`;

/** The same, which lets nobody in without a ticket. */
const closed = `${published}
[auth.tickets]
required = true
`;

let browser;
let folder;
let road;
let server;

/** A server with this configuration and the road to it. */
async function start(name, text) {
  const file = path.join(folder, `${name}.toml`);
  writeFileSync(file, text);
  const server = await startServer({ program: process.env.BYWAY, flags: ['--config', file] });
  return { server, road: await openRoad(Number(new URL(server.base).port)) };
}

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'byway-feeds-'));
  browser = await launchChromium();
  ({ server, road } = await start('open', configuration));
});

after(async () => {
  await browser?.close();
  road?.close();
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** What stands between the page and the server, and can be cut. */
async function openRoad(port) {
  const travellers = new Set();
  const listener = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    travellers.add(near);
    near.on('close', () => travellers.delete(near));
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const cut = () => travellers.forEach((near) => near.destroy());
  return {
    base: `http://127.0.0.1:${listener.address().port}`,
    cut,
    close: () => {
      listener.close();
      cut();
    },
  };
}

/** Runs in the page: publishes over a plain WebSocket, and waits until the server has it. */
function publish({ base, destination, bodies }) {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/stomp`, ['v12.stomp']);
  return new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('no WebSocket'));
    socket.onopen = () => socket.send('CONNECT\naccept-version:1.2\nhost:x\n\n\0');
    socket.onmessage = ({ data }) => {
      if (data.startsWith('RECEIPT')) {
        socket.close();
        resolve();
      } else if (data.startsWith('CONNECTED')) {
        bodies.forEach((body, at) => {
          const receipt = at === bodies.length - 1 ? 'receipt:last\n' : '';
          socket.send(`SEND\ndestination:${destination}\n${receipt}\n${body}\0`);
        });
      }
    };
  });
}

/** Runs in the page: an event source whose data is collected. */
function listen(url) {
  window.heard = [];
  window.source = new EventSource(url);
  window.source.onmessage = (event) => window.heard.push(event.data);
  window.source.addEventListener('gap', (event) => window.heard.push(`gap ${event.data}`));
  return new Promise((resolve) => (window.source.onopen = () => resolve()));
}

const heard = (page, count) =>
  page.waitForFunction((expected) => window.heard.length >= expected && window.heard, count).then((h) => h.jsonValue());

test('an EventSource that is cut off comes back by itself and misses nothing', async () => {
  const { context, page } = await visit(browser, `${road.base}/`);
  await page.evaluate(listen, '/stomp/feed/topic/kept/a?opening=event');
  // Around the road, so that this goes on while the road is cut.
  const { page: publisher } = await visit(browser, `${server.base}/`);
  const say = (...bodies) => publisher.evaluate(publish, { base: server.base, destination: '/topic/kept/a', bodies });
  // Nothing was published before the first cut: the id that the stream began with brings what is missed.
  road.cut();
  await say('one', 'two\nlines');
  assert.deepEqual(await heard(page, 2), ['one', 'two\nlines']);
  for (const body of ['three', 'four', 'five']) {
    road.cut();
    await say(body);
  }
  assert.deepEqual(await heard(page, 5), ['one', 'two\nlines', 'three', 'four', 'five']);
  await context.close();
});

test('an EventSource that is refused does not ask again and again', async () => {
  const { context, page } = await visit(browser, `${road.base}/`);
  const state = await page.evaluate(() => {
    const source = new EventSource('/stomp/feed/queue/work');
    return new Promise((resolve) => (source.onerror = () => resolve(source.readyState)));
  });
  assert.equal(state, 2);
  await context.close();
});

test('a page polls and reads where the next poll begins', async () => {
  const { context, page } = await visit(browser, `${road.base}/`);
  const next = await page.evaluate(async () => {
    const poll = (query) => fetch(`/stomp/feed/topic/kept/b?${query}`, { headers: { Accept: 'application/json' } });
    window.next = (await poll('wait=0')).headers.get('Last-Event-ID');
    return window.next;
  });
  assert.match(next, /^[0-9a-f]+-0$/);
  await page.evaluate(publish, { base: road.base, destination: '/topic/kept/b', bodies: ['one', 'two'] });
  const list = await page.evaluate(async () => {
    const answer = await fetch(`/stomp/feed/topic/kept/b?format=poll&after=${window.next}`);
    return (await answer.json()).map((message) => message.body);
  });
  assert.deepEqual(list, ['one', 'two']);
  await context.close();
});

/** What a page's own backend does: it asks the API. */
const backend = (base) => {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const ask = async (path, body) => {
    const answer = await fetch(`${base}/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200);
    return answer.json();
  };
  return {
    ticket: async () => (await ask('tickets', { user: 'ada' })).ticket,
    say: (body) => ask('publish', { destination: '/topic/kept/a', body }),
  };
};

test('an EventSource comes back with its ticket, which opens nothing for anybody else', async () => {
  const { server, road } = await start('tickets', configuration + closed);
  const { ticket, say } = backend(server.base);
  const { context, page } = await visit(browser, `${road.base}/`);
  const target = `/stomp/feed/topic/kept/a?ticket=${await ticket()}&opening=event`;
  await page.evaluate(listen, target);
  for (const body of ['one', 'two', 'three']) {
    road.cut();
    await say(body);
  }
  assert.deepEqual(await heard(page, 3), ['one', 'two', 'three']);
  const thief = await fetch(server.base + target);
  assert.equal(thief.status, 401);
  assert.match(await thief.text(), /the ticket is unknown, used, or too old/);
  await context.close();
  road.close();
  await server.stop();
});

/** Runs in the page: what docs/feeds.md tells pages to do where a ticket has had its day. */
function listenOn() {
  window.heard = [];
  window.tickets = 0;
  const listen = async (after) => {
    const source = new EventSource(`/stomp/feed/topic/kept/a?ticket=${await window.fetchTicket()}&after=${after}&opening=event`);
    window.tickets += 1;
    source.addEventListener('begin', (event) => (after = event.lastEventId));
    source.onmessage = (event) => {
      after = event.lastEventId;
      window.heard.push(event.data);
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(after), 100);
    };
  };
  return listen('');
}

test('a page whose ticket is good no more fetches another and misses nothing', async () => {
  const { server, road } = await start('once', `${configuration}${closed}reconnect_time = "0s"`);
  const { ticket, say } = backend(server.base);
  const { context, page } = await visit(browser, `${road.base}/`);
  await page.exposeFunction('fetchTicket', ticket);
  await page.evaluate(listenOn);
  for (let n = 0; (await page.evaluate(() => window.heard.length)) === 0; n += 1) await say(`early ${n}`);
  const before = await page.evaluate(() => window.heard.length);
  road.cut();
  await say('missed');
  await page.waitForFunction(() => window.heard.includes('missed'));
  const { list, tickets } = await page.evaluate(() => ({ list: window.heard, tickets: window.tickets }));
  assert.equal(new Set(list).size, list.length);
  assert.ok(list.length >= before + 1 && tickets === 2, `${list} with ${tickets} tickets`);
  await context.close();
  road.close();
  await server.stop();
});

/** What each library reads of a feed: all that it takes for a message. */
const libraries = {
  '@microsoft/fetch-event-source': async (url, heard, stop) => {
    const answer = await fetch(url, { headers: { Accept: 'text/event-stream' }, signal: stop });
    const where = {};
    const lines = getLines(getMessages((id) => (where.id = id), (retry) => (where.retry = retry), (message) => heard.push(message)));
    getBytes(answer.body, lines).catch(() => {});
    await eventually(5_000, 'it knows where it is', () => where.id !== undefined && where.retry === 100);
  },
  eventsource: (url, heard, stop) => {
    const source = new NodeEventSource(url);
    stop.addEventListener('abort', () => source.close());
    source.onmessage = (event) => heard.push(event);
    return new Promise((resolve) => (source.onopen = resolve));
  },
};

for (const [name, read] of Object.entries(libraries)) {
  test(`${name} hears what is published, and nothing else`, async () => {
    const { server, road } = await start(`library-${name.replace(/\W/g, '')}`, configuration + published);
    const stop = new AbortController();
    const heard = [];
    await read(`${server.base}/stomp/feed/topic/kept/a`, heard, stop.signal);
    const { say } = backend(server.base);
    await say('one');
    // Several heartbeats.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await say('two');
    await eventually(5_000, 'both came', () => heard.length >= 2);
    assert.deepEqual(heard.map(({ data }) => data), ['one', 'two']);
    stop.abort();
    road.close();
    await server.stop();
  });
}

/** Runs in the page: the polyfill, which cannot set headers. */
function listenWithPolyfill(url) {
  window.heard = [];
  const source = new window.EventSourcePolyfill(url);
  source.onmessage = (event) => window.heard.push(event.data);
  source.addEventListener('gap', (event) => window.heard.push(`gap ${event.data}`));
  return new Promise((resolve) => (source.onopen = () => resolve()));
}

test('a polyfill that is cut off comes back with its ticket and misses nothing', async () => {
  const { server, road } = await start('polyfill', configuration + closed);
  const { ticket, say } = backend(server.base);
  const { context, page } = await visit(browser, `${road.base}/`);
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('event-source-polyfill'), 'utf8'));
  await page.evaluate(listenWithPolyfill, `/stomp/feed/topic/kept/a?ticket=${await ticket()}`);
  await say('one');
  await heard(page, 1);
  for (const body of ['two', 'three']) {
    road.cut();
    await say(body);
  }
  assert.deepEqual(await heard(page, 3), ['one', 'two', 'three']);
  await context.close();
  road.close();
  await server.stop();
});
