// pure: how far something has come of which several copies, or more parts than are needed, may be on their way at once.

/** Only the furthest of its parts count, as many as are needed: nothing counts twice, and what counts never becomes less. */
export class ByteCount {
  readonly #needed: number;
  readonly #parts = new Map<number | string, number>();
  #counted = 0;

  /** `needed`: parts that make the whole; one where the parts are copies of the same. */
  constructor(needed: number) {
    this.#needed = needed;
  }

  /** A part is there up to `bytes`: by how much it has grown, and how many bytes more count now. */
  reach(part: number | string, bytes: number): { readonly grown: number; readonly counted: number } {
    const grown = Math.max(0, bytes - (this.#parts.get(part) ?? 0));
    if (grown === 0) return { grown, counted: 0 };
    this.#parts.set(part, bytes);
    const counted = this.#parts.size <= this.#needed ? grown : this.#sumOfFurthest() - this.#counted;
    this.#counted += counted;
    return { grown, counted };
  }

  #sumOfFurthest(): number {
    const furthest = [...this.#parts.values()].sort((a, b) => b - a).slice(0, this.#needed);
    return furthest.reduce((sum, bytes) => sum + bytes, 0);
  }
}
