// BatNodes in one process over real TLS on loopback, finding one another through a list instead of a DHT.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatNode,
  type BatSession,
  ConnectionPool,
  InlineStagePool,
  type Locator,
  MemoryOwnerStore,
  MemoryShardStore,
  ShardServer,
  WsDialer,
  WsListener,
} from '@batchain/bat-node';
import { type ContactRecord, compareBytes, createCrypto, type KeyPair, keyPairFromSeed, signContact, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';

const NETWORK_KEY = new Uint8Array(32).fill(1);

export interface BatMember {
  readonly keyPair: KeyPair;
  readonly node: BatNode;
  readonly store: MemoryShardStore;
  readonly ownerStore: MemoryOwnerStore;
  readonly record: ContactRecord;
  readonly pool: ConnectionPool;
  /** Stops serving and dialling, as a machine that is switched off. */
  stop(): Promise<void>;
}

export class BatWorld {
  readonly folder: string;
  readonly members: BatMember[] = [];
  readonly #records = new Map<string, ContactRecord>();
  readonly #providers = new Map<string, Set<string>>();
  #seed = 1;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<BatWorld> {
    return new BatWorld(await mkdtemp(join(tmpdir(), 'batchain-flows-')));
  }

  async add(offerBytes: number): Promise<BatMember> {
    const runtime = createSystemRuntime();
    const keyPair = keyPairFromSeed(new Uint8Array(32).fill(this.#seed++));
    const crypto = createCrypto();
    const store = new MemoryShardStore(runtime, { offerBytes });
    const ownerStore = new MemoryOwnerStore();
    const parts = {
      store,
      signer: keyPair,
      verifier: crypto.verifier,
      onShardHeld: (id: Parameters<BatNode['shardHeld']>[0]) => node.shardHeld(id),
      isLeaving: () => false,
    };
    const server = new ShardServer(runtime, parts);
    const config = {
      nodeId: keyPair.nodeId,
      networkKey: NETWORK_KEY,
      shardBytesMax: offerBytes,
      relays: false,
      onStream: (session: BatSession, stream: Parameters<ShardServer['serve']>[1]) => server.serve(session, stream),
    };
    const dialer = new WsDialer(runtime, keyPair, { ownHosts: () => ['127.0.0.1'] });
    const resolve = async (nodeId: Uint8Array): Promise<ContactRecord | undefined> => this.#records.get(toHex(nodeId));
    const connector = new ConnectionPool(runtime, { dialer, resolve }, config);
    const listener = new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 });
    await listener.listen((connection) => void connector.accept(connection));
    const locator: Locator = {
      findHosts: async (key, count) =>
        [...this.#records.values()]
          .filter((record) => record.contact.flags.stores && toHex(record.nodeId) !== toHex(keyPair.nodeId))
          .sort((a, b) => compareBytes(xor(a.nodeId, key), xor(b.nodeId, key)))
          .slice(0, count),
      findProviders: async (key) =>
        [...(this.#providers.get(toHex(key)) ?? [])].flatMap((id) => {
          const record = this.#records.get(id);
          return record === undefined ? [] : [{ nodeId: record.nodeId, record }];
        }),
      resolve,
      announce: async (fileId) => {
        const key = toHex(fileId);
        this.#providers.set(key, (this.#providers.get(key) ?? new Set()).add(toHex(keyPair.nodeId)));
      },
      withdraw: async (fileId) => {
        this.#providers.get(toHex(fileId))?.delete(toHex(keyPair.nodeId));
      },
    };
    const stagePool = new InlineStagePool();
    const nodeParts = {
      signer: keyPair,
      crypto,
      locator,
      connector,
      ownerStore,
      shardStore: store,
      stagePool,
      keepOwnShard: async () => undefined,
    };
    const node = new BatNode(runtime, nodeParts, { journalFolder: join(this.folder, `journals-${this.#seed}`) });
    await node.start();
    const record = signContact(keyPair, {
      sequence: 1,
      kadAddresses: [],
      batAddresses: [listener.localAddress],
      brokers: [],
      flags: { isPublic: true, relays: false, stores: offerBytes > 0, isLeaving: false, hasNoUdp: false },
      natMapping: 'none',
    });
    this.#records.set(toHex(keyPair.nodeId), record);
    let isStopped = false;
    const stop = async (): Promise<void> => {
      if (isStopped) return;
      isStopped = true;
      await connector.close();
      await listener.close();
      await node.stop();
    };
    const member = { keyPair, node, store, ownerStore, record, pool: connector, stop };
    this.members.push(member);
    return member;
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] as number));
