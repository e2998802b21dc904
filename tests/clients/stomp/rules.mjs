// What one may do, and what is one's own.

import { Session, check, same } from './session.mjs';

const SECRET = '/topic/secret/plans';

const subscribeTo = (session, destination) => session.client.subscribe(destination, () => {}, { receipt: 'wanted' });

function sameRefusal({ headers, body }, frame) {
  same([headers.message, headers['receipt-id']], [`Forbidden: ${frame}`, 'wanted'], 'the ERROR');
  check(body.length > 0, 'the ERROR says why');
}

export const rules = {
  'a subscription that is denied ends the session': async (world) => {
    const session = await Session.enter(world);
    subscribeTo(session, SECRET);
    const ending = await session.ending();
    sameRefusal(ending, `SUBSCRIBE ${SECRET}`);
    same(ending.code, 4403, 'the close');
  },

  'a pattern that reaches what is denied is denied': async (world) => {
    const session = await Session.enter(world);
    subscribeTo(session, '/topic/**');
    sameRefusal(await session.ending(), 'SUBSCRIBE /topic/**');
  },

  'a SEND that is denied ends the session': async (world) => {
    const session = await Session.enter(world);
    session.client.publish({ destination: SECRET, body: 'x', headers: { receipt: 'wanted' } });
    sameRefusal(await session.ending(), `SEND ${SECRET}`);
  },

  'where refusals keep the session, it goes on': async (world) => {
    const session = await Session.enter(world, { server: 'keeping' });
    subscribeTo(session, SECRET);
    sameRefusal(await session.errors.next('the ERROR'), `SUBSCRIBE ${SECRET}`);
    const destination = world.place('/topic/kept');
    const inbox = await session.subscribe(destination);
    await session.send(destination, 'still here');
    same(await inbox.bodies(1), ['still here'], 'the message');
    await session.leave();
  },

  "what is sent to a user reaches that user's sessions and no other": async (world) => {
    const [ada, bob, bobToo] = await Promise.all(
      ['ada', 'bob', 'bob'].map((user) => Session.enter(world, { token: world.tokens[user] })),
    );
    const own = '/user/queue/own';
    const inboxes = await Promise.all([ada, bob, bobToo].map((session) => session.subscribe(own)));
    const to = (user) => own.replace('/user', `/user/${user}`);
    await ada.send(to(world.users.bob), 'for bob');
    await bob.send(to(world.users.ada), 'for ada');
    const [forAda, forBob, forBobToo] = await Promise.all(inboxes.map((inbox) => inbox.next()));
    same([forAda.body, forBob.body, forBobToo.body], ['for ada', 'for bob', 'for bob'], 'who gets what');
    same(forBob.headers.destination, own, 'the destination, as it was subscribed');
    await Promise.all([ada, bob, bobToo].map((session) => session.leave()));
  },
};
