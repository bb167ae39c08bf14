// driven: who is there and who keeps what, known to all at once: the place of the DHT in tests of the storage side alone.
import type { FileId, Locator } from '@batchain/bat-node';
import { type ContactRecord, compareBytes, fromHex, type NodeId, toHex } from '@batchain/shared';

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] as number));

export class NodeList {
  readonly #records = new Map<string, ContactRecord>();
  readonly #providers = new Map<string, Set<string>>();
  #preferred: readonly string[] = [];
  /** Before a withdrawal is heard. */
  onWithdraw: () => Promise<void> = async () => undefined;

  /** These hosts count as nearest to every key, in this order; the others follow by distance. */
  prefer(nodeIds: readonly NodeId[]): void {
    this.#preferred = nodeIds.map((id) => toHex(id));
  }

  add(record: ContactRecord): void {
    this.#records.set(toHex(record.nodeId), record);
  }

  remove(nodeId: NodeId): void {
    this.#records.delete(toHex(nodeId));
  }

  /** Hosts that are announced as providers of the file, hex. */
  providersOf(fileId: FileId): string[] {
    return [...(this.#providers.get(toHex(fileId)) ?? [])];
  }

  #rank({ nodeId }: ContactRecord): number {
    const at = this.#preferred.indexOf(toHex(nodeId));
    return at < 0 ? this.#preferred.length : at;
  }

  /** What one node sees of it. */
  locatorOf(nodeId: NodeId): Locator {
    const own = toHex(nodeId);
    return {
      findHosts: async (key, count) =>
        [...this.#records.values()]
          .filter((record) => record.contact.flags.stores && toHex(record.nodeId) !== own)
          .sort((a, b) => this.#rank(a) - this.#rank(b) || compareBytes(xor(a.nodeId, key), xor(b.nodeId, key)))
          .slice(0, count),
      findProviders: async (key) =>
        this.providersOf(key).flatMap((id) => {
          const record = this.#records.get(id);
          return record === undefined ? [] : [{ nodeId: record.nodeId, record }];
        }),
      resolve: async (id) => this.#records.get(toHex(id)),
      announce: async (fileIds) => {
        for (const fileId of fileIds) {
          const key = toHex(fileId);
          this.#providers.set(key, (this.#providers.get(key) ?? new Set()).add(own));
        }
      },
      withdraw: async (fileIds) => {
        await this.onWithdraw();
        for (const fileId of fileIds) this.#providers.get(toHex(fileId))?.delete(own);
      },
      announced: () => [...this.#providers].flatMap(([key, hosts]) => (hosts.has(own) ? [fromHex(key) as FileId] : [])),
    };
  }
}
