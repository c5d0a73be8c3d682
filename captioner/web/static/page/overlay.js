/**
 * The overlay: a few lines that roll up, on nothing, for a stream or a screen on the wall.
 *
 * Everything is chosen in the address: docs/captions-page.md.
 */

import { make } from '../captions/dom.js';
import { CaptionFeed } from '../captions/feed.js';
import { SPEAKERS_SHEET, Speakers, nameOf } from '../captions/speakers.js';
import { Transcript, committedAndRest } from '../captions/transcript.js';
import { wordsFor } from '../captions/words.js';
import { address } from './service.js';
import { FONTS } from './settings.js';
import { pageLanguage, speak, texts } from './texts.js';

const MOST_ROWS = 8; // finals above those that are seen

/** Show the captions of a room, and nothing else. */
export function showOverlay(room, parameters) {
  const options = overlayOptions(parameters);
  speak(parameters.get('lang') ?? '');
  const overlay = new Overlay(room, options);
  document.title = `${room} – ${texts().tagline}`;
  document.body.replaceChildren(overlay.element);
  const feed = new CaptionFeed(address(`v1/rooms/${encodeURIComponent(room)}/captions`));
  feed.addEventListener('message', ({ detail }) => overlay.receive(detail.type, detail.data));
  feed.addEventListener('state', ({ detail }) => overlay.tell(detail));
  feed.start();
}

/** The choices of an address; what is none of them is as if it were not there. */
export function overlayOptions(parameters) {
  const number = (name, usual, min, max) => {
    const given = Number.parseFloat(parameters.get(name) ?? '');
    return Number.isFinite(given) ? Math.min(max, Math.max(min, given)) : usual;
  };
  const among = (name, [usual, ...others]) => {
    const given = parameters.get(name);
    return others.includes(given) ? given : usual;
  };
  const colour = (name, usual) => {
    const given = parameters.get(name)?.replace(/^#/, '') ?? '';
    return /^([0-9a-f]{3}|[0-9a-f]{6})$/i.test(given) ? `#${given}` : usual;
  };
  const shown = (name) => !['0', 'no', 'off', 'false'].includes(parameters.get(name));
  return {
    lines: Math.round(number('lines', 2, 1, 4)),
    size: number('size', 40, 12, 200),
    width: number('width', 80, 20, 100),
    margin: number('margin', 32, 0, 500),
    opacity: number('opacity', 80, 0, 100),
    clear: number('clear', 8, 0, 600),
    position: among('position', ['bottom', 'top', 'middle']),
    align: among('align', ['center', 'left', 'right']),
    font: among('font', Object.keys(FONTS)),
    color: colour('color', '#ffffff'),
    background: colour('background', '#000000'),
    names: shown('names'),
    interims: shown('interims'),
    label: shown('label'),
  };
}

class Overlay {
  #options;
  #transcript = new Transcript();
  #speakers = new Speakers();
  #rows = new Map();
  #timer = 0;
  #lines;
  #state;

  constructor(room, options) {
    this.#options = options;
    this.#lines = make('div', { class: 'overlay-rows' });
    this.#state = make('p', { class: 'overlay-state', role: 'status' });
    const children = [make('div', { class: 'overlay-window' }, this.#lines)];
    if (options.label) {
      children.unshift(make('p', { class: 'overlay-label' }, texts().overlayLabel));
    }
    this.element = make('main', {
      class: 'overlay-box', 'data-position': options.position, 'data-align': options.align,
    }, make('h1', { class: 'hidden-label' }, room), this.#state, ...children);
    this.element.classList.add('cleared');
    this.#style();
  }

  /** Take an event of the feed. */
  receive(type, data) {
    if (type === 'caption') this.#received(data);
    else if (type === 'retracted' && this.#transcript.retract(data.id)) this.#remove(data.id);
    else if (type === 'started') this.#forgetInterims();
    else if (type === 'reset') this.#reset();
  }

  /** Say what only the person who sets the overlay up can put right. */
  tell({ state, message }) {
    const wrong = state === 'unauthorized' || state === 'refused';
    const words = wordsFor(pageLanguage()).states;
    this.#state.textContent = wrong ? [words[state], message].filter(Boolean).join(' : ') : '';
  }

  #style() {
    const { lines, size, width, margin, opacity, font, color, background } = this.#options;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SPEAKERS_SHEET);
    document.adoptedStyleSheets = [sheet];
    const values = {
      lines, color, background, size: `${size}px`, width: `${width}%`, margin: `${margin}px`,
      opacity: `${opacity}%`, font: FONTS[font],
    };
    for (const [name, value] of Object.entries(values)) {
      this.element.style.setProperty(`--overlay-${name}`, value);
    }
  }

  #received(caption) {
    const kind = this.#transcript.receive(caption);
    if (kind === 'retracted') this.#remove(caption.id);
    if (kind === 'final' || (kind === 'interim' && this.#options.interims)) this.#show(caption);
  }

  #show(caption) {
    const row = this.#rows.get(caption.id) ?? this.#open(caption);
    const [sure, rest] = caption.final
      ? committedAndRest({ ...caption, committed: Infinity })
      : committedAndRest(caption);
    const [committed, tentative] = row.querySelectorAll('.overlay-text > span:not(.name)');
    committed.textContent = sure;
    tentative.textContent = rest;
    this.element.classList.remove('cleared');
    while (this.#rows.size > MOST_ROWS) this.#remove(this.#rows.keys().next().value);
    this.#clearLater();
  }

  #open(caption) {
    const text = make('span', { class: 'overlay-text', lang: caption.language || '', dir: 'auto' });
    if (this.#options.names && this.#begins(caption)) {
      const words = wordsFor(pageLanguage());
      text.append(make('span', { class: 'name' },
        make('span', { class: 'mark' }), make('bdi', {}, words.says(nameOf(caption, words)))));
    }
    text.append(make('span'), make('span', { class: 'tentative' }));
    const row = make('p', { class: `speaker-${this.#speakers.styleOf(caption)}` }, text);
    row.dataset.track = caption.track;
    this.#rows.set(caption.id, row);
    this.#lines.append(row);
    return row;
  }

  #begins(caption) {
    return this.#lines.lastElementChild?.dataset.track !== caption.track;
  }

  #remove(id) {
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
  }

  #forgetInterims() {
    for (const { id } of this.#transcript.interims.values()) this.#remove(id);
    this.#transcript.interims.clear();
  }

  #reset() {
    this.#transcript.clear();
    this.#rows.clear();
    this.#lines.replaceChildren();
    this.element.classList.add('cleared');
  }

  #clearLater() {
    clearTimeout(this.#timer);
    if (!this.#options.clear) return;
    this.#timer = setTimeout(() => {
      this.element.classList.add('cleared');
      this.#rows.clear();
      this.#lines.replaceChildren();
    }, 1000 * this.#options.clear);
  }
}
