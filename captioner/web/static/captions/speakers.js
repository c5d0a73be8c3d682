export const SPEAKER_STYLES = 8; // colours, each with a shape of its own

/** Gives each speaker a colour and a shape: from their identity, so the same on each screen. */
export class Speakers {
  #styles = new Map();

  /** 0 to SPEAKER_STYLES - 1; two speakers share one only when there are more than that. */
  styleOf(caption) {
    const identity = caption.speaker_id || caption.speaker || caption.track;
    if (!this.#styles.has(identity)) this.#styles.set(identity, this.#free(identity));
    return this.#styles.get(identity);
  }

  /** Forget them. */
  clear() {
    this.#styles.clear();
  }

  #free(identity) {
    let hash = 0;
    for (const character of identity) hash = (31 * hash + character.codePointAt(0)) >>> 0;
    const taken = new Set(this.#styles.values());
    for (let step = 0; step < SPEAKER_STYLES; step += 1) {
      if (!taken.has((hash + step) % SPEAKER_STYLES)) return (hash + step) % SPEAKER_STYLES;
    }
    return hash % SPEAKER_STYLES;
  }
}

/** What to call who speaks. */
export function nameOf(caption, words) {
  return caption.speaker || caption.speaker_id || caption.track || words.somebody;
}

/** For each style a colour on light, a colour on dark, and a shape: none needs to see colours. */
export const SPEAKERS_SHEET = [
  ['#0b4aa2', '#8ab4ff', 'circle(50%)'],
  ['#a5300f', '#ffab91', 'polygon(50% 0, 100% 100%, 0 100%)'],
  ['#18662b', '#7fdc93', 'inset(8%)'],
  ['#6f2da8', '#d3a6ff', 'polygon(50% 0, 100% 50%, 50% 100%, 0 50%)'],
  ['#00626e', '#5fd8e0', 'polygon(0 0, 100% 0, 50% 100%)'],
  ['#a1195b', '#ff9ecb', 'polygon(35% 0, 65% 0, 65% 35%, 100% 35%, 100% 65%, 65% 65%, 65% 100%, 35% 100%, 35% 65%, 0 65%, 0 35%, 35% 35%)'],
  ['#735000', '#f0c34e', 'polygon(0 0, 100% 50%, 0 100%)'],
  ['#475063', '#c3cad5', 'inset(30% 0)'],
].map(([light, dark, shape], index) => `
.speaker-${index} { --speaker: var(--captioner-speaker-${index + 1}, light-dark(${light}, ${dark})); }
.speaker-${index} .mark { clip-path: ${shape}; }`).join('');
