/** Text in pieces to server-sent events, as the HTML standard reads them. */
export class EventStreamReader {
  #rest = '';
  #type = '';
  #data = [];
  #id = undefined;

  /** Take a piece; returns the events that it completes, as {type, data, id}. */
  push(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.#data.length) events.push(this.#event());
      else this.#type = '';
    }
    return events;
  }

  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
  }

  #event() {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id };
    this.#type = '';
    this.#data = [];
    return event;
  }
}
