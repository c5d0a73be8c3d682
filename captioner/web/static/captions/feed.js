import { EventStreamReader } from './event-stream.js';

const SILENCE = 25_000; // ms without a byte, heartbeats included, after which a connection is dead
const FIRST_PAUSE = 1000; // ms before the second attempt; doubles from there
const LONGEST_PAUSE = 30_000; // ms

/**
 * Follows a room and never gives up: reconnects where it was, with growing pauses.
 *
 * Not an EventSource, because that one hides heartbeats, statuses and how long it will wait.
 * Tells `state` ({state, retryIn, message}) and `message` ({type, data}) events.
 */
export class CaptionFeed extends EventTarget {
  #url;
  #token;
  #credentials;
  #position = '';
  #pause = FIRST_PAUSE;
  #over = null;
  #hurry = null;
  #heard = 0;
  #connection = null;

  /** A feed of the room at `url`; `token` goes into each request, in place of cookies. */
  constructor(url, { token = '', credentials = 'same-origin' } = {}) {
    super();
    this.#url = url;
    this.#token = token;
    this.#credentials = credentials;
  }

  /** Begin, or begin again after `stop` or the end; goes on where it was. */
  start() {
    this.stop();
    this.#over = new AbortController();
    const { signal } = this.#over;
    addEventListener('online', () => this.hurry(), { signal });
    document.addEventListener('visibilitychange', () => this.#look(), { signal });
    this.#run(signal);
  }

  /** Close the connection and tell nothing more. */
  stop() {
    this.#over?.abort();
    this.#connection?.abort();
  }

  /** Try now, not at the end of the pause. */
  hurry() {
    this.#hurry?.();
  }

  async #run(signal) {
    while (!signal.aborted) {
      const pause = await this.#follow(signal);
      if (signal.aborted || pause === undefined) return;
      await this.#wait(pause, signal);
    }
  }

  /** Follow once; the ms to wait before the next time, undefined when there is none. */
  async #follow(signal) {
    this.#connection = new AbortController();
    this.#heard = performance.now();
    const watchdog = setInterval(() => this.#watch(), 1000);
    try {
      const response = await this.#request();
      if (signal.aborted) return undefined;
      if (!response.ok) return await this.#refused(response);
      return await this.#read(response, signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      return this.#nextPause(); // the network's errors, and the watchdog's
    } finally {
      clearInterval(watchdog);
      this.#connection.abort();
    }
  }

  #request() {
    const headers = { Accept: 'text/event-stream' };
    if (this.#position) headers['Last-Event-ID'] = this.#position;
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const credentials = this.#token ? 'omit' : this.#credentials;
    return fetch(this.#url, {
      headers, credentials, cache: 'no-store', signal: this.#connection.signal,
    });
  }

  async #refused(response) {
    const { status } = response;
    const message = parsed(await response.text())?.detail ?? `HTTP ${status}`;
    if (status === 401 || status === 403) return this.#tell('unauthorized', { message });
    if (status < 500 && status !== 408 && status !== 429) return this.#tell('refused', { message });
    const wanted = 1000 * Number(response.headers.get('Retry-After'));
    return Math.max(Math.min(wanted || 0, LONGEST_PAUSE), this.#nextPause());
  }

  async #read(response, signal) {
    const events = new EventStreamReader();
    const stream = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await stream.read();
      if (signal.aborted) return undefined;
      if (done) return this.#nextPause();
      this.#heard = performance.now();
      for (const event of events.push(value)) {
        if (event.id !== undefined) this.#position = event.id;
        if (!this.#take(event)) return undefined;
      }
    }
  }

  /** Pass an event on; false when it is the last one. */
  #take({ type, data }) {
    const message = parsed(data);
    if (type === 'started') {
      this.#pause = FIRST_PAUSE;
      this.#tell('connected');
    }
    if (type === 'reset') this.#position = '';
    if (message !== undefined) {
      this.dispatchEvent(new CustomEvent('message', { detail: { type, data: message } }));
    }
    if (type === 'ended') this.#tell('ended');
    return type !== 'ended';
  }

  #nextPause() {
    const pause = this.#pause * (0.5 + Math.random() / 2); // so that readers do not come as one
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    return pause;
  }

  async #wait(pause, signal) {
    const until = performance.now() + pause;
    let hurried = false;
    this.#hurry = () => { hurried = true; this.#wake?.(); };
    while (!signal.aborted && !hurried) {
      const left = until - performance.now();
      this.#tell('reconnecting', { retryIn: Math.max(0, Math.ceil(left / 1000)) });
      if (left <= 0) break;
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, Math.min(left, 1000));
        signal.addEventListener('abort', resolve, { once: true });
      });
    }
    this.#hurry = null;
  }

  #wake = null;

  #watch() {
    if (performance.now() - this.#heard > SILENCE) this.#connection.abort();
  }

  #look() {
    if (document.visibilityState !== 'visible') return;
    this.hurry();
    this.#watch();
  }

  #tell(state, { retryIn = 0, message = '' } = {}) {
    this.dispatchEvent(new CustomEvent('state', { detail: { state, retryIn, message } }));
  }
}

function parsed(data) {
  try {
    return JSON.parse(data || '{}');
  } catch {
    return undefined; // of a later version, or damaged on the way
  }
}
