/** The menu of what was said so far: as files, or copied. */

import { make } from '../captions/dom.js';
import { nameOf } from '../captions/speakers.js';
import { shown } from '../captions/transcript.js';
import { transcript } from './service.js';
import { texts } from './texts.js';

/** Fill the menu for a room, in the language of the page. */
export function buildDownloads(room, list) {
  list.replaceChildren(...Object.entries(texts().formats).map(([format, told]) => make('li', {},
    make('a', { href: transcript(room, format).href, download: '' },
      make('strong', {}, `.${format}`), ' ', told))));
}

/** Place the menu under its button; phones have it at the bottom, by the style sheet. */
export function placeMenu(menu, button) {
  const { bottom, right } = button.getBoundingClientRect();
  menu.style.setProperty('--menu-top', `${bottom + 6}px`);
  menu.style.setProperty('--menu-right', `${Math.max(8, innerWidth - right)}px`);
}

/** The finals as text, a paragraph for each turn. */
export function plainText(captions, words) {
  let before = null;
  return captions.map((caption) => {
    const name = nameOf(caption, words);
    const goesOn = before === name;
    const start = before === null ? '' : '\n\n';
    before = name;
    return goesOn ? ` ${shown(caption)}` : start + words.says(name) + shown(caption);
  }).join('');
}

/** Copy a text; whether the browser allowed it. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    // Pages served without TLS have no clipboard at all: undefined.
    if (error instanceof DOMException || error instanceof TypeError) return false;
    throw error;
  }
}
