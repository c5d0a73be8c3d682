/** The dialog of the settings: what is changed shows at once. */

import { make } from '../captions/dom.js';
import { LINES, ORIGINAL, SIZE } from './settings.js';
import { texts } from './texts.js';

/** Fill the dialog's fields, in the language of the page. */
export function buildSettings(settings, fields) {
  const t = texts();
  fields.replaceChildren(
    range(settings, 'size', { ...SIZE, label: t.size, told: t.pixels }),
    choice(settings, 'font', t.font, t.fonts),
    choice(settings, 'theme', t.theme, t.themes),
    range(settings, 'opacity', { min: 0, max: 100, step: 10, label: t.opacity, told: t.percent }),
    list(settings, 'lines', t.lines, LINES.map((n) => [n, n ? t.someLines(n) : t.allLines])),
    choice(settings, 'position', t.position, t.positions),
    onOff(settings, 'times', t.times),
    onOff(settings, 'keys', t.keys),
    list(settings, 'language', t.language, Object.entries(t.languages)),
  );
  const position = fields.querySelector('[data-setting="position"]');
  const refresh = () => { position.disabled = settings.get('lines') === 0; };
  fields.addEventListener('change', refresh);
  refresh();
}

/** All as it was before anything was chosen. */
export function reset(settings) {
  settings.set(ORIGINAL);
}

function range(settings, name, { min, max, step, label, told }) {
  const id = `setting-${name}`;
  const value = settings.get(name);
  const input = make('input', { id, type: 'range', min, max, step, value });
  const output = make('output', { for: id }, told(value));
  input.setAttribute('aria-valuetext', told(value));
  input.addEventListener('input', () => {
    output.textContent = told(input.valueAsNumber);
    input.setAttribute('aria-valuetext', output.textContent);
    settings.set({ [name]: input.valueAsNumber });
  });
  return make('div', { class: 'field' }, make('label', { for: id }, label), output, input);
}

function choice(settings, name, label, options) {
  const group = make('fieldset', { class: 'field choice', 'data-setting': name },
    make('legend', {}, label));
  for (const [value, text] of Object.entries(options)) {
    const input = make('input', { type: 'radio', name, value });
    input.checked = settings.get(name) === value;
    input.addEventListener('change', () => settings.set({ [name]: value }));
    group.append(make('label', {}, input, make('span', {}, text)));
  }
  return group;
}

function list(settings, name, label, options) {
  const id = `setting-${name}`;
  const select = make('select', { id }, ...options.map(([value, text]) => {
    const option = make('option', { value }, text);
    option.selected = settings.get(name) === value;
    return option;
  }));
  const values = new Map(options.map(([value]) => [String(value), value]));
  select.addEventListener('change', () => settings.set({ [name]: values.get(select.value) }));
  return make('div', { class: 'field' }, make('label', { for: id }, label), select);
}

function onOff(settings, name, label) {
  const input = make('input', { type: 'checkbox', role: 'switch', id: `setting-${name}` });
  input.checked = settings.get(name);
  input.addEventListener('change', () => settings.set({ [name]: input.checked }));
  return make('div', { class: 'field switch' }, input, make('label', { for: input.id }, label));
}
