// The server's numbers of the last minutes, and what is made of them: counters become rates.

export const WINDOW_MS = 5 * 60_000;

export class Samples {
  #samples = [];
  #listeners = new Set();

  add(sample) {
    const last = this.#samples.at(-1);
    if (last && sample.time <= last.time) return;
    this.#samples.push(sample);
    while (this.#samples[0].time < sample.time - 2 * WINDOW_MS) this.#samples.shift();
    this.#listeners.forEach((listener) => listener());
  }

  /** Calls `listener` with each new sample, until the function that this answers is called. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get latest() {
    return this.#samples.at(-1);
  }

  /** `[time, value]` of each sample; `pick` makes a number of one. */
  gauge(pick) {
    return this.recent().map((sample) => [sample.time, pick(sample)]);
  }

  /** `[time, per second]` of a counter, from each sample to the next. */
  rate(pick) {
    return this.#steps().map(([from, to]) => [to.time, (increase(pick(from), pick(to)) * 1000) / (to.time - from.time)]);
  }

  /** The counter's increase, in as many spans of this length as the window has: `[end, increase]`, oldest first. */
  increases(pick, span) {
    const end = Math.ceil((this.latest?.time ?? Date.now()) / span) * span;
    const bins = Array.from({ length: WINDOW_MS / span }, (_, at) => [end - WINDOW_MS + (at + 1) * span, 0]);
    for (const [from, to] of this.#steps()) {
      const bin = bins[Math.ceil((to.time - (end - WINDOW_MS)) / span) - 1];
      if (bin) bin[1] += increase(pick(from), pick(to));
    }
    return bins;
  }

  recent() {
    const since = (this.latest?.time ?? 0) - WINDOW_MS;
    return this.#samples.filter((sample) => sample.time >= since);
  }

  #steps() {
    const recent = this.recent();
    return recent.slice(1).map((to, at) => [recent[at], to]);
  }
}

/** A server that was started anew begins at nothing. */
const increase = (from, to) => (to >= from ? to - from : to);

const endpoints = (sample, name) => (name ? [sample.endpoints[name]].filter(Boolean) : Object.values(sample.endpoints));

/** A number of one endpoint, or the sum over all of them where `name` is empty. */
export const sum = (name, pick) => (sample) =>
  endpoints(sample, name).reduce((total, endpoint) => total + (pick(endpoint) ?? 0), 0);

/** All labels that a map of the endpoints has had in these minutes: what is gone now has been there. */
export function labels(samples, name, map) {
  const had = samples.recent().flatMap((sample) => endpoints(sample, name).flatMap((endpoint) => Object.keys(endpoint[map])));
  return [...new Set(had)].sort();
}

/** A map of the endpoints, added up. */
export function totals(sample, name, map) {
  const all = {};
  for (const endpoint of sample ? endpoints(sample, name) : []) {
    for (const [label, number] of Object.entries(endpoint[map])) all[label] = (all[label] ?? 0) + number;
  }
  return all;
}
