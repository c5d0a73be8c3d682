import { make } from './dom.js';
import { shown } from './transcript.js';

const PLAIN = { '\u00a0': ' ', '\u202f': ' ', '’': "'" };

/** Text for comparisons: without case and accents, each character in its place. */
export function folded(text) {
  return text.replace(/[^\0-\x7f]/g, bare).replace(/[A-Z]+/g, (run) => run.toLowerCase());
}

function bare(unit) {
  const plain = PLAIN[unit] ?? unit.normalize('NFD')[0].toLowerCase();
  return plain.length === 1 ? plain : unit;
}

/** Where a text occurs in the finals of a view, and the marks that show it. */
export class CaptionSearch {
  #view;
  #needle = '';
  #observer;
  #marked = new Set();
  #folded = new WeakMap(); // what finals say, folded: they never change
  /** [caption, offset] of each occurrence, in order. */
  found = [];
  /** The occurrence that is looked at, from 0; -1: none. */
  current = -1;

  constructor(view) {
    this.#view = view;
    // Marks are made where the reader looks: a frequent word would need too many.
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), {
      root: view.scroller, rootMargin: '50%',
    });
  }

  /** Look for a text among finals. */
  start(text, finals) {
    this.stop();
    this.#needle = folded(text.trim());
    if (!this.#needle) return;
    for (const caption of finals) this.#find(caption);
    this.#observe();
  }

  /** One more final. */
  add(caption) {
    if (!this.#needle) return;
    this.#find(caption);
    this.#observe();
    const row = this.#view.rowOf(caption.id);
    if (this.#marked.has(row?.parentNode)) this.#mark(row);
  }

  /** Look at an occurrence: counted round, so that one follows the last. */
  show(index) {
    if (!this.found.length) return;
    this.current = (index + this.found.length) % this.found.length;
    this.#view.pause();
    const row = this.#view.rowOf(this.found[this.current][0].id);
    if (!row) return;
    this.#view.scroller.querySelector('mark.current')?.classList.remove('current');
    this.#mark(row);
    row.scrollIntoView({ block: 'center' });
  }

  /** Take the marks away. */
  stop() {
    this.#needle = '';
    this.#observer.disconnect();
    for (const chunk of this.#marked) for (const row of chunk.children) unmark(row);
    this.#marked.clear();
    for (const [caption] of this.found) {
      const row = this.#view.rowOf(caption.id);
      if (row?.querySelector('mark')) unmark(row);
    }
    this.found = [];
    this.current = -1;
  }

  #find(caption) {
    const text = this.#textOf(caption);
    for (let at = text.indexOf(this.#needle); at >= 0;) {
      this.found.push([caption, at]);
      at = text.indexOf(this.#needle, at + this.#needle.length);
    }
  }

  #textOf(caption) {
    if (!this.#folded.has(caption)) this.#folded.set(caption, folded(shown(caption)));
    return this.#folded.get(caption);
  }

  #observe() {
    for (const chunk of this.#view.log.children) this.#observer.observe(chunk);
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        this.#marked.add(target);
        for (const row of target.children) this.#mark(row);
      } else if (this.#marked.delete(target)) {
        for (const row of target.children) unmark(row);
      }
    }
  }

  #mark(row) {
    const text = row.lastElementChild.textContent;
    const plain = folded(text);
    const pieces = [];
    let end = 0;
    for (let at = plain.indexOf(this.#needle); at >= 0; at = plain.indexOf(this.#needle, end)) {
      const mark = make('mark', {}, text.slice(at, at + this.#needle.length));
      const [caption, offset] = this.found[this.current] ?? [];
      if (caption?.id === row.dataset.id && offset === at) mark.className = 'current';
      pieces.push(text.slice(end, at), mark);
      end = at + this.#needle.length;
    }
    if (pieces.length) row.lastElementChild.replaceChildren(...pieces, text.slice(end));
  }
}

function unmark(row) {
  if (row.querySelector('mark')) row.lastElementChild.textContent = row.lastElementChild.textContent;
}
