// pure: which host takes which shard of a segment; slots rotate so that data and parity spread over all hosts.

/** `n` slots filled with distinct hosts, and spares that take over. H is any host object. */
export class HostSlots<H> {
  readonly #slots: (H | undefined)[];
  readonly #spares: H[];

  constructor(hosts: readonly H[], totalShards: number) {
    this.#slots = Array.from({ length: totalShards }, (_, i) => hosts[i]);
    this.#spares = hosts.slice(totalShards);
  }

  /** The host of shard `index` of a segment; undefined when its slot lost its host and no spare was left. */
  hostFor(segment: number, index: number): H | undefined {
    return this.#slots[(index + segment) % this.#slots.length];
  }

  /** Replaces a host in its slot for all later shards; undefined when no spare is left (the slot stays empty). */
  replace(host: H): H | undefined {
    const at = this.#slots.indexOf(host);
    if (at < 0) return undefined;
    const spare = this.#spares.shift();
    this.#slots[at] = spare;
    return spare;
  }

  /** A spare for one shard only, kept as a spare: used when a host is slow, not gone. */
  borrow(isFit: (host: H) => boolean): H | undefined {
    return this.#spares.find(isFit);
  }

  /** Hosts in slots and spares. */
  all(): readonly H[] {
    return [...this.#slots.filter((host): host is H => host !== undefined), ...this.#spares];
  }
}
