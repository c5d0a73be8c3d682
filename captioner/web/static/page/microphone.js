/** A microphone as a stream of 16-bit samples at 16 kHz. */

const RATE = 16_000; // Hz, of the models: what is above is not worth sending
const WORKLET = new URL('pcm-worklet.js', import.meta.url);

/** Why there is no sound; `problem` is a key of the texts `micErrors`. */
export class NoMicrophone extends Error {
  constructor(problem) {
    super(problem);
    this.problem = problem;
  }
}

const PROBLEMS = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

/** The microphones; without names until the reader has allowed the use of one. */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId);
}

/** Tells `block` ({pcm, peak}) events ten times a second, and `unplugged`. */
export class Microphone extends EventTarget {
  #stream;
  #context;

  /** Samples a second: 16 000, unless the browser insists on the device's own. */
  get sampleRate() {
    return this.#context.sampleRate;
  }

  /** Ask for the microphone, and open it. Throws NoMicrophone. */
  async open(deviceId) {
    if (!globalThis.isSecureContext || !navigator.mediaDevices) throw new NoMicrophone('insecure');
    if (!globalThis.AudioWorkletNode) throw new NoMicrophone('unsupported');
    this.#stream = await getStream(deviceId);
    this.#stream.getAudioTracks()[0].addEventListener('ended', () => {
      this.dispatchEvent(new Event('unplugged'));
    });
    const source = await this.#source();
    await this.#context.audioWorklet.addModule(WORKLET);
    const worklet = new AudioWorkletNode(this.#context, 'captioner-pcm', { numberOfOutputs: 0 });
    worklet.port.onmessage = ({ data }) => {
      this.dispatchEvent(new CustomEvent('block', { detail: data }));
    };
    source.connect(worklet);
    await this.#context.resume();
  }

  /** Close it; again is no error. */
  async close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context && this.#context.state !== 'closed') await this.#context.close();
  }

  async #source() {
    this.#context = new AudioContext({ sampleRate: RATE });
    try {
      return this.#context.createMediaStreamSource(this.#stream);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      await this.#context.close(); // browsers that do not resample a microphone: the service does
      this.#context = new AudioContext();
      return this.#context.createMediaStreamSource(this.#stream);
    }
  }
}

async function getStream(deviceId) {
  try {
    const audio = { channelCount: 1, ...(deviceId && { deviceId: { exact: deviceId } }) };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new NoMicrophone(PROBLEMS[error.name] ?? 'busy');
  }
}
