// Messages as text, whatever is in them.

import { el } from './dom.js';

/** A message of one line as it is, and a longer one behind its summary. */
export function message(whole, summary) {
  if (!whole.includes('\n')) return el('code', {}, whole || '(empty)');
  return el('details', {}, el('summary', {}, el('code', {}, summary || '(empty line)')), el('pre', {}, whole));
}

/** Control characters are written out, but for those that only end lines and STOMP frames. */
export const visible = (text) =>
  text.replaceAll('\r\n', '\n').replace(/\0\n*$/, '').replace(/[\0-\x08\x0b-\x1f\x7f]/g, (character) =>
    `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
