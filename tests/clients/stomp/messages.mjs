// What is sent arrives, once, unchanged, in order.

import { Inbox, Session, check, same } from './session.mjs';

const hardTexts = [
  'plain',
  ' \t padded \n',
  '"double" \'single\' `back` \\ \\n \\u0041',
  '\u2028\u2029\u200b\ufeff\u00ad\uffff',
  '漢字 עברית \u0065\u0301 👩‍👩‍👧‍👦🏳️‍🌈 \u{10ffff}',
  'a NUL\0 in the middle, and a CR\r\nLF',
  'SEND\ndestination:/topic/other\n\nnot a frame',
];

const MIB = 1024 * 1024;
const longText = 'abcdefgh "\\</>%0123456789\u00e9\n'.repeat(MIB / 27).padEnd(MIB, '.');

let trips = 0;

/** Subscribes, sends, and gives the message that comes. */
async function roundTrip(world, session, body, more) {
  const destination = world.place(`/topic/round-trip/${(trips += 1)}`);
  const inbox = await session.subscribe(destination);
  await session.send(destination, body, more);
  return inbox.next();
}

const bytes = (length) => Uint8Array.from({ length }, (_, i) => i % 256);
const sameBytes = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

export const messages = {
  'SUBSCRIBE, SEND and UNSUBSCRIBE have receipts': async (world) => {
    const session = await Session.enter(world);
    const destination = world.place('/topic/receipts');
    const inbox = await session.subscribe(destination);
    await session.send(destination, 'one');
    const message = await inbox.next();
    same([message.body, message.headers.destination], ['one', destination], 'the message');
    await session.withReceipt('UNSUBSCRIBE', (receipt) => inbox.subscription.unsubscribe(receipt));
    await session.leave();
  },

  'frames are carried out in the order in which they are sent': async (world) => {
    const session = await Session.enter(world);
    const { client } = session;
    const destination = world.place('/topic/order');
    const [first, all, last] = [new Inbox(), new Inbox(), new Inbox()];
    client.subscribe(destination, (message) => all.push(message));
    const subscription = client.subscribe(destination, () => {});
    // What comes for a subscription that the client has given up already.
    client.onUnhandledMessage = (message) => first.push(message);
    client.publish({ destination, body: '1' });
    subscription.unsubscribe();
    client.publish({ destination, body: '2' });
    client.subscribe(destination, (message) => last.push(message));
    client.publish({ destination, body: '3' });
    same(await all.bodies(3), ['1', '2', '3'], 'whoever stays gets all');
    same(await first.bodies(1), ['1'], 'whoever leaves gets what was before');
    same(await last.bodies(1), ['3'], 'whoever comes gets what is after');
    await session.leave();
  },

  'what is published reaches all subscribers in one order': async (world) => {
    const [publisher, other] = await Promise.all([Session.enter(world), Session.enter(world, { token: world.tokens.bob })]);
    const destination = world.place('/topic/fan-out/a');
    const inboxes = [
      await publisher.subscribe(destination),
      await other.subscribe(destination),
      await other.subscribe(world.place('/topic/fan-out/*')),
    ];
    const bodies = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    bodies.forEach((body) => publisher.client.publish({ destination, body }));
    for (const inbox of inboxes) same(await inbox.bodies(100), bodies, 'what was published');
    await Promise.all([publisher.leave(), other.leave()]);
  },

  'headers of a SEND reach the MESSAGE, whatever is in them': async (world) => {
    const session = await Session.enter(world);
    const headers = {
      colons: 'a:b::c',
      lines: 'first\nsecond\r\nthird',
      backslashes: '\\ \\\\ C:\\temp',
      unicode: 'Grüße 漢字 🚀 \u2028 end',
      empty: '',
      'x-näme': 'x',
    };
    const message = await roundTrip(world, session, 'x', { headers });
    const received = Object.fromEntries(Object.keys(headers).map((name) => [name, message.headers[name]]));
    same(received, headers, 'the headers');
    await session.leave();
  },

  'text arrives as it was sent, whatever is in it': async (world) => {
    const session = await Session.enter(world);
    const destination = world.place('/topic/text');
    const inbox = await session.subscribe(destination);
    hardTexts.forEach((body) => session.client.publish({ destination, body }));
    same(await inbox.bodies(hardTexts.length), hardTexts, 'the texts');
    await session.leave();
  },

  'a SEND without content-length arrives': async (world) => {
    const session = await Session.enter(world);
    const message = await roundTrip(world, session, 'Grüße', { skipContentLengthHeader: true });
    same(message.body, 'Grüße', 'the body');
    await session.leave();
  },

  '1 MiB of text arrives': async (world) => {
    const session = await Session.enter(world);
    const message = await roundTrip(world, session, longText);
    check(message.body === longText, `${message.body.length} characters came`);
    await session.leave();
  },

  'a frame that is split into many messages is one frame': async (world) => {
    const session = await Session.enter(world, { splitLargeFrames: true, maxWebSocketChunkSize: 8192 });
    const message = await roundTrip(world, session, longText);
    check(message.body === longText, `${message.body.length} characters came`);
    await session.leave();
  },

  // Each half becomes U+FFFD on the way, so the body is longer than its content-length.
  'a frame that is split within a character ends the session, and nothing comes of it': async (world) => {
    const watcher = await Session.enter(world, { token: world.tokens.bob });
    const destination = world.place('/topic/split');
    const inbox = await watcher.subscribe(destination);
    const session = await Session.enter(world, { splitLargeFrames: true, maxWebSocketChunkSize: 1001 });
    session.client.publish({ destination, body: '🚀'.repeat(2000) });
    const { headers, code } = await session.ending();
    same([headers.message, code], ['No NUL after the body', 1002], 'how it ends');
    await watcher.send(destination, 'behind it');
    same(await inbox.bodies(1), ['behind it'], 'what others hear');
    await watcher.leave();
  },

  'a body over the limit ends the session with an ERROR that says so': async (world) => {
    const session = await Session.enter(world);
    session.client.publish({ destination: world.place('/topic/large'), body: 'x'.repeat(2 * MIB + 1) });
    const { headers, code } = await session.ending();
    same(code, 1009, 'the close');
    check(headers.message === 'Body too long', `the ERROR says so: ${headers.message}`);
  },
};

/** What only a plain WebSocket can carry. */
export const plainMessages = {
  '1 MiB of bytes arrives': async (world) => {
    const session = await Session.enter(world);
    const sent = bytes(MIB);
    const headers = { 'content-type': 'application/octet-stream' };
    const message = await roundTrip(world, session, undefined, { binaryBody: sent, headers });
    check(sameBytes(message.binaryBody, sent), `${message.binaryBody.length} bytes came`);
    same(message.headers['content-type'], 'application/octet-stream', 'content-type');
    await session.leave();
  },

  'a client that sends all frames as binary messages is answered in them': async (world) => {
    const session = await Session.enter(world, { forceBinaryWSFrames: true });
    const kinds = [];
    const { onmessage } = session.client.webSocket;
    session.client.webSocket.onmessage = (event) => {
      kinds.push(typeof event.data);
      return onmessage(event);
    };
    const message = await roundTrip(world, session, 'Grüße');
    same(message.body, 'Grüße', 'the body');
    same([...new Set(kinds)], ['object'], 'what came');
    await session.leave();
  },
};

/** What is different where nothing but text can be carried. */
export const textMessages = {
  'bytes arrive as base64, and a header says so': async (world) => {
    const session = await Session.enter(world);
    const destination = world.place('/topic/bytes');
    const inbox = await session.subscribe(destination);
    const publisher = await Session.enter(world, { plain: true });
    const sent = Uint8Array.from([0, 255, 128, 10, 13, 0]);
    await publisher.send(destination, undefined, { binaryBody: sent });
    const { body, headers } = await inbox.next();
    same([body, headers['body-encoding']], ['AP+ACg0A', 'base64'], 'the message');
    await Promise.all([session.leave(), publisher.leave()]);
  },
};
