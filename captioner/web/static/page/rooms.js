/** The list of rooms, kept up to date while it is looked at. */

import { make } from '../captions/dom.js';
import { address, wantsToken } from './service.js';
import { pageLanguage, texts } from './texts.js';

const PAUSE = 3000; // ms between two looks
const LONG_PAUSE = 10_000; // ms after a failure

/** Show the rooms in `section`, for ever; calls `refused` and ends when a token is wanted. */
export class RoomList {
  #section;
  #refused;
  #timer = 0;
  #told = '';

  constructor(section, refused) {
    this.#section = section;
    this.#refused = refused;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.#timer) this.show();
    });
  }

  /** Look now, and then every few seconds. */
  async show() {
    this.#section.hidden = false;
    clearTimeout(this.#timer);
    const pause = await this.#look();
    clearTimeout(this.#timer);
    if (pause) this.#timer = setTimeout(() => this.#again(), pause);
  }

  #again() {
    if (!document.hidden) this.show();
  }

  async #look() {
    try {
      const response = await fetch(address('v1/rooms'), { cache: 'no-store' });
      if (wantsToken(response.status)) {
        this.#timer = 0;
        this.#section.hidden = true;
        this.#refused();
        return 0;
      }
      if (!response.ok) return this.#fail();
      this.#fill((await response.json()).rooms);
      return PAUSE;
    } catch (error) {
      if (error instanceof TypeError || error instanceof SyntaxError) return this.#fail();
      throw error;
    }
  }

  #fail() {
    this.#say(texts().roomsLost);
    return LONG_PAUSE;
  }

  #fill(rooms) {
    const over = rooms.filter(({ ended }) => ended);
    const now = rooms.filter(({ ended }) => !ended);
    this.#say(now.length ? '' : texts().noRooms);
    const told = JSON.stringify([pageLanguage(), rooms]);
    if (told === this.#told) return; // whoever reads or has the focus in it is left alone
    this.#told = told;
    const focused = this.#section.querySelector('.cards :focus')?.dataset.room;
    const [nowList, overList] = this.#section.querySelectorAll('.cards');
    nowList.replaceChildren(...now.map(card));
    overList.replaceChildren(...over.map(card));
    overList.parentNode.hidden = !over.length;
    const links = [...this.#section.querySelectorAll('.cards a')];
    if (focused) links.find((a) => a.dataset.room === focused)?.focus();
  }

  #say(text) {
    const state = this.#section.querySelector('[role="status"]');
    if (state.textContent !== text) state.textContent = text;
  }
}

function card({ room, speakers = [], talking = [], since, ended }) {
  const t = texts();
  const link = make('a', { href: `?${new URLSearchParams({ room })}`, 'data-room': room },
    make('bdi', {}, room));
  const people = make('span', { class: 'people' },
    speakers.length ? t.people(speakers) : t.nobodyYet);
  const parts = [make('h2', {}, link), people];
  if (talking.length) parts.push(make('span', { class: 'talking' }, t.talking(talking)));
  const when = ended ? t.until(clock(ended)) : since && t.since(clock(since));
  if (when) parts.push(make('span', { class: 'since' }, when));
  return make('li', {}, ...parts);
}

function clock(wall) {
  const at = new Date(wall);
  if (Number.isNaN(at.valueOf())) return wall;
  const today = at.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: 'numeric', month: 'long' };
  const locale = pageLanguage() === 'fr' ? 'fr' : 'en-GB';
  return at.toLocaleString(locale, { ...day, hour: '2-digit', minute: '2-digit' });
}
