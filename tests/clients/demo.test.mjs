// The demo page that the binary serves, as a visitor uses it, in headless
// Chromium: every way forced, two tabs that chat, a server that goes away.
//
//   BYWAY=path/to/byway node --test demo.test.mjs

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from './chromium.mjs';
import { startServer } from './support.mjs';
import { assertFits, LIMIT_MS, narrowAndDark, picture, visit as visitPage } from './visitor.mjs';

const ways = [
  'auto',
  'websocket',
  'xhr-streaming',
  'xhr-polling',
  'eventsource',
  'iframe-eventsource',
  'htmlfile',
  'iframe-htmlfile',
  'iframe-xhr-polling',
  'jsonp-polling',
];

let browser;
let server;

before(async () => {
  server = await startServer({ program: process.env.BYWAY });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const visit = (query = '', options = {}) => visitPage(browser, `${server.base}/${query}`, options);

/**
 * Waits until the page is connected. On a busy machine the client gives a way
 * up after as little as 300 ms; a visitor would then click again.
 */
async function opened(page) {
  for (let attempt = 1; ; attempt += 1) {
    const settled = await page.waitForSelector('#state:is([data-state=open], [data-state=closed])');
    if ((await settled.getAttribute('data-state')) === 'open') return;
    assert.ok(attempt < 10, `no connection: ${await page.innerText('#ending')}`);
    await page.click('#connect');
    await page.waitForSelector('#state:not([data-state=closed])');
  }
}

/** The same for the console, which says why it is not connected. */
async function stompConnected(page, way) {
  await page.selectOption('#stomp-way', way);
  for (let attempt = 1; ; attempt += 1) {
    await page.click('#stomp-connect-button');
    const note = await page.waitForSelector('#stomp-note:is(.good, .bad)');
    if ((await note.getAttribute('class')).includes('good')) return;
    assert.ok(attempt < 10, `no connection: ${await note.innerText()}`);
  }
}

async function say(page, text) {
  await page.fill('#chat-input', text);
  await page.press('#chat-input', 'Enter');
}

describe('the demo page', { timeout: 180_000 }, () => {
  for (const way of ways) {
    test(`over ${way} a message comes back exactly as it was sent`, async () => {
      const { context, page, complaints } = await visit(`?transport=${way}`);
      await opened(page);
      const text = `via ${way} % é 🙂 </script><b>`;
      await say(page, text);
      const mine = page.locator('.message.mine .text');
      await mine.first().waitFor();
      assert.equal(await mine.last().innerText(), text);
      await page.waitForFunction(() => document.querySelector('#rtt').textContent.includes('ms'));
      if (way !== 'auto') assert.ok((await page.innerText('#transport')).includes(way));
      assert.deepEqual(complaints, []);
      await picture(page, way);
      await context.close();
    });
  }

  test('two tabs over different ways chat with each other', async () => {
    const { context, page } = await visit('?transport=websocket');
    await opened(page);
    const other = await context.newPage();
    await other.goto(`${server.base}/?transport=xhr-polling`);
    await opened(other);
    await page.waitForSelector('text=joined.');
    await say(page, 'hello other tab');
    await other.waitForSelector('.message:not(.mine):has-text("hello other tab")');
    await page.fill('#name', 'Ada <i>');
    await page.press('#name', 'Enter');
    await other.waitForSelector('text=is now Ada <i>.');
    await picture(other, 'two-tabs');
    await other.close();
    await page.waitForSelector('text=left.');
    await context.close();
  });

  for (const way of ['plain WebSocket', ...ways]) {
    test(`the STOMP console subscribes, sends and gets its receipt over ${way}`, async () => {
      const { context, page, complaints } = await visit();
      await opened(page);
      await stompConnected(page, way);
      await page.fill('#stomp-from', '/topic/greetings');
      await page.press('#stomp-from', 'Enter');
      await page.fill('#stomp-to', '/topic/greetings');
      await page.fill('#stomp-body', `via ${way}: é </script>`);
      await page.click('#stomp-send button');
      await page.waitForSelector('.stomp-frame.in:has-text("RECEIPT")');
      const message = page.locator('.stomp-frame.in:has-text("MESSAGE")');
      await message.waitFor();
      assert.ok((await message.innerText()).endsWith(`via ${way}: é </script>`));
      assert.deepEqual(complaints, []);
      if (way === 'auto') await picture(page, 'console');
      await context.close();
    });
  }

  test('the STOMP console acknowledges what a queue delivers, and shows what the server refuses', async () => {
    const { context, page } = await visit('', narrowAndDark);
    await stompConnected(page, 'websocket');
    await page.fill('#stomp-from', '/queue/work');
    await page.selectOption('#stomp-ack', 'client-individual');
    await page.press('#stomp-from', 'Enter');
    await page.fill('#stomp-to', '/queue/work');
    await page.click('#stomp-send button');
    await page.click('.stomp-ack button:has-text("NACK")');
    await page.waitForSelector('.stomp-frame.in:has-text("MESSAGE") >> nth=1');
    await page.click('.stomp-ack button:text-is("ACK")');
    await page.waitForSelector('.stomp-frame.out:has-text("ACK")');
    await assertFits(page);
    await picture(page, 'console-narrow-dark');
    await page.fill('#stomp-to', '/nowhere');
    await page.click('#stomp-send button');
    await page.waitForSelector('#stomp-note.bad:has-text("Ended: Forbidden")');
    await context.close();
  });

  test('a token is not shown', async () => {
    const { context, page } = await visit();
    await page.fill('#stomp-token', 'canary');
    await page.click('#stomp-connect-button');
    await page.waitForSelector('.stomp-frame.out:has-text("Authorization:(hidden)")');
    assert.equal(await page.locator('text=canary').count(), 0);
    await context.close();
  });

  test('the page fits a narrow and a dark screen', async () => {
    const { context, page } = await visit('', narrowAndDark);
    await opened(page);
    await assertFits(page);
    await picture(page, 'narrow-dark');
    await context.close();
  });

  test('a server that stops says so on every kind of way, and the page tells the visitor', async () => {
    const stopping = await startServer({ program: process.env.BYWAY });
    const context = await browser.newContext();
    context.setDefaultTimeout(LIMIT_MS);
    try {
      const visitors = [];
      for (const way of ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource']) {
        const page = await context.newPage();
        await page.goto(`${stopping.base}/?transport=${way}`);
        await opened(page);
        visitors.push({ page, way });
      }
      await stopping.stop();
      for (const { page, way } of visitors) {
        await page.waitForSelector('#ending:not([hidden])');
        const ending = await page.innerText('#ending');
        assert.ok(ending.includes('1001'), `${way}: ${ending}`);
        await picture(page, `stopped-${way}`);
      }
    } finally {
      await context.close();
      stopping.kill();
    }
  });
});
