// The published SockJS clients in Node, against a running server.
//
//   BYWAY_TEST_SERVER=path/to/sockjs_test_server node --test node.test.mjs

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  allFailed,
  assertConversation,
  bigMessages,
  cannotConnect,
  clientVersions,
  closeRequest,
  converse,
  eventually,
  goAway,
  loadClient,
  messages,
  printSummary,
  startServer,
} from './support.mjs';

const transports = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'];
const browserOnly = ['iframe-eventsource', 'htmlfile', 'iframe-htmlfile', 'iframe-xhr-polling', 'jsonp-polling'];
const CONCURRENT = 20;
const LIMIT_MS = 30_000;
const TEST_MS = 60_000;

let server;
before(async () => (server = await startServer()));
after(async () => {
  await server?.stop();
  printSummary('clients in Node');
});

let sessions = 0;
const newSession = () => `node${process.pid}x${(sessions += 1)}`;

for (const version of clientVersions) {
  describe(`sockjs-client ${version} in Node`, { timeout: 20 * TEST_MS }, () => {
    const SockJS = loadClient(version);
    const talk = (path, transport, plan = {}) =>
      converse(SockJS, {
        url: server.base + path,
        transports: [transport].flat(),
        limitMs: LIMIT_MS,
        ...plan,
      });

    test('is the version that it is meant to be', () => {
      assert.equal(SockJS.version, version);
    });

    for (const transport of transports) {
      test(`${transport} echoes 100 hard messages in order`, { timeout: TEST_MS }, async () => {
        const report = await talk('/echo', transport, { messages, closeWith: [3001, 'enough'] });
        const close = { code: 3001, reason: 'enough', wasClean: true };
        assertConversation(report, { transport, sent: messages, close });
      });

      test(`${transport} echoes 100 KiB, then sees the server close with code and reason`, { timeout: TEST_MS }, async () => {
        const report = await talk('/echo_big', transport, { messages: bigMessages, last: closeRequest });
        assertConversation(report, { transport, sent: bigMessages, close: goAway });
      });

      // While the first is on its way the others gather, and the client sends all of them in one request. Their echoes
      // must fit into what may wait for a client between two polls.
      test(`${transport} echoes 4,000 messages that were sent in one go`, { timeout: TEST_MS }, async () => {
        const many = Array.from({ length: 4000 }, (_, i) => `message ${i}`);
        const report = await talk('/echo', transport, { messages: many, closeWith: [3001, 'enough'] });
        const close = { code: 3001, reason: 'enough', wasClean: true };
        assertConversation(report, { transport, sent: many, close });
      });

      test(`${transport} sees a server close at once on open with code and reason`, { timeout: TEST_MS }, async () => {
        assertConversation(await talk('/close', transport), { transport, close: goAway });
      });

      test(`${transport} is told that there is no such endpoint`, { timeout: TEST_MS }, async () => {
        const report = await talk('/no_such_endpoint', transport);
        assert.equal(report.opened, 0);
        assert.deepEqual(report.close, cannotConnect);
      });

      test(`${transport} serves ${CONCURRENT} sessions at once without mixing them`, { timeout: TEST_MS }, async () => {
        const own = Array.from({ length: CONCURRENT }, (_, i) =>
          Array.from({ length: 25 }, (_, j) => `session ${i}, message ${j}, ${'é'.repeat(i * j)}`),
        );
        const reports = await Promise.all(
          own.map((messages) => talk('/echo_big', transport, { messages, last: closeRequest })),
        );
        reports.forEach((report, i) => assertConversation(report, { transport, sent: own[i], close: goAway }));
      });
    }

    test('websocket: the server answers the close of the client', { timeout: TEST_MS }, async () => {
      let answered;
      const report = await talk('/echo', 'websocket', {
        messages: ['x'],
        closeWith: [1000],
        beforeClose: (client) => {
          const socket = client._transport.ws;
          answered = new Promise((resolve) => socket.addEventListener('close', resolve));
        },
      });
      const close = { code: 1000, reason: 'Normal closure', wasClean: true };
      assertConversation(report, { transport: 'websocket', sent: ['x'], close });
      let timer;
      const late = new Promise((resolve) => (timer = setTimeout(resolve, 5_000, { code: 'no answer' })));
      const { code } = await Promise.race([answered, late]);
      clearTimeout(timer);
      assert.notEqual(code, 'no answer', 'the server ends the socket within 5 s');
      assert.notEqual(code, 1006, 'the closing handshake completes');
    });

    // Streams notice at once. A poll may just have been answered when the
    // client closes: then the session may live on for its disconnect delay.
    for (const [transport, limitMs] of [['xhr-streaming', 3_000], ['eventsource', 3_000], ['xhr-polling', 10_000]]) {
      test(`${transport}: the session is gone soon after the client closed`, { timeout: TEST_MS }, async () => {
        const session = newSession();
        const report = await talk('/echo', transport, { messages: ['x'], closeWith: [1000], session });
        const close = { code: 1000, reason: 'Normal closure', wasClean: true };
        assertConversation(report, { transport, sent: ['x'], close });
        await eventually(limitMs, 'the session is unknown (404)', async () => {
          const response = await fetch(`${server.base}/echo/000/${session}/xhr_send`, { method: 'POST', body: '[]' });
          await response.arrayBuffer();
          return response.status === 404;
        });
      });
    }

    test('falls back to xhr-streaming where the server has no WebSocket', { timeout: TEST_MS }, async () => {
      const report = await talk('/disabled_websocket_echo', transports, { messages, closeWith: [1000] });
      const close = { code: 1000, reason: 'Normal closure', wasClean: true };
      assertConversation(report, { transport: 'xhr-streaming', sent: messages, close });
    });

    for (const transport of ['xhr-streaming', 'xhr-polling']) {
      test(`${transport} works where the server wants cookies`, { timeout: TEST_MS }, async () => {
        const report = await talk('/cookie_needed_echo', transport, { messages, closeWith: [1000] });
        const close = { code: 1000, reason: 'Normal closure', wasClean: true };
        assertConversation(report, { transport, sent: messages, close });
      });
    }

    for (const transport of browserOnly) {
      test(`${transport} is declared unavailable by the client itself`, { timeout: TEST_MS }, async () => {
        const report = await talk('/echo', transport);
        assert.equal(report.opened, 0);
        assert.deepEqual(report.close, allFailed);
      });
    }
  });
}

describe('the test server', () => {
  test('says where it listens only once all that it was told is right', async () => {
    const said = await startServer({ flags: ['--allow-origin', 'nonsense'] }).then(() => 'it started', ({ message }) => message);
    assert.match(said, /origins\.allowed.*nonsense.*is no origin/);
    assert.doesNotMatch(said, /listening on/);
  });

  test('lets the public suite in by its name, where it is told to', async () => {
    const suite = await startServer({ flags: ['--public-suite'] });
    const ask = (base, method, path, origin) => fetch(base + path, { method, headers: { Origin: origin } });
    for (const origin of ['test', 'null']) {
      for (const [method, path] of [['GET', '/echo/info'], ['OPTIONS', '/echo/abc/abc/xhr'], ['POST', `/echo/000/${newSession()}/xhr`]]) {
        const { status, headers } = await ask(suite.base, method, path, origin);
        assert.equal(Math.floor(status / 100), 2, path);
        assert.equal(headers.get('access-control-allow-origin'), origin);
        assert.equal(headers.get('access-control-allow-credentials'), 'true');
      }
    }
    assert.equal((await ask(suite.base, 'GET', '/echo/info', 'http://evil.example')).status, 403);
    assert.equal((await ask(server.base, 'GET', '/echo/info', 'test')).status, 403);
    await suite.stop();
  });
});
