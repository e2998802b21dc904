// Names and texts as people can tell them apart. src/model/visible.rs has the same for logs and terminals.

/**
 * What is not seen, or makes others be seen elsewhere: control characters, those that turn the direction of writing, those
 * without width, all spaces but the ordinary one, and private ones.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u;

/** An ordinary space where it would not be seen: at either end, and behind another. */
const SPACES = /^ | $|(?<= ) /;

/** A backslash that could be taken for the beginning of what is written out here. */
const ESCAPES = /\\(?=u\{)/;

const IN_NAMES = new RegExp([HIDDEN, SPACES, ESCAPES].map(({ source }) => source).join('|'), 'gu');
const IN_TEXTS = new RegExp(`(?![\\n\\t])(?:${HIDDEN.source})|${ESCAPES.source}`, 'gu');

const written = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;

/** A user's name, a destination, an id: whatever stands on the page for somebody or something. No two look alike. */
export const visible = (name) => String(name).replace(IN_NAMES, written);

/** A message's text, which may have lines, and ends as STOMP's frames do. */
export const visibleText = (text) =>
  text.replaceAll('\r\n', '\n').replace(/\0\n*$/, '').replace(IN_TEXTS, written);
