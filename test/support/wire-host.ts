// driven: one end of the bat wire over real sockets: a durable store that serves, and calls to others; and files to store there.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BatSession,
  ConnectionPool,
  DirectOpener,
  type FileId,
  FsShardStore,
  LevelKeyValueStore,
  nodeFileSystem,
  RelayClient,
  type RelayConfig,
  RelayService,
  type SessionConfig,
  ShardServer,
  type ShardStore,
  type StoreOrder,
  WsDialer,
  WsListener,
  type WsListenerConfig,
} from '@batchain/bat-node';
import { type Address, createCrypto, GiB, type KeyPair, keyPairFromSeed, NO_EXTENSIONS, type Runtime, signContact } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { accessKeyOf } from '../../packages/bat-node/src/manifest/access-proof.ts';
import { makeFileId, type SignedRoster } from '../../packages/bat-node/src/manifest/manifest.ts';
import { signRoster } from '../../packages/bat-node/src/manifest/roster-codec.ts';
import { digestShard } from '../../packages/bat-node/src/pipeline/shard.ts';
import { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import { bytesNamed } from './stored-shards.ts';

const LOOPBACK = '127.0.0.1';
export const NETWORK_KEY: Uint8Array = bytesNamed('network', 32);

export interface WireHostOptions {
  readonly offerBytes?: number;
  readonly limits?: WsListenerConfig['limits'];
  /** Serves instead of the honest server. */
  readonly onStream?: ConstructorParameters<typeof ConnectionPool>[2]['onStream'];
  readonly networkKey?: Uint8Array;
  /** Carries connections of others. */
  readonly relay?: RelayConfig;
}

export interface WireHost {
  readonly runtime: Runtime;
  readonly keyPair: KeyPair;
  readonly address: Address;
  readonly store: ShardStore;
  readonly hostedPath: string;
  readonly pool: ConnectionPool;
  readonly heldFiles: FileId[];
  readonly relay: RelayService | undefined;
  readonly relayClient: RelayClient;
  readonly sessionConfig: SessionConfig;
  /** Dials (or finds) the session to another end. */
  session(to: { readonly keyPair: KeyPair; readonly address: Address }): Promise<BatSession>;
  client(to: { readonly keyPair: KeyPair; readonly address: Address }): Promise<ShardClient>;
  close(): Promise<void>;
}

export async function openWireHost(name: string, options: WireHostOptions = {}): Promise<WireHost> {
  const { offerBytes = GiB } = options;
  const runtime = createSystemRuntime();
  const keyPair = keyPairFromSeed(bytesNamed(`seed of ${name}`, 32));
  const { verifier } = createCrypto();
  const home = await mkdtemp(join(tmpdir(), 'batchain-wire-'));
  const hostedPath = join(home, 'hosted');
  const store = new FsShardStore(runtime, nodeFileSystem, new LevelKeyValueStore(join(home, 'db')), {
    offerBytes,
    keepFreeBytes: 0,
    hostedPath,
  });
  await store.open();
  const heldFiles: FileId[] = [];
  const relay = options.relay === undefined ? undefined : new RelayService(runtime, options.relay);
  const server = new ShardServer(runtime, {
    store,
    signer: keyPair,
    verifier,
    onShardHeld: (id) => void heldFiles.push(id),
    isLeaving: () => false,
    relay,
  });
  const dialer = new WsDialer(runtime, keyPair, { ownHosts: () => [LOOPBACK] });
  const sessionConfig: SessionConfig = {
    nodeId: keyPair.nodeId,
    networkKey: options.networkKey ?? NETWORK_KEY,
    shardBytesMax: offerBytes,
    relays: relay !== undefined,
    onStream: options.onStream ?? ((session, stream) => server.serve(session, stream)),
  };
  const pool = new ConnectionPool(
    runtime,
    { opener: new DirectOpener(runtime, { dialer, resolve: async () => undefined }) },
    sessionConfig,
  );
  const listener = new WsListener(runtime, keyPair, { host: LOOPBACK, port: 0, ...(options.limits && { limits: options.limits }) });
  await listener.listen((connection) => void pool.accept(connection));
  const session: WireHost['session'] = async (to) => {
    const hint = { nodeId: to.keyPair.nodeId, record: recordOf(to.keyPair, to.address) };
    const connected = await pool.connect(hint, { signal: new AbortController().signal, timeoutMs: 8000 });
    if (!connected.ok) throw new Error(`no session: ${connected.reason} ${connected.detail}`);
    return connected.value;
  };
  return {
    runtime,
    keyPair,
    address: listener.localAddress,
    store,
    hostedPath,
    pool,
    heldFiles,
    relay,
    relayClient: new RelayClient(runtime, { dialer, listener }),
    sessionConfig,
    session,
    client: async (to) => new ShardClient(runtime, await session(to), { signer: keyPair, verifier }),
    close: async () => {
      await listener.close();
      await pool.close();
      await server.drain();
      await store.close();
      await rm(home, { recursive: true });
    },
  };
}

function recordOf(keyPair: KeyPair, address: Address) {
  return signContact(keyPair, {
    sequence: 1,
    kadAddresses: [],
    batAddresses: [address],
    brokers: [],
    flags: { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
    natMapping: 'none',
  });
}

export interface WireShard {
  readonly order: StoreOrder;
  readonly leafHashes: readonly Uint8Array[];
  readonly bytes: Uint8Array;
}

export interface WireFile {
  readonly owner: KeyPair;
  readonly fileId: FileId;
  readonly accessSeed: Uint8Array;
  readonly signed: SignedRoster;
  /** One per segment, at index 0. */
  readonly shards: readonly WireShard[];
}

/** A file of one shard per segment, each shard of its own random-looking bytes; lengths are multiples of 64. */
export function makeWireFile(owner: KeyPair, name: string, lengths: readonly number[], content: string = name): WireFile {
  const fileNonce = bytesNamed(`nonce of ${name}`, 32);
  const accessSeed = bytesNamed(`access to ${name}`, 32);
  const accessKey = accessKeyOf(accessSeed);
  const fileId = makeFileId(owner.publicKey, fileNonce);
  const leaseId = bytesNamed(`lease of ${name}`, 16);
  const shards = lengths.map((length, segment): WireShard => {
    const bytes = bytesNamed(`${content} ${segment}`, length);
    const { id, leafHashes } = digestShard(bytes);
    const order = { fileId, segment, index: 0, ownerKey: owner.publicKey, fileNonce, accessKey, leaseId, shardId: id, length };
    return { order, leafHashes, bytes };
  });
  const segments = shards.map(({ order }) => ({ shardLength: order.length, shardIds: order.shardId }));
  const signed = signRoster(owner, {
    fileId,
    ownerKey: owner.publicKey,
    fileNonce,
    scheme: { requiredShards: 1, totalShards: 1 },
    segments,
    accessKey,
    keepUntilMs: 0,
    extensions: NO_EXTENSIONS,
  });
  return { owner, fileId, accessSeed, signed, shards };
}

/** What a fetch or challenge of a shard needs beside the file's access. */
export function targetOf(file: WireFile, segment = 0) {
  const { order } = file.shards[segment] as WireShard;
  return { fileId: file.fileId, accessSeed: file.accessSeed, segment, index: 0, shardId: order.shardId, shardBytes: order.length };
}
