/** The microphone page: what one says, captioned. */

import '../captioner-captions.js';
import { make } from '../captions/dom.js';
import { LiveSession } from './live-session.js';
import { askForToken } from './login.js';
import { Microphone, NoMicrophone, microphones } from './microphone.js';
import { Settings } from './settings.js';
import { pageLanguage, speak, texts } from './texts.js';

const find = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);
const settings = new Settings();
const PATIENCE = 15_000; // ms for the last finals

class MicrophonePage {
  #captions = find('captions');
  #state = 'idle';
  #error = () => '';
  #microphone = null;
  #session = null;
  #patience = 0;

  constructor() {
    find('mic-room').value = parameters.get('room') || `essai-${randomName()}`;
    find('mic-form').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#state === 'idle') this.#start();
      else this.#stop();
    });
    find('mic-room').addEventListener('input', () => this.#link());
    addEventListener('pagehide', () => this.#giveUp());
    navigator.mediaDevices?.addEventListener('devicechange', () => this.#listDevices());
    settings.addEventListener('change', () => this.show());
    find('language').addEventListener('click', () => {
      parameters.delete('lang');
      settings.set({ language: pageLanguage() === 'fr' ? 'en' : 'fr' });
    });
    this.show();
    if (!globalThis.isSecureContext) this.#fail('insecure');
  }

  /** Show everything in the language and colours that are set. */
  show() {
    speak(parameters.get('lang') || settings.get('language'));
    settings.apply(this.#captions);
    this.#captions.removeAttribute('lines');
    this.#captions.lang = pageLanguage();
    document.title = `${texts().micTitle} – ${texts().tagline}`;
    this.#listDevices();
    this.#link();
    this.#tell(this.#state);
  }

  async #start() {
    this.#error = () => '';
    this.#tell('asking');
    this.#captions.clear();
    const microphone = new Microphone();
    try {
      await microphone.open(find('mic-device').value);
    } catch (error) {
      await microphone.close();
      if (!(error instanceof NoMicrophone)) throw error;
      this.#fail(error.problem);
      return;
    }
    this.#microphone = microphone;
    microphone.addEventListener('unplugged', () => this.#fail('unplugged'));
    microphone.addEventListener('block', ({ detail }) => this.#heard(detail));
    this.#listDevices(); // they have names from now on
    this.#tell('connecting');
    this.#connect();
  }

  #connect() {
    const session = new LiveSession(this.#config());
    this.#session = session;
    const on = (type, action) => session.addEventListener(type, ({ detail }) => {
      if (this.#session === session) action(detail);
    });
    on('message', (message) => this.#told(message));
    on('lost', (detail) => this.#lost(detail));
    on('closed', ({ problem }) => this.#closed(problem));
  }

  #config() {
    const name = find('mic-name').value.trim() || texts().me;
    return {
      type: 'config',
      room: find('mic-room').value.trim(),
      track: `mic-${randomName()}`,
      speaker: name,
      speaker_name: name,
      format: { encoding: 'linear16', sample_rate: this.#microphone.sampleRate, channels: 1 },
      interim_results: true,
    };
  }

  #heard({ pcm, peak }) {
    if (!this.#session || this.#state === 'stopping') return;
    this.#meter(peak);
    if (!this.#session.send(new Int16Array(pcm))) this.#fail('slow');
  }

  #told({ type, ...data }) {
    if (type === 'started') {
      this.#captions.receive('started', data);
      this.#error = () => '';
      this.#tell(this.#state === 'stopping' ? 'stopping' : 'running');
    } else if (type === 'caption') this.#captions.receive('caption', data);
  }

  /** The session tries again by itself; what is said meanwhile is kept for it. */
  #lost({ problem }) {
    this.#captions.disconnect();
    this.#error = () => (problem ? refusal(problem) : texts().micErrors.lost);
    this.#tell(this.#state === 'stopping' ? 'stopping' : 'reconnecting');
  }

  #closed(problem) {
    this.#close();
    if (problem?.code === 'UNAUTHENTICATED') {
      this.#askForToken();
      return;
    }
    this.#error = () => (problem ? refusal(problem) : '');
    this.#tell('idle');
  }

  async #askForToken() {
    this.#error = () => '';
    this.#tell('idle');
    find('mic').hidden = true;
    await askForToken(find('login'));
    find('mic').hidden = false;
    this.#start();
  }

  #stop() {
    this.#microphone?.close();
    this.#meter(0);
    this.#tell('stopping');
    this.#session?.end();
    this.#patience = setTimeout(() => this.#giveUp(), PATIENCE);
  }

  #giveUp() {
    this.#close();
    this.#tell('idle');
  }

  #fail(problem) {
    this.#error = () => texts().micErrors[problem];
    this.#giveUp();
  }

  #close() {
    clearTimeout(this.#patience);
    const session = this.#session;
    this.#session = null;
    session?.close();
    this.#microphone?.close();
    this.#microphone = null;
    this.#captions.disconnect();
    this.#meter(0);
  }

  #tell(state) {
    this.#state = state;
    const idle = state === 'idle';
    const toggle = find('mic-toggle');
    toggle.textContent = idle ? texts().start : texts().stop;
    toggle.disabled = state === 'asking' || state === 'stopping';
    toggle.classList.toggle('danger', !idle);
    for (const id of ['mic-name', 'mic-room', 'mic-device']) find(id).disabled = !idle;
    find('mic-form').dataset.state = find('mic-state').dataset.state = state;
    setText(find('mic-state'), texts().micStates[state]);
    setText(find('mic-error'), this.#error());
  }

  #meter(peak) {
    // Loudness as people hear it: 60 dB from end to end.
    const level = peak > 0.001 ? Math.round(100 + (100 / 60) * 20 * Math.log10(peak)) : 0;
    find('mic-meter').setAttribute('aria-valuenow', String(level));
    find('mic-meter').style.setProperty('--level', `${level}%`);
  }

  #link() {
    const room = find('mic-room').value.trim();
    find('mic-watch').href = `./?${new URLSearchParams({ room })}`;
  }

  async #listDevices() {
    const select = find('mic-device');
    const chosen = select.value;
    const found = await microphones();
    const t = texts();
    select.replaceChildren(
      make('option', { value: '' }, t.anyDevice),
      ...found.filter(({ deviceId }) => deviceId !== 'default').map(({ deviceId, label }, index) => (
        make('option', { value: deviceId }, label || t.nthDevice(index + 1)))),
    );
    if ([...select.options].some(({ value }) => value === chosen)) select.value = chosen;
  }
}

/** Why the service refused, in the language of the page where it has words for that. */
function refusal({ code, field, message }) {
  const { refused, problems } = texts().micErrors;
  return problems[field] ?? problems[code] ?? refused(message);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function randomName() {
  return Math.random().toString(36).slice(2, 7);
}

new MicrophonePage();
