// pure: what values need of the network: the hash table of small values, and files on hosts. Adapters are in `adapters`.
import type { BatNodeApi } from '@batchain/bat-node';
import type { NodeId } from '@batchain/shared';

export interface NetworkCall {
  readonly signal: AbortSignal;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface HeldRange {
  /** Who says to keep it, and what they say; undefined: the range is not within it there. */
  readonly holders: readonly { readonly nodeId: NodeId; readonly digest: Uint8Array | undefined }[];
  /** Nodes that did not answer. */
  readonly silent: number;
}

export interface ValueNetwork {
  readonly nodeId: NodeId;
  readonly publicKey: Uint8Array;
  /** False while nobody answers. */
  readonly isJoined: boolean;
  /** Signs and publishes, now and again; the number of other nodes that took it. `lifetimeMs`: no storer keeps it longer. */
  putMutable(name: string, value: Uint8Array, call: NetworkCall & { readonly lifetimeMs?: number }): Promise<number>;
  /** Publishes a tombstone. */
  deleteMutable(name: string, call: NetworkCall): Promise<number>;
  getMutable(publicKey: Uint8Array, name: string, call: NetworkCall): Promise<Uint8Array | undefined>;
  putImmutable(value: Uint8Array, call: NetworkCall): Promise<number>;
  getImmutable(hash: Uint8Array, call: NetworkCall): Promise<Uint8Array | undefined>;
  /** No longer publishes it again. */
  releaseImmutable(hash: Uint8Array): void;
  /** What is kept alive under a name; null: a deletion, while that is told. */
  ownMutable(name: string): Uint8Array | null | undefined;
  ownsImmutable(hash: Uint8Array): boolean;
  /** Has every node that keeps a value hash a range of it. */
  digestMutable(publicKey: Uint8Array, name: string, range: ByteRange, call: NetworkCall): Promise<HeldRange>;
  digestImmutable(hash: Uint8Array, range: ByteRange, call: NetworkCall): Promise<HeldRange>;
  /** From the contact record of a node. */
  publicKeyOf(nodeId: NodeId, call: NetworkCall): Promise<Uint8Array | undefined>;
}

/** Files on hosts, for large values. */
export type ValueHosts = Pick<BatNodeApi, 'upload' | 'capability' | 'downloadStream' | 'release' | 'list'>;
