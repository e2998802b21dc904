// The admin page, as an operator uses it, in headless Chromium.
//
//   BYWAY=path/to/byway node --test admin.test.mjs

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './chromium.mjs';
import { startServer } from './support.mjs';
import { assertFits, narrowAndDark, picture, visit as visitPage } from './visitor.mjs';

/** What a user could be called to do harm, if names were markup. */
const HOSTILE = `<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>`;

/** A name that no column has room for. */
const LONG = `${'a-rather-long-name-'.repeat(5)}@example.com`;

let browser;
let crowd;
let folder;
let keys;
let server;

/** What the tests are told by variables would be settings that the program does not know. */
const run = (...args) => execFileSync(process.env.BYWAY, args, { encoding: 'utf8', env: { PATH: process.env.PATH } });

/** A key with its hash, as `byway key` makes it. */
function makeKey() {
  const text = run('key');
  return { key: /^key\s+(\S+)/m.exec(text)[1], hash: /^hash\s+(\S+)/m.exec(text)[1] };
}

const configuration = ({ operator, visitor }) => `
broker.history = [{ pattern = "/topic/kept/*" }]
messaging.refusals = "keep"
rates.session = { messages_per_second = 20, excess = "refuse" }
[auth.jwt]
secret = "a-secret-of-more-than-32-bytes-for-the-tests"
issuer = "https://issuer.test"
audience = "byway"
[api]
keys = [
  { name = "operator", hash = "${operator.hash}", allow = ["admin", "read", "disconnect", "watch"] },
  { name = "visitor", hash = "${visitor.hash}", allow = ["admin"] },
]
[endpoints.chat]
path = "/chat"
app = "chat"
[endpoints.stomp]
path = "/stomp"
app = "stomp"
`;

const config = () => path.join(folder, 'byway.toml');
const tokenOf = (user) => run('token', '--config', config(), '--subject', user).trim();

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'byway-admin-'));
  keys = { operator: makeKey(), visitor: makeKey() };
  writeFileSync(config(), configuration(keys));
  server = await startServer({ program: process.env.BYWAY, flags: ['--config', config()] });
  browser = await launchChromium();
  crowd = await (await browser.newContext()).newPage();
  await crowd.goto(`${server.base}/health`);
  await crowd.evaluate(() => (window.clients = {}));
});

after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** Connects a user of STOMP, who listens to one topic. */
async function connect(user) {
  await crowd.evaluate(({ base, user, token }) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}/stomp`, ['v12.stomp']);
    window.clients[user] = socket;
    socket.onopen = () => socket.send(`CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer ${token}\n\n\0`);
    socket.onclose = ({ code, reason }) => {
      socket.ending = `${code} ${reason}`;
      reject(new Error(socket.ending));
    };
    socket.onmessage = ({ data }) => {
      if (data.startsWith('CONNECTED')) socket.send('SUBSCRIBE\nid:a\ndestination:/topic/kept/news\nreceipt:r\n\n\0');
      if (data.startsWith('RECEIPT')) resolve();
    };
  }), { base: server.base, user, token: tokenOf(user) });
}

const say = (user, frame) => crowd.evaluate(([user, frame]) => window.clients[user].send(frame), [user, frame]);
const leave = (user) => crowd.evaluate((user) => window.clients[user].close(), user);

/** The page, with a list of everything that it asks for. */
async function visit(options = {}) {
  const visitor = await visitPage(browser, 'about:blank', options);
  visitor.asked = [];
  visitor.page.on('request', (request) => visitor.asked.push(request.url()));
  await visitor.page.goto(`${server.base}/admin`);
  return visitor;
}

async function enter(page, key) {
  await page.fill('#door-key', key);
  await page.press('#door-key', 'Enter');
}

/** An operator, who sees a view. */
async function operate(view, options) {
  const visitor = await visit(options);
  await enter(visitor.page, keys.operator.key);
  await visitor.page.waitForSelector('#state[data-state=open]');
  await visitor.page.evaluate((view) => (location.hash = view), view);
  await visitor.page.waitForSelector(`#nav a[aria-current][href="#${view.split('/')[0]}"]`);
  return visitor;
}

const row = (user) => `tbody tr:has(td:text-is(${JSON.stringify(user)}))`;

describe('the admin page', () => {
  test('opens with a good key alone, and forgets it on leaving', async () => {
    const { context, page } = await visit();
    await enter(page, 'byway_wrong');
    await page.waitForSelector('#door-error:has-text("does not know this key")');
    await picture(page, 'admin-wrong-key');
    await enter(page, keys.operator.key);
    await page.waitForSelector('#state[data-state=open]');
    await page.reload();
    await page.waitForSelector('#state[data-state=open]');
    await page.click('#leave');
    await page.waitForSelector('#door:not([hidden])');
    assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
    await page.reload();
    await page.waitForSelector('#door:not([hidden])');
    await context.close();
  });

  test('asks nobody but its server, and never with the key in a URL', async () => {
    const { context, page, asked, complaints } = await operate('overview');
    for (const view of ['sessions', 'destinations', 'limits']) {
      await page.click(`#nav a[href="#${view}"]`);
      await page.waitForSelector(`#nav a[aria-current][href="#${view}"]`);
      await page.waitForLoadState('load');
    }
    const elsewhere = asked.filter((url) => !url.startsWith(server.base));
    assert.deepEqual(elsewhere, ['about:blank'].filter((url) => asked.includes(url)));
    assert.deepEqual(asked.filter((url) => url.includes(keys.operator.key)), []);
    assert.ok(asked.some((url) => url.includes('/admin/live/feed/topic/stats')));
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test('shows numbers and charts that move', async () => {
    await connect('mover');
    const { context, page } = await operate('overview');
    const published = page.locator('.tile:has(dt:text-is("Published")) dd >> nth=1');
    await page.waitForSelector('.tile');
    const before = await published.innerText();
    for (let n = 0; n < 10; n += 1) await say('mover', 'SEND\ndestination:/topic/kept/news\n\nhello\0');
    await page.waitForFunction((before) => {
      const tile = [...document.querySelectorAll('.tile')].find((tile) => tile.firstChild.textContent === 'Published');
      return tile.children[2].textContent !== before;
    }, before);
    await page.waitForSelector('.plot .line.series-2[d*="L"]', { state: 'attached' });
    await page.waitForSelector('.legend li:has-text("raw websocket")');
    await leave('mover');
    await page.waitForSelector('.legend li:has(span:text-is("client"))');
    await page.waitForSelector('.legend li:has-text("raw websocket 0")');
    await page.waitForSelector('.plot .bar rect', { state: 'attached' });
    await page.hover('.plot >> nth=0', { position: { x: 300, y: 60 } });
    await page.waitForSelector('.crosshair', { state: 'attached' });
    await picture(page, 'admin-overview');
    await context.close();
  });

  test('shows sessions as they come, finds them, and names are only text', async () => {
    const { context, page, complaints } = await operate('sessions');
    await connect('ada');
    await connect(HOSTILE);
    await page.waitForSelector(row('ada'));
    await page.waitForSelector(`td:text-is(${JSON.stringify(HOSTILE)})`);
    await picture(page, 'admin-sessions');
    await page.fill('#search', 'ADA');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await page.waitForSelector(row('ada'));
    await page.fill('#search', 'nobody at all');
    await page.waitForSelector('.empty:has-text("Nobody is called that.")');
    await page.fill('#search', '<img');
    await page.waitForSelector('tbody a');
    await page.click('tbody a');
    await page.waitForSelector(`.facts dd:text-is(${JSON.stringify(HOSTILE)})`);
    await page.waitForSelector('.subscriptions code:text-is("/topic/kept/news")');
    assert.equal(await page.evaluate(() => window.harmed), undefined);
    assert.deepEqual(complaints, []);
    await leave('ada');
    await leave(HOSTILE);
    await context.close();
  });

  test('writes out what a name hides', async () => {
    const { context, page } = await operate('sessions');
    await connect('\u202eada ');
    await page.waitForSelector('td:text-is("\\\\u{202e}ada\\\\u{20}")');
    await leave('\u202eada ');
    await context.close();
  });

  test('sorts by any column', async () => {
    await connect('anna');
    await connect('zoe');
    const { context, page } = await operate('sessions');
    await page.waitForSelector(row('zoe'));
    const users = () => page.$$eval('tbody tr', (rows) => rows.map((row) => row.cells[1].textContent));
    await page.click('th button:text-is("User")');
    await page.waitForSelector('th[aria-sort=ascending]:has-text("User")');
    await page.waitForFunction(() => document.querySelector('tbody tr').cells[1].textContent !== 'zoe');
    await page.click('th button:text-is("User")');
    await page.waitForSelector('th[aria-sort=descending]:has-text("User")');
    await page.waitForFunction(() => document.querySelector('tbody tr').cells[1].textContent === 'zoe');
    assert.deepEqual(await users(), (await users()).sort().reverse());
    await leave('anna');
    await leave('zoe');
    await context.close();
  });

  test('ends a session when the operator means it, and the client is told why', async () => {
    await connect('bob');
    const { context, page } = await operate('sessions');
    await page.click(`${row('bob')} button`);
    await page.waitForSelector('#confirm[open]:has-text("of bob")');
    await picture(page, 'admin-confirm');
    await page.click('#confirm-no');
    await page.waitForSelector('#confirm:not([open])', { state: 'attached' });
    assert.equal(await crowd.evaluate(() => window.clients.bob.readyState), 1);
    await page.click(`${row('bob')} button`);
    await page.fill('#confirm-reason', 'Too loud');
    await page.press('#confirm-reason', 'Enter');
    await page.waitForSelector('#confirm:not([open])', { state: 'attached' });
    await crowd.waitForFunction(() => window.clients.bob.ending === '3000 Too loud');
    await page.waitForSelector(row('bob'), { state: 'detached' });
    await context.close();
  });

  test('watches a session live, without its secrets, until it ends', async () => {
    await connect('cleo');
    const { context, page, complaints } = await operate('sessions');
    await page.click(`${row('cleo')} a`);
    await page.click('button:text-is("Watch")');
    await page.waitForSelector('.watch-note:has-text("From here on.")');
    await say('cleo', 'SEND\ndestination:/topic/kept/news\ntoken:canary\n\n<b onclick="x">hi</b>\0');
    await page.waitForSelector('.watch-row.in:has-text("token:(hidden)")');
    await page.waitForSelector('.watch-row.out:has-text("MESSAGE")');
    await page.click('.watch-row.in summary');
    await page.waitForSelector('.watch-row.in pre:has-text("<b onclick=")');
    await picture(page, 'admin-watch');
    assert.equal(await page.locator('text=canary').count(), 0);
    await page.fill('input[aria-label="Only messages with"]', 'message');
    await page.waitForSelector('.watch-row.in', { state: 'hidden' });
    await leave('cleo');
    await page.fill('input[aria-label="Only messages with"]', '');
    await page.waitForSelector('.watch-note.bad:has-text("Ended: ")');
    // The page asks for a session that is no more, once.
    assert.deepEqual(complaints.filter((text) => !text.includes('404')), []);
    await context.close();
  });

  test('shows destinations, and limits with what hit them', async () => {
    await connect('dora');
    const { context, page } = await operate('destinations');
    await page.waitForSelector('tbody tr:has-text("/topic/kept/news")');
    await say('dora', 'SEND\ndestination:/topic/kept/news\n\n<i>the last news</i>\0');
    await page.waitForSelector('tbody button:has-text("/topic/kept/news")');
    await page.click('tbody button:has-text("/topic/kept/news")');
    await page.waitForSelector('.history .watch-row:has-text("<i>the last news</i>")');
    await picture(page, 'admin-destinations');
    await page.click('.history button:text-is("Close")');
    await page.fill('#search', '/topic/other');
    await page.waitForSelector('.empty:has-text("Nothing begins like that.")');
    await crowd.evaluate(() => {
      for (let n = 0; n < 60; n += 1) window.clients.dora.send('SEND\ndestination:/topic/flood\n\nx\0');
    });
    await page.click('#nav a[href="#limits"]');
    await page.waitForSelector('tr:has-text("rates.session.messages_per_second") .alarming');
    await picture(page, 'admin-limits');
    await leave('dora');
    await context.close();
  });

  test('a key that may only open the page is offered nothing else', async () => {
    const { context, page } = await visit();
    await enter(page, keys.visitor.key);
    await page.waitForSelector('.tile');
    assert.deepEqual(await page.$$eval('#nav a:not([hidden])', (links) => links.map((link) => link.textContent)), ['Overview', 'Limits']);
    await context.close();
  });

  test('a link that is broken or leads elsewhere shows a view, and asks for nothing but it', async () => {
    const { context, page, asked } = await operate('sessions');
    for (const [hash, heading] of [['#%', 'Overview'], ['#sessions/main/..%2F..%2Felsewhere', 'Sessions']]) {
      await page.evaluate((hash) => (location.hash = hash), hash);
      await page.waitForSelector(`h1:text-is("${heading}")`);
    }
    assert.deepEqual(asked.filter((url) => url.includes('elsewhere') && !url.includes('#')), []);
    assert.ok(await page.isVisible('#leave'), 'the operator is still signed in');
    await context.close();
  });

  test('fits a narrow and a dark screen', async () => {
    await connect('eve');
    await connect(LONG);
    const { context, page } = await operate('overview', narrowAndDark);
    await page.waitForSelector('.tile');
    await assertFits(page);
    await picture(page, 'admin-narrow-overview');
    for (const [view, there] of [['sessions', row(LONG)], ['destinations', 'tbody tr'], ['limits', 'tbody tr']]) {
      await page.click(`#nav a[href="#${view}"]`);
      await page.waitForSelector(there);
      await assertFits(page);
      await picture(page, `admin-narrow-${view}`);
    }
    await page.click('#nav a[href="#sessions"]');
    await page.click(`${row('eve')} a`);
    await page.waitForSelector('.facts dd:text-is("eve")');
    await assertFits(page);
    await leave('eve');
    await leave(LONG);
    await context.close();
  });

  test('says that it is connecting when the server goes, and is live again when it is back', async () => {
    const first = await startServer({ program: process.env.BYWAY, flags: ['--config', config()] });
    const visitor = await visitPage(browser, `${first.base}/admin`);
    await enter(visitor.page, keys.operator.key);
    await visitor.page.waitForSelector('#state[data-state=open]');
    await first.stop();
    await visitor.page.waitForSelector('#state[data-state=connecting]');
    const again = await startServer({ program: process.env.BYWAY, flags: ['--config', config()], listen: new URL(first.base).host });
    await visitor.page.waitForSelector('#state[data-state=open]');
    await visitor.context.close();
    await again.stop();
  });
});
