// driven: puts records on the nodes nearest to their keys: shared lookups for neighbouring keys, several records per STORE.
import { assert, compareBytes, type NodeId, type Runtime, toHex } from '@batchain/shared';
import pLimit from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import { CONTACT_STORERS_MAX, RECORDS_PER_MESSAGE_MAX, SHARED_LOOKUP_NODES_MIN } from '../limits.ts';
import type { RecordKind } from '../records/record-kind.ts';
import type { PassedRecord } from '../records/record-store.ts';
import { compareDistance, sharedPrefixBits } from '../routing/distance.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import { fitRecords, STORE_ROOM_BYTES } from '../wire/message-sizes.ts';
import type { StoreOutcome, StoreRefusal } from '../wire/messages.ts';
import type { LookupOptions, LookupResult } from './lookup-types.ts';
import type { Lookups } from './lookups.ts';
import type { PeerClient, PeerTarget } from './peer-client.ts';

export interface PublishItem extends PassedRecord {
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Where one item went. */
export interface PublishResult {
  /** Other nodes that keep it now. */
  readonly storedOn: number;
  /** We are among the nearest and keep it ourselves. */
  readonly isKeptHere: boolean;
  /** What the others said instead, each once. */
  readonly refusals: readonly StoreRefusal[];
}

export interface PublishOptions extends LookupOptions {
  /** False for records that we only keep: then storers of announcements do not get our contact record along. True by default. */
  readonly isOurs?: boolean;
}

/** What a node answered to each record of a STORE; undefined when it did not answer. */
export type StoreAnswer = StoreOutcome | undefined;

export interface PublisherHooks {
  /** Our own contact record, sent along to storers of announcements so that they can name it with them. */
  contact(): PassedRecord & { readonly sequence: number };
  /** Keeps a record in our own store. */
  keepHere(kind: RecordKind, record: PassedRecord): boolean;
}

/** True when the nodes that a lookup for `key` found are also those for `other`. */
export function coversKey(found: LookupResult, key: Uint8Array, other: Uint8Array, bucketSize: number): boolean {
  const { contacts, isComplete, stats } = found;
  const farthest = contacts.at(-1);
  if (!isComplete || farthest === undefined) return false;
  // Fewer than asked for is the whole network.
  if (contacts.length < bucketSize) return true;
  // Of a doubtful result nothing is concluded about other keys.
  if (stats.paths > 0) return false;
  const depth = sharedPrefixBits(key, farthest.nodeId);
  if (sharedPrefixBits(key, other) <= depth) return false;
  return contacts.filter((contact) => sharedPrefixBits(key, contact.nodeId) > depth).length >= SHARED_LOOKUP_NODES_MIN;
}

export class Publisher {
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #lookups: Lookups;
  readonly #selfId: NodeId;
  readonly #config: KadConfig;
  readonly #hooks: PublisherHooks;
  /** Storer to the sequence of our contact record that it has, forgotten after half the record's life. */
  readonly #contactStorers: BoundedMap<string, { readonly sequence: number; readonly untilMs: number }>;

  constructor(
    runtime: Runtime,
    collaborators: { readonly client: PeerClient; readonly lookups: Lookups; readonly selfId: NodeId; readonly hooks: PublisherHooks },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#lookups = collaborators.lookups;
    this.#selfId = collaborators.selfId;
    this.#hooks = collaborators.hooks;
    this.#config = config;
    this.#contactStorers = new BoundedMap(CONTACT_STORERS_MAX);
  }

  /** Publishes records of one kind. The results are in the order of the items. Rejects when the signal aborts. */
  async publish(kind: RecordKind, items: readonly PublishItem[], options: PublishOptions = {}): Promise<PublishResult[]> {
    const order = items.map((_, at) => at).sort((a, b) => compareBytes((items[a] as PublishItem).key, (items[b] as PublishItem).key));
    const results: PublishResult[] = [];
    for (let from = 0; from < order.length; ) {
      const key = (items[order[from] as number] as PublishItem).key;
      const found = await this.#lookups.findSecure(key, this.#config.bucketSize, options, 'publish');
      let to = from + 1;
      while (to < order.length && coversKey(found, key, (items[order[to] as number] as PublishItem).key, this.#config.bucketSize)) to++;
      const places = order.slice(from, to);
      const stored = await this.#storeAll(
        kind,
        places.map((place) => items[place] as PublishItem),
        found.contacts,
        options.isOurs ?? true,
      );
      places.forEach((place, i) => {
        results[place] = stored[i] as PublishResult;
      });
      from = to;
    }
    return results;
  }

  /** Publishes one record to the nodes that a lookup for its key has just found. */
  async publishTo(found: LookupResult, kind: RecordKind, item: PublishItem): Promise<PublishResult> {
    const [result] = await this.#storeAll(kind, [item], found.contacts, true);
    return result as PublishResult;
  }

  /** All items of one kind to one node, as many as fit in each STORE; ends with the first that is not answered. */
  async storeOn(kind: RecordKind, storer: PeerTarget, items: readonly PassedRecord[], tries?: number): Promise<StoreAnswer[]> {
    const answers: StoreAnswer[] = items.map(() => undefined);
    for (let at = 0; at < items.length; ) {
      const records = fitRecords(items.slice(at, at + RECORDS_PER_MESSAGE_MAX), STORE_ROOM_BYTES);
      assert(records.length > 0, 'every record fits in a STORE');
      const request = { type: 'store', kind, records: records.map(({ bytes, ageMs }) => ({ bytes, ageMs })) } as const;
      const answer = await this.#client.ask(storer, request, tries);
      if (!answer.ok || answer.value.response.type !== 'stored') return answers;
      const { outcomes } = answer.value.response;
      for (let i = 0; i < records.length; i++) answers[at + i] = outcomes[i];
      at += records.length;
    }
    return answers;
  }

  async #storeAll(
    kind: RecordKind,
    items: readonly PublishItem[],
    storers: readonly ProvedPeer[],
    isOurs: boolean,
  ): Promise<PublishResult[]> {
    const limit = pLimit(this.#config.storesInFlightMax);
    const keepers = items.map((item) => this.#isNear(item.key, storers) && this.#hooks.keepHere(kind, item));
    const store = async (storer: ProvedPeer): Promise<StoreAnswer[]> => {
      if (kind === 'provider' && isOurs) await this.#sendContact(storer);
      return this.storeOn(kind, storer, items);
    };
    const answers = await Promise.all(storers.map((storer) => limit(() => store(storer))));
    return items.map((_, i) => ({ ...tally(answers.map((ofStorer) => ofStorer[i])), isKeptHere: keepers[i] as boolean }));
  }

  /** A storer that knows where we are can say so to whoever asks for the file. */
  async #sendContact(storer: ProvedPeer): Promise<void> {
    const { sequence, bytes, ageMs } = this.#hooks.contact();
    const name = toHex(storer.nodeId);
    const known = this.#contactStorers.get(name);
    const nowMs = this.#runtime.clock.monotonicMs();
    if (known !== undefined && known.sequence === sequence && known.untilMs > nowMs) return;
    const answer = await this.#client.ask(storer, { type: 'store', kind: 'contact', records: [{ bytes, ageMs }] });
    if (!answer.ok) return;
    this.#contactStorers.set(name, { sequence, untilMs: nowMs + this.#config.contactLifetimeMs / 2 });
  }

  /** True when we are one of the nodes that should keep the key. */
  #isNear(key: Uint8Array, storers: readonly ProvedPeer[]): boolean {
    if (storers.length < this.#config.bucketSize) return true;
    return storers.some((storer) => compareDistance(key, this.#selfId, storer.nodeId) < 0);
  }
}

/** How many took a record, and what the others said. */
export function tally(answers: readonly StoreAnswer[]): Pick<PublishResult, 'storedOn' | 'refusals'> {
  const refusals = new Set<StoreRefusal>();
  let storedOn = 0;
  for (const answer of answers) {
    if (answer === 'stored') storedOn++;
    else if (answer !== undefined) refusals.add(answer);
  }
  return { storedOn, refusals: [...refusals] };
}
