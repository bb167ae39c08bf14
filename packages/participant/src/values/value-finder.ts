// driven: finds the envelope of a value: our own in the catalog, others' and those by hash in the network.
import { type Clock, equalBytes, type NodeId, nodeIdFromPublicKey, toHex } from '@batchain/shared';
import { VALUE_RECORD_WAIT_MS } from '../limits.ts';
import { isExpired, type NetworkValues } from './network-values.ts';
import type { OwnPieces } from './own-pieces.ts';
import { openByHash, openEnvelope, type ValueEnvelope } from './value-envelope.ts';
import { brokenValue, noMembers, shown } from './value-errors.ts';
import { kadNameOf, type ValueKey } from './value-key.ts';
import type { ValueNetwork } from './value-network.ts';
import { withDeadline } from './with-deadline.ts';

export interface FoundEnvelope {
  readonly envelope: ValueEnvelope;
  /** What lies in the hash table. */
  readonly record: Uint8Array;
  /** Of the owner; undefined for a value by hash. */
  readonly publicKey: Uint8Array | undefined;
  /** Node id, hex; undefined for a value by hash. */
  readonly owner: string | undefined;
}

export class ValueFinder {
  readonly #clock: Clock;
  readonly #own: NetworkValues;
  readonly #pieces: OwnPieces;
  readonly #network: ValueNetwork;

  constructor(clock: Clock, parts: { readonly own: NetworkValues; readonly pieces: OwnPieces; readonly network: ValueNetwork }) {
    this.#clock = clock;
    this.#own = parts.own;
    this.#pieces = parts.pieces;
    this.#network = parts.network;
  }

  /** Undefined when there is no such value now. Throws BAT_E_NO_MEMBERS, BAT_E_TIMEOUT, BAT_E_VALUE_BROKEN. */
  async find(key: ValueKey, signal: AbortSignal): Promise<FoundEnvelope | undefined> {
    if (key.kind === 'own' || (key.kind === 'foreign' && this.#isSelf(key.owner))) {
      const { nodeId, publicKey } = this.#network;
      const own = this.#own.find(key.key);
      return own === undefined ? undefined : { ...own, publicKey, owner: toHex(nodeId) };
    }
    const deadline = { afterMs: VALUE_RECORD_WAIT_MS, signal, what: `looking for ${shown(key.key)}` };
    return withDeadline(this.#clock, deadline, (late) =>
      key.kind === 'hash' ? this.#byHash(key.key, key.hash, late) : this.#ofOther(key.key, key.owner, late),
    );
  }

  #isSelf(owner: Uint8Array): boolean {
    return equalBytes(owner, this.#network.nodeId) || equalBytes(owner, this.#network.publicKey);
  }

  async #byHash(key: string, hash: Uint8Array, signal: AbortSignal): Promise<FoundEnvelope | undefined> {
    const kept = this.#pieces.get(hash);
    if (kept === undefined) this.#checkMembers();
    const record = kept ?? (await this.#network.getImmutable(hash, { signal }));
    if (record === undefined) return undefined;
    const opened = openByHash(record);
    if (!opened.ok) throw brokenValue(key, opened.reason);
    return { envelope: opened.value, record, publicKey: undefined, owner: undefined };
  }

  /** The 32 bytes may be a node id or a public key: both are tried at once. */
  async #ofOther(key: string, owner: Uint8Array, signal: AbortSignal): Promise<FoundEnvelope | undefined> {
    this.#checkMembers();
    const name = kadNameOf(key);
    const find = async (publicKey: Uint8Array | undefined): Promise<FoundRecord | undefined> => {
      const record = publicKey === undefined ? undefined : await this.#network.getMutable(publicKey, name, { signal });
      return record === undefined || publicKey === undefined ? undefined : { record, publicKey };
    };
    const [byId, byKey] = await Promise.all([this.#network.publicKeyOf(owner as NodeId, { signal }).then(find), find(owner)]);
    const found = byId ?? byKey;
    if (found === undefined) return undefined;
    const opened = openEnvelope(found.record, key);
    if (!opened.ok) throw brokenValue(key, opened.reason);
    if (isExpired(opened.value, this.#clock.nowMs())) return undefined;
    return { ...found, envelope: opened.value, owner: toHex(nodeIdFromPublicKey(found.publicKey)) };
  }

  #checkMembers(): void {
    if (!this.#network.isJoined) throw noMembers('nobody is there to ask for the value');
  }
}

interface FoundRecord {
  readonly record: Uint8Array;
  readonly publicKey: Uint8Array;
}
