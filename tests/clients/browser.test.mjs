// The published SockJS clients in headless Chromium, against a running server.
//
//   BYWAY_TEST_SERVER=path/to/sockjs_test_server node --test browser.test.mjs
//
// Chromium is looked up on the PATH, as chromium.
//
// What the stock clients (1.0.3 and 1.6.1 alike) do in today's Chromium, with
// one transport forced. "same": the page is of the server's own origin;
// "port": of another port of the same host; "host": of another host.
//
//   transport            same  port  host  on the wire, after /info
//   websocket            runs  runs  runs  websocket
//   xhr-streaming        runs  runs  runs  xhr_streaming, xhr_send
//   xhr-polling          runs  runs  runs  xhr, xhr_send
//   eventsource          runs  runs  runs  eventsource, xhr_send
//   iframe-eventsource   runs  runs  runs  iframe.html, eventsource, xhr_send
//   htmlfile             runs  OFF   OFF   htmlfile, xhr_send
//   iframe-htmlfile      runs  runs  runs  iframe.html, htmlfile, xhr_send
//   iframe-xhr-polling   runs  runs  runs  iframe.html, xhr, xhr_send
//   jsonp-polling        runs  runs  runs  jsonp, jsonp_send
//
// OFF: the client enables htmlfile for its own origin only (lib/transport/
// htmlfile.js, `enabled`): it asks for /info, tries nothing, and closes with
// 2000 "All transports failed". The tests assert just that. The iframe-*
// transports use no document.domain: page and iframe talk by postMessage.
// htmlfile needs no ActiveX: the client uses a plain iframe instead.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './chromium.mjs';
import {
  allFailed,
  assertConversation,
  bigMessages,
  browserScript,
  clientVersions,
  closeRequest,
  converse,
  goAway,
  loadClient,
  messages,
  printSummary,
  startServer,
  statistics,
} from './support.mjs';

const wire = {
  websocket: ['websocket'],
  'xhr-streaming': ['xhr_streaming', 'xhr_send'],
  'xhr-polling': ['xhr', 'xhr_send'],
  eventsource: ['eventsource', 'xhr_send'],
  'iframe-eventsource': ['iframe.html', 'eventsource', 'xhr_send'],
  htmlfile: ['htmlfile', 'xhr_send'],
  'iframe-htmlfile': ['iframe.html', 'htmlfile', 'xhr_send'],
  'iframe-xhr-polling': ['iframe.html', 'xhr', 'xhr_send'],
  'jsonp-polling': ['jsonp', 'jsonp_send'],
};
const clientDisables = (transport, origin) => transport === 'htmlfile' && origin !== 'same';

const LIMIT_MS = 30_000;
const TEST_MS = 60_000;
const PAGES_AT_ONCE = 3;

// ------------------------------------------------------------------ pages

const page = (script) =>
  `<!doctype html><html><head><meta charset="utf-8"><title>test</title><script src="${script}"></script></head><body></body></html>`;

/** Serves the pages and the client libraries, on a free loopback port. */
async function startPages() {
  const files = new Map([['/empty.html', ['text/html; charset=UTF-8', page('data:text/javascript,')]]]);
  for (const version of clientVersions) {
    files.set(`/sockjs-${version}.js`, ['application/javascript; charset=UTF-8', browserScript(version)]);
    files.set(`/page-${version}.html`, ['text/html; charset=UTF-8', page(`/sockjs-${version}.js`)]);
  }
  const pages = http.createServer((request, response) => {
    const [type, body] = files.get(request.url) ?? [];
    response.writeHead(body ? 200 : 404, { 'Content-Type': type ?? 'text/plain' });
    response.end(body);
  });
  await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
  const { port } = pages.address();
  return {
    byAddress: `http://127.0.0.1:${port}`,
    byName: `http://localhost:${port}`,
    stop: () => {
      pages.closeAllConnections?.();
      return new Promise((resolve) => pages.close(resolve));
    },
  };
}

// ------------------------------------------------------------------ setup

let browser;
let context;
let pages;
let strangers;
const servers = {};

before(async () => {
  pages = await startPages();
  strangers = await startPages();
  const allowed = ['--allow-origin', pages.byAddress, '--allow-origin', pages.byName];
  // The library in the iframe must be of exactly the page's version. The
  // newest is the one that the server has by itself.
  servers['1.6.1'] = await startServer({ flags: allowed });
  servers['1.0.3'] = await startServer({
    flags: [...allowed, '--sockjs-url', `${pages.byAddress}/sockjs-1.0.3.js`],
  });
  servers.strict = await startServer();
  browser = await launchChromium();
  context = await browser.newContext();
});

after(async () => {
  await browser?.close();
  await pages?.stop();
  await strangers?.stop();
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  printSummary('clients in Chromium');
});

// A new tab takes far longer than a new document in a tab that is there.
const idleTabs = [];

/** Opens a page of the given origin and gives it to `use`. */
async function inPage(origin, version, server, use) {
  const tab = idleTabs.pop() ?? (await context.newPage());
  const requests = [];
  const note = (url) => {
    const segments = new URL(url).pathname.split('/');
    if (url.replace(/^ws/, 'http').startsWith(`${server.base}/`)) requests.push(segments.at(-1));
  };
  tab.on('request', (request) => note(request.url()));
  tab.on('websocket', (socket) => note(socket.url()));
  try {
    const name = version ? `/page-${version}.html` : '/empty.html';
    if (origin === 'same') {
      // Any page of the server will do; the greeting is one that it has.
      // (A page made up by Playwright's routing will not: to Chromium it is
      // of no network, so it may not connect to a local address.)
      await tab.goto(`${server.base}/echo`);
      if (version) await tab.addScriptTag({ content: browserScript(version) });
    } else {
      await tab.goto({ port: pages.byAddress, host: pages.byName, stranger: strangers.byAddress }[origin] + name);
    }
    requests.length = 0;
    await use(tab, requests);
    tab.removeAllListeners();
    idleTabs.push(tab);
  } catch (error) {
    await tab.close();
    throw error;
  }
}

const talk = (tab, plan) =>
  tab.evaluate(([source, plan]) => (0, eval)(`(${source})`)(window.SockJS, plan), [
    converse.toString(),
    { limitMs: LIMIT_MS, ...plan },
  ]);

// ------------------------------------------------------------------ tests

test("the server's own copy of the client is the published one", async () => {
  const response = await fetch(`${servers['1.6.1'].base}/static/sockjs-1.6.1.min.js`);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), browserScript('1.6.1'));
});

const origins = {
  same: "on a page of the server's origin",
  port: 'on a page of another port',
  host: 'on a page of another host',
};

for (const version of clientVersions) {
  for (const [origin, where] of Object.entries(origins)) {
    describe(`sockjs-client ${version} in Chromium ${where}`, { concurrency: PAGES_AT_ONCE, timeout: 20 * TEST_MS }, () => {
      test('is the version that it is meant to be', { timeout: TEST_MS }, () =>
        inPage(origin, version, servers[version], async (tab) => {
          assert.equal(await tab.evaluate(() => window.SockJS.version), loadClient(version).version);
        }),
      );

      for (const transport of Object.keys(wire)) {
        const setup = (path) => ({ url: servers[version].base + path, transports: [transport] });

        if (clientDisables(transport, origin)) {
          test(`${transport} is declared unavailable by the client itself`, { timeout: TEST_MS }, () =>
            inPage(origin, version, servers[version], async (tab, requests) => {
              const report = await talk(tab, setup('/echo'));
              assert.equal(report.opened, 0);
              assert.deepEqual(report.close, allFailed);
              assert.deepEqual([...new Set(requests)], ['info'], 'nothing but /info was asked for');
            }),
          );
          continue;
        }

        test(`${transport} echoes 100 hard messages in order`, { timeout: TEST_MS }, () =>
          inPage(origin, version, servers[version], async (tab, requests) => {
            const report = await talk(tab, { ...setup('/echo'), messages, closeWith: [3001, 'enough'] });
            const close = { code: 3001, reason: 'enough', wasClean: true };
            assertConversation(report, { transport, sent: messages, close });
            const used = new Set(requests.filter((name) => !/\.js$/.test(name)));
            assert.deepEqual([...used].sort(), ['info', ...wire[transport]].sort());
          }),
        );

        test(`${transport} echoes 100 KiB, then sees the server close with code and reason`, { timeout: TEST_MS }, () =>
          inPage(origin, version, servers[version], async (tab) => {
            const report = await talk(tab, { ...setup('/echo_big'), messages: bigMessages, last: closeRequest });
            assertConversation(report, { transport, sent: bigMessages, close: goAway });
          }),
        );

        test(`${transport} sees a server close at once on open with code and reason`, { timeout: TEST_MS }, () =>
          inPage(origin, version, servers[version], async (tab) => {
            assertConversation(await talk(tab, setup('/close')), { transport, close: goAway });
          }),
        );
      }
    });
  }
}

describe('Chromium without a client library', { concurrency: PAGES_AT_ONCE, timeout: 20 * TEST_MS }, () => {
  for (const [origin, where] of Object.entries(origins)) {
    test(`a plain WebSocket echoes 100 hard messages in order ${where}`, { timeout: TEST_MS }, () =>
      inPage(origin, null, servers['1.6.1'], async (tab) => {
        const report = await tab.evaluate(plainWebSocket, {
          url: `${servers['1.6.1'].base.replace(/^http/, 'ws')}/echo_big/websocket`,
          messages: bigMessages,
          last: closeRequest,
          limitMs: LIMIT_MS,
        });
        assertConversation(report, { transport: 'plain', sent: bigMessages, close: goAway });
      }),
    );

    test(`a plain WebSocket sees the code and the reason of the server's close ${where}`, { timeout: TEST_MS }, () =>
      inPage(origin, null, servers['1.6.1'], async (tab) => {
        const report = await tab.evaluate(plainWebSocket, {
          url: `${servers['1.6.1'].base.replace(/^http/, 'ws')}/close/websocket`,
          messages: [],
          limitMs: LIMIT_MS,
        });
        assertConversation(report, { transport: 'plain', close: goAway });
      }),
    );

    test(`a plain EventSource reconnects by itself and loses nothing ${where}`, { timeout: TEST_MS }, () =>
      inPage(origin, null, servers['1.6.1'], async (tab) => {
        const session = `${servers['1.6.1'].base}/echo/000/plain${process.pid}${origin}`;
        const report = await tab.evaluate(plainEventSource, { session, messages, limitMs: LIMIT_MS });
        assert.equal(report.timedOut, false, JSON.stringify(report).slice(0, 400));
        assert.deepEqual(report.received, messages);
        assert.ok(report.opened > 1, 'the response limit was reached, so it had to reconnect');
        assert.equal(report.greetings, 1, 'it came back to the same session');
        statistics.sessions += 1;
        statistics.messages += messages.length;
      }),
    );
  }
});

describe('a page of an origin that is not allowed', { concurrency: PAGES_AT_ONCE, timeout: 20 * TEST_MS }, () => {
  for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource']) {
    test(`gets no session over ${transport}`, { timeout: TEST_MS }, () =>
      inPage('stranger', '1.6.1', servers.strict, async (tab) => {
        const report = await talk(tab, { url: `${servers.strict.base}/echo`, transports: [transport], closeWith: [1000] });
        assert.equal(report.opened, 0);
        assert.ok([1002, 2000].includes(report.close?.code), JSON.stringify(report));
        statistics.sessions += 1;
      }),
    );
  }

  test('gets no plain WebSocket', { timeout: TEST_MS }, () =>
    inPage('stranger', null, servers.strict, async (tab) => {
      const report = await tab.evaluate(plainWebSocket, {
        url: `${servers.strict.base.replace(/^http/, 'ws')}/echo/websocket`,
        messages: ['x'],
        limitMs: LIMIT_MS,
      });
      assert.equal(report.opened, 0);
      assert.equal(report.close?.code, 1006);
      statistics.sessions += 1;
    }),
  );
});

// The two below run in the page, as their source.

function plainWebSocket({ url, messages, last, limitMs }) {
  return new Promise((resolve) => {
    const report = { opened: 0, transport: 'plain', received: [], timedOut: false };
    const socket = new WebSocket(url);
    const timer = setTimeout(() => {
      report.timedOut = true;
      socket.close();
      resolve(report);
    }, limitMs);
    socket.onopen = () => {
      report.opened += 1;
      messages.forEach((text) => socket.send(text));
    };
    socket.onmessage = ({ data }) => {
      report.received.push(data);
      if (report.received.length === messages.length && last !== undefined) socket.send(last);
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      clearTimeout(timer);
      resolve({ ...report, close: { code, reason, wasClean } });
    };
  });
}

function plainEventSource({ session, messages, limitMs }) {
  return new Promise((resolve) => {
    const report = { opened: 0, greetings: 0, received: [], timedOut: false };
    const source = new EventSource(`${session}/eventsource`, { withCredentials: true });
    const finish = () => {
      clearTimeout(timer);
      source.close();
      resolve(report);
    };
    const timer = setTimeout(() => {
      report.timedOut = true;
      finish();
    }, limitMs);
    // In lots, each in one POST, so that their order is the order of arrival.
    const send = async () => {
      for (let i = 0; i < messages.length; i += 10) {
        const body = JSON.stringify(messages.slice(i, i + 10));
        const response = await fetch(`${session}/xhr_send`, { method: 'POST', body, credentials: 'include' });
        if (response.status !== 204) throw new Error(`xhr_send: ${response.status}`);
      }
    };
    source.onopen = () => (report.opened += 1);
    source.onmessage = ({ data }) => {
      const frame = data.replaceAll('%25', '%');
      if (frame === 'o') {
        report.greetings += 1;
        send().catch((error) => {
          report.failure = String(error);
          report.timedOut = true;
          finish();
        });
      } else if (frame.startsWith('a')) {
        report.received.push(...JSON.parse(frame.slice(1)));
        if (report.received.length >= messages.length) finish();
      }
    };
  });
}
