// The tracker's page: says where it is, and shows administrators where everybody is.

import { byId, element } from '/static/demo/page.js';
import { connect, Door, jsonOf, send } from '/support/session.js';

let client = null;

const door = new Door(({ token, roles }) => {
  const isAdmin = roles.includes('admin');
  byId('tracker').hidden = !isAdmin;
  byId('no-tracker').hidden = isAdmin;
  const connected = () => {
    if (isAdmin) new Table().follow(client);
    visit();
  };
  client = connect({ token, connected, refused: (reason) => door.close(reason) });
});

window.addEventListener('hashchange', visit);

function visit() {
  const page = location.hash.slice(1) || '/home';
  byId('page').textContent = page;
  for (const link of byId('pages').children) {
    if (link.hash === `#${page}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (client?.connected) send(client, '/app/activity', { page });
}

/** Where everybody is: a snapshot, and all changes since. */
class Table {
  #version = null;
  #early = [];
  #rows = new Map();

  /** First the changes and then the snapshot, so that nothing falls between the two. */
  follow(client) {
    byId('activities').replaceChildren();
    client.subscribe('/topic/tracker', (message) => this.#heard(jsonOf(message)));
    client.subscribe('/app/tracker', (message) => this.#begin(jsonOf(message)));
  }

  #begin({ version, activities }) {
    this.#version = version;
    activities.forEach((activity) => this.#put(activity));
    this.#early.forEach((change) => this.#apply(change));
    this.#showCount();
  }

  #heard(change) {
    if (this.#version === null) this.#early.push(change);
    else this.#apply(change);
    this.#showCount();
  }

  #apply({ type, version, activity, session }) {
    if (version <= this.#version) return;
    if (type === 'here') this.#put(activity);
    else this.#drop(session);
  }

  #put({ session, user, ipAddress, page, time }) {
    const row = element('tr', '');
    row.append(cell(user, 'strong'), cell(ipAddress, 'wide'), cell(page), cell(new Date(time).toLocaleTimeString()));
    const old = this.#rows.get(session);
    if (old) old.replaceWith(row);
    else byId('activities').append(row);
    this.#rows.set(session, row);
  }

  #drop(session) {
    this.#rows.get(session)?.remove();
    this.#rows.delete(session);
  }

  #showCount() {
    byId('count').hidden = false;
    byId('count').textContent = `${this.#rows.size} here`;
  }
}

const cell = (text, className = '') => element('td', className, text);
