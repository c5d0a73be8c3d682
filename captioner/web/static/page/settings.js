/** What a reader chooses, and where it is kept: in this browser, nowhere else. */

const KEY = 'captioner.settings';

export const FONTS = {
  system: 'system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif',
  legible:
    'Luciole, "Atkinson Hyperlegible Next", "Atkinson Hyperlegible", Verdana, "DejaVu Sans", sans-serif',
  serif: 'Charter, Georgia, "Noto Serif", "Liberation Serif", serif',
  mono: 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", "Liberation Mono", monospace',
};
export const LINES = [0, 2, 3, 5, 8]; // 0: as many as fit
export const SIZE = { min: 16, max: 72, step: 2 }; // px

const CHOICES = {
  font: Object.keys(FONTS),
  theme: ['system', 'light', 'dark', 'contrast'],
  lines: LINES,
  position: ['top', 'middle', 'bottom'],
  times: [true, false],
  keys: [true, false],
  language: ['', 'fr', 'en'],
};

export const ORIGINAL = {
  size: 22, font: 'system', theme: 'system', opacity: 100, lines: 0, position: 'bottom',
  times: false, keys: true, language: '',
};

/** The settings of this browser; a page has one of these. Tells `change` when one changes. */
export class Settings extends EventTarget {
  #values = { ...ORIGINAL, ...kept() };

  /** One setting. */
  get(name) {
    return this.#values[name];
  }

  /** Change some, and keep them; what is none of the choices is left alone. */
  set(changes) {
    Object.assign(this.#values, valid(changes));
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // This browser keeps nothing: they hold until the page is left.
    }
    this.dispatchEvent(new Event('change'));
  }

  /** Larger or smaller text, by one step. */
  resize(direction) {
    this.set({ size: this.#values.size + direction * SIZE.step });
  }

  /** The opposite of one that is on or off. */
  toggle(name) {
    this.set({ [name]: !this.#values[name] });
  }

  /** Have the page and its captions look as chosen. */
  apply(captions) {
    const { size, font, theme, opacity, lines, position, times } = this.#values;
    document.documentElement.dataset.theme = theme;
    document.documentElement.dataset.position = position;
    captions.style.setProperty('--captioner-size', `${size / 16}rem`);
    captions.style.setProperty('--captioner-font', FONTS[font]);
    captions.style.setProperty('--captioner-background-opacity', `${opacity}%`);
    setAttribute(captions, 'theme', theme);
    setAttribute(captions, 'lines', lines || null);
    captions.toggleAttribute('times', times);
  }
}

function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

function kept() {
  try {
    return valid(JSON.parse(localStorage.getItem(KEY) ?? '{}'));
  } catch {
    return {};
  }
}

function valid(values) {
  if (typeof values !== 'object' || values === null) return {};
  const good = Object.entries(CHOICES).filter(([name, all]) => all.includes(values[name]));
  const found = Object.fromEntries(good.map(([name]) => [name, values[name]]));
  if (Number.isFinite(values.size)) {
    found.size = Math.min(SIZE.max, Math.max(SIZE.min, values.size));
  }
  if (Number.isFinite(values.opacity)) found.opacity = Math.min(100, Math.max(0, values.opacity));
  return found;
}
