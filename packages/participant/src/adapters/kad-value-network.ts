// driven: the ValueNetwork port over a KadNode, and values by key over both nodes of a participant.
import type { KeyValueStore } from '@batchain/bat-node';
import { type KadNode, mutableKey, type PublishResult } from '@batchain/kad-node';
import { hour, type NodeId, type Runtime, type Signer, utf8Bytes } from '@batchain/shared';
import type { ValueFiles } from '../values/value-files.ts';
import type { ByteRange, HeldRange, NetworkCall, ValueHosts, ValueNetwork } from '../values/value-network.ts';
import { Values } from '../values/values.ts';

type MutableCall = Parameters<ValueNetwork['putMutable']>[2];
/** What kad-node takes for a value; readers see to a shorter time themselves. */
const LIFETIME_MIN_MS: number = 1 * hour;
const LIFETIME_MAX_MS: number = 48 * hour;

class KadValueNetwork implements ValueNetwork {
  readonly publicKey: Uint8Array;
  readonly #kad: KadNode;

  constructor(kad: KadNode, publicKey: Uint8Array) {
    this.#kad = kad;
    this.publicKey = publicKey;
  }

  get nodeId(): NodeId {
    return this.#kad.nodeId;
  }

  get isJoined(): boolean {
    return this.#kad.isJoined;
  }

  async putMutable(name: string, value: Uint8Array, { signal, lifetimeMs }: MutableCall): Promise<number> {
    const lifetime =
      lifetimeMs === undefined ? {} : { lifetimeMs: Math.ceil(Math.min(LIFETIME_MAX_MS, Math.max(LIFETIME_MIN_MS, lifetimeMs))) };
    return storedOn(await this.#kad.putMutable(name, value, { signal, ...lifetime }));
  }

  async deleteMutable(name: string, { signal }: NetworkCall): Promise<number> {
    return storedOn(await this.#kad.deleteMutable(name, { signal }));
  }

  async getMutable(publicKey: Uint8Array, name: string, { signal }: NetworkCall): Promise<Uint8Array | undefined> {
    return (await this.#kad.getMutable(publicKey, name, { signal }))?.value;
  }

  async putImmutable(value: Uint8Array, { signal }: NetworkCall): Promise<number> {
    return storedOn(await this.#kad.putImmutable(value, { signal }));
  }

  getImmutable(hash: Uint8Array, { signal }: NetworkCall): Promise<Uint8Array | undefined> {
    return this.#kad.getImmutable(hash, { signal });
  }

  releaseImmutable(hash: Uint8Array): void {
    this.#kad.releaseImmutable(hash);
  }

  ownMutable(name: string): Uint8Array | null | undefined {
    return this.#kad.ownMutable(name);
  }

  ownsImmutable(hash: Uint8Array): boolean {
    return this.#kad.ownsImmutable(hash);
  }

  digestMutable(publicKey: Uint8Array, name: string, range: ByteRange, call: NetworkCall): Promise<HeldRange> {
    return this.#kad.digest(mutableKey(publicKey, utf8Bytes(name)), 'mutable', range, call);
  }

  digestImmutable(hash: Uint8Array, range: ByteRange, call: NetworkCall): Promise<HeldRange> {
    return this.#kad.digest(hash, 'immutable', range, call);
  }

  async publicKeyOf(nodeId: NodeId, { signal }: NetworkCall): Promise<Uint8Array | undefined> {
    return (await this.#kad.getContact(nodeId, { signal }))?.contact.publicKey;
  }
}

function storedOn({ storedOn: count }: PublishResult): number {
  return count;
}

export function makeValues(
  runtime: Runtime,
  parts: { readonly keyPair: Signer; readonly valueStore: KeyValueStore; readonly valueFiles: ValueFiles },
  kad: KadNode,
  hosts: ValueHosts,
): Values {
  const network = new KadValueNetwork(kad, parts.keyPair.publicKey);
  return new Values(runtime, { store: parts.valueStore, files: parts.valueFiles, network, hosts });
}
