// driven: has the nodes that keep a value hash a range of it, where it lies (BD-45).
import { BatChainError, type NodeId, type Runtime } from '@batchain/shared';
import pLimit from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import type { RecordStore } from '../records/record-store.ts';
import { type ByteRange, digestOf, type ValueDigest } from '../records/value-digest.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { LookupOptions } from './lookup-types.ts';
import type { Lookups } from './lookups.ts';
import type { PeerClient } from './peer-client.ts';

export type DigestKind = 'immutable' | 'mutable';

/** What one node that keeps the value says of it. Nobody vouches for it: a node can say what it likes. */
export interface HeldDigest {
  readonly nodeId: NodeId;
  /** undefined: the range is not within the value as this node has it. */
  readonly digest: Uint8Array | undefined;
  /** Length of the value. */
  readonly bytes: number;
  /** Of a mutable value: which version; 0 for an immutable one. */
  readonly sequence: number;
}

export interface DigestResult {
  /** This node first when it keeps the value, then the others, nearest to the key first. */
  readonly holders: readonly HeldDigest[];
  /** Nodes that answered that they do not keep it, and that did not answer. */
  readonly without: number;
  readonly silent: number;
}

const WHOLE: ByteRange = { offset: 0, length: null };

export class Digester {
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #lookups: Lookups;
  readonly #table: RoutingTable;
  readonly #store: RecordStore;
  readonly #config: KadConfig;

  constructor(
    runtime: Runtime,
    collaborators: { readonly client: PeerClient; readonly lookups: Lookups; readonly table: RoutingTable; readonly store: RecordStore },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#lookups = collaborators.lookups;
    this.#table = collaborators.table;
    this.#store = collaborators.store;
    this.#config = config;
  }

  async digest(key: Uint8Array, kind: DigestKind, range: ByteRange = WHOLE, options: LookupOptions = {}): Promise<DigestResult> {
    checkRange(range);
    const { bucketSize, storesInFlightMax } = this.#config;
    const { contacts } = await this.#lookups.findSecure(key, bucketSize, options);
    const limit = pLimit(storesInFlightMax);
    const request = { type: 'digest', kind, key, ...range } as const;
    const answers = await Promise.all(
      contacts.map(({ nodeId, address }) =>
        limit(async () => {
          const answer = await this.#client.ask({ nodeId, address }, request);
          return { nodeId, response: answer.ok && answer.value.response.type === 'digested' ? answer.value.response : undefined };
        }),
      ),
    );
    options.signal?.throwIfAborted();
    const holders = answers.flatMap(({ nodeId, response }) => (response === undefined ? [] : held(nodeId, response)));
    const silent = answers.filter(({ response }) => response === undefined).length;
    const without = answers.length - silent - holders.length;
    return { holders: [...this.#ownDigest(key, kind, range), ...holders], without, silent };
  }

  #ownDigest(key: Uint8Array, kind: DigestKind, range: ByteRange): HeldDigest[] {
    const nowMs = this.#runtime.clock.monotonicMs();
    const [record] = this.#store.get(kind, key, nowMs);
    return held(this.#table.selfId, digestOf(record, range, nowMs));
  }
}

function held(nodeId: NodeId, said: Pick<ValueDigest, 'digest' | 'bytes' | 'sequence'> & { readonly outcome: string }): HeldDigest[] {
  const { outcome, digest, bytes, sequence } = said;
  if (outcome !== 'done' && outcome !== 'out-of-range') return [];
  return [{ nodeId, digest: outcome === 'done' ? (digest ?? undefined) : undefined, bytes, sequence }];
}

function checkRange({ offset, length }: ByteRange): void {
  const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (isWhole(offset) && (length === null || isWhole(length))) return;
  throw new BatChainError('BAT_E_USAGE', {
    what: `a byte range of ${length} from ${offset}`,
    why: 'both must be whole numbers from 0 up, or the length null: to the end',
  });
}
