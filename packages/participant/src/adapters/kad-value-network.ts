// driven: the ValueNetwork port over a KadNode, and values by key over both nodes of a participant.
import type { KeyValueStore } from '@batchain/bat-node';
import type { KadNode, PublishResult } from '@batchain/kad-node';
import type { NodeId, Runtime, Signer } from '@batchain/shared';
import type { ValueFiles } from '../values/value-files.ts';
import type { NetworkCall, ValueHosts, ValueNetwork } from '../values/value-network.ts';
import { Values } from '../values/values.ts';

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

  async putMutable(name: string, value: Uint8Array, { signal }: NetworkCall): Promise<number> {
    return storedOn(await this.#kad.putMutable(name, value, { signal }));
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
