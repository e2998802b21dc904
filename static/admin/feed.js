// A feed of Byway's, as lines of JSON (docs/feeds.md): it comes back to where it was, and stops when it may not be read.

/** Longer than the server is ever silent. */
const SILENCE_MS = 40_000;
const MAX_WAIT_MS = 15_000;

/**
 * Follows a destination. `heard` gets each body, `gap` is called where something is lost for good, and `state` is told
 * "open", "connecting", or "refused" with the status. Answers a function that ends it.
 */
export function follow(api, destination, history, { heard, gap = () => {}, state = () => {} }) {
  const ending = new AbortController();
  run(api, destination, history, { heard, gap, state }, ending.signal);
  return () => ending.abort();
}

async function run(api, destination, history, tell, ended) {
  const at = { id: '', retry: 1000 };
  for (let failures = 0; !ended.aborted; failures += 1) {
    tell.state('connecting');
    const status = await read(api, destination, history, at, tell, ended, () => (failures = 0));
    if (ended.aborted) return;
    if (status === 401 || status === 403) return tell.state('refused', status);
    const wait = Math.min(at.retry * 2 ** Math.min(failures, 6), MAX_WAIT_MS);
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
  }
}

/** Reads until the stream ends, or never begins; answers the status of a refusal. */
async function read(api, destination, history, at, tell, ended, opened) {
  const url = new URL(`live/feed${destination}`, import.meta.url);
  url.searchParams.set('format', 'lines');
  if (!at.id) url.searchParams.set('history', history);
  const headers = at.id ? { ...api.headers, 'Last-Event-ID': at.id } : api.headers;
  const given = new AbortController();
  const giveUp = () => given.abort();
  ended.addEventListener('abort', giveUp);
  let watchdog = setTimeout(giveUp, SILENCE_MS);
  try {
    const answer = await fetch(url, { headers, cache: 'no-store', credentials: 'omit', signal: given.signal });
    if (!answer.ok) return answer.status;
    for await (const line of lines(answer.body)) {
      clearTimeout(watchdog);
      watchdog = setTimeout(giveUp, SILENCE_MS);
      if (line) take(JSON.parse(line), at, tell, opened);
    }
  } catch {
    // Cut off: come back.
  } finally {
    clearTimeout(watchdog);
    ended.removeEventListener('abort', giveUp);
    given.abort();
  }
  return undefined;
}

function take(record, at, tell, opened) {
  if (record.id) at.id = record.id;
  if (record.event === 'open') {
    at.retry = record.retry ?? at.retry;
    opened();
    tell.state('open');
  } else if (record.event === 'gap') {
    tell.gap();
  } else if (record.event === undefined) {
    tell.heard(JSON.parse(record.body));
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    yield* parts;
  }
}
