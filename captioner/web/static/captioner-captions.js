/**
 * <captioner-captions room="…">: the captions of a room, live, in any page.
 *
 * Load this file as a module; it loads the small ones in `captions/` beside it. The documentation
 * (docs/captions-page.md) has the attributes, properties, methods, events, CSS properties and parts.
 * Whatever comes from a meeting gets into the page as text, never as markup.
 */

import { make } from './captions/dom.js';
import { CaptionFeed } from './captions/feed.js';
import { CaptionSearch } from './captions/search.js';
import { SHEET } from './captions/sheet.js';
import { SPEAKERS_SHEET } from './captions/speakers.js';
import { Transcript } from './captions/transcript.js';
import { CaptionView } from './captions/view.js';
import { wordsFor } from './captions/words.js';

/** See the head of this file. */
export class CaptionerCaptions extends HTMLElement {
  static observedAttributes = ['room', 'src', 'lang', 'lines'];

  #feed = null;
  #view;
  #search;
  #bar = {};
  #transcript = new Transcript();
  #pending = [];
  #frame = 0;
  #state = { state: 'idle', retryIn: 0, message: '' };
  #token = '';
  #words = wordsFor('en');
  #facts = {};

  constructor() {
    super();
    this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET + SPEAKERS_SHEET);
    this.shadowRoot.adoptedStyleSheets = [sheet];
  }

  connectedCallback() {
    if (!this.#view) this.#build();
    this.connect();
  }

  disconnectedCallback() {
    this.disconnect();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.#view) return;
    if (name === 'lines') this.#setLines();
    else if (name === 'lang') this.#rebuild();
    else if (this.isConnected) this.connect({ afresh: true });
  }

  // -- properties

  /** Name of the room; the attribute. */
  get room() { return this.getAttribute('room') ?? ''; }
  set room(name) { this.setAttribute('room', name); }

  /** Address of the service; by default, where this file came from. */
  get src() { return this.getAttribute('src') ?? ''; }
  set src(address) { this.setAttribute('src', address); }

  /** Token for services that want one; never an attribute, where others could read it. */
  get token() { return this.#token; }
  set token(text) {
    this.#token = text;
    if (this.isConnected && this.#view) this.connect({ afresh: true });
  }

  /** The finals received, in order. */
  get captions() { return [...this.#transcript.finals]; }

  /** idle, connecting, waiting, live, reconnecting, ended, unauthorized or refused. */
  get state() { return this.#state.state; }

  /** Whether the last captions are kept in view. */
  get following() { return this.#view?.following ?? true; }

  // -- methods

  /** Follow the room of the attributes: on from where it was, or afresh. */
  connect({ afresh = false } = {}) {
    this.disconnect();
    if (!this.room) return;
    if (afresh || !this.#feed) {
      this.clear();
      this.#feed = this.#newFeed();
    }
    this.#tell({ state: 'connecting' });
    this.#feed.start();
  }

  /** Stop following; what was received stays. */
  disconnect() {
    this.#feed?.stop();
    if (this.#state.state !== 'ended') this.#tell({ state: 'idle' });
  }

  #newFeed() {
    const path = `v1/rooms/${encodeURIComponent(this.room)}/captions`;
    const base = new URL(this.src || new URL('..', import.meta.url), document.baseURI);
    const feed = new CaptionFeed(new URL(path, base.href.replace(/\/?$/, '/')), {
      token: this.#token, credentials: this.getAttribute('credentials') ?? 'same-origin',
    });
    feed.addEventListener('message', ({ detail }) => this.receive(detail.type, detail.data));
    feed.addEventListener('state', ({ detail }) => this.#feedTold(detail));
    return feed;
  }

  /** Take an event as the service tells it; for those who have another way to get them. */
  receive(type, data) {
    if (type === 'started') this.#started(data);
    else if (type === 'caption') this.#received(data);
    else if (type === 'retracted') this.#retracted(data);
    else if (type === 'reset') this.clear();
    else if (type === 'ended') this.#tell({ state: 'ended' });
    if (type === 'reset' || type === 'ended') this.#dispatch(type, data);
  }

  /** Forget what was received. */
  clear() {
    this.#pending = [];
    this.#transcript.clear();
    this.#search?.stop();
    this.#view?.clear();
    this.#schedule();
  }

  /** Keep the last captions in view again. */
  follow() { this.#view?.follow(); }

  /** Leave the view where it is while captions arrive. */
  pause() { this.#view?.pause(); }

  /** Mark a text among the finals, without regard to case and accents; {count, index}. */
  search(text) {
    this.#flush();
    this.#search.start(text, this.#transcript.finals);
    if (this.#search.found.length) this.#search.show(this.#search.found.length - 1);
    return this.searched;
  }

  /** Go to another occurrence: `step` 1 is the next, -1 the one before. */
  searchNext(step = 1) {
    this.#search.show(this.#search.current + step);
    return this.searched;
  }

  /** How many occurrences there are, and which is looked at, from 0; -1: none. */
  get searched() {
    return { count: this.#search.found.length, index: this.#search.current };
  }

  // -- what arrives

  #started(data) {
    this.#facts = data;
    this.#pending.push(['forget']); // they are told again
    this.#schedule();
    this.#transcript.interims.clear();
    this.#showFacts();
    this.#dispatch('started', data);
    this.#tell({ state: this.#transcript.finals.length ? 'live' : 'waiting' });
  }

  #received(caption) {
    if (typeof caption.text !== 'string' || typeof caption.id !== 'string') return;
    const kind = this.#transcript.receive(caption);
    if (!kind) return;
    this.#pending.push([kind, caption]);
    this.#schedule();
    this.#dispatch('caption', caption);
    if (this.#state.state === 'waiting' && kind !== 'retracted') this.#tell({ state: 'live' });
  }

  #retracted({ id }) {
    const caption = this.#transcript.retract(id);
    if (!caption) return;
    this.#pending.push(['retracted', caption]);
    this.#schedule();
    this.#dispatch('retracted', { id });
  }

  #schedule() {
    if (this.#frame || !this.#view) return;
    const flush = () => this.#flush();
    // A page that nobody sees gets no frames.
    this.#frame = document.hidden ? setTimeout(flush, 50) : requestAnimationFrame(flush);
  }

  #flush() {
    this.#frame = 0;
    let finals = 0;
    for (const [kind, caption] of this.#pending.splice(0)) {
      if (kind === 'final') finals += 1;
      this.#show(kind, caption);
    }
    this.#view.settle({ finals, notice: this.#notice() });
    if (finals) this.#dispatch('shown', { finals });
  }

  /** What stands where captions will be, as long as there are none. */
  #notice() {
    if (this.#transcript.finals.length || this.#transcript.interims.size) return '';
    return this.#words.notices[this.state] ?? '';
  }

  #show(kind, caption) {
    if (kind === 'interim') this.#view.interim(caption);
    else if (kind === 'retracted') this.#view.retracted(caption);
    else if (kind === 'forget') this.#view.forgetInterims();
    else {
      this.#view.final(caption);
      this.#search.add(caption);
    }
  }

  #feedTold({ state, retryIn, message }) {
    if (state === 'connected' || state === 'ended') return; // the events that say so are told
    this.#tell({ state, retryIn, message });
  }

  #tell({ state, retryIn = 0, message = '' }) {
    const before = this.#state;
    this.#state = { state, retryIn, message };
    this.#showState();
    if (before.state !== state) this.#schedule();
    if (before.state !== state || before.retryIn !== retryIn) {
      this.#dispatch('statechange', this.#state);
    }
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  // -- what is shown

  #build() {
    const language = this.closest('[lang]')?.lang || navigator.language || 'en';
    this.#words = wordsFor(language);
    this.shadowRoot.replaceChildren();
    this.#view = new CaptionView(this.shadowRoot, this.#words);
    this.#search = new CaptionSearch(this.#view);
    this.#buildBar();
    this.#setLines();
    this.#schedule();
  }

  #buildBar() {
    const state = make('span', { class: 'label' });
    const countdown = make('span', { class: 'countdown', 'aria-hidden': 'true' });
    const status = make('span', { class: 'state', part: 'status', role: 'status' }, state, countdown);
    const list = make('dl');
    const facts = make('details', { part: 'provenance' },
      make('summary', {}, this.#words.generated),
      make('div', { class: 'facts', part: 'facts' }, make('p', {}, this.#words.caution), list));
    const retry = make('button', { class: 'retry', part: 'retry', type: 'button' });
    retry.addEventListener('click', () => this.#retry());
    this.#bar = { state, countdown, status, retry, list };
    this.shadowRoot.append(make('div', { class: 'bar', part: 'bar' }, status, retry, facts));
    this.#showState();
    this.#showFacts();
  }

  #rebuild() {
    this.#build();
    this.#pending = [
      ...this.#transcript.finals.map((caption) => ['final', caption]),
      ...[...this.#transcript.interims.values()].map((caption) => ['interim', caption]),
    ];
  }

  #showState() {
    if (!this.#bar.status) return;
    const { state, retryIn } = this.#state;
    const text = this.#words.states[state];
    this.#bar.status.dataset.state = state;
    if (this.#bar.state.textContent !== text) this.#bar.state.textContent = text;
    const again = state === 'reconnecting' ? this.#words.again(retryIn) : '';
    this.#bar.countdown.textContent = again;
    this.#bar.retry.hidden = !['reconnecting', 'refused', 'ended'].includes(state) || !this.#feed;
    this.#bar.retry.textContent = state === 'ended' ? this.#words.listen : this.#words.retry;
  }

  #retry() {
    if (this.state === 'reconnecting') this.#feed.hurry();
    else this.connect({ afresh: true });
  }

  #showFacts() {
    const { model, version, digest } = this.#facts;
    const facts = Object.entries({ model, version, digest }).filter(([, value]) => value);
    this.#bar.list?.replaceChildren(...facts.flatMap(([name, value]) => [
      make('dt', {}, this.#words[name]), make('dd', {}, String(value)),
    ]));
  }

  #setLines() {
    const lines = Number.parseInt(this.getAttribute('lines') ?? '', 10);
    if (lines > 0) this.style.setProperty('--captioner-lines', String(lines));
    else this.style.removeProperty('--captioner-lines');
  }
}

if (!customElements.get('captioner-captions')) {
  customElements.define('captioner-captions', CaptionerCaptions);
}
