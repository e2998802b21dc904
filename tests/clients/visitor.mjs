// A visitor of a page in Chromium, and what a visitor looks at.
//
// Set BYWAY_SCREENSHOTS to a folder to get pictures.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

export const LIMIT_MS = 30_000;

const shots = process.env.BYWAY_SCREENSHOTS;

/** A visitor with a page open; what the console complains of is collected. */
export async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(LIMIT_MS);
  const complaints = [];
  context.on('console', (message) => {
    // SockJS's own frames set document.domain, which changes nothing; and a way that was given up was not closed yet.
    const harmless = /document\.domain|before the connection is established/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !harmless) complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(String(error.error())));
  const page = await context.newPage();
  await page.goto(url);
  return { context, page, complaints };
}

/** Nothing of the page is beyond the edge of the screen. */
export async function assertFits(page) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${overflow} px too wide`);
}

export async function picture(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

/** How the smallest screens that are still in use look, in the dark. */
export const narrowAndDark = { colorScheme: 'dark', viewport: { width: 360, height: 740 } };
