// Why a session ended, in a sentence that helps.

import { missingFor } from './transports.js';

const LOST = ['The connection broke', 'It ended without a goodbye: the server stopped, or the network between did.'];

const BY_CODE = {
  1000: ['The server ended the session', 'It closed normally. You can come back at any time.'],
  1001: ['The server is shutting down', 'Come back soon: another one may already be up.'],
  1002: ['The connection was interrupted', 'The server and this page lost step with each other.'],
  1003: ['The server refused a message', 'It was of a kind that this endpoint does not take.'],
  1006: LOST,
  1007: ['The server could not read a message', 'Its text was not valid.'],
  1008: ['The server does not allow this', 'The session broke one of its rules.'],
  1009: ['A message was too long', 'The server takes shorter ones only. Split it and try again.'],
  1011: ['Something failed inside the server', 'Only this session was ended; a new one should work.'],
  1012: ['The server is restarting', 'Come back in a moment.'],
  1013: ['The server is too busy', 'Give it a moment before you try again.'],
  2010: ['This session is already open elsewhere', 'A session has one receiver at a time.'],
};

const BY_REASON = [
  [/cannot connect to server/i, () => unreachable()],
  [/server lost session/i, () => ['The server no longer knows this session', 'It was probably restarted. A new session will work.']],
  [/unable to load an iframe/i, () => ['The frame page did not load', 'This transport lives in an iframe, and something blocked it.']],
  [/heartbeat/i, () => ['The server heard nothing for too long', 'The network may have been away, or this device asleep.']],
];

const NOT_WELCOME = 1008;
const NO_TRANSPORT = 2000;

/**
 * A link's ending as `{ title, advice, facts, retry, detour }`: whether trying the same again can
 * help, and whether another transport would.
 */
export function explain(ending, transport) {
  const [title, advice] = sentence(ending, transport);
  return { title, advice, facts: factsOf(ending), retry: worthRetrying(ending), detour: needsDetour(ending, transport) };
}

/** What a browser feature's absence means, told before anything is tried. */
export function explainMissing(transport) {
  return { ...explain({ code: NO_TRANSPORT, reason: '', wasClean: false, tried: [] }, transport), facts: 'Nothing was sent.' };
}

function worthRetrying({ byVisitor, code, tried }) {
  return !byVisitor && code !== NOT_WELCOME && !(code === NO_TRANSPORT && !tried.length);
}

const needsDetour = ({ code }, transport) => code === NO_TRANSPORT && transport !== 'auto';

function sentence(ending, transport) {
  if (ending.byVisitor) return ['You disconnected', 'The way back is one click.'];
  if (ending.code === NO_TRANSPORT) return noTransport(ending, transport);
  const byReason = BY_REASON.find(([pattern]) => pattern.test(ending.reason ?? ''));
  return byReason ? byReason[1]() : BY_CODE[ending.code] ?? unnamed(ending);
}

function unreachable() {
  if (!navigator.onLine) return ['You are offline', 'This device has no network at the moment.'];
  return ['The server cannot be reached', 'It may be down, or something on the way may be blocking it.'];
}

function noTransport({ tried }, transport) {
  const missing = missingFor(transport);
  if (missing.length) return [`${transport} cannot run here`, `This browser has no ${missing.join(' and no ')}. Take another way.`];
  if (!tried.length) return [`${transport} is switched off`, 'The server does not offer it. Take another way.'];
  return ['No way through', `Tried without success: ${tried.join(', ')}.`];
}

function unnamed({ code }) {
  if (code >= 3000) return ['The server closed the session', 'It gave a reason of its own, shown below.'];
  return ['The session ended', 'The code below is one that this page has no words for.'];
}

function factsOf({ code, reason, wasClean }) {
  return [`code ${code}`, reason && `“${reason}”`, wasClean ? 'clean' : 'not clean'].filter(Boolean).join(' · ');
}
