// The HTTP API, with the operator's key. The key goes into a header, and nowhere else.

const BASE = new URL('../api/', import.meta.url);
const LIMIT_MS = 15_000;

/** A request that was refused, or that got no answer: then the status is 0. */
export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export class Api {
  #key;

  constructor(key) {
    this.#key = key;
  }

  get(path, parameters) {
    return this.#ask('GET', path, parameters);
  }

  delete(path, parameters) {
    return this.#ask('DELETE', path, parameters);
  }

  get headers() {
    return { Authorization: `Bearer ${this.#key}` };
  }

  async #ask(method, path, parameters = {}) {
    const url = new URL(path, BASE);
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined && value !== '') url.searchParams.set(name, value);
    }
    const options = { method, headers: this.headers, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' };
    const answer = await fetch(url, { ...options, signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => {
      throw new ApiError(0, 'The server does not answer.');
    });
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new ApiError(answer.status, content.detail ?? `The server answers ${answer.status}.`);
    return content;
  }
}
