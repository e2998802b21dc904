// The demo page of Byway: joins one link to the parts of the page that show it.

import { byId } from './demo/page.js';
import { Chat } from './demo/chat.js';
import { StompConsole } from './demo/console.js';
import { EndingSign } from './demo/ending.js';
import { explain, explainMissing } from './demo/endings.js';
import { FramesPanel } from './demo/frames.js';
import { Link } from './demo/link.js';
import { RouteMap } from './demo/map.js';
import { isTransport, missingFor, WayPicker } from './demo/transports.js';
import { Vitals } from './demo/vitals.js';

const PING_MS = 2000;

let link = null;
let pinging = 0;
let transport = askedTransport();

const vitals = new Vitals();
const frames = new FramesPanel();
const map = new RouteMap();
const picker = new WayPicker(choose);
const ending = new EndingSign(connect, () => choose('auto'));
const chat = new Chat((text) => link.send({ type: 'say', text }), rename);

new StompConsole();

const onLink = { attempt: onAttempt, frame: onFrame, open: onOpen, message: onMessage, close: onClose };

const onServerMessage = {
  welcome: onWelcome,
  joined: (message) => chat.joined(message),
  left: (message) => chat.left(message),
  renamed: (message) => chat.renamed(message),
  said: (message) => chat.said(message),
  error: (message) => chat.error(message),
  pong: ({ at }) => vitals.roundTrip(performance.now() - at),
};

byId('connect').addEventListener('click', () => (link ? link.close() : connect()));
showVersion();
choose(transport);

function askedTransport() {
  const asked = new URLSearchParams(location.search).get('transport');
  return isTransport(asked) ? asked : 'auto';
}

function choose(name) {
  transport = name;
  picker.select(name);
  byId('second-tab').href = `?transport=${name}`;
  history.replaceState(null, '', `?transport=${name}`);
  connect();
}

function connect() {
  leave();
  ending.trying();
  vitals.started();
  if (missingFor(transport).length) return showEnd(explainMissing(transport));
  vitals.state('connecting', 'Asking the server');
  link = new Link(transport, onLink);
  showButton();
}

/** Forgets the present link: its end is of no interest to somebody who has just taken another way. */
function leave() {
  link?.abandon();
  forget();
}

function forget() {
  link = null;
  clearInterval(pinging);
  chat.ready(false);
  picker.here('');
  map.closed();
  vitals.ended();
  showButton();
}

function onAttempt(name) {
  vitals.state('connecting', `Trying ${name}`);
  map.show(name);
}

function onFrame(direction, text) {
  frames.add(direction, text);
  vitals.frame(direction, text);
  map.travel(direction);
}

function onOpen(name) {
  vitals.state('open', 'Connected');
  vitals.opened(name, link.tried);
  picker.here(name);
  ending.arrived();
  chat.ready(true);
  link.send({ type: 'hello', name: chat.name });
}

function onWelcome(message) {
  vitals.welcomed(message);
  chat.welcome(message);
  ping();
  clearInterval(pinging);
  pinging = setInterval(ping, PING_MS);
}

function onMessage(message) {
  onServerMessage[message.type]?.(message);
}

function onClose(event) {
  forget();
  const explanation = explain(event, transport);
  if (event.opened) chat.notice(`${explanation.title}.`, 'end');
  showEnd(explanation);
}

function showEnd(explanation) {
  vitals.state('closed', 'Not connected');
  ending.show(explanation);
}

function ping() {
  link.send({ type: 'ping', at: Math.round(performance.now() * 10) / 10 });
}

function rename(name) {
  if (link?.opened) link.send({ type: 'hello', name });
}

function showButton() {
  byId('connect').textContent = link ? 'Disconnect' : 'Connect';
  byId('connect').classList.toggle('primary', !link);
}

function showVersion() {
  const { content } = document.querySelector('meta[name="byway-version"]');
  if (content) byId('version').textContent = ` ${content}`;
}
