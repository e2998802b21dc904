// @stomp/stompjs in Node, over plain WebSockets and over each transport of sockjs-client, against a running server.
//
//   BYWAY=path/to/byway node --test stomp_node.test.mjs

import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { makePowers, makeRow, sockJsVersion, startServers, stompVersions } from './stomp/rows.mjs';
import { makeWorld, scenariosOf } from './stomp/scenarios.mjs';
import { loadClient } from './support.mjs';

const require = createRequire(import.meta.url);
const transports = [null, 'websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'];
const TEST_MS = 60_000;

// As stompjs's documentation has it for a Node without WebSockets of its own.
globalThis.WebSocket = WebSocket;

let servers;
before(async () => (servers = await startServers()));
after(() => servers?.stop());

const rows = stompVersions.flatMap((version) => transports.map((transport) => [version, transport]));

describe('stompjs in Node', { concurrency: 5, timeout: 10 * TEST_MS }, () => {
  for (const [version, transport] of rows) {
    const way = transport ? `SockJS with ${transport}` : 'a plain WebSocket';
    describe(`stompjs ${version} over ${way}`, { concurrency: 4 }, () => {
      let world;
      before(async () => {
        const row = await makeRow(version, transport, servers.bases);
        const libraries = { Stomp: require(`stompjs-${version}`), SockJS: loadClient(sockJsVersion) };
        world = makeWorld(row, libraries, makePowers());
      });

      for (const [name, scenario] of Object.entries(scenariosOf(transport))) {
        test(name, { timeout: TEST_MS }, () => scenario(world));
      }
    });
  }
});
