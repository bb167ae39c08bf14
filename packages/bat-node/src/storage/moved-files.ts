// driven: what a host remembers of shards that it handed over: to whom each went, until the lease that it was under would have ended.
import {
  bytesOf,
  equalBytes,
  fail,
  idOf,
  listOf,
  type NodeId,
  ok,
  type Result,
  recordOf,
  type Shape,
  tupleOf,
  uintOf,
} from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { MOVED_FILES_MAX, MOVED_HOSTS_MAX, SHARDS_PER_FILE_MAX, TOTAL_SHARDS_MAX } from '../limits.ts';
import type { MovedFile, ShardRef, StoreRefusal } from '../ports.ts';
import { type HostedEntry, hasPlace } from './hosted-ledger.ts';
import { type Place, placeOf } from './hosted-records.ts';
import type { LeaseClock } from './lease-clock.ts';
import type { StoreCommitter } from './store-committer.ts';
import type { StoreIndex } from './store-index.ts';

/** Who got what of one file. */
export interface MovedRow {
  /** Who proves this key is told. */
  readonly accessKey: Uint8Array;
  /** Store time. */
  readonly untilMs: number;
  /** Those that got a shard, or were to get one. */
  readonly hosts: readonly NodeId[];
  /** Places, and whose they are: positions in `hosts`. */
  readonly places: readonly (readonly [Place, number])[];
}

export const movedRowShape: Shape<MovedRow> = recordOf({
  accessKey: bytesOf(32),
  untilMs: uintOf(),
  hosts: listOf(idOf<NodeId>(), MOVED_HOSTS_MAX),
  places: listOf(tupleOf<readonly [Place, number]>(uintOf(), uintOf(MOVED_HOSTS_MAX - 1)), SHARDS_PER_FILE_MAX),
});

/** The row with this host in it, and with the place as the host's; a file that was handed to more hosts than there may be forgets some. */
export function withMoved(
  row: MovedRow | undefined,
  facts: { readonly accessKey: Uint8Array; readonly untilMs: number },
  host: NodeId,
  place: Place | undefined,
): MovedRow {
  const before = row ?? { ...facts, hosts: [], places: [] };
  const known = before.hosts.findIndex((other) => equalBytes(other, host));
  const isFull = known < 0 && before.hosts.length >= MOVED_HOSTS_MAX;
  const at = known >= 0 ? known : isFull ? MOVED_HOSTS_MAX - 1 : before.hosts.length;
  const hosts = known >= 0 ? before.hosts : [...before.hosts.slice(0, at), host];
  const kept = before.places.filter(([other, owner]) => other !== place && !(isFull && owner === at));
  const places = place === undefined ? kept : [...kept.slice(-(SHARDS_PER_FILE_MAX - 1)), [place, at] as const];
  return { accessKey: facts.accessKey, untilMs: Math.max(before.untilMs, facts.untilMs), hosts, places };
}

/** What of these rows is to be forgotten: what is over, and the earliest beyond the count. */
export function findForgotten(rows: readonly (readonly [FileId, number])[], atMs: number, countMax: number): FileId[] {
  const left = rows.filter(([, untilMs]) => untilMs > atMs).sort(([, a], [, b]) => a - b);
  const over = rows.filter(([, untilMs]) => untilMs <= atMs);
  return [...over, ...left.slice(0, Math.max(0, left.length - countMax))].map(([fileId]) => fileId);
}

interface MovedParts {
  readonly index: StoreIndex;
  readonly committer: StoreCommitter;
  readonly clock: LeaseClock;
}

export class MovedFiles {
  readonly #parts: MovedParts;

  constructor(parts: MovedParts) {
    this.#parts = parts;
  }

  get(fileId: FileId): MovedFile | undefined {
    const row = this.#parts.index.moved(fileId);
    if (row === undefined) return undefined;
    const places = row.places.flatMap(([place, at]) => {
      const host = row.hosts[at];
      return host === undefined ? [] : [{ segment: Math.floor(place / TOTAL_SHARDS_MAX), index: place % TOTAL_SHARDS_MAX, host }];
    });
    return { accessKey: row.accessKey, hosts: row.hosts, places };
  }

  /** Durable when it resolves. Without a place only the host is remembered: the one to go on with. */
  note(entry: HostedEntry, host: NodeId, ref: ShardRef | undefined): Promise<Result<void, StoreRefusal | 'not-held'>> {
    const { committer, index } = this.#parts;
    return committer.run((round): Result<void, 'not-held'> => {
      const file = round.file(entry);
      if (file === undefined || (ref !== undefined && !hasPlace(entry, placeOf(ref)))) return fail('not-held');
      const facts = { accessKey: file.accessKey, untilMs: file.endsAtMs };
      const before = round.edit.moved(file.fileId) ?? index.moved(file.fileId);
      round.edit.putMoved(file.fileId, withMoved(before, facts, host, ref && placeOf(ref)));
      return ok(undefined);
    });
  }

  /** Forgets what is over. */
  async expire(): Promise<void> {
    const { committer, index, clock } = this.#parts;
    const rows: (readonly [FileId, number])[] = [];
    for await (const [fileId, { untilMs }] of index.movedRows()) rows.push([fileId, untilMs]);
    const forgotten = findForgotten(rows, clock.now().atMs, MOVED_FILES_MAX);
    if (forgotten.length === 0) return;
    await committer.run((round) => {
      for (const fileId of forgotten) round.edit.putMoved(fileId, undefined);
      return ok(undefined);
    });
  }
}
