/** Keys that act on the room, and the help that lists them. */

import { make } from '../captions/dom.js';
import { texts } from './texts.js';

/** What a key does, in the order of the help. */
export const KEYS = {
  live: ['End'],
  search: ['/', 's'],
  larger: ['+', '='],
  smaller: ['-'],
  times: ['t'],
  captions: ['c'],
  download: ['d'],
  settings: ['r', ','],
  fullscreen: ['f'],
  help: ['?'],
};

const TYPING = 'input, select, textarea, [contenteditable], dialog, [popover]';

/** Call the action of a key, unless somebody types or has turned the keys off. */
export function listenForKeys(settings, actions) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.composedPath()[0].matches?.(TYPING) || document.querySelector('dialog[open]')) return;
    const found = Object.entries(KEYS).find(([, keys]) => keys.includes(event.key));
    if (!found || (!settings.get('keys') && event.key !== 'End')) return;
    event.preventDefault();
    actions[found[0]]();
  });
}

/** Fill the help, in the language of the page. */
export function buildHelp(list) {
  const t = texts();
  list.replaceChildren(...Object.entries(KEYS).map(([action, [key]]) => make('div', {},
    make('dt', {}, make('kbd', {}, key === 'End' ? t.end : key.toUpperCase())),
    make('dd', {}, t.shortcuts[action]))));
}
