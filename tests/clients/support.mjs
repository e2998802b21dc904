// What the client tests share: the server under test, the messages, the
// conversation that every client and transport must be able to hold, and
// the published client libraries.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

// ---------------------------------------------------------------- clients

/** The oldest and the newest client that must work. */
export const clientVersions = ['1.6.1', '1.0.3'];

export const loadClient = (version) => require(`sockjs-client-${version}`);

/** The client as one script for a page, with a global SockJS. */
export function browserScript(version) {
  const packageFile = require.resolve(`sockjs-client-${version}/package.json`);
  const published = path.join(path.dirname(packageFile), 'dist', 'sockjs.min.js');
  return existsSync(published)
    ? readFileSync(published, 'utf8')
    : bundle(require.resolve(`sockjs-client-${version}`), 'SockJS');
}

/**
 * Joins CommonJS modules into one script, as browserify did for the
 * releases that came without a ready script: honours the packages'
 * "browser" field, and sets NODE_ENV to production, so that the debug
 * package is never asked for.
 */
function bundle(entry, globalName) {
  const modules = new Map();
  const include = (file) => {
    if (modules.has(file)) return modules.get(file).id;
    const module = { id: modules.size, links: {} };
    modules.set(file, module);
    module.source = readFileSync(file, 'utf8');
    for (const [, name] of module.source.matchAll(/\brequire\((?:'|")([^'"]+)(?:'|")\)/g)) {
      if (name !== 'debug') module.links[name] = include(resolveForBrowser(name, file));
    }
    return module.id;
  };
  const first = include(entry);
  const parts = [...modules.values()].map(
    ({ source, links }) =>
      `[function (require, module, exports, global, process) {\n${source}\n}, ${JSON.stringify(links)}]`,
  );
  return `window.${globalName} = (function () {
var modules = [${parts.join(',\n')}], loaded = {};
function load(id) {
  if (!loaded[id]) {
    var module = loaded[id] = { exports: {} };
    modules[id][0].call(module.exports, function (name) { return load(modules[id][1][name]); },
      module, module.exports, window, { env: { NODE_ENV: 'production' } });
  }
  return loaded[id].exports;
}
return load(${first});
})();\n`;
}

function resolveForBrowser(name, importer) {
  const own = packageOf(importer);
  if (own.replaces[name]) return path.resolve(own.root, own.replaces[name]);
  const file = createRequire(importer).resolve(name);
  const target = packageOf(file);
  const replacement = target.replaces[`./${path.relative(target.root, file)}`];
  return replacement ? path.resolve(target.root, replacement) : file;
}

/** A file's package: its folder, and what a browser gets instead of what. */
function packageOf(file) {
  let root = path.dirname(file);
  while (!existsSync(path.join(root, 'package.json'))) root = path.dirname(root);
  const { browser = {}, main = 'index.js' } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const replaces = typeof browser === 'string' ? { [`./${path.normalize(main)}`]: browser } : browser;
  return { root, replaces };
}

// ----------------------------------------------------------------- server

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const START_MS = 20_000;
const STOP_MS = 5_000;

/** Starts the server under test on a free loopback port, or at `listen`; `settings` are variables for it. */
export async function startServer(options = {}) {
  const { program = process.env.BYWAY_TEST_SERVER, flags = [], env: settings = {}, listen = '127.0.0.1:0' } = options;
  assert.ok(program, 'BYWAY_TEST_SERVER (or BYWAY, for the demo) must name the program to run');
  // What is meant for the tests would be a setting that the server does not know.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BYWAY_')));
  const child = spawn(program, ['--listen', listen, ...flags], {
    env: { ...env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  let log = '';
  let died = false;
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.stderr.on('data', (text) => (log = (log + text).slice(-8192)));
  const base = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${program} ${why}\n${output}${log}`));
    const timer = setTimeout(() => fail(`did not listen within ${START_MS} ms`), START_MS);
    child.stdout.on('data', (text) => {
      output = (output + text).slice(-8192);
      const line = /(http:\/\/127\.0\.0\.1:\d+)[\s/]/.exec(output);
      if (line) {
        clearTimeout(timer);
        resolve(line[1]);
      }
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      fail(`did not start: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      died = true;
      clearTimeout(timer);
      fail(`ended at once (${signal ?? code})`);
    });
  });
  return {
    base,
    /** Ends the server at once, if it is still there. */
    kill: () => child.kill('SIGKILL'),
    /** Ends the server; throws when it was gone before. */
    async stop() {
      const early = died;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await gone;
      clearTimeout(timer);
      running.delete(child);
      assert.ok(!early, `the server ended during the tests\n${log}`);
    },
  };
}

// --------------------------------------------------------------- messages

const range = (first, last) =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i));
const hex = (character) => `U+${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

const c0 = range(0x00, 0x1f);
const c1 = range(0x7f, 0x9f);

/** 99 messages that have broken one framing, escaping or parser or another. */
const hardMessages = [
  'plain',
  '',
  ' ',
  '"double" \'single\' `back`',
  '\\ \\\\ \\" \\n \\u0041 \\',
  '</script><script>parent.injected = true</script>',
  '<!-- <script> -->',
  '%',
  '%41',
  '%25 %2541 %E0%A4%A %u0041 100%',
  '+ & = ; d=1&d=2 ?c=x #x',
  'o',
  'h',
  'a["x"]',
  'c[3000,"Go away!"]',
  '["a","b"]',
  'null',
  'data: x\r\n\r\nevent: y\nid: 1\nretry: 0\n\n',
  'CONNECT\naccept-version:1.2\n\n\0',
  'ʼn café \u0065\u0301 ẞ ﬃ \u0344\u0958\u2126\u212b\ufb1d',
  'العربية עברית \u202eabc\u202c',
  '漢字かな交じり文 한국어',
  '😀👩‍👩‍👧‍👦🏳️‍🌈❤️',
  '\u{10000}\u{1d11e}\u{10fffe}\u{10ffff}',
  range(0x200b, 0x200f).join(''),
  '\u2028\u2029\u202f\u2060\u206f',
  '\ufeff',
  range(0xfff0, 0xffff).join(''),
  c0.join(''),
  c1.join(''),
  ...c0.map((character) => `${hex(character)}:${character}`),
  ...c1.map((character) => `${character}:${hex(character)}`),
  'x\u00ad\u00a0\ud7ff\ue000\uf8ff',
  '\u200b',
  '\u2028',
  '\u{1f680}',
];

const longMessage = (bytes) => {
  const unit = 'abcdefgh "\\</>%\u2028é\u{1f680} 0123456789\n';
  const text = unit.repeat(Math.ceil(bytes / Buffer.byteLength(unit)));
  return Buffer.from(text).subarray(0, bytes).toString('utf8').replace(/\ufffd+$/, '');
};

/** Puts the long message amid the others, so that more must follow it. */
const amid = (text) => [...hardMessages.slice(0, 30), text, ...hardMessages.slice(30)];

/** 100 messages; the longest is twice what one response of /echo may hold. */
export const messages = amid(longMessage(8 * 1024));

/** 100 messages with one of 100 KiB, for /echo_big. */
export const bigMessages = amid(longMessage(100 * 1024));

assert.equal(messages.length, 100);
for (const text of bigMessages) assert.equal(Buffer.from(text).toString('utf8'), text);

/** What makes /echo_big close the session with 3000 "Go away!". */
export const closeRequest = JSON.stringify({ close: [3000, 'Go away!'] });

// ----------------------------------------------------------- conversation

/**
 * Holds one conversation and reports it. Runs in Node, and, as its source,
 * in a page: so it must not use anything from outside itself.
 *
 * The messages are sent as one, then many at once, then in tens, each lot
 * when the echo of the one before is back. Then `last`, if given, is sent
 * (it makes the server close), or the client closes with `closeWith`, if
 * given. Without either, the server is expected to close unasked.
 */
export function converse(SockJS, plan) {
  return new Promise((resolve) => {
    const report = { opened: 0, received: [], timedOut: false };
    const lots = (plan.messages ?? []).slice();
    // A busy machine must not make the client give up a transport: its own
    // patience is as little as 300 ms, and only 1.6.1 has an option for it.
    SockJS.prototype.countRTO = () => 10_000;
    const client = new SockJS(plan.url, null, {
      transports: plan.transports,
      ...(plan.session && { server: '000', sessionId: () => plan.session }),
    });
    const timer = setTimeout(() => {
      report.timedOut = true;
      finish();
    }, plan.limitMs);
    const finish = (close) => {
      clearTimeout(timer);
      client.onopen = client.onmessage = client.onclose = null;
      if (report.timedOut) client.close();
      resolve({ ...report, close });
    };
    let awaited = 0;
    let lot = 0;
    const next = () => {
      if (lots.length > 0) {
        const size = lot === 0 ? 1 : lot === 1 ? 49 : 10;
        lot += 1;
        const batch = lots.splice(0, size);
        awaited += batch.length;
        batch.forEach((text) => client.send(text));
      } else if (plan.last !== undefined) {
        client.send(plan.last);
      } else if (plan.closeWith) {
        // Lets a test look at what the transport holds before it is closed.
        plan.beforeClose?.(client);
        client.close(...plan.closeWith);
      }
    };
    client.onopen = () => {
      report.opened += 1;
      report.transport = client.transport;
      next();
    };
    client.onmessage = (event) => {
      report.received.push(event.data);
      if (report.received.length === awaited) next();
    };
    client.onclose = ({ code, reason, wasClean }) => finish({ code, reason, wasClean });
  });
}

export const statistics = { sessions: 0, messages: 0 };

const show = (text) => JSON.stringify(text?.length > 80 ? `${text.slice(0, 80)}...` : text);

/** Asserts that a conversation went as planned, to the last byte. */
export function assertConversation(report, { transport, sent = [], close }) {
  const at = sent.findIndex((text, i) => report.received[i] !== text);
  assert.equal(
    at,
    -1,
    `message ${at} of ${sent.length} must come back unchanged: sent ${show(sent[at])}, ` +
      `got ${show(report.received[at])}; ${report.received.length} came back, ` +
      `close ${JSON.stringify(report.close)}`,
  );
  assert.equal(report.timedOut, false, `the session ends in time; ${JSON.stringify(report.close)}`);
  assert.equal(report.received.length, sent.length, 'nothing comes back twice');
  assert.deepEqual(report.close, close);
  assert.equal(report.opened, 1, 'opens once');
  assert.equal(report.transport, transport);
  statistics.sessions += 1;
  statistics.messages += sent.length;
}

export const goAway = { code: 3000, reason: 'Go away!', wasClean: true };
/** What a client says by itself when it has no transport to try (left). */
export const allFailed = { code: 2000, reason: 'All transports failed', wasClean: false };
export const cannotConnect = { code: 1002, reason: 'Cannot connect to server', wasClean: false };

/** Repeats `probe` until it gives something true, or fails after `limitMs`. */
export async function eventually(limitMs, what, probe) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    if (await probe()) return;
    assert.ok(Date.now() < deadline, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export function printSummary(name) {
  console.log(`${name}: ${statistics.sessions} sessions as expected, ${statistics.messages} messages echoed`);
}
