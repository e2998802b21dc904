// A table whose rows stay where they are while their numbers change: what has the focus keeps it.

import { el, setText } from './dom.js';

export class Table {
  #columns;
  #rows = new Map();
  #body = el('tbody');
  #heads;
  #sorted;

  /**
   * Columns: `title`, `text(item)` or `fill(cell, item)`, `number` to align right, `wide` to be left out where there is
   * little room, and `value(item)` if one can sort by it. `sorted` is told when somebody does.
   */
  constructor(caption, columns, { sort, sorted = () => {} } = {}) {
    this.#columns = columns;
    this.sort = sort;
    this.#sorted = sorted;
    this.#heads = columns.map((column) => this.#head(column));
    const head = el('thead', {}, el('tr', {}, this.#heads));
    const table = el('table', {}, el('caption', { class: 'visually-hidden' }, caption), head, this.#body);
    this.element = el('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': caption }, table);
    this.#mark();
  }

  /** In the order that was asked for. */
  arrange(items) {
    const column = this.#columns.find(({ title }) => title === this.sort?.by);
    if (!column) return items;
    const sign = this.sort.down ? -1 : 1;
    return [...items].sort((a, b) => sign * compare(column.value(a), column.value(b)));
  }

  /** Shows exactly these; `keyOf` says which is which. */
  show(items, keyOf) {
    const keys = new Set(items.map(keyOf));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let next = this.#body.firstChild;
    for (const item of items) {
      const row = this.#row(keyOf(item));
      this.#columns.forEach((column, at) => write(column, row.cells[at], item));
      if (row === next) next = next.nextSibling;
      else this.#body.insertBefore(row, next);
    }
  }

  #row(key) {
    if (!this.#rows.has(key)) this.#rows.set(key, el('tr', {}, this.#columns.map((column) => el('td', { class: look(column) }))));
    return this.#rows.get(key);
  }

  #head(column) {
    const name = column.hidden ? el('span', { class: 'visually-hidden' }, column.title) : column.title;
    const content = column.value ? el('button', { type: 'button', onclick: () => this.#toggle(column) }, name) : name;
    return el('th', { scope: 'col', class: look(column) }, content);
  }

  #toggle({ title, number }) {
    const again = this.sort?.by === title;
    this.sort = { by: title, down: again ? !this.sort.down : Boolean(number) };
    this.#mark();
    this.#sorted();
  }

  #mark() {
    this.#columns.forEach(({ title }, at) => {
      const order = this.sort?.by === title ? (this.sort.down ? 'descending' : 'ascending') : undefined;
      if (order) this.#heads[at].setAttribute('aria-sort', order);
      else this.#heads[at].removeAttribute('aria-sort');
    });
  }
}

const look = ({ number, wide, name }) => [number && 'number', wide && 'wide', name && 'name'].filter(Boolean).join(' ');

function write(column, cell, item) {
  if (column.fill) column.fill(cell, item);
  else setText(cell, column.text(item));
  // Long names are cut off.
  if (column.name) cell.title = cell.textContent;
}

function compare(a, b) {
  return typeof a === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
}
