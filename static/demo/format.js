// Words and numbers as a person reads them.

const GAP = '\u00a0';
const encoder = new TextEncoder();
const count = new Intl.NumberFormat('en');

export const number = (value) => count.format(value);

export const byteLength = (text) => encoder.encode(text).length;

export const plural = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

export function bytes(size) {
  return size < 1000 ? `${size}${GAP}B` : `${(size / 1000).toFixed(1)}${GAP}kB`;
}

export function millis(value) {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${GAP}ms`;
}

export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((part, at) => (at ? String(part).padStart(2, '0') : part)).join(':');
}

export function clock(date, withMillis = false) {
  const time = date.toTimeString().slice(0, withMillis ? 8 : 5);
  return withMillis ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
}
