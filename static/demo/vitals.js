// The numbers of the running session: state, transport, round trip, age, traffic.

import { byId } from './page.js';
import { byteLength, bytes, duration, millis, plural } from './format.js';
import { noteOf } from './transports.js';

const SAMPLES = 40;
const WIDTH = 120;
const HEIGHT = 36;

export class Vitals {
  #samples = [];
  #openedAt = 0;
  #clock = 0;
  #traffic = emptyTraffic();

  state(name, label) {
    byId('state').dataset.state = name;
    byId('state').textContent = label;
  }

  started() {
    this.#samples = [];
    this.#traffic = emptyTraffic();
    show('transport', '–', 'looking for a way');
    show('rtt', '–', 'a ping every 2 s');
    show('duration', '–', 'not open yet');
    this.#drawSpark();
    this.#showTraffic();
  }

  opened(transport, tried) {
    const failed = tried.slice(0, -1);
    show('transport', transport, failed.length ? `after ${failed.join(', ')} failed` : noteOf(transport));
    this.#openedAt = performance.now();
    this.#clock = setInterval(() => this.#tick(), 1000);
    this.#tick();
  }

  welcomed({ id }) {
    byId('session-note').textContent = `id ${id}`;
  }

  ended() {
    clearInterval(this.#clock);
    if (this.#openedAt) byId('session-note').textContent = 'ended';
    else show('transport', '–', 'no way found');
    this.#openedAt = 0;
  }

  frame(direction, text) {
    this.#traffic[direction].frames += 1;
    this.#traffic[direction].bytes += byteLength(text);
    this.#showTraffic();
  }

  roundTrip(ms) {
    this.#samples = [...this.#samples, ms].slice(-SAMPLES);
    show('rtt', millis(ms), `median ${millis(median(this.#samples))} of ${this.#samples.length}`);
    this.#drawSpark();
  }

  #tick() {
    byId('duration').textContent = duration(performance.now() - this.#openedAt);
  }

  #showTraffic() {
    const { in: received, out: sent } = this.#traffic;
    byId('traffic').textContent = `↓\u00a0${bytes(received.bytes)}\u2002↑\u00a0${bytes(sent.bytes)}`;
    byId('traffic-note').textContent = `${plural(received.frames, 'frame')} in, ${sent.frames} out`;
  }

  #drawSpark() {
    const top = Math.max(...this.#samples, 1) * 1.15;
    const step = WIDTH / (SAMPLES - 1);
    const left = WIDTH - (this.#samples.length - 1) * step;
    const points = this.#samples.map((ms, at) => `${left + at * step},${HEIGHT - (ms / top) * HEIGHT}`);
    byId('spark').setAttribute('points', points.join(' '));
  }
}

function show(id, value, note) {
  byId(id).textContent = value;
  const noteId = id === 'duration' ? 'session-note' : `${id}-note`;
  byId(noteId).textContent = note;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

const emptyTraffic = () => ({ in: { frames: 0, bytes: 0 }, out: { frames: 0, bytes: 0 } });
