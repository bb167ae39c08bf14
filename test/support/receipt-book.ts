// pure: what a host has signed for, life after life, as its owners heard it; what it says later must agree.
import type { HeldShard } from '../../packages/bat-node/src/wire/frames.ts';
import type { WireFile, WireShard } from './wire-host.ts';

/** `storing` and `releasing`: asked for, no answer heard; both ends are right then. */
export type Fate = 'absent' | 'storing' | 'stored' | 'releasing';

export interface SignedLease {
  readonly leaseUntilMs: number;
  readonly isCommitted: boolean;
}

/** One file at the host. */
export interface BookedFile {
  readonly name: string;
  /** Names the bytes of its shards. */
  readonly content: string;
  readonly file: WireFile;
  /** Which of the owners it belongs to. */
  readonly owner: number;
  /** By segment. */
  readonly fates: Fate[];
  /** The longest that a receipt promised. */
  lease: SignedLease | undefined;
}

const idOf = (shard: WireShard): string => Buffer.from(shard.order.shardId).toString('hex');

export class ReceiptBook {
  readonly files: BookedFile[] = [];
  /** Hex. */
  readonly #everSeen = new Set<string>();

  add(name: string, file: WireFile, owner: number, content: string = name): BookedFile {
    const booked: BookedFile = { name, content, file, owner, fates: file.shards.map(() => 'absent'), lease: undefined };
    this.files.push(booked);
    for (const shard of file.shards) this.#everSeen.add(idOf(shard));
    return booked;
  }

  /** Forgets what the host was released of, and checked for once more. */
  forget(booked: BookedFile): void {
    this.files.splice(this.files.indexOf(booked), 1);
  }

  /** A receipt with a lease. */
  signed(booked: BookedFile, { leaseUntilMs, isCommitted }: SignedLease): void {
    const before = booked.lease;
    booked.lease = {
      leaseUntilMs: Math.max(leaseUntilMs, before?.leaseUntilMs ?? 0),
      isCommitted: isCommitted || before?.isCommitted === true,
    };
  }

  /** Lays what the host says beside what it had signed; what was in doubt is settled by its word. Every contradiction. */
  compare(booked: BookedFile, held: readonly HeldShard[]): string[] {
    const { name, file, fates } = booked;
    const faults: string[] = [];
    const said = new Map(held.map((shard) => [shard.segment, shard]));
    for (const [segment, fate] of fates.entries()) {
      const shard = said.get(segment);
      const isHeld = shard !== undefined;
      if (fate === 'stored' && !isHeld) faults.push(`${name}/${segment} was acknowledged and is lost`);
      if (fate === 'absent' && isHeld) faults.push(`${name}/${segment} was released, or never stored, and is there`);
      if (shard?.isDamaged === true) faults.push(`${name}/${segment} is damaged`);
      if (isHeld && Buffer.from(shard.shardId).toString('hex') !== idOf(file.shards[segment] as WireShard)) {
        faults.push(`${name}/${segment} is another shard`);
      }
      fates[segment] = isHeld ? 'stored' : 'absent';
    }
    if (!fates.includes('stored')) booked.lease = undefined;
    if (held.some(({ segment, index }) => index !== 0 || segment >= fates.length)) faults.push(`${name} has places that nobody filled`);
    return faults;
  }

  /** Distinct shards at the host, hex, with their lengths. */
  heldShards(): ReadonlyMap<string, number> {
    const shards = new Map<string, number>();
    for (const { file, fates } of this.files) {
      for (const [segment, shard] of file.shards.entries()) if (fates[segment] === 'stored') shards.set(idOf(shard), shard.order.length);
    }
    return shards;
  }

  /** True for a shard, hex, that was ever under way. */
  hasSeen(shard: string): boolean {
    return this.#everSeen.has(shard);
  }

  /** Files of which the host has something. */
  heldFiles(): BookedFile[] {
    return this.files.filter(({ fates }) => fates.includes('stored'));
  }
}
