// The admin page: the door, and the views behind it.

import { Api } from './api.js';
import { byId, el, setText } from './dom.js';
import { destinations } from './destinations.js';
import { follow } from './feed.js';
import { limits } from './limits.js';
import { overview } from './overview.js';
import { Samples } from './samples.js';
import { session } from './session.js';
import { sessions } from './sessions.js';

/** Where this tab keeps the key: not longer than itself, and not beyond it. */
const KEPT = 'byway-admin-key';
const HISTORY = 300;
/** Ids become parts of URLs that are asked with the key, so nothing else may stand in their place. */
const SESSION = /^s\d+$/;
const VIEWS = { overview, sessions, destinations, limits };

let leaving = () => {};

byId('door-form').addEventListener('submit', (event) => {
  event.preventDefault();
  enter(byId('door-key').value.trim());
});
byId('leave').addEventListener('click', () => leave());

const kept = sessionStorage.getItem(KEPT);
if (kept) enter(kept);
else leave();

async function enter(key) {
  const api = new Api(key);
  try {
    const about = await api.get('overview');
    sessionStorage.setItem(KEPT, key);
    open(api, about);
  } catch (error) {
    // A server that is away does not make the key a wrong one.
    leave(problem(error), error.status !== 0);
  }
}

function problem({ status, message }) {
  if (status === 401) return 'The server does not know this key.';
  if (status === 403) return 'This key does not allow “admin”.';
  if (status === 404) return 'There is no API here.';
  return message;
}

function leave(why = '', forget = true) {
  leaving();
  leaving = () => {};
  if (forget) sessionStorage.removeItem(KEPT);
  byId('inside').hidden = true;
  byId('door').hidden = false;
  byId('door-error').hidden = !why;
  setText(byId('door-error'), why);
  byId('door-key').value = '';
  byId('door-key').focus();
}

function open(api, about) {
  const allowed = new Set(about.key.allow);
  const samples = new Samples();
  const place = { api, about, allowed, samples, endpointPicker: (changed, names) => endpointPicker(changed, names ?? ['', ...about.endpoints.map(({ name }) => name)]) };
  byId('door').hidden = true;
  byId('inside').hidden = false;
  setText(byId('version'), about.version);
  byId('leave').title = `Forgets the key “${about.key.name}”`;
  for (const link of byId('nav').children) {
    link.hidden = !allowed.has('read') && ['#sessions', '#destinations'].includes(link.hash);
  }
  const route = router(place);
  window.addEventListener('hashchange', route.go);
  const unfollow = follow(api, '/topic/stats', HISTORY, { heard: (sample) => samples.add(sample), state: (state, status) => showState(state, status) });
  leaving = () => {
    unfollow();
    window.removeEventListener('hashchange', route.go);
    route.stop();
  };
  route.go();
}

function showState(state, status) {
  if (state === 'refused') return leave(problem({ status, message: '' }));
  byId('state').dataset.state = state;
  setText(byId('state'), { open: 'live', connecting: 'connecting' }[state]);
}

/** Shows what the address names behind `#`, and ends what was there before. */
function router(place) {
  let shown;
  const stop = () => shown?.stop();
  const go = () => {
    stop();
    const [view, endpoint, id] = address();
    const may = place.allowed.has('read') || !['sessions', 'destinations'].includes(view);
    const known = may && Object.hasOwn(VIEWS, view) ? view : 'overview';
    shown = known === 'sessions' && SESSION.test(id) ? session(place, endpoint, id) : VIEWS[known](place);
    byId('view').replaceChildren(shown.element);
    document.title = `${known} · Byway admin`;
    for (const link of byId('nav').children) {
      if (link.hash === `#${known}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  };
  return { go, stop };
}

/** What the address names: view, endpoint, session; nothing where somebody has written what cannot be read. */
function address() {
  try {
    return location.hash.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return [];
  }
}

/** Which endpoint a view is of; no name is all of them. It is not there where there is no choice. */
function endpointPicker(changed, names) {
  const options = names.map((name) => el('option', { value: name }, name || 'all endpoints'));
  const select = el('select', { 'aria-label': 'Endpoint', onchange: () => changed() }, options);
  const isChoice = names.filter(Boolean).length > 1;
  return {
    element: isChoice ? select : '',
    get value() {
      return select.value;
    },
  };
}
