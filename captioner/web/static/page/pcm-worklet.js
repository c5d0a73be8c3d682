/** In the audio thread: sound to blocks of 16-bit samples, each with its loudest. */

const BLOCK_SECONDS = 0.1;

class PcmWorklet extends AudioWorkletProcessor {
  #block = new Int16Array(Math.round(sampleRate * BLOCK_SECONDS));
  #filled = 0;
  #peak = 0;

  process([input]) {
    const channels = input.length;
    for (let i = 0; channels && i < input[0].length; i += 1) {
      let sum = 0;
      for (const channel of input) sum += channel[i];
      this.#add(Math.max(-1, Math.min(1, sum / channels)));
    }
    return true;
  }

  #add(sample) {
    this.#peak = Math.max(this.#peak, Math.abs(sample));
    this.#block[this.#filled] = Math.round(sample * 32767);
    this.#filled += 1;
    if (this.#filled < this.#block.length) return;
    const { buffer } = this.#block;
    this.port.postMessage({ pcm: buffer, peak: this.#peak }, [buffer]);
    this.#block = new Int16Array(Math.round(sampleRate * BLOCK_SECONDS));
    this.#filled = 0;
    this.#peak = 0;
  }
}

registerProcessor('captioner-pcm', PcmWorklet);
