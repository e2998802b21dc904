// The chat: people, messages, and the line to write on.

import { byId, element, appendFollowing } from './page.js';
import { clock, number, plural } from './format.js';

const MAX_TEXT = 2000;
const NEARLY = 1800;
const MAX_LINES = 300;
const HUES = 6;
const NAME_KEY = 'byway-name';
const MANNERS = ['Wandering', 'Patient', 'Curious', 'Early', 'Quiet', 'Bold', 'Lucky', 'Nimble', 'Sunny', 'Steady'];
const WALKERS = ['Heron', 'Otter', 'Badger', 'Lynx', 'Marten', 'Plover', 'Hare', 'Ibex', 'Wren', 'Newt'];

export class Chat {
  #log = byId('chat-log');
  #input = byId('chat-input');
  #name = byId('name');
  #me = null;
  #online = false;

  /** `say(text)` and `rename(name)` are called for what the visitor does. */
  constructor(say, rename) {
    this.#name.value = sessionStorage.getItem(NAME_KEY) ?? randomName();
    this.#listen(say, rename);
    this.notice('Messages appear here. Open a second tab and talk to yourself.');
  }

  get name() {
    return this.#name.value.trim() || this.#fallbackName();
  }

  /** Whether there is a session to talk to. */
  ready(online) {
    this.#online = online;
    byId('online').hidden = !online;
    this.#check();
  }

  notice(text, kind = '') {
    this.#append(element('div', `notice ${kind}`, text));
  }

  welcome({ id, name, transport, online }) {
    this.#me = id;
    this.#count(online);
    this.notice(`You are here as ${name}, by ${transport}.`);
  }

  joined({ name, online }) {
    this.#count(online);
    this.notice(`${name} joined.`);
  }

  left({ name, online }) {
    this.#count(online);
    this.notice(`${name} left.`);
  }

  renamed({ from, to }) {
    this.notice(`${from} is now ${to}.`);
  }

  said({ from, id, text, at }) {
    this.#append(messageNode(from, text, new Date(at), id === this.#me ? 'mine' : `hue-${hueOf(id)}`));
  }

  error({ reason }) {
    this.notice(`The server says: ${reason}`, 'bad');
  }

  #listen(say, rename) {
    this.#input.addEventListener('input', () => this.#check());
    this.#input.addEventListener('keydown', (event) => this.#sendOnEnter(event));
    byId('composer').addEventListener('submit', (event) => this.#submit(event, say));
    byId('name-form').addEventListener('submit', (event) => this.#leaveName(event));
    this.#name.addEventListener('change', () => this.#rename(rename));
  }

  // An input method uses Enter to accept a word: that is not yet the end of the message.
  #sendOnEnter(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId('composer').requestSubmit();
  }

  #submit(event, say) {
    event.preventDefault();
    if (!this.#maySend()) return;
    say(this.#input.value.trim());
    this.#input.value = '';
    this.#check();
  }

  // Leaving the field is what commits a name, so Enter does only that.
  #leaveName(event) {
    event.preventDefault();
    this.#input.focus();
  }

  #rename(rename) {
    this.#name.value = this.name;
    sessionStorage.setItem(NAME_KEY, this.name);
    rename(this.name);
  }

  #fallbackName() {
    return sessionStorage.getItem(NAME_KEY) ?? randomName();
  }

  #check() {
    const length = lengthOf(this.#input.value);
    byId('composer').classList.toggle('too-long', length > MAX_TEXT);
    byId('composer-note').textContent = this.#noteFor(length);
    byId('send').disabled = !this.#maySend();
  }

  #maySend() {
    const text = this.#input.value.trim();
    return this.#online && text !== '' && lengthOf(text) <= MAX_TEXT;
  }

  #noteFor(length) {
    if (length > MAX_TEXT) return `${plural(length - MAX_TEXT, 'character')} too many: a message has at most ${number(MAX_TEXT)}.`;
    if (length > NEARLY) return `${plural(MAX_TEXT - length, 'character')} left`;
    return this.#online ? 'Enter sends, Shift and Enter start a new line.' : 'Connect to send.';
  }

  #count(online) {
    byId('online').textContent = `${number(online)} here`;
  }

  #append(node) {
    appendFollowing(this.#log, node);
    if (this.#log.children.length > MAX_LINES) this.#log.firstElementChild.remove();
  }
}

const lengthOf = (text) => [...text].length;

function messageNode(from, text, at, className) {
  const node = element('div', `message ${className}`);
  const head = element('p', 'from', from);
  head.append(element('time', '', clock(at)));
  node.append(head, element('p', 'text', text));
  return node;
}

/** The same person has the same colour in every tab. */
function hueOf(id) {
  return [...String(id)].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) % 9973, 7) % HUES;
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];

function randomName() {
  const name = `${pick(MANNERS)} ${pick(WALKERS)}`;
  sessionStorage.setItem(NAME_KEY, name);
  return name;
}
