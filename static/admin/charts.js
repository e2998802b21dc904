// Charts over the last minutes: lines, or areas and bars on top of each other. Drawn anew with each sample.

import { el, setText, svg } from './dom.js';
import { clock } from './format.js';
import { WINDOW_MS } from './samples.js';

const HEIGHT = 168;
const MARGIN = { top: 8, right: 4, bottom: 20, left: 44 };
const COLOURS = 8;

/**
 * A chart with a title, a legend that has the newest values, and a crosshair that has those under the pointer.
 * `kind` is "lines", "areas" or "bars"; `format` writes a value.
 */
export class Chart {
  #kind;
  #format;
  #series = [];
  #pointer;
  #plot;
  #legend = el('ul', { class: 'legend' });
  #when = el('span', { class: 'hint chart-when' });
  #colours = new Map();
  #resized;

  constructor(title, { kind, format, unit }) {
    this.#kind = kind;
    this.#format = format;
    this.#plot = svg('svg', { class: `plot ${kind}`, height: HEIGHT, role: 'img', 'aria-label': `${title}, last five minutes` });
    this.#plot.addEventListener('pointermove', (event) => this.#point(event.offsetX));
    this.#plot.addEventListener('pointerleave', () => this.#point(undefined));
    const head = el('div', { class: 'card-head' }, el('h2', {}, title), unit && el('span', { class: 'hint' }, unit), this.#when);
    this.element = el('section', { class: 'card chart' }, head, this.#plot, this.#legend);
    this.#resized = new ResizeObserver(() => this.#draw());
    this.#resized.observe(this.element);
  }

  stop() {
    this.#resized.disconnect();
  }

  /** Shows series: each has a `name` and `points`, `[time, value]`, oldest first and all at the same times. */
  show(series) {
    this.#series = series;
    this.#draw();
  }

  /** A name keeps its colour. */
  #colour(name) {
    if (!this.#colours.has(name)) this.#colours.set(name, this.#colours.size % COLOURS);
    return `series-${this.#colours.get(name)}`;
  }

  #point(x) {
    this.#pointer = x;
    this.#draw();
  }

  #draw() {
    const width = this.#plot.clientWidth;
    if (width === 0) return;
    const times = this.#series[0]?.points.map(([time]) => time) ?? [];
    const end = times.at(-1) ?? Date.now();
    const stacked = this.#kind === 'lines' ? this.#series.map(flat) : stack(this.#series);
    const top = niceTop(Math.max(0, ...stacked.flatMap(({ points }) => points.map((point) => point.high))));
    const scale = {
      x: (time) => MARGIN.left + (1 - (end - time) / WINDOW_MS) * (width - MARGIN.left - MARGIN.right),
      y: (value) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom),
    };
    const at = this.#nearest(times, scale);
    const marks = stacked.map((one) => this.#mark(one, scale, width));
    this.#plot.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.#plot.replaceChildren(...this.#axes(end, top, scale, width), ...marks, ...crosshair(at && scale.x(at.time)));
    this.#write(at);
  }

  #nearest(times, scale) {
    if (this.#pointer === undefined || times.length === 0) return undefined;
    const distance = (time) => Math.abs(scale.x(time) - this.#pointer);
    const index = times.reduce((best, time, at) => (distance(time) < distance(times[best]) ? at : best), 0);
    return { index, time: times[index] };
  }

  #axes(end, top, scale, width) {
    const lines = [0, 0.5, 1].flatMap((part) => {
      const y = scale.y(top * part);
      const label = svg('text', { x: MARGIN.left - 6, y: y + 4, 'text-anchor': 'end' }, this.#format(top * part));
      return [svg('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }), label];
    });
    const minutes = [4, 3, 2, 1].map((ago) =>
      svg('text', { x: scale.x(end - ago * 60_000), y: HEIGHT - 4, 'text-anchor': 'middle' }, `−${ago} min`));
    const now = svg('text', { x: width - MARGIN.right, y: HEIGHT - 4, 'text-anchor': 'end' }, 'now');
    return [...lines, ...minutes, now];
  }

  #mark({ name, points }, scale, width) {
    const colour = this.#colour(name);
    if (this.#kind === 'bars') {
      const wide = (width - MARGIN.left - MARGIN.right) / Math.max(1, points.length);
      const bars = points.filter(({ low, high }) => high > low).map(({ time, low, high }) =>
        svg('rect', { x: scale.x(time) - wide + 1, y: scale.y(high), width: Math.max(1, wide - 2), height: scale.y(low) - scale.y(high) }));
      return svg('g', { class: `bar ${colour}` }, ...bars);
    }
    const path = (pick) => points.map((point) => `${scale.x(point.time).toFixed(1)} ${scale.y(pick(point)).toFixed(1)}`);
    const high = path((point) => point.high);
    if (points.length === 0) return svg('g');
    if (this.#kind === 'lines') return svg('path', { class: `line ${colour}`, d: `M${high.join('L')}` });
    const low = path((point) => point.low).reverse();
    return svg('path', { class: `area ${colour}`, d: `M${high.join('L')}L${low.join('L')}Z` });
  }

  #write(at) {
    setText(this.#when, at ? clock(at.time) : '');
    const rows = this.#series.map(({ name, points }) => {
      const value = (at ? points[at.index] : points.at(-1))?.[1] ?? 0;
      return el('li', { class: this.#colour(name) }, el('span', {}, name), ' ', el('b', {}, this.#format(value)));
    });
    this.#legend.replaceChildren(...rows);
  }
}

const crosshair = (x) => (x === undefined ? [] : [svg('line', { class: 'crosshair', x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom })]);

const flat = ({ name, points }) => ({ name, points: points.map(([time, value]) => ({ time, low: 0, high: value })) });

function stack(series) {
  const reached = [];
  return series.map(({ name, points }) => ({
    name,
    points: points.map(([time, value], at) => {
      const low = reached[at] ?? 0;
      reached[at] = low + value;
      return { time, low, high: low + value };
    }),
  }));
}

/** The next of 1, 2, 5, 10, ...: an axis that does not jump about; and an even one, so that its half is whole. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return Math.max(2, [1, 2, 4, 6, 10].map((step) => step * power).find((step) => step >= value));
}
