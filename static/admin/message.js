// Messages as text, whatever is in them.

import { el } from './dom.js';

/** A message of one line as it is, and a longer one behind its summary. */
export function message(whole, summary) {
  if (!whole.includes('\n')) return el('code', {}, whole || '(empty)');
  return el('details', {}, el('summary', {}, el('code', {}, summary || '(empty line)')), el('pre', {}, whole));
}
