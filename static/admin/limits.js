// The limits in force, and what hit them.

import { el, setText } from './dom.js';
import { breakable, bytes, count } from './format.js';
import { totals } from './samples.js';
import { Table } from './table.js';

export function limits({ samples, about }) {
  const groups = [{ title: 'Server', limits: about.limits }, ...about.endpoints.map(({ name, path, application, limits }) =>
    ({ title: name, hint: `${application} at ${path}`, name, limits }))];
  const shown = groups.map((group) => ({ group, table: new Table(`Limits of ${group.title}`, columns()) }));
  const summary = el('p', { class: 'hint', role: 'status' });
  const sections = shown.map(({ group, table }) =>
    el('section', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, group.title), el('span', { class: 'hint' }, group.hint ?? '')), table.element));
  const show = () => {
    let stopped = 0;
    for (const { group, table } of shown) {
      const rows = group.limits.map((limit) => ({ ...limit, counts: limit.hits.map((hit) => [hit, hits(samples.latest, group.name, hit)]) }));
      stopped += rows.flatMap(({ counts }) => counts).reduce((total, [, number]) => total + number, 0);
      table.show(rows, ({ name }) => name);
    }
    setText(summary, stopped === 0 ? 'No limit was hit since the start.' : `Limits were hit ${stopped === 1 ? 'once' : `${count(stopped)} times`} since the start.`);
  };
  const stop = samples.listen(show);
  show();
  return { element: el('div', {}, el('div', { class: 'view-head' }, el('h1', {}, 'Limits in force'), summary), el('div', { class: 'stack' }, sections)), stop };
}

function hits(sample, endpoint, hit) {
  if (!sample) return 0;
  const [map, label] = hit.split('.');
  return map === 'connections' ? sample.connections[label] : (totals(sample, endpoint, map)[label] ?? 0);
}

function columns() {
  return [
    { title: 'Limit', name: true, text: ({ name }) => name },
    { title: 'Setting', fill: settings },
    { title: 'Hits', number: true, fill: hit },
  ];
}

function settings(cell, { settings: all }) {
  if (cell.firstChild) return;
  const row = ({ key, value }) => el('div', {}, el('dt', {}, el('code', {}, breakable(key))), el('dd', {}, written(key, value)));
  cell.append(el('dl', { class: 'settings' }, all.map(row)));
}

function written(key, value) {
  if (value === undefined) return 'no\u00a0limit';
  if (value === '') return 'none';
  if (!/^\d+$/.test(value)) return value;
  return (key.includes('bytes') ? bytes(Number(value)) : count(Number(value))).replace(' ', '\u00a0');
}

function hit(cell, { counts }) {
  const some = counts.filter(([, number]) => number > 0);
  cell.classList.toggle('alarming', some.length > 0);
  setText(cell, counts.length === 0 ? '–' : count(some.reduce((total, [, number]) => total + number, 0)));
  cell.title = some.map(([name, number]) => `${name}: ${number}`).join('\n');
}
