// The sign at the roadside after a session has ended, and the way back.

import { byId } from './page.js';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30000;

export class EndingSign {
  #retry;
  #takeDetour;
  #timer = 0;
  #attempts = 0;
  #mayRetry = false;
  #detour = false;

  constructor(retry, takeDetour) {
    this.#retry = retry;
    this.#takeDetour = takeDetour;
    byId('reconnect').addEventListener('click', () => this.#goOn());
    byId('auto-reconnect').addEventListener('change', () => this.#plan());
  }

  show({ title, advice, facts, retry, detour }) {
    byId('ending').hidden = false;
    byId('ending-title').textContent = title;
    byId('ending-advice').textContent = advice;
    byId('ending-facts').textContent = facts;
    byId('reconnect').textContent = detour ? 'Take any open way' : 'Reconnect';
    this.#detour = detour;
    this.#mayRetry = retry;
    this.#plan();
  }

  /** An attempt is under way. The sign stays up, so that the page does not jump if it fails. */
  trying() {
    this.#mayRetry = false;
    this.#plan();
    byId('countdown').textContent = 'Trying now';
  }

  /** A session opened: the next failure starts from a short wait again. */
  arrived() {
    this.#attempts = 0;
    byId('ending').hidden = true;
  }

  #goOn() {
    if (this.#detour) this.#takeDetour();
    else this.#retry();
  }

  #plan() {
    clearInterval(this.#timer);
    byId('countdown').textContent = '';
    if (this.#mayRetry && byId('auto-reconnect').checked) this.#countDown(this.#nextWait());
  }

  #countDown(wait) {
    const due = performance.now() + wait;
    const tick = () => this.#tick(due - performance.now());
    this.#timer = setInterval(tick, 250);
    tick();
  }

  #tick(left) {
    byId('countdown').textContent = `Trying again in ${Math.max(1, Math.ceil(left / 1000))} s`;
    if (left <= 0) this.#retry();
  }

  // Spread out, so that the pages of one restarted server do not all return in the same instant.
  #nextWait() {
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    return wait * (0.75 + Math.random() / 2);
  }
}
