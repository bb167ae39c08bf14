// driven: loads and saves what a node keeps over a restart (BN-49).
import { equalBytes, type NodeId, type Runtime, toBatChainError, type Verifier } from '@batchain/shared';
import { checkRecord } from '../records/check-record.ts';
import {
  decodeStatePart,
  encodeState,
  type KadStatePart,
  type KadStateStore,
  type SavedPeer,
  type SavedRecord,
} from '../records/kad-state.ts';
import type { OwnRecords } from '../records/own-records.ts';
import { passOn, type RecordStore } from '../records/record-store.ts';
import type { OwnContact } from './own-contact.ts';

/** Records of our own disk were checked when they came in. */
const TRUSTING: Verifier = { verify: () => true };

export interface StateParts {
  readonly selfId: NodeId;
  readonly ownContact: OwnContact;
  readonly own: OwnRecords;
  readonly records: RecordStore;
  peersToSave(): readonly SavedPeer[];
  rememberPeer(peer: SavedPeer): void;
}

export class StateKeeper {
  readonly #runtime: Runtime;
  readonly #store: KadStateStore;
  readonly #parts: StateParts;

  constructor(runtime: Runtime, store: KadStateStore, parts: StateParts) {
    this.#runtime = runtime;
    this.#store = store;
    this.#parts = parts;
  }

  /** Takes the saved state in. What cannot be read is left out with a warning: the network still has copies. */
  async load(): Promise<void> {
    const counts = { peers: 0, own: 0, records: 0 };
    let sinceSavedMs = 0;
    let isOurs = false;
    try {
      for await (const bytes of this.#store.load()) {
        const part = decodeStatePart(bytes);
        if (!part.ok) {
          this.#runtime.log.warn('kad.state.damaged', { why: part.reason });
          continue;
        }
        if (part.value.type === 'head') {
          const { nodeId, savedMs, contactSequence } = part.value.head;
          sinceSavedMs = Math.max(0, this.#runtime.clock.nowMs() - savedMs);
          isOurs = equalBytes(nodeId, this.#parts.selfId);
          if (isOurs) this.#parts.ownContact.restoreSequence(contactSequence);
        } else this.#restore(part.value, sinceSavedMs, isOurs, counts);
      }
    } catch (error) {
      this.#runtime.log.warn('kad.state.unreadable', { why: toBatChainError(error).message });
    }
    this.#runtime.log.debug('kad.state.loaded', counts);
  }

  /** Saves all of it; rejects when the store does. */
  save(): Promise<void> {
    const { selfId, ownContact, own, records } = this.#parts;
    const { clock } = this.#runtime;
    return this.#store.save(
      encodeState({
        head: { nodeId: selfId, savedMs: Math.floor(clock.nowMs()), contactSequence: ownContact.sequence },
        peers: this.#parts.peersToSave(),
        own: own.save(clock.monotonicMs()),
        records: savedRecords(records, clock.monotonicMs()),
      }),
    );
  }

  #restore(part: Exclude<KadStatePart, { type: 'head' }>, sinceSavedMs: number, isOurs: boolean, counts: Record<string, number>): void {
    const time = { monotonicMs: this.#runtime.clock.monotonicMs(), wallMs: this.#runtime.clock.nowMs() };
    switch (part.type) {
      case 'peers':
        for (const peer of part.peers) this.#parts.rememberPeer(peer);
        counts.peers = (counts.peers ?? 0) + part.peers.length;
        break;
      case 'own':
        if (isOurs) for (const record of part.own) this.#parts.own.restore(record, time.monotonicMs, sinceSavedMs);
        counts.own = (counts.own ?? 0) + part.own.length;
        break;
      case 'records':
        for (const { kind, publisher, bytes, ageMs, hasGrant } of part.records) {
          const facts = checkRecord(TRUSTING, kind, bytes, publisher);
          if (facts.ok) this.#parts.records.put({ ...facts.value, hasGrant }, ageMs + sinceSavedMs, time);
        }
        counts.records = (counts.records ?? 0) + part.records.length;
        break;
    }
  }
}

function* savedRecords(records: RecordStore, nowMs: number): IterableIterator<SavedRecord> {
  for (const record of records.all()) {
    const { bytes, ageMs } = passOn(record, nowMs);
    yield { kind: record.kind, publisher: record.publisher, hasGrant: record.hasGrant, bytes, ageMs };
  }
}
