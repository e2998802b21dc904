// The pages of the examples, as visitors use them, in headless Chromium.
//
//   BYWAY_EXAMPLES=path/to/target/debug/examples node --test examples.test.mjs

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './chromium.mjs';
import { startServer } from './support.mjs';
import { assertFits, narrowAndDark, picture, visit } from './visitor.mjs';

let browser;

before(async () => {
  browser = await launchChromium();
});

after(() => browser?.close());

/** One example, for the tests of a suite. */
function example(name) {
  const running = {};
  before(async () => {
    running.server = await startServer({ program: path.join(process.env.BYWAY_EXAMPLES ?? '', name) });
  });
  after(() => running.server?.stop());
  running.visit = (options) => visit(browser, `${running.server.base}/`, options);
  return running;
}

const connected = (page) => page.waitForSelector('#state[data-state=open]');

describe('the chat', { timeout: 120_000 }, () => {
  const chat = example('chat');

  async function enter(name, options) {
    const visitor = await chat.visit(options);
    await visitor.page.fill('#name', name);
    await visitor.page.press('#name', 'Enter');
    await visitor.page.waitForSelector(`#people button[value="${name}"]`);
    return visitor;
  }

  async function say(page, text) {
    await page.fill('#chat-input', text);
    await page.press('#chat-input', 'Enter');
  }

  test('those in a room see each other come, speak and leave, and markup stays text', async () => {
    const ada = await enter('Ada');
    const bob = await enter('Bob <i>');
    await ada.page.waitForSelector('text=Bob <i> joined.');
    const text = '</script><img src=x onerror="alert(1)"> & é 🙂';
    await say(bob.page, text);
    const heard = ada.page.locator('.message:not(.mine) .text');
    await heard.waitFor();
    assert.equal(await heard.innerText(), text);
    await bob.page.waitForSelector('.message.mine');
    await picture(ada.page, 'chat');
    await bob.page.click('#rooms button[value=Summit]');
    await ada.page.waitForSelector('text=Bob <i> left.');
    await bob.context.close();
    assert.deepEqual([ada.complaints, bob.complaints], [[], []]);
    await ada.context.close();
  });

  test('a private message reaches one user in all tabs, and nobody else', async () => {
    const cleo = await enter('Cleo');
    const dan = await enter('Dan');
    const eve = await enter('Eve');
    const second = await dan.context.newPage();
    await second.addInitScript((known) => sessionStorage.setItem('byway-Byway chat', known), await signedIn(dan.page));
    await second.goto(chat.server.base);
    await connected(second);
    await second.waitForSelector('#people button[value=Cleo]');
    await cleo.page.click('#people button[value=Dan]');
    await say(cleo.page, 'between us');
    for (const page of [dan.page, second, cleo.page]) await page.waitForSelector('.message.private:has-text("between us")');
    await cleo.page.click('#people button[value=Dan]');
    await say(cleo.page, 'to all');
    await eve.page.waitForSelector('.message:has-text("to all")');
    assert.equal(await eve.page.locator('text=between us').count(), 0);
    await picture(dan.page, 'chat-private');
    for (const { context } of [cleo, dan, eve]) await context.close();
  });

  test('a name is one visitor\'s for as long as that one is here', async () => {
    const fay = await enter('Fay');
    const other = await chat.visit();
    await other.page.fill('#name', 'Fay');
    await other.page.press('#name', 'Enter');
    await other.page.waitForSelector('text=Somebody of that name is here already.');
    await picture(other.page, 'chat-sign-in');
    await other.context.close();
    await fay.context.close();
  });

  test('a visitor who loads the page again is signed in, and one whose token is worth nothing is asked again', async () => {
    const { page, context } = await enter('Gus');
    await page.reload();
    await page.waitForSelector('#people button[value=Gus]');
    await page.evaluate(() => sessionStorage.setItem('byway-Byway chat', JSON.stringify({ name: 'Gus', token: 'x' })));
    await page.reload();
    await page.waitForSelector('#sign-in-note:has-text("token")');
    await context.close();
  });

  test('it fits a narrow and dark screen', async () => {
    const { page, context } = await enter('A name that is as long as a name may be!', narrowAndDark);
    await say(page, 'wide '.repeat(40) + 'x'.repeat(200));
    await page.waitForSelector('.message');
    await assertFits(page);
    await picture(page, 'chat-narrow-dark');
    await context.close();
  });

  const signedIn = (page) => page.evaluate(() => sessionStorage.getItem('byway-Byway chat'));
});

describe('the tracker', { timeout: 120_000 }, () => {
  const tracker = example('tracker');

  async function enter(name, options) {
    const visitor = await tracker.visit(options);
    await visitor.page.click(`button[value=${name}]`);
    await connected(visitor.page);
    return visitor;
  }

  const row = (name, page) => `#activities tr:has-text("${name}"):has-text("${page}")`;

  test('an administrator sees where everybody is who came before, goes about, and leaves', async () => {
    const bob = await enter('bob');
    await bob.page.click('text=Maps');
    const ada = await enter('ada');
    await ada.page.waitForSelector(row('bob', '/maps'));
    await ada.page.waitForSelector(row('ada', '/home'));
    await bob.page.click('text=Journal');
    await ada.page.waitForSelector(row('bob', '/journal'));
    assert.equal(await ada.page.locator('#activities tr').count(), 2);
    await picture(ada.page, 'tracker');
    await bob.page.click('#sign-out');
    await ada.page.waitForSelector('#count:has-text("1 here")');
    assert.deepEqual([ada.complaints, bob.complaints], [[], []]);
    await bob.context.close();
    await ada.context.close();
  });

  /** What a page of one's own making could try: the ERROR for a subscription, or the receipt for it. */
  function subscribeTo(page, destination) {
    return page.evaluate((destination) => new Promise((resolve) => {
      const { token } = JSON.parse(sessionStorage.getItem('byway-Byway tracker'));
      const client = new window.StompJs.Client({
        webSocketFactory: () => new window.SockJS('/stomp'),
        connectHeaders: { Authorization: `Bearer ${token}` },
        onStompError: ({ headers }) => end(headers.message),
        onConnect() {
          client.watchForReceipt('r', () => end('subscribed'));
          client.subscribe(destination, () => {}, { receipt: 'r' });
        },
      });
      const end = (answer) => client.deactivate().then(() => resolve(answer));
      client.activate();
    }), destination);
  }

  test('whoever is no administrator hears nothing of it, by no pattern either', async () => {
    const bob = await enter('bob');
    await bob.page.waitForSelector('#no-tracker:visible');
    for (const destination of ['/topic/tracker', '/topic/*', '/topic/**', '/app/tracker']) {
      assert.equal(await subscribeTo(bob.page, destination), `Forbidden: SUBSCRIBE ${destination}`);
    }
    assert.equal(await subscribeTo(bob.page, '/topic/news'), 'subscribed');
    await picture(bob.page, 'tracker-user');
    await bob.context.close();
  });

  test('it fits a narrow and dark screen', async () => {
    const { page, context } = await enter('ada', narrowAndDark);
    await page.waitForSelector(row('ada', '/home'));
    await assertFits(page);
    await picture(page, 'tracker-narrow-dark');
    await context.close();
  });
});

describe('the stock ticker', { timeout: 120_000 }, () => {
  const ticker = example('stock_ticker');

  const sumOf = (page, column) =>
    page.$$eval(`#stocks td:nth-child(${column})`, (cells) => cells.reduce((sum, cell) => sum + Number(cell.textContent), 0));
  const heard = (page, count) =>
    page.waitForFunction((count) => {
      const cells = [...document.querySelectorAll('#stocks td:nth-child(4)')];
      return cells.length > 0 && cells.every((cell) => Number(cell.textContent) >= count);
    }, count);

  test('a slow client misses prices and has the newest of each stock; a fast one has nearly all', async () => {
    const fast = await ticker.visit();
    await heard(fast.page, 10);
    // On a busy machine SockJS may have come to polling, and then a few prices give way to newer ones.
    const [all, few] = [await sumOf(fast.page, 4), await sumOf(fast.page, 5)];
    assert.ok(few * 10 < all, `a fast client received ${all}, missed ${few}`);
    const slow = await ticker.visit();
    await connected(slow.page);
    await slow.page.check('#slow');
    await heard(slow.page, 3);
    const [received, missed] = [await sumOf(slow.page, 4), await sumOf(slow.page, 5)];
    assert.ok(missed > received, `received ${received}, missed ${missed}`);
    await picture(slow.page, 'stock-ticker-slow');
    await picture(fast.page, 'stock-ticker-fast');
    await slow.page.click('#market');
    for (const { page } of [fast, slow]) await page.waitForSelector('#newest:has-text("8 of 8")');
    await picture(slow.page, 'stock-ticker-closed');
    await slow.page.click('#market');
    await slow.page.waitForSelector('#market:has-text("Close")');
    assert.deepEqual([fast.complaints, slow.complaints], [[], []]);
    await slow.context.close();
    await fast.context.close();
  });

  test('it fits a narrow and dark screen', async () => {
    const { page, context } = await ticker.visit(narrowAndDark);
    await heard(page, 3);
    await assertFits(page);
    await picture(page, 'stock-ticker-narrow-dark');
    await context.close();
  });
});

describe('the notifications', { timeout: 120_000 }, () => {
  const notifications = example('notifications');

  async function enter(options) {
    const visitor = await notifications.visit(options);
    await connected(visitor.page);
    return visitor;
  }

  async function submit(page, kind, text) {
    await page.selectOption('[name=kind]', kind);
    await page.fill('[name=text]', text);
    await page.click('#notify button');
  }

  /** Publishes, and waits until the server has it: then the page empties the field. */
  async function notify(page, kind, text) {
    await submit(page, kind, text);
    await page.waitForFunction(() => document.querySelector('[name=text]').value === '');
  }

  /** Everything in the list, the oldest first, once `text` is in it. */
  async function heard(page, text) {
    await page.waitForSelector(`#notifications tr:has-text("${text}")`);
    const rows = await page.$$eval('#notifications tr', (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
    return rows.reverse();
  }

  const contents = (rows) => rows.map(([, kind, text]) => `${kind}: ${text}`);

  test('who is cut off misses nothing of what two tabs publish, and hears nothing twice', async () => {
    const ada = await enter();
    const bob = await enter();
    // Ada has heard nothing yet when she is cut off for the first time.
    await ada.page.click('#cut:has-text("Cut the connection")');
    await ada.page.waitForSelector('#state[data-state=closed]');
    await notify(bob.page, 'news', 'the first');
    await ada.page.click('#cut:has-text("Connect again")');
    assert.deepEqual(contents(await heard(ada.page, 'the first')), ['news: the first']);

    await ada.page.click('#cut:has-text("Cut the connection")');
    await ada.page.waitForSelector('#state[data-state=closed]');
    await notify(bob.page, 'warning', 'from Bob <i>');
    await notify(ada.page, 'alarm', 'from Ada, cut off');
    await picture(ada.page, 'notifications-cut');
    assert.equal(await ada.page.locator('#notifications tr').count(), 1);
    await ada.page.click('#cut:has-text("Connect again")');
    await connected(ada.page);
    await notify(bob.page, 'news', 'the last');

    const all = await heard(ada.page, 'the last');
    assert.deepEqual(contents(all), ['news: the first', 'warning: from Bob <i>', 'alarm: from Ada, cut off', 'news: the last']);
    assert.equal(new Set(all.map(([id]) => id)).size, 4);
    assert.deepEqual(await heard(bob.page, 'the last'), all);
    await picture(ada.page, 'notifications');
    assert.deepEqual([ada.complaints, bob.complaints], [[], []]);
    await bob.context.close();
    await ada.context.close();
  });

  test('a text that is none is refused with the reason, and it fits a narrow and dark screen', async () => {
    const { page, context } = await enter(narrowAndDark);
    await submit(page, 'alarm', ' ');
    await page.waitForSelector('#notify-note:has-text("1 to 500 characters")');
    await notify(page, 'alarm', 'wide '.repeat(40) + 'x'.repeat(200));
    await heard(page, 'wide');
    await assertFits(page);
    await picture(page, 'notifications-narrow-dark');
    await context.close();
  });
});
