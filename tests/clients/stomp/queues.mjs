// Work queues: each message is for one consumer, until that one is done with it. And transactions.

import { Session, check, same } from './session.mjs';

const bob = (world) => ({ token: world.tokens.bob });

/** Sends each body to the queue, one after the other. */
async function fill(session, destination, bodies) {
  for (const body of bodies) await session.send(destination, body);
}

/** Ends the session without a DISCONNECT. */
async function lose(session) {
  session.client.forceDisconnect();
  await session.closed;
}

const settle = (session, message, how, more = {}) =>
  session.withReceipt(how.toUpperCase(), (receipt) => message[how]({ ...more, ...receipt }));

export const queues = {
  'what was sent to a queue before anybody came is kept': async (world) => {
    const session = await Session.enter(world);
    const queue = world.place('/queue/kept');
    await fill(session, queue, ['1', '2', '3']);
    const inbox = await session.subscribe(queue);
    same(await inbox.bodies(3), ['1', '2', '3'], 'the messages');
    await session.leave();
  },

  'client-individual: what was not acknowledged is handed out again when its consumer leaves': async (world) => {
    const [one, two] = await Promise.all([Session.enter(world), Session.enter(world, bob(world))]);
    const queue = world.place('/queue/individual');
    await fill(one, queue, ['1', '2', '3']);
    const inbox = await one.subscribe(queue, { ack: 'client-individual' });
    const [, second] = [await inbox.next(), await inbox.next(), await inbox.next()];
    await settle(one, second, 'ack');
    await one.leave();
    const rest = await two.subscribe(queue, { ack: 'client-individual' });
    const [first, third] = [await rest.next(), await rest.next()];
    same([first.body, third.body], ['1', '3'], 'what is handed out again');
    same(first.headers['delivery-count'], '2', 'how often it was handed out');
    await settle(two, first, 'ack');
    await settle(two, third, 'ack');
    await two.leave();
  },

  'client: an acknowledgement is for all before as well': async (world) => {
    const [one, two] = await Promise.all([Session.enter(world), Session.enter(world, bob(world))]);
    const queue = world.place('/queue/cumulative');
    await fill(one, queue, ['1', '2', '3']);
    const inbox = await one.subscribe(queue, { ack: 'client' });
    const [, second] = [await inbox.next(), await inbox.next(), await inbox.next()];
    await settle(one, second, 'ack');
    await one.leave();
    same(await (await two.subscribe(queue)).bodies(1), ['3'], 'what is handed out again');
    await two.leave();
  },

  'what is refused by NACK is handed out again': async (world) => {
    const session = await Session.enter(world);
    const queue = world.place('/queue/nack');
    const inbox = await session.subscribe(queue, { ack: 'client-individual' });
    await session.send(queue, 'again');
    await settle(session, await inbox.next(), 'nack');
    const message = await inbox.next();
    same([message.body, message.headers['delivery-count']], ['again', '2'], 'the message');
    await settle(session, message, 'ack');
    await session.leave();
  },

  'what a consumer had that is lost goes to another': async (world) => {
    // A heartbeat ends the poll of a page that is gone, where the browser does not (JSONP).
    const often = { heartbeatIncoming: 1000, heartbeatOutgoing: 1000 };
    const [one, two] = await Promise.all([Session.enter(world, often), Session.enter(world, bob(world))]);
    const queue = world.place('/queue/lost');
    const inbox = await one.subscribe(queue, { ack: 'client-individual' });
    await fill(two, queue, ['1', '2']);
    same(await inbox.bodies(2), ['1', '2'], 'what the first got');
    const rest = await two.subscribe(queue, { ack: 'client-individual' });
    await lose(one);
    same(await rest.bodies(2), ['1', '2'], 'what the second gets');
    await two.leave();
  },

  'consumers take turns, and each message is for one of them': async (world) => {
    const sessions = await Promise.all([Session.enter(world), Session.enter(world, bob(world))]);
    const queue = world.place('/queue/competing');
    const headers = { ack: 'client-individual', 'prefetch-count': '1' };
    const inboxes = await Promise.all(sessions.map((session) => session.subscribe(queue, headers)));
    await fill(sessions[0], queue, ['1', '2', '3', '4', '5', '6']);
    const got = [];
    for (let round = 0; round < 3; round += 1) {
      const messages = await Promise.all(inboxes.map((inbox) => inbox.next()));
      got.push(...messages.map(({ body }) => body));
      await Promise.all(messages.map((message, i) => settle(sessions[i], message, 'ack')));
    }
    same(got.sort(), ['1', '2', '3', '4', '5', '6'], 'what both got');
    await Promise.all(sessions.map((session) => session.leave()));
  },

  'to acknowledge what one never got is an error': async (world) => {
    const session = await Session.enter(world);
    session.client.ack('no-such-message', 'no-such-subscription', { receipt: 'mine' });
    const { headers } = await session.ending();
    same(headers['receipt-id'], 'mine', 'the ERROR says which frame it is about');
  },
};

export const transactions = {
  'what is sent in a transaction arrives when it is committed': async (world) => {
    const session = await Session.enter(world);
    const destination = world.place('/topic/commit');
    const inbox = await session.subscribe(destination);
    const transaction = session.client.begin();
    const headers = { transaction: transaction.id };
    await session.send(destination, 'in 1', { headers });
    await session.send(destination, 'in 2', { headers });
    await session.send(destination, 'outside');
    transaction.commit();
    same(await inbox.bodies(3), ['outside', 'in 1', 'in 2'], 'the order');
    await session.leave();
  },

  'what is sent in a transaction that is aborted never arrives': async (world) => {
    const session = await Session.enter(world);
    const destination = world.place('/topic/abort');
    const inbox = await session.subscribe(destination);
    const transaction = session.client.begin();
    await session.send(destination, 'in it', { headers: { transaction: transaction.id } });
    transaction.abort();
    await session.send(destination, 'behind it');
    same(await inbox.bodies(1), ['behind it'], 'what comes');
    await session.leave();
  },

  'an acknowledgement in a transaction that is aborted is none': async (world) => {
    const session = await Session.enter(world);
    const queue = world.place('/queue/transaction');
    const inbox = await session.subscribe(queue, { ack: 'client-individual' });
    await session.send(queue, 'x');
    const transaction = session.client.begin();
    const message = await inbox.next();
    await settle(session, message, 'ack', { transaction: transaction.id });
    transaction.abort();
    await settle(session, message, 'nack');
    const again = await inbox.next();
    check(again.headers['delivery-count'] === '2', 'it was not settled before');
    await settle(session, again, 'ack');
    await session.leave();
  },
};
