// The chat's page: one room at a time, and a message to whoever is chosen is for that one alone.

import { appendFollowing, byId, element } from '/static/demo/page.js';
import { connect, Door, jsonOf, send } from '/support/session.js';

let me = '';
let client = null;
let recipient = null;
let room = '';
let people = [];
let subscriptions = [];

const door = new Door(({ name, token }) => {
  me = name;
  client = connect({ token, connected, refused: (reason) => door.close(reason) });
});

byId('composer').addEventListener('submit', submit);
byId('chat-input').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId('composer').requestSubmit();
});

function connected() {
  // Subscriptions end with their connection.
  subscriptions = [];
  client.subscribe('/user/queue/errors', ({ body }) => notice(body, 'bad'));
  client.subscribe('/user/queue/private', (message) => whispered(jsonOf(message)));
  client.subscribe('/app/rooms', (message) => showRooms(jsonOf(message)));
}

function showRooms(names) {
  drawList('rooms', names, (name) => enter(name));
  enter(names.includes(room) ? room : names[0]);
}

function enter(name) {
  subscriptions.forEach((subscription) => subscription.unsubscribe());
  [room, recipient] = [name, null];
  byId('room-title').textContent = name;
  press('rooms', name);
  notice(`You are in ${name}.`);
  subscriptions = [
    client.subscribe(`/topic/chat/${name}`, (message) => heard(jsonOf(message))),
    client.subscribe(`/presence/topic/chat/${name}`, (message) => cameOrWent(jsonOf(message))),
  ];
}

const heard = ({ from, text }) => show(from, text, from === me ? 'mine' : '');

function whispered({ from, to, text }) {
  show(from === me ? `You to ${to}, alone` : `${from}, to you alone`, text, from === me ? 'mine private' : 'private');
}

/** The server says who is here, and then who comes and goes. */
function cameOrWent({ type, count, members, member }) {
  if (type === 'here') people = members.map(({ user }) => user);
  if (type === 'join') people.push(member.user);
  if (type === 'leave') people = people.filter((name) => name !== member.user);
  if (member) notice(`${member.user} ${type === 'join' ? 'joined' : 'left'}.`);
  byId('count').hidden = false;
  byId('count').textContent = `${count} here`;
  drawList('people', people, (name) => speakTo(name === recipient ? null : name));
  speakTo(people.includes(recipient) ? recipient : null);
}

function speakTo(name) {
  recipient = name;
  press('people', recipient);
  byId('to').textContent = recipient ? `Only ${recipient} will hear it.` : `Everybody in ${room} will hear it.`;
}

function submit(event) {
  event.preventDefault();
  const text = byId('chat-input').value.trim();
  if (!text || !client.connected) return;
  if (recipient) send(client, '/app/private', { to: recipient, text });
  else send(client, `/app/chat/${room}`, { text });
  byId('chat-input').value = '';
}

function drawList(id, names, choose) {
  const rows = names.map((name) => {
    const button = element('button', '', name === me ? `${name} (you)` : name);
    button.type = 'button';
    button.value = name;
    button.disabled = name === me;
    button.addEventListener('click', () => choose(name));
    const row = element('li', '');
    row.append(button);
    return row;
  });
  byId(id).replaceChildren(...rows);
}

function press(id, name) {
  for (const button of byId(id).querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.value === name));
}

/** Text stays text: `element` writes no markup. */
function show(from, text, kind) {
  const node = element('div', `message ${kind}`);
  node.append(element('p', 'from', from), element('p', 'text', text));
  appendFollowing(byId('chat-log'), node);
}

const notice = (text, kind = '') => appendFollowing(byId('chat-log'), element('p', `notice ${kind}`, text));
