// The page of notifications: an EventSource, and a list of what it heard, the newest first.

import { byId, element } from '/static/demo/page.js';
import { showState } from '/support/session.js';

const FEED = '/stomp/feed/topic/notifications';
const KINDS = ['news', 'warning', 'alarm'];
const KEPT = 100;
const NOTES = {
  open: 'Comes back by itself when the connection is lost.',
  cut: 'Cut off. Notify everybody, from another tab too, and connect again.',
};

let source = null;
let lastId = '';

byId('cut').addEventListener('click', () => (source ? cut() : listen()));
byId('notify').addEventListener('submit', notify);
listen();

/** Where an EventSource loses its connection, it says itself which id it had last. A new one is told by its URL. */
function listen() {
  // Who has heard nothing takes all that is kept: what came while the connection was cut is in it.
  const beginning = lastId ? { after: lastId } : { history: KEPT };
  source = new EventSource(`${FEED}?${new URLSearchParams(beginning)}`);
  source.onopen = () => showState('open');
  source.onerror = ({ target }) => (target.readyState === EventSource.CLOSED ? cut() : showState('connecting'));
  for (const kind of KINDS) source.addEventListener(kind, heard);
  source.addEventListener('gap', missed);
  showState('connecting');
  showButton('Cut the connection', NOTES.open);
}

function cut() {
  source.close();
  source = null;
  showState('closed');
  showButton('Connect again', NOTES.cut);
}

function showButton(label, note) {
  byId('cut').textContent = label;
  byId('feed-note').textContent = note;
}

function heard({ type, data, lastEventId }) {
  lastId = lastEventId;
  show(type, lastEventId, data);
}

/** More than the server keeps came in the meantime. */
function missed({ data, lastEventId }) {
  lastId = lastEventId;
  const { missed } = JSON.parse(data);
  show('gap', lastEventId, `${missed ?? 'Nobody knows how many'} notifications are gone for good.`);
}

function show(kind, id, text) {
  const row = element('tr', kind);
  row.append(element('td', 'wide id', id), element('td', 'kind', kind), element('td', 'text', text));
  byId('notifications').prepend(row);
  [...byId('notifications').children].slice(KEPT).forEach((old) => old.remove());
}

async function notify(event) {
  event.preventDefault();
  const form = event.target;
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  const answer = await fetch('/notify', { method: 'POST', headers, body }).catch(() => null);
  byId('notify-note').textContent = answer?.ok ? '' : ((await answer?.text()) ?? 'The server is away.');
  if (answer?.ok) form.elements.text.value = '';
}
