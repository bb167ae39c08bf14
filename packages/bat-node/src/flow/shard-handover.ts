// driven: hands one shard to one host: offered and sent, signed for, proved by random leaves, and only then forgotten here (SH-04).
import { fail, ok, type Result, type Runtime } from '@batchain/shared';
import { AUDIT_SAMPLES_PER_HOST, chooseLeaves } from '../audit/challenge-plan.ts';
import { LEAF_BYTES } from '../limits.ts';
import type { SignedRoster } from '../manifest/manifest.ts';
import { checkLeaf, leafCount } from '../pipeline/shard.ts';
import type { HostedFile, HostedShard, ShardStore } from '../ports.ts';
import type { ByteSource } from '../transfer/verb-call.ts';
import type { StorageReceipt } from '../wire/frames.ts';
import { CLOCK_SKEW_MS } from './full-lease.ts';
import type { HostPeer } from './host-peer.ts';

/** Why the shard can not be handed to anybody: nobody else needs to be asked. */
const OWN_FAULTS = ['own-damaged', 'own-unreadable', 'own-unwritable', 'released'] as const;
export type OwnFault = (typeof OWN_FAULTS)[number];

export function isOwnFault(reason: string): reason is OwnFault {
  return OWN_FAULTS.some((fault) => fault === reason);
}

/** Who gets what could not be written down; without it a shard would be given away and forgotten, or sent twice after a crash. */
function unwritten(reason: string): OwnFault {
  return reason === 'not-held' ? 'released' : 'own-unwritable';
}

export class ShardHandover {
  readonly #runtime: Runtime;
  readonly #store: ShardStore;
  readonly #peer: HostPeer;
  readonly #signed: SignedRoster;
  readonly #shard: HostedShard;
  readonly #onAccepted: () => Promise<Result<void>>;
  readonly #signal: AbortSignal;
  #isAccepted = false;
  #fault: OwnFault | undefined;

  constructor(
    parts: { readonly runtime: Runtime; readonly store: ShardStore },
    work: {
      readonly peer: HostPeer;
      readonly signed: SignedRoster;
      readonly shard: HostedShard;
      /** The host is about to get bytes: when that can not be written down it gets none. */
      readonly onAccepted: () => Promise<Result<void>>;
    },
    signal: AbortSignal,
  ) {
    this.#runtime = parts.runtime;
    this.#store = parts.store;
    this.#peer = work.peer;
    this.#signed = work.signed;
    this.#shard = work.shard;
    this.#onAccepted = work.onAccepted;
    this.#signal = signal;
  }

  /** Ok: the other host has it, and this one does not any more. */
  async run(): Promise<Result<void>> {
    const file = this.#store.file(this.#shard.fileId);
    const hashes = this.#store.leafHashes(this.#shard);
    if (file === undefined || (!hashes.ok && hashes.reason === 'not-held')) return fail('released');
    if (!hashes.ok) return fail(hashes.reason === 'damaged' ? 'own-damaged' : 'own-unreadable');
    const receipt = await this.#offer(file, hashes.value);
    if (this.#fault !== undefined) return fail(this.#fault);
    if (!receipt.ok) return receipt;
    if (!this.#isLongEnough(receipt.value, file)) return fail('short-lease');
    const proved = await this.#challenge();
    if (!proved.ok) return proved;
    const moved = await this.#store.move(this.#shard, this.#peer.nodeId);
    if (moved.ok) return moved;
    return fail(unwritten(moved.reason), moved.reason);
  }

  #offer(file: HostedFile, leafHashes: readonly Uint8Array[]): Promise<Result<StorageReceipt>> {
    const { fileId, segment, index, shardId, length } = this.#shard;
    const { ownerKey, fileNonce, accessKey, leaseId, leaseUntilMs } = file;
    const order = { fileId, segment, index, ownerKey, fileNonce, accessKey, leaseId, shardId, length };
    const { rosterId, rosterBytes: roster, signature } = this.#signed;
    const handed = { order, leafHashes, rosterId, roster, signature, leaseUntilMs: Math.max(0, Math.round(leaseUntilMs)) };
    const read = this.#source(leafHashes);
    return this.#peer.ask(this.#signal, (client) => client.handoff(handed, read, { signal: this.#signal }));
  }

  /** The shard from the disk, each leaf checked, so that damage shows as what it is. Pieces begin at leaves. */
  #source(leafHashes: readonly Uint8Array[]): ByteSource {
    return async (at, length) => {
      if (!this.#isAccepted) {
        const noted = await this.#onAccepted();
        if (!noted.ok) {
          this.#fault = unwritten(noted.reason);
          return undefined;
        }
        this.#isAccepted = true;
      }
      const read = await this.#store.read(this.#shard, at, length);
      if (!read.ok) {
        this.#fault = read.reason === 'damaged' ? 'own-damaged' : read.reason === 'not-held' ? 'released' : 'own-unreadable';
        return undefined;
      }
      for (let offset = 0; offset < length; offset += LEAF_BYTES) {
        const leaf = (at + offset) / LEAF_BYTES;
        if (checkLeaf(this.#shard.length, leafHashes, leaf, read.value.subarray(offset, offset + LEAF_BYTES))) continue;
        await this.#store.markDamaged(this.#shard);
        this.#fault = 'own-damaged';
        return undefined;
      }
      return read.value;
    };
  }

  /** As long as it was here when it was offered, as far as the owner and a full lease allow; clocks may differ. */
  #isLongEnough({ leaseUntilMs }: StorageReceipt, offered: HostedFile): boolean {
    const { keepUntilMs } = this.#signed.roster;
    const wantedMs = Math.min(offered.leaseUntilMs, keepUntilMs > 0 ? keepUntilMs : Number.POSITIVE_INFINITY);
    return leaseUntilMs + CLOCK_SKEW_MS >= wantedMs;
  }

  async #challenge(): Promise<Result<void>> {
    const { fileId, segment, index, shardId, length } = this.#shard;
    const target = { segment, index, shardId, shardBytes: length };
    const leaves = chooseLeaves(this.#runtime.entropy, leafCount(length), AUDIT_SAMPLES_PER_HOST);
    const proved = await this.#peer.ask(this.#signal, (client) => client.challengeHanded(fileId, target, leaves, { signal: this.#signal }));
    if (proved.ok) return ok(undefined);
    return proved.reason === 'bad-bytes' ? fail('unproved', proved.detail) : proved;
  }
}
