/** A track sent over a WebSocket, and what the service says of it. */

import { address } from './service.js';

const MOST_WAITING = 512 * 1024; // bytes not sent yet: 16 s; more means that the line is too slow

/** Tells `message` (what the service says, parsed) and `closed` ({code, reason}) events. */
export class LiveSession extends EventTarget {
  #socket;

  /** Open a session with its first message. */
  constructor(config) {
    super();
    const url = address('v1/live');
    url.protocol = url.protocol.replace('http', 'ws');
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener('open', () => this.#socket.send(JSON.stringify(config)));
    this.#socket.addEventListener('message', ({ data }) => {
      this.dispatchEvent(new CustomEvent('message', { detail: JSON.parse(data) }));
    });
    this.#socket.addEventListener('close', ({ code, reason }) => {
      this.dispatchEvent(new CustomEvent('closed', { detail: { code, reason } }));
    });
  }

  /** Send sound; false when too much of it is still waiting. */
  send(pcm) {
    if (this.#socket.readyState !== WebSocket.OPEN) return true;
    if (this.#socket.bufferedAmount > MOST_WAITING) return false;
    this.#socket.send(pcm);
    return true;
  }

  /** Say that nothing follows: the last finals come, then the service closes. */
  end() {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type: 'end' }));
    } else this.close();
  }

  /** Close at once. */
  close() {
    this.#socket.close();
  }
}
