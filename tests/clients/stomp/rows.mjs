// What the STOMP rows in Node and in Chromium share: the servers, the tokens, and the client libraries.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from '../support.mjs';

/** The newest release, and the last of those that still support old browsers. */
export const stompVersions = ['7.5.0', '5.4.4'];
export const sockJsVersion = '1.6.1';

const folder = fileURLToPath(new URL('.', import.meta.url));
const config = `${folder}byway.toml`;

/** stompjs as one script for a page, with a global StompJs. */
export const browserScriptOf = (version) =>
  ['stomp.umd.min.js', 'stomp.umd.js']
    .map((name) => `${folder}../node_modules/stompjs-${version}/bundles/${name}`)
    .find((file) => existsSync(file));

/** Starts a server; `env` changes settings. */
export const startStomp = (env = {}) =>
  startServer({ program: process.env.BYWAY, flags: ['--config', config, '--drain-timeout', '2s'], env });

/** A token as an operator makes one. */
export async function token(subject, { ttl = '1h', secret } = {}) {
  const env = { PATH: process.env.PATH, ...(secret && { BYWAY_AUTH__JWT__SECRET: secret }) };
  const flags = ['token', '--config', config, '--subject', subject, '--ttl', ttl];
  const { stdout } = await promisify(execFile)(process.env.BYWAY, flags, { env });
  return stdout.trim();
}

/** The servers that all rows share. */
export async function startServers(env) {
  const [closing, keeping] = await Promise.all([
    startStomp(env),
    startStomp({ ...env, BYWAY_MESSAGING__REFUSALS: 'keep' }),
  ]);
  return {
    bases: { closing: closing.base, keeping: keeping.base },
    stop: () => Promise.all([closing.stop(), keeping.stop()]),
  };
}

/** The plain data of one row; its users are its own. */
export async function makeRow(version, transport, servers) {
  const id = `${version}-${transport ?? 'plain'}`.replaceAll('.', '-');
  const users = { ada: `ada-${id}`, bob: `bob-${id}` };
  const [ada, bob, expired, forged] = await Promise.all([
    token(users.ada),
    token(users.bob),
    token(users.ada, { ttl: '0s' }),
    token(users.ada, { secret: 'not the secret that the server knows' }),
  ]);
  return { id, transport, servers, users, tokens: { ada, bob, expired, forged } };
}

/** What only Node can do for a scenario. */
export function makePowers(env) {
  const running = new Map();
  return {
    briefToken: () => token('brief', { ttl: '2s' }),
    async startServer() {
      const server = await startStomp(env);
      running.set(server.base, server);
      return server.base;
    },
    stopServer: (base) => running.get(base).stop(),
  };
}
