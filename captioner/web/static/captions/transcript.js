export const MOST_FINALS = 20_000; // a day of talk; older ones are in the transcript

/** The captions of a room: each at its latest revision. */
export class Transcript {
  /** In the order of delivery. */
  finals = [];
  /** Of each track the one that may still change. */
  interims = new Map();
  #known = new Set();

  /** Take a caption; says what it is: 'final', 'interim', 'retracted', or '' when it is not new. */
  receive(caption) {
    if (this.#known.has(caption.id)) return '';
    const before = this.interims.get(caption.track);
    if (!caption.final) {
      if (before?.id === caption.id && before.revision >= caption.revision) return '';
      this.interims.set(caption.track, caption);
      return 'interim';
    }
    if (before?.id === caption.id) this.interims.delete(caption.track);
    this.#known.add(caption.id);
    if (!caption.text.trim()) return 'retracted';
    this.finals.push(caption);
    if (this.finals.length > MOST_FINALS) this.#known.delete(this.finals.shift().id);
    return 'final';
  }

  /** A caption is gone without a final; it may come back. Returns it, if it was there. */
  retract(id) {
    const caption = [...this.interims.values()].find((each) => each.id === id);
    if (caption) this.interims.delete(caption.track);
    return caption;
  }

  /** Forget everything. */
  clear() {
    this.finals = [];
    this.interims.clear();
    this.#known.clear();
  }
}

/** A caption's text in two, as it is shown: what will not change any more, and the rest. */
export function committedAndRest({ text, committed, language }) {
  const characters = Array.from(text); // the service counts characters, not UTF-16 units
  const end = committed + (characters[committed] === ' ' ? 1 : 0);
  return [characters.slice(0, end), characters.slice(end)].map(
    (part) => typeset(part.join(''), language),
  );
}

/** A final's text as it is shown. */
export function shown({ text, language }) {
  return typeset(text, language);
}

/** The no-break spaces of French punctuation: the service sends plain ones. */
export function typeset(text, language) {
  if (!language?.startsWith('fr')) return text;
  return text
    .replace(/(?<=[^\s«([])[ \u00a0\u202f]*([;!?]+)(?=[\s:»)\]"'”’.,…]|$)/g, '\u202f$1')
    .replace(/(?<=[^\s«([])[ \u00a0\u202f]*:(?=[\s»]|$)/g, '\u00a0:')
    .replace(/«[ \u00a0\u202f]*(?=\S)/g, '«\u202f')
    .replace(/(?<=\S)[ \u00a0\u202f]*»/g, '\u202f»');
}
