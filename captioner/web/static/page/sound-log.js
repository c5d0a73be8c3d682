/** The last seconds of what was heard, to send them again when a connection was lost. */
export class SoundLog {
  #most;
  #blocks = []; // [its first sample, its samples], in order and without holes
  /** How many samples were heard. */
  end = 0;

  /** A log of the last `most` samples, by whole blocks. */
  constructor(most) {
    this.#most = most;
  }

  /** Samples before this one are forgotten. */
  get start() {
    return this.#blocks[0]?.[0] ?? this.end;
  }

  /** Keep a block of 16-bit samples. */
  append(samples) {
    this.#blocks.push([this.end, samples]);
    this.end += samples.length;
    while (this.end - this.#blocks[0][0] > this.#most) this.#blocks.shift();
  }

  /** What is kept from a sample on, as blocks with their first samples. */
  from(start) {
    return this.#blocks
      .filter(([first, samples]) => first + samples.length > start)
      .map(([first, samples]) => (
        first >= start ? [first, samples] : [start, samples.subarray(start - first)]));
  }
}
