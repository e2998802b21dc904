// Numbers and times for people.

const whole = new Intl.NumberFormat('en');
const one = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (number) => (number < 1e6 ? whole.format(Math.round(number)) : compact.format(number));

export function rate(number) {
  if (number > 0 && number < 9.95) return one.format(number);
  return count(number);
}

export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${unit === 0 || number >= 99.5 ? Math.round(number) : one.format(number)} ${units[unit]}`;
}

/** How long something takes: the two largest units. */
export function duration(seconds) {
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  let rest = Math.max(0, Math.floor(seconds));
  const said = [];
  for (const [length, unit] of parts) {
    if (rest >= length || (unit === 's' && said.length === 0)) said.push(`${Math.floor(rest / length)} ${unit}`);
    rest %= length;
  }
  return said.slice(0, 2).join(' ');
}

export const age = (since, now = Date.now()) => duration((now - Date.parse(since)) / 1000);

const pad = (number, digits = 2) => String(number).padStart(digits, '0');

export function clock(milliseconds, withMillis = false) {
  const time = new Date(milliseconds);
  const text = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
  return withMillis ? `${text}.${pad(time.getMilliseconds(), 3)}` : text;
}

/** A setting's name, which may go on on the next line behind each of its parts. */
export const breakable = (key) => key.replace(/[._]/g, '$&\u200b');

/** A label of the server's as words: `slow_consumer` as "slow consumer". */
export const words = (label) => label.replaceAll('_', ' ');
