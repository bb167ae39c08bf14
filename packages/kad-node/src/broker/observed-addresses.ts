// pure: our own address as others saw it, one vote per peer; nodes learn where they are from what several observe.
import { type Address, equalAddress, equalBytes, formatAddress, type NodeId, networkGroup } from '@batchain/shared';
import { ADDRESS_VOTES_MAX } from '../limits.ts';

export interface ObservedAddress {
  readonly address: Address;
  /** Peers that saw it, counting one network group (/24, /48) once: a single operator cannot outvote others. */
  readonly votes: number;
}

interface Vote {
  readonly voter: NodeId;
  readonly group: string;
  readonly address: Address;
}

/** The latest ADDRESS_VOTES_MAX peers' views. */
export class ObservedAddresses {
  readonly #votes: Vote[] = [];
  /** What all ADDRESS_VOTES_MAX votes say, when they agree. */
  #unanimous: Address | undefined;

  /** The id is kept as it is. */
  note(voter: NodeId, voterAddress: Address, address: Address): void {
    // The usual case, at every answer: all votes are in, and all say the same as this one.
    if (this.#unanimous !== undefined && equalAddress(this.#unanimous, address)) return;
    const at = this.#votes.findIndex((vote) => equalBytes(vote.voter, voter));
    const known = this.#votes[at];
    if (known !== undefined && equalAddress(known.address, address)) return;
    if (at >= 0) this.#votes.splice(at, 1);
    else if (this.#votes.length >= ADDRESS_VOTES_MAX) this.#votes.shift();
    this.#votes.push({ voter, group: networkGroup(voterAddress.host), address });
    const isUnanimous = this.#votes.length === ADDRESS_VOTES_MAX && this.#votes.every((vote) => equalAddress(vote.address, address));
    this.#unanimous = isUnanimous ? address : undefined;
  }

  /** Most votes first. */
  tally(): ObservedAddress[] {
    const groups = new Map<string, { address: Address; groups: Set<string> }>();
    for (const { address, group } of this.#votes) {
      const name = formatAddress(address);
      const entry = groups.get(name) ?? { address, groups: new Set() };
      entry.groups.add(group);
      groups.set(name, entry);
    }
    return [...groups.values()].map((entry) => ({ address: entry.address, votes: entry.groups.size })).sort((a, b) => b.votes - a.votes);
  }
}
