// The backends of the examples, behind a server with their configuration, with stompjs in front of it.
//
//   BYWAY=path/to/byway node --test backends.test.mjs

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { stompVersions } from './stomp/rows.mjs';
import { Session, within } from './stomp/session.mjs';
import { startServer } from './support.mjs';

const require = createRequire(import.meta.url);
const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const START_MS = 20_000;

globalThis.WebSocket = WebSocket;

/** A port for what is not there yet: it leads on to another as soon as that is known. */
async function openDoor() {
  const door = { port: 0, leadsTo: 0 };
  const listener = net.createServer((near) => {
    const far = net.connect(door.leadsTo, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      one.pipe(other);
      one.on('error', () => other.destroy());
    }
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return Object.assign(door, { port: listener.address().port, close: () => listener.close() });
}

/** Starts a backend on a free port, and waits for the address that it prints. */
async function startBackend(command, folder, env) {
  const [program, ...rest] = command;
  const child = spawn(program, [...rest, '0'], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const url = new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => resolve(String(text).trim()));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program} ended at once (${code})`)));
  });
  return { url: await within(START_MS, `the address of ${program}`, url), stop: () => child.kill() };
}

// Each knows one secret: the only one, or the older while Byway changes to another.
const another = `${'n'.repeat(32)}\n`;

for (const [name, command, newer] of [
  ['backend-python', ['python3', 'backend.py'], ''],
  ['backend-node', [process.execPath, 'backend.mjs'], another],
]) {
  describe(name, { timeout: 120_000 }, () => {
    const folder = path.join(examples, name);
    const own = mkdtempSync(path.join(tmpdir(), 'byway-backends-'));
    const secretFile = path.join(own, 'hooks.secret');
    let backend;
    let door;
    let server;
    let world;

    before(async () => {
      writeFileSync(secretFile, newer + readFileSync(path.join(folder, 'hooks.secret'), 'utf8'));
      door = await openDoor();
      backend = await startBackend(command, folder, { BYWAY_URL: `http://127.0.0.1:${door.port}` });
      server = await startServer({
        program: process.env.BYWAY,
        flags: ['--config', path.join(folder, 'byway.toml')],
        env: { BYWAY_HOOKS__URL: backend.url, BYWAY_HOOKS__SECRET_FILE: secretFile },
      });
      door.leadsTo = Number(new URL(server.base).port);
      const brokerURL = `${server.base.replace('http', 'ws')}/stomp/websocket`;
      world = { Stomp: require(`stompjs-${stompVersions[0]}`), way: () => ({ brokerURL }) };
    });

    after(async () => {
      await server?.stop();
      backend?.stop();
      door?.close();
      rmSync(own, { recursive: true });
    });

    const as = (login, passcode) => ({ token: null, connectHeaders: { login, passcode } });
    const ada = () => Session.enter(world, as('ada', 'lovelace'));
    const bob = () => Session.enter(world, as('bob', 'builder'));

    test('lets in who knows the password, and tells others why it does not', async () => {
      const session = await ada();
      assert.equal(session.greeting.headers['user-name'], 'ada');
      await session.leave();
      for (const wrong of ['byron', 'lovelacé', '']) {
        const { headers, body, code } = await new Session(world, as('ada', wrong)).ending();
        assert.deepEqual([headers.message, code], ['Authentication failed', 4401]);
        assert.equal(body, 'That name and that password do not go together.');
      }
    });

    test('answers what is sent to the application, and who asks it', async () => {
      const [one, other] = [await ada(), await bob()];
      const room = await one.subscribe('/topic/rooms/blue');
      await other.send('/app/rooms/blue', '</script> ä 🙂');
      const heard = JSON.parse((await room.next()).body);
      assert.deepEqual(heard, { from: 'bob', text: '</script> ä 🙂' });
      const rooms = await other.subscribe('/app/rooms');
      assert.deepEqual(JSON.parse((await rooms.next()).body), ['blue', 'red']);
      await one.leave();
      await other.leave();
    });

    test('decides who may send', async () => {
      const [one, other] = [await ada(), await bob()];
      const announcements = await other.subscribe('/topic/announcements');
      await one.send('/topic/announcements', 'welcome');
      assert.deepEqual(await announcements.bodies(1), ['welcome']);
      other.client.publish({ destination: '/topic/announcements', body: 'me too' });
      const { body, code } = await other.ending();
      assert.equal(code, 4403);
      assert.match(body, /Only admins make announcements\./);
      await one.leave();
    });

    test('hears who left, and publishes it', async () => {
      const [one, other] = [await ada(), await bob()];
      const left = await one.subscribe('/topic/left');
      await other.leave();
      // Those who left before may still be told.
      let user;
      while (user !== 'bob') user = JSON.parse((await left.next()).body).user;
      await one.leave();
    });

    test('believes nobody but the server', async () => {
      const answer = await fetch(backend.url, { method: 'POST', body: '{"type":"connect","login":"ada"}' });
      assert.equal(answer.status, 400);
    });
  });
}
