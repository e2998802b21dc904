// Feeds, as a page reads them with nothing but the browser's own EventSource, in headless Chromium.
//
//   BYWAY=path/to/byway node --test feeds.test.mjs

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from './chromium.mjs';
import { startServer } from './support.mjs';
import { visit } from './visitor.mjs';

const configuration = `
broker.history = [{ pattern = "/topic/kept/*" }]
feeds.retry = "100ms"
[endpoints.chat]
path = "/chat"
app = "chat"
[endpoints.stomp]
path = "/stomp"
app = "stomp"
`;

let browser;
let folder;
let road;
let server;

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'byway-feeds-'));
  const file = path.join(folder, 'byway.toml');
  writeFileSync(file, configuration);
  server = await startServer({ program: process.env.BYWAY, flags: ['--config', file] });
  browser = await launchChromium();
  road = await openRoad(Number(new URL(server.base).port));
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
  await page.evaluate(listen, '/stomp/feed/topic/kept/a');
  // Around the road, so that this goes on while the road is cut.
  const { page: publisher } = await visit(browser, `${server.base}/`);
  const say = (...bodies) => publisher.evaluate(publish, { base: server.base, destination: '/topic/kept/a', bodies });
  // Nothing was heard before the first cut: the id that the stream began with brings what is missed.
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
