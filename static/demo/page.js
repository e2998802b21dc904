// The few things that every part of the page does to the document.

export const byId = (id) => document.getElementById(id);

/** Text only: whatever a stranger sent can never become markup. */
export function element(tag, className, text = '') {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

/** Appends to a scrolling log, and follows the end only for a reader who is already there. */
export function appendFollowing(log, node) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(node);
  if (atEnd) log.scrollTop = log.scrollHeight;
}
