// A chat's backend: it knows its users, decides who may say what, answers /app/**, and publishes.
//
//   BYWAY_API_KEY=... node backend.mjs [PORT]
//
// Port 0 takes any free one. Nothing but Node's standard library.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const secret = readFileSync(new URL('hooks.secret', import.meta.url), 'utf8').trim();
const byway = process.env.BYWAY_URL ?? 'http://127.0.0.1:8080';
const apiKey = process.env.BYWAY_API_KEY ?? 'byway_an-example-that-everybody-knows';

/** Who may come in, by the password that their CONNECT has as passcode. */
const users = new Map([['ada', 'lovelace'], ['bob', 'builder']]);

const isSame = (one, other) => one.length === other.length && timingSafeEqual(one, other);

/** Whether Byway sent this, and not long ago. */
function isGenuine(headers, body) {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`;
  const expected = Buffer.from(`v1,${createHmac('sha256', secret).update(signed).update(body).digest('base64')}`);
  const isRecent = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) < 300;
  const given = (headers['webhook-signature'] ?? '').split(' ');
  return isRecent && given.some(one => isSame(Buffer.from(one), expected));
}

async function publish(destination, body) {
  const headers = { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' };
  const answer = await fetch(`${byway}/api/publish`, {
    method: 'POST', headers, body: JSON.stringify({ destination, body }), signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
}

const hooks = {
  connect({ login, passcode }) {
    if (users.has(login) && isSame(Buffer.from(users.get(login)), Buffer.from(passcode ?? ''))) {
      return [200, { user: login, claims: { role: login === 'ada' ? 'admin' : 'guest' }, expires_in: 3600 }];
    }
    return [401, { detail: 'That name and that password do not go together' }];
  },

  send: ({ claims }) => (claims.role === 'admin' ? [204] : [403, { detail: 'Only admins make announcements' }]),

  app({ action, destination, user, body }) {
    if (destination === '/app/rooms') return [200, ['blue', 'red']];
    if (destination.startsWith('/app/rooms/') && action === 'send') {
      // What is returned is published at /topic/rooms/...
      return [200, { from: user, text: body }];
    }
    return [404, { detail: 'There is no such thing' }];
  },

  async events({ events }) {
    for (const { type, user } of events) {
      if (type !== 'disconnected') continue;
      // A server that stops tells who was there, and takes nothing any more. It would tell it again.
      await publish('/topic/left', { user }).catch((error) => console.error(`not published: ${error.message}`));
    }
    return [204];
  },
};

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function answer(request) {
  const body = await bodyOf(request);
  if (!isGenuine(request.headers, body)) return [400, { detail: 'The signature is wrong' }];
  const call = JSON.parse(body);
  return hooks[call.type](call);
}

const server = createServer(async (request, response) => {
  const [status, content] = await answer(request).catch((error) => [500, { detail: error.message }]);
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(content && JSON.stringify(content));
});

server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/byway`);
});
