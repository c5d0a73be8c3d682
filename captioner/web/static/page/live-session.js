/** A track sent over a WebSocket, and over the next one when that is lost. */

import { address } from './service.js';
import { SoundLog } from './sound-log.js';

const KEPT = 30; // s of sound: the longest utterance, and what a resumed session takes at once
const AFRESH = 8; // s of it for a new session, which takes no more at once
const MOST_WAITING = 512 * 1024; // bytes not sent yet: 16 s; more means that the line is too slow
const FIRST_PAUSE = 250; // ms before the second attempt; doubles from there
const LONGEST_PAUSE = 5000; // ms
const SILENCE = 15_000; // ms: the service says something every 5 s

// What will be no better the next time.
const FINAL_PROBLEMS = new Set([
  'INVALID_REQUEST', 'UNSUPPORTED_AUDIO', 'UNAUTHENTICATED', 'PERMISSION_DENIED',
  'SESSION_TAKEN_OVER', 'TOO_LARGE',
]);

/**
 * Tells `message` (what the service says, parsed), `lost` ({retryIn, problem}) and, once, `closed`
 * ({problem}). A problem is an error of the service ({code, message, field}), or null.
 */
export class LiveSession extends EventTarget {
  #config;
  #rate;
  #log;
  #socket = null;
  #token = '';
  #base = 0; // the session's sample 0, counted from the first that was heard
  #finalized = 0; // counted likewise
  #ready = false; // the service has answered, and takes sound
  #ending = false;
  #over = false;
  #problem = null;
  #pause = FIRST_PAUSE;
  #timer = 0;
  #watchdog = 0;
  #heard = 0;

  /** A session with this first message, which says the format. */
  constructor(config) {
    super();
    this.#config = config;
    this.#rate = config.format.sample_rate;
    this.#log = new SoundLog(KEPT * this.#rate);
    this.#open();
    this.#watchdog = setInterval(() => this.#watch(), 1000);
  }

  /** Send sound, now or when there is a connection; false when too much of it is waiting. */
  send(samples) {
    this.#log.append(samples);
    if (!this.#ready) return true;
    if (this.#socket.bufferedAmount > MOST_WAITING) return false;
    this.#socket.send(samples);
    return true;
  }

  /** Say that nothing follows: the last finals come, then `closed`. */
  end() {
    this.#ending = true;
    if (this.#ready) this.#say({ type: 'end' });
  }

  /** Close at once. */
  close() {
    if (this.#ready && !this.#ending) this.#say({ type: 'end' });
    this.#stop();
  }

  #open() {
    const socket = new WebSocket(webSocketAddress());
    this.#socket = socket;
    this.#problem = null;
    this.#heard = performance.now();
    const on = (type, action) => socket.addEventListener(type, (event) => {
      if (this.#socket === socket) action(event);
    });
    on('open', () => this.#say(this.#token
      ? { ...this.#config, resume_token: this.#token }
      : this.#config));
    on('message', ({ data }) => this.#told(JSON.parse(data)));
    on('close', () => this.#closed());
  }

  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #told(message) {
    this.#heard = performance.now();
    const { type } = message;
    if (type === 'started') this.#started(message);
    else if (type === 'progress') this.#finalized = this.#base + message.finalized * this.#rate;
    else if (type === 'reconnect') this.#drain(message.delay);
    else if (type === 'error') this.#problem = message;
    else if (type === 'ended') this.#over = true;
    if (message.resume_token) this.#token = message.resume_token;
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  #started({ resume_from_sample: sample }) {
    this.#pause = FIRST_PAUSE;
    if (!this.#token) this.#beginAfresh();
    this.#ready = true;
    const blocks = this.#log.from(this.#base + sample);
    if (blocks.length) this.#say({ type: 'offset', sample: blocks[0][0] - this.#base });
    for (const [, samples] of blocks) this.#socket.send(samples);
    if (this.#ending) this.#say({ type: 'end' });
  }

  /** A new session begins with what was said a moment ago and is in no final. */
  #beginAfresh() {
    const { start, end } = this.#log;
    const from = Math.max(start, this.#finalized, end - AFRESH * this.#rate);
    this.#base = Math.round(Math.min(from, end));
  }

  /** The service goes away: its last words come, and then it closes. */
  #drain(delay) {
    this.#ready = false;
    this.#pause = Math.max(this.#pause, 1000 * delay);
  }

  #closed() {
    this.#ready = false;
    const problem = this.#problem;
    if (this.#over || isFinal(problem)) {
      this.#stop();
      this.dispatchEvent(new CustomEvent('closed', { detail: { problem } }));
    } else this.#tryAgain(problem);
  }

  #tryAgain(problem) {
    if (isOfToken(problem)) this.#token = '';
    const wanted = Math.max(this.#pause, 1000 * (problem?.retry_after ?? 0));
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    const pause = wanted * (1 + Math.random() / 4); // so that clients do not come as one
    this.#timer = setTimeout(() => this.#open(), pause);
    const retryIn = Math.ceil(pause / 1000);
    this.dispatchEvent(new CustomEvent('lost', { detail: { retryIn, problem } }));
  }

  #watch() {
    const { readyState } = this.#socket;
    if (readyState === WebSocket.CLOSED || performance.now() - this.#heard < SILENCE) return;
    const socket = this.#socket;
    this.#socket = { readyState: WebSocket.CLOSED }; // one that is dead takes minutes to close
    socket.close();
    this.#closed();
  }

  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watchdog);
    const socket = this.#socket;
    this.#socket = { readyState: WebSocket.CLOSED };
    this.#ready = false;
    socket.close?.();
  }
}

function isOfToken(problem) {
  return problem?.code === 'RESUME_EXPIRED' || problem?.field === 'resume_token';
}

function isFinal(problem) {
  return FINAL_PROBLEMS.has(problem?.code) && !isOfToken(problem);
}

function webSocketAddress() {
  const url = address('v1/live');
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}
