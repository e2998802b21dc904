// Debian's proxies in front of Byway: each row of the table in docs/proxies.md, and whether it is true.
//
//   BYWAY=path/to/byway node --test proxies.test.mjs
//   BYWAY=path/to/byway WRITE_TABLE=1 node --test proxies.test.mjs    # writes the table anew

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { rows } from './proxies/rows.mjs';
import * as ways from './proxies/ways.mjs';
import { eventually, startServer } from './support.mjs';

const key = `byway_${'k'.repeat(43)}`;
const configuration = `
log.level = "warn"
auth.anonymous = "allow"
broker.history = [{ pattern = "/topic/**" }]
feeds.heartbeat = "1s"
api.keys = [{ name = "tests", hash = "sha256:${createHash('sha256').update(key).digest('hex')}", allow = ["publish", "read"] }]
${Object.entries({ echo: 'echo', stomp: 'stomp', leaving: 'stomp', full: 'echo' }).map(([name, app]) => `
[endpoints.${name}]
path = "/chat-${name}"
app = "${app}"
trusted_proxies = ["127.0.0.1/32"]
session.heartbeat = "1s"
sockjs.response_limit = 4096
`).join('')}
limits.max_sessions = 1
`;

const columns = {
  websocket: ways.websocket, xhr_streaming: ways.xhr_streaming, xhr: ways.xhr, eventsource: ways.eventsource,
  htmlfile: ways.htmlfile, jsonp: ways.jsonp, feed_events: ways.feed_events, feed_lines: ways.feed_lines,
  feed_poll: ways.feed_poll, '100 KB': ways.large, idle: ways.idle, leaving: ways.leaving, address: ways.address, 'own page': ways.own_page,
  refusal: ways.refusal,
};
/** What has to get through everything. */
const always = ['xhr', 'feed_poll', '100 KB'];

let folder;
let guest;
let server;

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'byway-proxies-'));
  // Some proxies give up being root before they write there.
  chmodSync(folder, 0o777);
  const file = path.join(folder, 'byway.toml');
  writeFileSync(file, configuration);
  server = await startServer({ program: process.env.BYWAY, flags: ['--config', file] });
  guest = new WebSocket(`${server.base.replace('http', 'ws')}/chat-full/websocket`);
  await new Promise((resolve, reject) => guest.on('open', resolve).on('error', reject));
});

after(async () => {
  guest?.terminate();
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
const backend = {
  async publish(destination, body) {
    const answer = await fetch(`${server.base}/api/publish?endpoint=stomp`, { method: 'POST', headers, body: JSON.stringify({ destination, body }) });
    assert.equal(answer.status, 200, await answer.text());
  },
  sessions: async (endpoint) => (await fetch(`${server.base}/api/sessions?endpoint=${endpoint}&limit=1000`, { headers })).json(),
};

function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  return new Promise((resolve) =>
    listener.on('listening', () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    }));
}

const accepts = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** Other versions of the proxies may do otherwise. */
const debian = existsSync('/etc/debian_version') ? readFileSync('/etc/debian_version', 'utf8') : '';
const skip = debian.startsWith('12') ? false : 'the table is of the proxies of Debian 12';

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts a proxy for as long as `use` takes. */
async function through(row, number, use) {
  const own = path.join(folder, String(number));
  mkdirSync(own);
  chmodSync(own, 0o777);
  const ports = { listen: await freePort(), server: Number(new URL(server.base).port) };
  const file = path.join(own, 'settings');
  if (row.settings) writeFileSync(file, row.settings(ports, own));
  const [program, ...flags] = row.command(file, own, ports);
  const child = spawn(program, flags, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  children.add(child);
  let said = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said = (said + text).slice(-4096)));
  child.on('error', ({ message }) => (said += message));
  const gone = new Promise((resolve) => child.on('close', resolve)).then(() => (ended = true));
  try {
    await eventually(20_000, 'the proxy listens', async () => {
      assert.ok(!ended, `${program} ended: ${said}`);
      return accepts(ports.listen);
    });
    return await use(new ways.Way({ proxy: ports.listen, server: ports.server, forward: row.forward, from: `127.0.0.${number + 10}` }));
  } finally {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await gone;
    clearTimeout(timer);
    children.delete(child);
  }
}

describe('through', () => {
  const cells = new Map();
  rows.forEach((row, number) => {
    test(row.name, { timeout: 60_000 }, async () => {
      const found = await through(row, number, (way) => {
        const all = Object.entries(columns).map(async ([name, attempt]) => [name, await attempt(way, backend)]);
        return Promise.all(all).then(Object.fromEntries);
      });
      cells.set(row.name, found);
      const must = row.must === 'everything' ? Object.keys(columns) : always;
      const missing = must.filter((name) => found[name] !== ways.YES).map((name) => `${name}: ${found[name]}`);
      assert.deepEqual(missing, [], 'what has to work');
    });
  });

  test('the documentation has this table', { skip }, () => {
    const lines = [['through', ...Object.keys(columns)], ['---', ...Object.keys(columns).map(() => '---')]];
    for (const { name } of rows) lines.push([name, ...Object.values(cells.get(name) ?? {})]);
    const table = lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
    const file = fileURLToPath(new URL('../../docs/proxies.md', import.meta.url));
    const document = readFileSync(file, 'utf8');
    const expected = document.replace(/(<!-- table -->\n)[\s\S]*(<!-- \/table -->)/, `$1\n${table}\n\n$2`);
    if (process.env.WRITE_TABLE) writeFileSync(file, expected);
    else assert.equal(document, expected);
  });
});
