// driven: a BatNode with its store and its connections over any transport; how it serves can be replaced, for hosts that misbehave.
import {
  BatNode,
  type BatSession,
  type BatStream,
  ConnectionPool,
  type Connector,
  DirectOpener,
  InlineStagePool,
  type MemoryDisk,
  MemoryOwnerStore,
  MemoryShardStore,
  type OwnerStore,
  ShardServer,
  type ShardStore,
  type StagePool,
} from '@batchain/bat-node';
import { type ContactRecord, createCrypto, type Dialer, type KeyPair, type Listener, type Runtime, signContact } from '@batchain/shared';
import type { NodeList } from './node-list.ts';

const NETWORK_KEY: Uint8Array = new Uint8Array(32).fill(1);

/** What a host does with a stream that somebody opened; `honest` serves as the product does. */
export type Serving = (
  session: BatSession,
  stream: BatStream,
  member: { readonly keyPair: KeyPair; readonly pool: Connector; readonly honest: (stream: BatStream) => Promise<void> },
) => Promise<void>;

export interface BatMemberOptions {
  readonly keyPair: KeyPair;
  readonly list: NodeList;
  readonly dialer: Dialer;
  readonly listener: Listener;
  /** Where the others dial it; the listener's address by default. */
  readonly batHost?: string;
  readonly offerBytes: number;
  /** Folder of upload journals. */
  readonly journalFolder: string;
  readonly serving?: Serving;
  /** Of the flows alone, so that a test can look at their timers. */
  readonly flowRuntime?: Runtime;
  readonly stagePool?: StagePool;
  /** An earlier member's, to go on from. */
  readonly ownerStore?: OwnerStore;
  readonly disk?: MemoryDisk;
}

/** Bytes that a store took over the wire. */
export interface Received {
  bytes: number;
}

export interface BatMember {
  readonly keyPair: KeyPair;
  readonly node: BatNode;
  readonly pool: ConnectionPool;
  readonly store: MemoryShardStore;
  readonly ownerStore: OwnerStore;
  readonly stagePool: StagePool;
  readonly record: ContactRecord;
  readonly received: Received;
  /** Replaces how it serves from now on; undefined for honestly. */
  behave(serving: Serving | undefined): void;
  /** Stops serving and dialling, as a machine that is switched off. */
  stop(): Promise<void>;
}

/** The store, with the bytes counted that come over the wire. */
export function counting(store: ShardStore, received: Received): ShardStore {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      if (name !== 'begin') return value.bind(target) as unknown;
      return async (...args: Parameters<ShardStore['begin']>) => {
        const begun = await target.begin(...args);
        if (!begun.ok || begun.value.kind !== 'writing') return begun;
        const { writer } = begun.value;
        const write = writer.write.bind(writer);
        writer.write = (bytes) => {
          received.bytes += bytes.length;
          return write(bytes);
        };
        return begun;
      };
    },
  });
}

export async function createBatMember(runtime: Runtime, options: BatMemberOptions): Promise<BatMember> {
  const { keyPair, list, dialer, listener, offerBytes } = options;
  const crypto = createCrypto();
  const store = new MemoryShardStore(runtime, { offerBytes, ...(options.disk === undefined ? {} : { disk: options.disk }) });
  const ownerStore = options.ownerStore ?? new MemoryOwnerStore();
  const stagePool = options.stagePool ?? new InlineStagePool();
  const received: Received = { bytes: 0 };
  let serving = options.serving;
  const server = new ShardServer(runtime, {
    store: counting(store, received),
    signer: keyPair,
    verifier: crypto.verifier,
    onShardHeld: (fileId) => node.shardHeld(fileId),
    isLeaving: () => node.isLeaving,
  });
  const locator = list.locatorOf(keyPair.nodeId);
  const pool = new ConnectionPool(
    runtime,
    { opener: new DirectOpener(runtime, { dialer, resolve: locator.resolve }), self: keyPair },
    {
      nodeId: keyPair.nodeId,
      networkKey: NETWORK_KEY,
      shardBytesMax: offerBytes,
      relays: false,
      onStream: (session, stream) => {
        const honest = (through: BatStream): Promise<void> => server.serve(session, through);
        return serving === undefined ? honest(stream) : serving(session, stream, { keyPair, pool, honest });
      },
    },
  );
  const parts = {
    signer: keyPair,
    crypto,
    locator,
    connector: pool,
    ownerStore,
    shardStore: store,
    stagePool,
    keepOwnShard: async () => undefined,
  };
  const node = new BatNode(options.flowRuntime ?? runtime, parts, { journalFolder: options.journalFolder });
  await node.start();
  await listener.listen((connection) => void pool.accept(connection));
  const address = { host: options.batHost ?? listener.localAddress.host, port: listener.localAddress.port };
  const record = signContact(keyPair, {
    sequence: 1,
    kadAddresses: [],
    batAddresses: [address],
    brokers: [],
    flags: { isPublic: true, relays: false, stores: offerBytes > 0, isLeaving: false, hasNoUdp: false },
    natMapping: 'none',
  });
  list.add(record);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await listener.close();
    await pool.close();
    await server.drain();
    await node.stop();
  };
  return {
    keyPair,
    node,
    pool,
    store,
    ownerStore,
    stagePool,
    record,
    received,
    behave: (next) => {
      serving = next;
    },
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
