// driven: what a store must hold after any crash: a script of steps, what was acknowledged, and the check.
import type { ShardRef, ShardStore } from '@batchain/bat-node';
import { concatBytes, sha256, toHex } from '@batchain/shared';
import { bytesNamed, DISK_BLOCK_BYTES, FULL_LEASE_MS, PROVISIONAL_MS, readShard, storeShard, type TestShard } from './stored-shards.ts';

export type Step =
  | { readonly do: 'put'; readonly shards: readonly TestShard[] }
  /** Writes the first half and gives up. */
  | { readonly do: 'interrupt'; readonly shard: TestShard }
  | { readonly do: 'release'; readonly of: TestShard; readonly isWhole: boolean }
  | { readonly do: 'commit-lease'; readonly of: TestShard }
  | { readonly do: 'roster'; readonly of: TestShard; readonly content: string };

type Fate = 'kept' | 'gone' | 'in doubt';

const keyOf = ({ fileId, segment, index }: ShardRef): string => `${toHex(fileId)}/${segment}/${index}`;

const ROSTER_BYTES = 500;

function listHeld(store: ShardStore): { readonly held: Map<string, ShardRef>; readonly usedBytes: number } {
  const held = new Map<string, ShardRef>();
  const distinct = new Map<string, number>();
  let usedBytes = 0;
  for (const { fileId, rosterId } of store.files()) {
    // Journal and roster.
    usedBytes += rosterId === undefined ? DISK_BLOCK_BYTES : 2 * DISK_BLOCK_BYTES;
    for (const shard of store.shards(fileId, { max: 10_000 })) {
      held.set(keyOf(shard), shard);
      distinct.set(toHex(shard.shardId), shard.length);
    }
  }
  for (const length of distinct.values()) usedBytes += Math.ceil(length / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
  return { held, usedBytes };
}

/** Follows a script and remembers what the store has promised. */
export class StoreModel {
  readonly #shards = new Map<string, { readonly shard: TestShard; fate: Fate }>();
  readonly #leases = new Map<string, { readonly of: TestShard; untilMs: number }>();
  readonly #rosters = new Map<string, { readonly of: TestShard; content: string | undefined }>();
  readonly #isAlive: () => boolean;
  readonly #nowMs: () => number;

  /** What is answered after `isAlive` turned false is no promise: nobody is there to hear it. */
  constructor(isAlive: () => boolean, nowMs: () => number) {
    this.#isAlive = isAlive;
    this.#nowMs = nowMs;
  }

  async follow(store: ShardStore, script: readonly Step[]): Promise<void> {
    for (const step of script) {
      if (!this.#isAlive()) return;
      await this.#step(store, step);
    }
  }

  async #step(store: ShardStore, step: Step): Promise<void> {
    if (step.do === 'put') await Promise.all(step.shards.map((shard) => this.#put(store, shard)));
    else if (step.do === 'interrupt') await this.#interrupt(store, step.shard);
    else if (step.do === 'release') await this.#release(store, step);
    else if (step.do === 'commit-lease') await this.#commitLease(store, step.of);
    else await this.#putRoster(store, step);
  }

  async #put(store: ShardStore, shard: TestShard): Promise<void> {
    const known = { shard, fate: 'in doubt' as Fate };
    const before = this.#shards.get(keyOf(shard.order));
    if (before?.fate !== 'kept') this.#shards.set(keyOf(shard.order), known);
    const kept = await storeShard(store, shard, this.#nowMs() + PROVISIONAL_MS);
    if (this.#isAlive() && kept.ok) known.fate = 'kept';
    else if (this.#isAlive() && before === undefined) known.fate = 'gone';
  }

  async #interrupt(store: ShardStore, { order, bytes, leafHashes }: TestShard): Promise<void> {
    const start = await store.begin(order, leafHashes, this.#nowMs() + PROVISIONAL_MS);
    if (!start.ok || start.value.kind === 'held') return;
    await start.value.writer.write(bytes.subarray(start.value.writer.offset, bytes.length >> 1));
    await start.value.writer.abandon();
  }

  async #release(store: ShardStore, { of, isWhole }: { readonly of: TestShard; readonly isWhole: boolean }): Promise<void> {
    const { fileId } = of.order;
    const affected = [...this.#shards.values()].filter(({ shard }) =>
      isWhole ? toHex(shard.order.fileId) === toHex(fileId) : keyOf(shard.order) === keyOf(of.order),
    );
    for (const known of affected) known.fate = 'in doubt';
    this.#forgetFileUnlessKept(toHex(fileId));
    const count = await store.release(fileId, isWhole ? undefined : [of.order]);
    if (!this.#isAlive() || count === 0) return;
    for (const known of affected) known.fate = 'gone';
  }

  /** Lease and roster go with the last shard. */
  #forgetFileUnlessKept(id: string): void {
    if ([...this.#shards.values()].some(({ shard, fate }) => fate === 'kept' && toHex(shard.order.fileId) === id)) return;
    this.#leases.delete(id);
    this.#rosters.delete(id);
  }

  async #commitLease(store: ShardStore, of: TestShard): Promise<void> {
    const untilMs = this.#nowMs() + FULL_LEASE_MS;
    const lease = await store.extendLease(of.order.fileId, { leaseUntilMs: untilMs, isCommitted: true });
    if (this.#isAlive() && lease.ok) this.#leases.set(toHex(of.order.fileId), { of, untilMs });
  }

  async #putRoster(store: ShardStore, { of, content }: { readonly of: TestShard; readonly content: string }): Promise<void> {
    const roster = bytesNamed(content, ROSTER_BYTES);
    const known = { of, content: undefined as string | undefined };
    this.#rosters.set(toHex(of.order.fileId), known);
    const put = await store.putRoster(of.order.fileId, sha256(roster), roster, bytesNamed('signature', 64));
    if (this.#isAlive() && put.ok) known.content = content;
  }

  /** I9 and I2: exactly what was acknowledged, with the right bytes; what was under way may be there or not. */
  async findFaults(store: ShardStore): Promise<string[]> {
    const faults: string[] = [];
    const { held, usedBytes } = listHeld(store);
    const usage = store.usage();
    if (usage.usedBytes !== usedBytes) faults.push(`counts ${usage.usedBytes} bytes, holds ${usedBytes}`);
    if (usage.reservedBytes !== 0) faults.push(`${usage.reservedBytes} bytes stay reserved`);
    for (const [key, { shard, fate }] of this.#shards) {
      const isHeld = held.delete(key);
      if (fate === 'kept' && !isHeld) faults.push(`lost ${key}`);
      if (fate === 'gone' && isHeld) faults.push(`came back: ${key}`);
      if (isHeld) faults.push(...(await this.#wrongBytes(store, shard, fate)));
    }
    for (const key of held.keys()) faults.push(`never stored: ${key}`);
    faults.push(...this.#wrongLeases(store), ...(await this.#wrongRosters(store)));
    return faults;
  }

  async #wrongBytes(store: ShardStore, shard: TestShard, fate: Fate): Promise<string[]> {
    const bytes = await readShard(store, shard.order);
    // A release that failed half-way may have taken the bytes, never changed them.
    if (typeof bytes === 'string') return fate === 'kept' ? [`no bytes of ${keyOf(shard.order)}: ${bytes}`] : [];
    if (toHex(bytes) !== toHex(shard.bytes)) return [`wrong bytes of ${keyOf(shard.order)}`];
    const leaves = store.leafHashes(shard.order);
    const isRight = leaves.ok && toHex(concatBytes(...leaves.value)) === toHex(concatBytes(...shard.leafHashes));
    return isRight ? [] : [`wrong leaves of ${keyOf(shard.order)}`];
  }

  #wrongLeases(store: ShardStore): string[] {
    return [...this.#leases.values()].flatMap(({ of, untilMs }) => {
      const file = store.file(of.order.fileId);
      return file !== undefined && (!file.isCommitted || file.leaseUntilMs < untilMs) ? [`shorter lease of ${toHex(file.fileId)}`] : [];
    });
  }

  async #wrongRosters(store: ShardStore): Promise<string[]> {
    const faults: string[] = [];
    for (const [id, { of, content }] of this.#rosters) {
      if (content === undefined || store.file(of.order.fileId) === undefined) continue;
      const roster = await store.roster(of.order.fileId);
      if (!roster.ok || toHex(roster.value.roster) !== toHex(bytesNamed(content, ROSTER_BYTES))) faults.push(`lost roster of ${id}`);
    }
    return faults;
  }

  /** What was under way is there or not from now on. */
  settle(store: ShardStore): void {
    for (const known of this.#shards.values()) {
      if (known.fate === 'in doubt') known.fate = store.shard(known.shard.order) === undefined ? 'gone' : 'kept';
    }
  }

  /** Shards that may be there or not. */
  doubtful(): TestShard[] {
    return [...this.#shards.values()].filter(({ fate }) => fate === 'in doubt').map(({ shard }) => shard);
  }
}
