// One session: who it is, what it listens to, and, for those who may, what goes through it.

import { disconnect } from './confirm.js';
import { el, empty, setText } from './dom.js';
import { follow } from './feed.js';
import { age, bytes, clock, count, words } from './format.js';
import { message } from './message.js';
import { visible, visibleText } from './visible.js';

const EVERY_MS = 2000;
/** How many messages of a watch are kept on the page. */
const KEPT = 500;
/** What a feed that is cut off comes back to. */
const HISTORY = 50;

export function session({ api, allowed }, endpoint, id) {
  const facts = el('dl', { class: 'facts' });
  const subscriptions = el('ul', { class: 'subscriptions' });
  const note = el('p', { class: 'notice', role: 'status', hidden: true });
  const end = el('button', { type: 'button', class: 'button danger', disabled: true }, 'Disconnect');
  let known;
  end.addEventListener('click', () => disconnect(api, endpoint, known).then((ended) => ended && load()));
  const load = async () => {
    try {
      known = await api.get(`sessions/${id}`, { endpoint });
      showFacts(facts, known);
      showSubscriptions(subscriptions, known);
      note.hidden = true;
    } catch (error) {
      note.hidden = false;
      setText(note, error.status === 404 ? 'This session has ended.' : error.message);
      if (error.status === 404) clearInterval(timer);
    }
    end.disabled = !known || !note.hidden;
  };
  const timer = setInterval(() => document.hidden || load(), EVERY_MS);
  load();
  const watching = allowed.has('watch') && watch(api, endpoint, id);
  const head = el('div', { class: 'view-head' },
    el('h1', {}, el('a', { href: '#sessions' }, 'Sessions'), ' / ', id, ' ', el('span', { class: 'hint' }, endpoint)),
    allowed.has('disconnect') && end);
  const cards = el('div', { class: 'pair' },
    el('section', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, 'Who')), facts),
    el('section', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, 'Listens to')), subscriptions));
  const refusal = empty('A key that allows “watch” shows here what goes through the session.');
  const element = el('div', {}, head, note, cards, watching ? watching.element : el('section', { class: 'card' }, refusal));
  const stop = () => {
    clearInterval(timer);
    if (watching) watching.stop();
  };
  return { element, stop };
}

function showFacts(list, known) {
  const rows = [
    ['User', known.user ? visible(known.user) : 'not signed in'],
    ['Address', known.address],
    ['Transport', [known.transport, known.protocol].filter(Boolean).map(visible).join(', ')],
    ['Since', `${new Date(known.since).toLocaleString()} (${age(known.since)})`],
    ['Received', `${count(known.received.messages)} messages, ${bytes(known.received.bytes)}`],
    ['Sent', `${count(known.sent.messages)} messages, ${bytes(known.sent.bytes)}`],
    ['Waiting', `${count(known.queue.messages)} messages, ${bytes(known.queue.bytes)}`],
  ];
  while (list.children.length < rows.length) list.append(el('div', {}, el('dt'), el('dd')));
  rows.forEach((texts, at) => texts.forEach((text, part) => setText(list.children[at].children[part], text)));
}

function showSubscriptions(list, known) {
  const nothing = known.user ? 'Nothing.' : 'Known only where a user has signed in.';
  const items = known.subscriptions.map(({ id, destination }) => el('li', {}, el('code', {}, visible(destination)), ' ', el('span', { class: 'hint' }, visible(id))));
  list.replaceChildren(...(items.length > 0 ? items : [el('li', { class: 'empty' }, nothing)]));
}

/** What goes through the session. It begins when it is asked for, since the log tells who watches. */
function watch(api, endpoint, id) {
  const log = el('ol', { class: 'watch', tabindex: 0, 'aria-label': 'Messages', role: 'log', 'aria-live': 'off' });
  const status = el('span', { class: 'hint', role: 'status' }, 'What users say is private: the server logs who watches.');
  const filter = el('input', { type: 'search', placeholder: 'Only messages with', 'aria-label': 'Only messages with' });
  const clear = el('button', { type: 'button', class: 'button small', onclick: () => log.replaceChildren() }, 'Clear');
  const toggle = el('button', { type: 'button', class: 'button small', 'aria-pressed': 'false' }, 'Watch');
  const matches = (row) => row.textContent.toLowerCase().includes(filter.value.toLowerCase());
  filter.addEventListener('input', () => [...log.children].forEach((row) => (row.hidden = !matches(row))));
  const heard = (told) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    for (const row of rows(told)) {
      row.hidden = !matches(row);
      log.append(row);
    }
    while (log.children.length > KEPT) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  const gap = () => log.append(notice('Some messages were lost on the way here.', 'bad'));
  let unfollow;
  const stop = () => {
    unfollow?.();
    unfollow = undefined;
    toggle.setAttribute('aria-pressed', 'false');
    setText(toggle, 'Watch');
  };
  const start = () => {
    const state = (state) => setText(status, { open: 'Watching.', connecting: 'Connecting …', refused: 'The key does not allow it.' }[state]);
    unfollow = follow(api, `/topic/watch/${endpoint}/${id}`, HISTORY, { heard, gap, state });
    toggle.setAttribute('aria-pressed', 'true');
    setText(toggle, 'Stop');
  };
  toggle.addEventListener('click', () => {
    if (unfollow) setText(status, 'Stopped.');
    if (unfollow) stop();
    else start();
  });
  const head = el('div', { class: 'card-head' }, el('h2', {}, 'Messages'), status, el('div', { class: 'tools' }, filter, clear, toggle));
  return { element: el('section', { class: 'card' }, head, log), stop };
}

function* rows(told) {
  if (told.what === 'begins') yield notice(`${clock(told.time)} From here on.`);
  else if (told.what === 'absent') yield notice('There is no such session.', 'bad');
  else if (told.what === 'ended') yield notice(`${clock(told.time)} Ended: ${told.code} ${visible(told.reason)} (${words(told.ending)})`, 'bad');
  else {
    if (told.missed > 0) yield notice(`${count(told.missed)} messages went by too fast to be shown.`, 'bad');
    yield row(told);
  }
}

const notice = (text, kind = '') => el('li', { class: `watch-note ${kind}` }, text);

function row({ time, direction, bytes: size, cut, kind, text = '' }) {
  const whole = kind === 'rest' ? '(the rest of a frame, not shown: it could be a part of a secret)' : visibleText(text) + (cut ? ' …' : '');
  const lines = whole.split('\n');
  const destination = lines.find((line, at) => at > 0 && line.startsWith('destination:'));
  const arrow = el('span', { class: 'arrow', title: direction === 'in' ? 'from the client' : 'to the client' }, direction === 'in' ? '→' : '←');
  const content = el('div', { class: 'watch-text' }, message(whole, [lines[0], destination].filter(Boolean).join('  ')));
  return el('li', { class: `watch-row ${direction}` }, el('time', {}, clock(time, true)), arrow, content, el('span', { class: 'size' }, bytes(size)));
}
