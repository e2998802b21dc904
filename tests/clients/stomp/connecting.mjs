// Coming in, staying, and leaving.

import { Session, check, same, within } from './session.mjs';

/** Three times 1000 ms, and a quarter of that, is what the server waits; the rest is for a busy machine. */
const SILENT_MS = 10_000;

/** Where a client whose script says nothing shows all the same that it lives: its WebSocket answers pings, or it polls. */
const showsLife = (transport) => !transport || /websocket|polling/.test(transport);

async function refused(world, options, expected) {
  const session = new Session(world, options);
  const { headers, body, code } = await session.ending();
  same({ message: headers.message, code }, { message: expected.message, code: expected.code }, 'how it ends');
  check(body.includes(expected.detail), `the ERROR says what is wrong: ${body}`);
}

export const connecting = {
  'a token lets its user in, and CONNECTED says who that is': async (world) => {
    const session = await Session.enter(world);
    same(session.greeting.headers['user-name'], world.users.ada, 'user-name');
    check(session.greeting.headers.server.startsWith('byway'), `the server says its name: ${session.greeting}`);
    same(session.client.connectedVersion, '1.2', 'the newest version');
    await session.leave();
  },

  'each version of STOMP is spoken with who offers no other': async (world) => {
    for (const version of ['1.0', '1.1', '1.2']) {
      const session = await Session.enter(world, { stompVersions: new world.Stomp.Versions([version]) });
      // CONNECTED of 1.0 names no version.
      const named = session.client.connectedVersion ?? '1.0';
      same(named, version, 'the version that was offered');
      const inbox = await session.subscribe(world.place(`/topic/v${version}`));
      await session.send(world.place(`/topic/v${version}`), version);
      same(await inbox.bodies(1), [version], 'what was sent');
      await session.leave();
    }
  },

  'without a token nobody comes in': (world) =>
    refused(world, { token: null }, { message: 'Authentication failed', code: 4401, detail: 'there is no token' }),

  'a token that somebody else has signed lets nobody in': (world) =>
    refused(world, { token: world.tokens.forged }, { message: 'Authentication failed', code: 4401, detail: 'signature is wrong' }),

  'a token that has expired lets nobody in': (world) =>
    refused(world, { token: world.tokens.expired }, { message: 'Token expired', code: 4401, detail: 'expired' }),

  'a session ends with its token': async (world) => {
    const session = await Session.enter(world, { token: await world.briefToken() });
    const { headers, code } = await session.ending();
    same([headers.message, code], ['Token expired', 4401], 'how it ends');
  },

  'a client that asks for heartbeats hears them, and one that shows no life is closed': async (world) => {
    const session = await Session.enter(world, { heartbeatIncoming: 1000, heartbeatOutgoing: 1000 });
    await session.heartbeats.next('a heartbeat');
    await session.heartbeats.next('another heartbeat');
    session.client.webSocket.send = () => {};
    if (showsLife(world.transport)) {
      for (let second = 0; second < 5; second++) await session.heartbeats.next('a heartbeat for one who is silent');
      check(session.client.connected, 'it is closed');
      session.client.forceDisconnect();
      return;
    }
    const { code } = await session.ending(SILENT_MS);
    same(code, 3000, 'the close');
  },

  'DISCONNECT has its receipt, and then the session is closed': async (world) => {
    const session = await Session.enter(world, { disconnectHeaders: { receipt: 'goodbye' } });
    await session.leave();
    const receipt = await session.disconnected;
    same([receipt.command, receipt.headers['receipt-id']], ['RECEIPT', 'goodbye'], 'the answer');
  },

  'a client whose connection is lost comes back by itself': async (world) => {
    const session = await Session.enter(world, { reconnectDelay: 10 });
    const again = new Promise((resolve) => (session.client.onConnect = resolve));
    session.client.forceDisconnect();
    await within(20_000, 'CONNECTED again', again);
    session.client.deactivate();
    await within(20_000, 'the receipt of DISCONNECT', session.disconnected);
  },

  'a stop of the server is seen as a close that says so': async (world) => {
    const server = await world.startServer();
    const session = await Session.enter(world, { server });
    await world.stopServer(server);
    const { code, reason } = await within(20_000, 'the close', session.closed);
    same([code, reason], [1001, 'Server shutting down'], 'the close');
  },

  'the interface of old releases, Stomp.over and Stomp.client, works as well': async (world) => {
    const { brokerURL, webSocketFactory } = world.way('closing');
    const { Stomp } = world.Stomp;
    const client = brokerURL ? Stomp.client(brokerURL) : Stomp.over(webSocketFactory);
    client.debug = () => {};
    const destination = world.place('/topic/compat');
    const message = new Promise((resolve, reject) =>
      client.connect(
        { Authorization: `Bearer ${world.tokens.ada}` },
        () => {
          client.subscribe(destination, resolve);
          client.send(destination, { priority: '9' }, 'hello');
        },
        reject,
      ),
    );
    const { body, headers } = await within(20_000, 'the message', message);
    same([body, headers.priority], ['hello', '9'], 'the message');
    await within(20_000, 'the disconnect', new Promise((resolve) => client.disconnect(resolve)));
  },
};
