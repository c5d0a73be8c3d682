import { make } from './dom.js';
import { Speakers, nameOf } from './speakers.js';
import { MOST_FINALS, committedAndRest, shown } from './transcript.js';

//
// Nothing that was read moves. What may still change stands below the finals, laid out like them,
// so that a final takes the very place of its interim. Lines below others have a fixed height.
// Room for what comes is made by scrolling, when somebody begins to speak and there is none left.

const CHUNK = 64; // finals that the browser lays out or skips together
const RESERVE = 3; // lines that are free for somebody who begins to speak
const HELD = 2.3; // lines that somebody who speaks has at least when another stands below
const FAR = 3; // windows: nobody follows with their eyes what rolls by further
const LOOKS = 3; // frames in which rows that come into sight get their real height
const USER_SCROLL = 1000; // ms after a gesture within which scrolling is the reader's

/** Shows a transcript as it grows: finals, below them what is being said. */
export class CaptionView {
  #words;
  #speakers = new Speakers();
  #chunk = null;
  #lastFinal = null;
  #rows = new Map();
  #slots = new Map(); // by track
  #held = new Set();
  #lastTop = 0;
  #gesture = -Infinity;
  #missed = 0;
  #calm = 0;
  #clock = null;
  following = true;

  constructor(root, words) {
    this.#words = words;
    this.log = make('div', {
      class: 'log', part: 'log', role: 'log', 'aria-live': 'polite', 'aria-relevant': 'additions',
      'aria-label': words.captions,
    });
    this.live = make('div', {
      class: 'live', part: 'live', role: 'group', 'aria-live': 'off', 'aria-label': words.speaking,
    });
    this.waiting = make('p', { class: 'waiting', part: 'waiting', hidden: '' });
    this.dropped = make('p', { class: 'dropped', hidden: '' }, words.dropped);
    this.slack = make('div', { class: 'slack' });
    this.letter = make('div', { class: 'letter' });
    this.scroller = make(
      'div',
      { class: 'scroller', part: 'scroller', role: 'region', tabindex: '0', 'aria-label': words.captions },
      this.dropped, this.log, this.live, this.waiting, this.slack, this.letter,
    );
    this.button = make('button', { class: 'new', part: 'new-captions', type: 'button', hidden: '' });
    this.stage = make('div', { class: 'stage', part: 'stage' }, this.scroller, this.button);
    root.append(this.stage);
    this.#listen();
  }

  // -- what is said

  /** Show a final: in the place of its interim, if there is one. */
  final(caption) {
    const slot = this.#slotOf(caption);
    const other = slot && [...this.#slots.values()].find((each) => each !== slot);
    const before = other && topOf(other.text);
    const row = this.#append(caption);
    if (slot) {
      const first = this.live.firstElementChild;
      if (other && slot.row === first) this.#hold(row, heightOf(slot.row));
      else if (other && first.classList.contains('blank')) this.#fill(first, row);
      this.#free(caption.track, { replaced: true });
    }
    this.#nameFirst();
    if (other) this.#rollUp(topOf(other.text) - before);
    if (!this.following) this.#missed += 1;
  }

  /** Show what somebody is saying. */
  interim(caption) {
    let slot = this.#slots.get(caption.track);
    if (slot && slot.caption.id !== caption.id) this.#free(caption.track);
    slot = this.#slotOf(caption) ?? this.#open(caption);
    const [sure, rest] = committedAndRest(caption);
    if (slot.committed.textContent !== sure) slot.committed.textContent = sure;
    if (slot.tentative.textContent !== rest) slot.tentative.textContent = rest;
  }

  /** Nobody said that after all. */
  retracted(caption) {
    if (this.#slotOf(caption)) this.#free(caption.track);
  }

  /** Forget what may still change: it will be told again. */
  forgetInterims() {
    for (const track of [...this.#slots.keys()]) this.#free(track);
  }

  /** Forget everything. */
  clear() {
    this.log.replaceChildren();
    this.live.replaceChildren();
    this.#rows.clear();
    this.#slots.clear();
    this.#held.clear();
    this.#speakers.clear();
    this.#chunk = this.#lastFinal = null;
    this.#missed = 0;
    this.following = true;
    this.dropped.hidden = true;
    this.slack.style.height = '';
  }

  /** After a few of the above, once a frame: scroll if need be, and say what was missed. */
  settle({ finals, notice }) {
    this.waiting.hidden = !notice;
    if (this.waiting.textContent !== notice) this.waiting.textContent = notice;
    if (finals > 5) this.#hush();
    while (this.#rows.size > MOST_FINALS) this.#dropOldest();
    if (this.#held.size) this.#release();
    if (this.following) this.follow(finals > 5 ? 'instant' : 'smooth');
    this.#tellMissed();
  }

  // -- where it is shown

  /** Make sure that what is said last can be seen. */
  follow(behavior = 'smooth') {
    if (!this.following) this.#gesture = -Infinity; // the end of an earlier scroll is not another
    this.following = true;
    this.#missed = 0;
    this.#roll(behavior, LOOKS);
    this.#tellMissed();
  }

  /** Scroll down to the end, or up to it when there is nothing to see below. */
  #roll(behavior, looks) {
    const { scroller } = this;
    const target = Math.max(0, Math.round(this.#bottom() - scroller.clientHeight));
    const distance = target - scroller.scrollTop;
    const empty = distance < this.#lineHeight() - scroller.clientHeight;
    if (distance > 0 || empty) {
      const far = empty || distance > FAR * scroller.clientHeight;
      this.#makeScrollable(target);
      scroller.scrollTo({ top: target, behavior: far || this.#still() ? 'instant' : behavior });
      if (far && looks) requestAnimationFrame(() => this.following && this.#roll('instant', looks - 1));
    }
    this.#lastTop = scroller.scrollTop;
  }

  /** Stop following: the reader looks at something else. */
  pause() {
    this.following = false;
    this.#tellMissed();
  }

  /** The row of a final. */
  rowOf(id) {
    return this.#rows.get(id);
  }

  // -- rows

  #append(caption) {
    if (!this.#chunk || this.#chunk.childElementCount >= CHUNK) {
      this.#chunk?.classList.add('sealed');
      this.#chunk = make('div', { class: 'chunk' });
      this.log.append(this.#chunk);
    }
    const row = this.#row(caption);
    if (this.#lastFinal && same(this.#lastFinal, caption)) row.classList.add('same');
    row.lastElementChild.textContent = shown(caption);
    this.#chunk.append(row);
    this.#rows.set(caption.id, row);
    this.#lastFinal = caption;
    return row;
  }

  #row(caption) {
    const row = make('div', {
      class: `row speaker-${this.#speakers.styleOf(caption)}`, part: 'caption',
    });
    row.dataset.id = caption.id;
    const name = nameOf(caption, this.#words);
    const who = make(
      'div', { class: 'who' },
      make('span', { class: 'mark' }),
      make('bdi', { class: 'name', part: 'speaker', title: name }, name),
    );
    const time = make('time', { part: 'time' }, this.timeOf(caption));
    if (caption.wall) time.dateTime = caption.wall;
    who.append(time);
    row.append(who, make('p', { class: 'text', part: 'text', lang: caption.language || '' }));
    return row;
  }

  /** When it was said: by the clock, or since the beginning. */
  timeOf({ wall, start }) {
    const at = wall ? new Date(wall) : null;
    if (at && !Number.isNaN(at.valueOf())) {
      this.#clock ??= new Intl.DateTimeFormat(this.#words.locale, {
        hour: '2-digit', minute: '2-digit', second: '2-digit',
      });
      return this.#clock.format(at);
    }
    const seconds = Math.floor(start);
    const pad = (n) => String(n).padStart(2, '0');
    return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  }

  #dropOldest() {
    const oldest = this.log.firstElementChild;
    for (const row of oldest.children) {
      this.#rows.delete(row.dataset.id);
      this.#held.delete(row);
    }
    oldest.remove();
    this.dropped.hidden = false;
  }

  // -- slots

  #open(caption) {
    const row = this.#row(caption);
    row.classList.add('slot');
    this.#place(row);
    row.setAttribute('part', 'caption interim');
    const committed = make('span', { class: 'committed', part: 'committed' });
    const tentative = make('span', { class: 'tentative', part: 'tentative' });
    const text = make('span', { class: 'words' }, committed, tentative);
    row.lastElementChild.append(text);
    const slot = { caption, row, text, committed, tentative };
    this.#slots.set(caption.track, slot);
    this.#nameFirst();
    return slot;
  }

  /** Where somebody has finished, or below all others: what comes there must not be pushed. */
  #place(row) {
    const hole = this.live.querySelector('.blank');
    if (hole) {
      row.style.height = `${heightOf(hole)}px`;
      hole.replaceWith(row);
      return;
    }
    const last = this.live.lastElementChild;
    if (last) last.style.height = `${Math.max(heightOf(last), HELD * this.#lineHeight())}px`;
    this.live.append(row);
  }

  #slotOf({ id, track }) {
    const slot = this.#slots.get(track);
    return slot?.caption.id === id ? slot : undefined;
  }

  /** The line below the finals needs no name when its speaker goes on. */
  #nameFirst() {
    for (const { row, caption } of this.#slots.values()) {
      const goesOn = this.#lastFinal && same(this.#lastFinal, caption);
      row.classList.toggle('same', Boolean(goesOn) && row === this.live.firstElementChild);
    }
  }

  /** Give a slot back. While others stand below, its place stays empty, unless a final took it. */
  #free(track, { replaced = false } = {}) {
    const { row } = this.#slots.get(track);
    this.#slots.delete(track);
    row.classList.add('blank');
    if (replaced && row === this.live.firstElementChild) row.remove();
    while (this.live.lastElementChild?.classList.contains('blank')) this.live.lastElementChild.remove();
    const last = this.live.lastElementChild;
    if (last?.style.height) {
      last.style.minHeight = last.style.height;
      last.style.height = '';
    }
  }

  /** Keep a final as high as its interim was: what stands below must not move. */
  #hold(row, height) {
    row.style.minHeight = `${height}px`;
    this.#held.add(row);
  }

  /** A final takes the room that somebody left between the finals and those who speak. */
  #fill(hole, row) {
    this.#hold(row, heightOf(hole));
    hole.remove();
  }

  /** Nobody sees the rows above the window: they need not be kept high. */
  #release() {
    const edge = topOf(this.scroller);
    for (const row of this.#held) {
      if (row.getBoundingClientRect().bottom > edge) continue;
      const before = heightOf(row);
      row.style.minHeight = '';
      this.#rollUp(heightOf(row) - before);
      this.#held.delete(row);
    }
  }

  // -- scrolling

  #bottom() {
    const last = this.live.lastElementChild;
    if (!last) return this.log.offsetTop + this.log.offsetHeight + this.#lineHeight() / 4;
    const reserve = RESERVE * this.#lineHeight();
    return last.offsetTop + Math.max(last.offsetHeight, reserve) + this.#lineHeight() / 4;
  }

  #lineHeight() {
    return Number.parseFloat(getComputedStyle(this.scroller).lineHeight) || 24;
  }

  #rollUp(distance) {
    if (!this.following || Math.abs(distance) < 1) return;
    const top = this.scroller.scrollTop + distance;
    this.#makeScrollable(top);
    this.scroller.scrollTop = top;
    this.#lastTop = this.scroller.scrollTop;
  }

  #makeScrollable(top) {
    const { scroller, slack } = this;
    const padding = Number.parseFloat(getComputedStyle(scroller).paddingBottom);
    const filled = slack.offsetTop - scroller.offsetTop + padding;
    slack.style.height = `${Math.max(0, Math.ceil(top + scroller.clientHeight - filled))}px`;
  }

  #still() {
    return matchMedia('(prefers-reduced-motion: reduce)').matches || document.hidden;
  }

  #listen() {
    const { scroller } = this;
    const gesture = () => { this.#gesture = performance.now(); };
    for (const type of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      scroller.addEventListener(type, gesture, { passive: true });
    }
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.button.addEventListener('click', () => {
      this.follow();
      scroller.focus({ preventScroll: true });
    });
    const resized = new ResizeObserver(() => { if (this.following) this.follow('instant'); });
    resized.observe(scroller);
    resized.observe(this.letter);
  }

  #scrolled() {
    const { scrollTop, clientHeight } = this.scroller;
    const up = scrollTop < this.#lastTop - 1;
    this.#lastTop = scrollTop;
    if (performance.now() - this.#gesture > USER_SCROLL) return;
    if (up) this.pause();
    else if (!this.following && scrollTop + clientHeight >= this.#bottom() - 4) this.follow();
  }

  #tellMissed() {
    this.button.hidden = this.following;
    const text = this.#missed ? this.#words.newCaptions(this.#missed) : this.#words.follow;
    if (this.button.textContent !== text) this.button.textContent = text;
  }

  /** A history is not read aloud: only what is said from now on. */
  #hush() {
    this.log.setAttribute('aria-busy', 'true');
    clearTimeout(this.#calm);
    this.#calm = setTimeout(() => this.log.removeAttribute('aria-busy'), 500);
  }
}

function topOf(element) {
  return element.getBoundingClientRect().top;
}

function heightOf(element) {
  return element.getBoundingClientRect().height;
}

function same(one, other) {
  return one.track === other.track && one.speaker === other.speaker;
}
