// Everything at a glance: numbers, and what they were in the last minutes.

import { Chart } from './charts.js';
import { el, setText } from './dom.js';
import { bytes, count, duration, rate, words } from './format.js';
import { labels, sum, totals } from './samples.js';

/** Endings that somebody meant. The others are what an operator looks at. */
const ORDINARY = new Set(['normal', 'client', 'application', 'going_away', 'stream_limit']);
const BAR_MS = 10_000;

export function overview({ samples, about, endpointPicker }) {
  const tiles = el('dl', { class: 'tiles' });
  const charts = {
    messages: new Chart('Messages', { kind: 'lines', format: rate, unit: 'a second' }),
    sessions: new Chart('Sessions', { kind: 'areas', format: count, unit: 'by transport' }),
    endings: new Chart('Closings', { kind: 'bars', format: count, unit: 'by reason, in 10 s' }),
    limits: new Chart('Stopped by limits', { kind: 'bars', format: count, unit: 'in 10 s' }),
  };
  const grid = el('div', { class: 'charts' }, Object.values(charts).map((chart) => chart.element));
  const picker = endpointPicker(() => show());
  const head = el('div', { class: 'view-head' }, el('h1', {}, 'Overview'), picker.element);
  const show = () => {
    const name = picker.value;
    showTiles(tiles, samples, about, name);
    charts.messages.show([
      { name: 'from clients', points: samples.rate(sum(name, (endpoint) => endpoint.received.messages)) },
      { name: 'to clients', points: samples.rate(sum(name, (endpoint) => endpoint.sent.messages)) },
      { name: 'published', points: samples.rate(sum(name, (endpoint) => endpoint.published)) },
    ]);
    charts.sessions.show(gauges(samples, name, 'sessions'));
    charts.endings.show(bars(samples, name, [['ended', '']]));
    charts.limits.show(bars(samples, name, [['limit_hits', ''], ['refused', 'refused: ']]));
  };
  const stopListening = samples.listen(show);
  show();
  const stop = () => {
    stopListening();
    Object.values(charts).forEach((chart) => chart.stop());
  };
  return { element: el('div', {}, head, tiles, grid), stop };
}

const gauges = (samples, name, map) =>
  labels(samples, name, map).map((label) => ({
    name: words(label),
    points: samples.gauge(sum(name, (endpoint) => endpoint[map][label])),
  }));

/** Only what has happened in these minutes: the labels are many. */
function bars(samples, name, maps) {
  const all = maps.flatMap(([map, prefix]) =>
    labels(samples, name, map).map((label) => ({
      name: prefix + words(label),
      points: samples.increases(sum(name, (endpoint) => endpoint[map][label]), BAR_MS),
    })));
  return all.filter(({ points }) => points.some(([, number]) => number > 0));
}

function showTiles(tiles, samples, about, name) {
  const latest = samples.latest;
  if (!latest) return;
  const now = (pick) => sum(name, pick)(latest);
  const perSecond = (pick) => samples.rate(sum(name, pick)).at(-1)?.[1] ?? 0;
  const ended = totals(latest, name, 'ended');
  const bad = Object.entries(ended).reduce((all, [label, number]) => all + (ORDINARY.has(label) ? 0 : number), 0);
  const all = Object.values(ended).reduce((total, number) => total + number, 0);
  const sessions = Object.values(totals(latest, name, 'sessions')).reduce((total, number) => total + number, 0);
  const rows = [
    ['Sessions', count(sessions), `${count(latest.connections.open)} connections`],
    ['From clients', `${rate(perSecond((e) => e.received.messages))}/s`, `${bytes(perSecond((e) => e.received.bytes))}/s`],
    ['To clients', `${rate(perSecond((e) => e.sent.messages))}/s`, `${bytes(perSecond((e) => e.sent.bytes))}/s`],
    ['Published', `${rate(perSecond((e) => e.published))}/s`, `${count(now((e) => e.published))} in all`],
    ['Waiting', count(now((e) => e.queue.messages)), `${bytes(now((e) => e.queue.bytes))}, ${count(now((e) => e.dropped))} dropped`],
    ['Closed', count(all), `${count(bad)} of them went wrong`],
    ['Up', duration((latest.time - Date.parse(about.since)) / 1000), `version ${about.version}`],
  ];
  while (tiles.children.length < rows.length) {
    tiles.append(el('div', { class: 'card tile' }, el('dt'), el('dd'), el('dd', { class: 'hint' })));
  }
  rows.forEach((texts, at) => texts.forEach((text, part) => setText(tiles.children[at].children[part], text)));
}
