/** The bar that searches the captions. */

import { texts } from './texts.js';

const PATIENCE = 150; // ms between the last key and the search

/** Connects the bar of the page to its captions. */
export class SearchBar {
  #form = document.getElementById('search');
  #input = document.getElementById('search-text');
  #count = document.getElementById('search-count');
  #opener = document.getElementById('search-open');
  #captions;
  #timer = 0;
  #followed = false;

  constructor(captions) {
    this.#captions = captions;
    this.#opener.addEventListener('click', () => (this.#form.hidden ? this.open() : this.close()));
    this.#input.addEventListener('input', () => this.#later());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#step(-1); // Enter goes back in time: the search begins at the end
    });
    this.#form.addEventListener('keydown', (event) => this.#key(event));
    this.#on('search-next', () => this.#step(1));
    this.#on('search-previous', () => this.#step(-1));
    this.#on('search-close', () => this.close());
    captions.addEventListener('shown', () => this.#tell(captions.searched));
  }

  /** Show it, ready to type. */
  open() {
    if (this.#form.hidden) this.#followed = this.#captions.following;
    this.#form.hidden = false;
    this.#opener.setAttribute('aria-expanded', 'true');
    this.#input.focus();
    this.#input.select();
    if (this.#input.value) this.#search();
  }

  /** Take it and its marks away. */
  close() {
    clearTimeout(this.#timer);
    this.#form.hidden = true;
    this.#opener.setAttribute('aria-expanded', 'false');
    this.#captions.search('');
    if (this.#followed) this.#captions.follow();
    this.#opener.focus();
  }

  #on(id, action) {
    document.getElementById(id).addEventListener('click', action);
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), PATIENCE);
  }

  #search() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#tell(this.#captions.search(this.#input.value));
  }

  #step(direction) {
    if (this.#timer) this.#search();
    else this.#tell(this.#captions.searchNext(direction));
  }

  #key(event) {
    if (event.key === 'Escape') this.close();
    else if (event.key === 'Enter' && event.shiftKey && event.target === this.#input) this.#step(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #tell({ count, index }) {
    const text = this.#input.value.trim() ? texts().found(index + 1, count) : '';
    if (this.#count.textContent !== text) this.#count.textContent = text;
  }
}
