// Peers that answer pings and grant no credit: what they hold ends, on the asking and on the serving side (T1, T14).
import {
  type Connection,
  concatBytes,
  createCrypto,
  day,
  GiB,
  type KeyPair,
  keyPairFromSeed,
  MiB,
  NO_EXTENSIONS,
  second,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { CreditBudget } from '../connection/credit.ts';
import { openSession } from '../connection/session.ts';
import { decodeFrame, encodePing, frameHead } from '../connection/session-frames.ts';
import { REQUESTS_PER_PEER_MAX } from '../limits.ts';
import { accessKeyOf, signAccessProof } from '../manifest/access-proof.ts';
import { makeFileId } from '../manifest/manifest.ts';
import { digestShard } from '../pipeline/shard.ts';
import { MemoryShardStore } from '../storage/memory-shard-store.ts';
import { batRequestCodec } from '../wire/frame-codecs.ts';
import { helloCodec, networkProof } from '../wire/hello.ts';
import { ShardClient } from './shard-client.ts';
import { ShardServer } from './shard-server.ts';

const named = (label: string): Uint8Array => sha256(utf8Bytes(label));
const networkKey = named('network');
const accessSeed = named('access');
const hostKey = keyPairFromSeed(named('host'));
const { verifier } = createCrypto();

/** Says HELLO, answers pings, and grants nothing. */
function beStingy(connection: Connection, self: KeyPair): void {
  connection.onMessage((message) => {
    const frame = decodeFrame(message);
    if (frame?.type === 'ping') void connection.send(encodePing('pong', frame.nonce));
  });
  const proof = networkProof(networkKey, connection.binding, self.nodeId);
  const hello = {
    versions: [1],
    proof,
    shardBytesMax: MiB,
    relays: false,
    streamsMax: 32,
    observedAddress: null,
    extensions: NO_EXTENSIONS,
  };
  void connection.send(concatBytes(frameHead('hello', 0), helloCodec.encode(hello)));
}

function orderOf(owner: KeyPair, file: string, segment: number, bytes: Uint8Array) {
  const fileNonce = named(file);
  const { id, leafHashes } = digestShard(bytes);
  const ids = { fileId: makeFileId(owner.publicKey, fileNonce), ownerKey: owner.publicKey, fileNonce };
  const leaseId = named(file).slice(0, 16);
  const order = { ...ids, segment, index: 0, accessKey: accessKeyOf(accessSeed), leaseId, shardId: id, length: bytes.length };
  return { order, leafHashes, bytes };
}

function makeWorld() {
  const simulation = createSimRuntime('stingy peers');
  const network = new SimNetwork(simulation);
  const host = network.addHost();
  const listener = new SimListener(host, hostKey);
  const dial = async (peer: KeyPair): Promise<Connection> => {
    const options = { timeoutMs: 5 * second };
    const dialled = await new SimDialer(network.addHost(), peer).dial(host.address(listener.localAddress.port), hostKey.nodeId, options);
    if (!dialled.ok) throw new Error(dialled.reason);
    return dialled.value;
  };
  const client = async (peer: KeyPair): Promise<ShardClient> => {
    const { runtime } = simulation.node(`node of ${peer.nodeId}`);
    const config = { nodeId: peer.nodeId, networkKey, shardBytesMax: 0, relays: false, onStream: async () => undefined };
    const session = await openSession(runtime, await dial(peer), new CreditBudget(), config);
    if (!session.ok) throw new Error(session.reason);
    return new ShardClient(runtime, session.value, { signer: peer, verifier });
  };
  const tell = <T>(story: () => Promise<T>): Promise<T> => simulation.clock.runUntilSettled(story(), { deadlineMs: day, eventsMax: 1e8 });
  return { simulation, clock: simulation.clock, listener, dial, client, tell };
}

describe('peers that grant no credit', () => {
  it('T1 as a host: a STORE whose request takes more than the initial credit ends within 5 s', async () => {
    const { clock, listener, client, tell } = makeWorld();
    const owner = keyPairFromSeed(named('owner'));
    await tell(async () => {
      await listener.listen((connection) => beStingy(connection, hostKey));
      const asker = await client(owner);
      // 513 leaf hashes.
      const { order, leafHashes, bytes } = orderOf(owner, 'song', 0, new Uint8Array(8 * MiB + 4096));
      const beganMs = clock.elapsedMs;
      expect(await asker.store(order, leafHashes, bytes)).toMatchObject({ ok: false, reason: 'timeout' });
      expect(clock.elapsedMs - beganMs).toBeLessThanOrEqual(6 * second);
    });
  });

  it('T14 as askers: they keep a host from nobody, and their requests end', async () => {
    const { simulation, clock, listener, dial, client, tell } = makeWorld();
    const owner = keyPairFromSeed(named('owner'));
    const { runtime } = simulation.node('host');
    await tell(async () => {
      const store = new MemoryShardStore(runtime, { offerBytes: GiB });
      await store.open();
      // One shard with more than 16 KiB of leaf hashes.
      const { order, leafHashes, bytes } = orderOf(owner, 'song', 0, new Uint8Array(8 * MiB + 4096));
      const { fileId } = order;
      const started = await store.begin(order, leafHashes, runtime.clock.nowMs() + day);
      if (!started.ok || started.value.kind !== 'writing') throw new Error('not begun');
      await started.value.writer.write(bytes);
      await started.value.writer.commit();
      const server = new ShardServer(runtime, { store, signer: hostKey, verifier, onShardHeld: () => undefined, isLeaving: () => false });
      const budget = new CreditBudget();
      const config = { nodeId: hostKey.nodeId, networkKey, shardBytesMax: 0, relays: false };
      await listener.listen((connection) => {
        void openSession(runtime, connection, budget, { ...config, onStream: (session, stream) => server.serve(session, stream) });
      });
      for (let peer = 0; peer < 9; peer++) {
        const bad = keyPairFromSeed(named(`bad ${peer}`));
        const connection = await dial(bad);
        beStingy(connection, bad);
        await clock.sleep(second / 10);
        const proof = signAccessProof(accessSeed, { fileId, binding: connection.binding, prover: bad.nodeId, host: hostKey.nodeId });
        const request = batRequestCodec.encode({ verb: 'fetch', fileId, proof, segment: 0, index: 0, offset: 0, length: 1 });
        for (let stream = 0; stream < REQUESTS_PER_PEER_MAX; stream++) {
          await connection.send(concatBytes(frameHead('control', 2 * stream + 1, request.length), request));
        }
      }
      await clock.sleep(second / 10);
      const honest = await client(keyPairFromSeed(named('honest')));
      expect(await honest.status(1)).toMatchObject({ ok: true });
      await clock.sleep(10 * second);
      await server.drain();
    });
  });
});
