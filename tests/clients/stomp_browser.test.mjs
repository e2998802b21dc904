// @stomp/stompjs in headless Chromium, over plain WebSockets and over each transport of sockjs-client, from a page of
// another origin, against a running server.
//
//   BYWAY=path/to/byway node --test stomp_browser.test.mjs

import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchChromium } from './chromium.mjs';
import { browserScriptOf, makePowers, makeRow, sockJsVersion, startServers, stompVersions } from './stomp/rows.mjs';
import { scenariosOf } from './stomp/scenarios.mjs';
import { browserScript } from './support.mjs';

const transports = [
  null,
  'websocket',
  'xhr-streaming',
  'xhr-polling',
  'eventsource',
  'iframe-eventsource',
  'iframe-htmlfile',
  'iframe-xhr-polling',
  'jsonp-polling',
];
const folder = fileURLToPath(new URL('./stomp/', import.meta.url));
const TEST_MS = 60_000;
const ROWS_AT_ONCE = 4;
// Chromium has six connections to a server; a session over a stream takes one for itself.
const SCENARIOS_AT_ONCE = 2;

const page = (version) => `<!doctype html><meta charset="utf-8"><title>test</title>
<script src="/sockjs.js"></script>
<script src="/stompjs-${version}.js"></script>
<script type="module">
  import { makeWorld, scenariosOf } from '/stomp/scenarios.mjs';
  window.play = async (row, name) => {
    const powers = { briefToken, startServer, stopServer };
    const world = makeWorld(row, { Stomp: StompJs, SockJS }, powers);
    await scenariosOf(row.transport)[name](world);
  };
</script>`;

/** What the pages are made of, by path. */
function content(url) {
  const [, version] = /^\/(?:page|stompjs)-([\d.]+)\.\w+$/.exec(url) ?? [];
  if (url.startsWith('/page-')) return ['text/html', page(version)];
  if (url.startsWith('/stompjs-')) return ['text/javascript', readFileSync(browserScriptOf(version))];
  if (url === '/sockjs.js') return ['text/javascript', browserScript(sockJsVersion)];
  if (url.startsWith('/stomp/')) return ['text/javascript', readFileSync(path.join(folder, path.basename(url)))];
  return ['text/plain', ''];
}

async function startPages() {
  const pages = http.createServer((request, response) => {
    const [type, body] = content(request.url);
    response.writeHead(200, { 'Content-Type': `${type}; charset=UTF-8` }).end(body);
  });
  await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
  return { base: `http://127.0.0.1:${pages.address().port}`, stop: () => pages.close() };
}

let browser;
let pages;
let servers;
let settings;

before(async () => {
  pages = await startPages();
  settings = { BYWAY_ENDPOINTS__STOMP__ORIGINS__ALLOWED: JSON.stringify([pages.base]) };
  [servers, browser] = await Promise.all([startServers(settings), launchChromium()]);
});

after(async () => {
  await browser?.close();
  pages?.stop();
  await servers?.stop();
});

/** A tab for a row: of its own context, so that no other row takes its connections. */
async function openTab(version) {
  const context = await browser.newContext();
  for (const [name, power] of Object.entries(makePowers(settings))) await context.exposeFunction(name, power);
  const tab = await context.newPage();
  await tab.goto(`${pages.base}/page-${version}.html`);
  await tab.waitForFunction(() => window.play);
  return tab;
}

const rows = stompVersions.flatMap((version) => transports.map((transport) => [version, transport]));

describe('stompjs in Chromium', { concurrency: ROWS_AT_ONCE, timeout: 20 * TEST_MS }, () => {
  for (const [version, transport] of rows) {
    const way = transport ? `SockJS with ${transport}` : 'a plain WebSocket';
    describe(`stompjs ${version} over ${way}`, { concurrency: SCENARIOS_AT_ONCE }, () => {
      let row;
      let tab;
      before(async () => {
        [row, tab] = await Promise.all([makeRow(version, transport, servers.bases), openTab(version)]);
      });
      after(() => tab?.context().close());

      for (const name of Object.keys(scenariosOf(transport))) {
        test(name, { timeout: TEST_MS }, () => tab.evaluate(([row, name]) => window.play(row, name), [row, name]));
      }
    });
  }
});
