// Everything that a STOMP client must be able to do, over whatever carries its bytes: each is a sentence about the
// server, and a function of the world that a row of the tests lives in.

import { connecting } from './connecting.mjs';
import { messages, plainMessages, textMessages } from './messages.mjs';
import { queues, transactions } from './queues.mjs';
import { rules } from './rules.mjs';

const everywhere = { ...connecting, ...messages, ...queues, ...transactions, ...rules };

/** The scenarios of a transport, by name; `null` is a plain WebSocket. */
export const scenariosOf = (transport) => ({ ...everywhere, ...(transport ? textMessages : plainMessages) });

/**
 * The world of one row: a release of stompjs, a way to the servers, users and their tokens.
 *
 * `row` has the plain data: id, transport, servers, users, tokens. `libraries` has Stomp and SockJS; `powers` what only
 * Node can do: startServer, stopServer, briefToken.
 */
export function makeWorld(row, libraries, powers) {
  const { Stomp, SockJS } = libraries;
  // A busy machine must not make the client give up a transport after as little as 300 ms.
  SockJS.prototype.countRTO = () => 10_000;
  const overSockJs = (base) => ({
    webSocketFactory: () => new SockJS(`${base}/stomp`, null, { transports: [row.transport] }),
  });
  const overWebSocket = (base) => ({ brokerURL: `${base.replace(/^http/, 'ws')}/stomp` });
  return {
    ...row,
    ...powers,
    Stomp,
    /** `/topic/x` or `/queue/x` where no other row is. */
    place: (destination) => destination.replace(/^\/\w+/, `$&/${row.id}`),
    /** How a client reaches a server: one of those that are there, or the address of another. */
    way: (server, plain = false) =>
      (plain || !row.transport ? overWebSocket : overSockJs)(row.servers[server] ?? server),
  };
}
