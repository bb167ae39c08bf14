// driven: the Locator port of the storage side over a KadNode.
import type { FileId, Locator, ProviderHint } from '@batchain/bat-node';
import type { KadNode } from '@batchain/kad-node';
import { type ContactRecord, equalBytes, type NodeId } from '@batchain/shared';

export class KadLocator implements Locator {
  readonly #kad: KadNode;

  constructor(kad: KadNode) {
    this.#kad = kad;
  }

  async findHosts(key: FileId, count: number, signal: AbortSignal): Promise<readonly ContactRecord[]> {
    const records = await this.#kad.findHosts(key, { count, signal });
    return records.filter((record) => record.contact.flags.stores && !equalBytes(record.nodeId, this.#kad.nodeId));
  }

  async findProviders(key: FileId, signal: AbortSignal): Promise<readonly ProviderHint[]> {
    const { hostIds, records } = await this.#kad.findProviders(key, { signal });
    return hostIds.map((nodeId) => ({ nodeId, record: records.find((record) => equalBytes(record.nodeId, nodeId)) }));
  }

  resolve(nodeId: NodeId, signal: AbortSignal): Promise<ContactRecord | undefined> {
    return this.#kad.getContact(nodeId, { signal, isFresh: true });
  }

  async announce(fileIds: readonly FileId[], signal: AbortSignal): Promise<void> {
    await this.#kad.announceMany(
      fileIds.map((fileId) => ({ fileId })),
      { signal },
    );
  }

  async withdraw(fileIds: readonly FileId[], signal: AbortSignal): Promise<void> {
    await this.#kad.withdrawMany(fileIds, { signal });
  }

  announced(): readonly FileId[] {
    return this.#kad.announced() as readonly FileId[];
  }
}
