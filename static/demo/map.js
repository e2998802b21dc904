// The little map: which way is in use, and one traveller for each frame on it.

import { byId } from './page.js';
import { wayOf } from './transports.js';

const SVG = 'http://www.w3.org/2000/svg';
const TRIP_MS = 700;
const CROWD = 12;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class RouteMap {
  #map = byId('map');
  #travellers = byId('travellers');

  show(transport) {
    this.#map.dataset.way = wayOf(transport);
  }

  closed() {
    this.#map.dataset.way = 'none';
    this.#travellers.replaceChildren();
  }

  travel(direction) {
    const way = this.#map.dataset.way;
    if (calm.matches || document.hidden || !byId(`way-${way}`) || this.#travellers.childElementCount >= CROWD) return;
    this.#send(direction, way);
  }

  #send(direction, way) {
    const traveller = svg('circle', { r: 6, class: `traveller ${direction}` });
    const motion = svg('animateMotion', motionOf(direction));
    motion.append(svg('mpath', { href: `#way-${way}` }));
    traveller.append(motion);
    this.#travellers.append(traveller);
    motion.beginElement();
    setTimeout(() => traveller.remove(), TRIP_MS);
  }
}

function motionOf(direction) {
  const keyPoints = direction === 'out' ? '0;1' : '1;0';
  return { dur: `${TRIP_MS}ms`, begin: 'indefinite', fill: 'freeze', calcMode: 'linear', keyTimes: '0;1', keyPoints };
}

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  return node;
}
