// pure: which host takes which shard of a segment; slots rotate so that data and parity spread over all hosts.

/** `n` slots filled with distinct hosts, and spares that take over. H is any host object. */
export class HostSlots<H> {
  readonly #slots: (H | undefined)[];
  #spares: H[];

  constructor(hosts: readonly H[], totalShards: number) {
    this.#slots = Array.from({ length: totalShards }, (_, i) => hosts[i]);
    this.#spares = hosts.slice(totalShards);
  }

  /** The host of shard `index` of a segment; undefined when its slot lost its host and no spare was left. */
  hostFor(segment: number, index: number): H | undefined {
    return this.#slots[(index + segment) % this.#slots.length];
  }

  /** Takes a host out for good; the first fit spare takes its slot for all later shards, the slot stays empty without one. */
  retire(host: H, isFit: (spare: H) => boolean): void {
    this.#spares = this.#spares.filter((spare) => spare !== host);
    const at = this.#slots.indexOf(host);
    if (at >= 0) this.#slots[at] = this.#takeSpare(isFit);
  }

  /** A spare for one shard only, kept as a spare: used when a host is slow, not gone. */
  borrow(isFit: (spare: H) => boolean): H | undefined {
    return this.#spares.find(isFit);
  }

  /** A host that was found later: for the first empty slot, else a spare. */
  add(host: H): void {
    const at = this.#slots.indexOf(undefined);
    if (at >= 0) this.#slots[at] = host;
    else this.#spares.push(host);
  }

  #takeSpare(isFit: (spare: H) => boolean): H | undefined {
    const spare = this.#spares.find(isFit);
    this.#spares = this.#spares.filter((other) => other !== spare);
    return spare;
  }
}
