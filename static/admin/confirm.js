// Asks before a session is ended, and for the reason that its client is told.

import { byId, setText } from './dom.js';
import { visible } from './visible.js';

/** Ends the session if the operator means it; answers whether it ends. */
export function disconnect(api, endpoint, session) {
  const dialog = byId('confirm');
  const who = session.user ? `${session.id} of ${visible(session.user)}` : session.id;
  setText(byId('confirm-title'), `Disconnect ${who}?`);
  setText(byId('confirm-text'), `From ${session.address}, over ${session.transport}, on ${endpoint}. The client gets what is queued for it first, and may connect again.`);
  byId('confirm-reason').value = '';
  byId('confirm-error').hidden = true;
  byId('confirm-yes').disabled = false;
  dialog.showModal();
  return new Promise((resolve) => {
    const done = (ended) => {
      dialog.removeEventListener('submit', submitted);
      dialog.removeEventListener('close', closed);
      if (dialog.open) dialog.close();
      resolve(ended);
    };
    const closed = () => done(false);
    const submitted = (event) => {
      event.preventDefault();
      end(api, endpoint, session.id).then(() => done(true), failed);
    };
    dialog.addEventListener('submit', submitted);
    dialog.addEventListener('close', closed);
    byId('confirm-no').onclick = () => dialog.close();
  });
}

async function end(api, endpoint, id) {
  byId('confirm-yes').disabled = true;
  const reason = byId('confirm-reason').value;
  // A reason of the operator's comes with a code of the application's: clients take 1000 for their own doing.
  await api.delete(`sessions/${id}`, { endpoint, code: 3000, reason: reason || 'Disconnected by an operator' });
}

function failed(error) {
  byId('confirm-yes').disabled = false;
  byId('confirm-error').hidden = false;
  // One that has ended by itself is as good.
  setText(byId('confirm-error'), error.status === 404 ? 'The session has ended already.' : error.message);
}
