// Whole participants on loopback: one with a key of its own stands where another one stood, and says that it is that one.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  InlineStagePool,
  MemoryKeyValueStore,
  MemoryOwnerStore,
  MemoryShardStore,
  type UploadResult,
  WsDialer,
  WsListener,
} from '@batchain/bat-node';
import { makeKadConfig, networkKey, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { createParticipant, Participant, type ParticipantOptions } from '@batchain/participant';
import { createCrypto, formatAddress, KiB, keyPairFromSeed, MiB, type NodeId, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ValueFiles } from '../../packages/participant/src/values/value-files.ts';
import { say } from '../sim/simulator.ts';
import { counting, type Received } from '../support/bat-member.ts';
import { bytesNamed } from '../support/stored-shards.ts';

const HOST = '127.0.0.1';
const NETWORK = { name: 'hostile' };
const MEETINGS = 8;
const FILES = 4;
const FILE_BYTES = 40 * KiB;
let folder: string;
let running: Participant[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-hostile-'));
  running = [];
});
afterEach(async () => {
  for (const participant of running.reverse()) await participant.stop();
  await rm(folder, { recursive: true, force: true });
});

async function begin(name: string, options: ParticipantOptions = {}): Promise<Participant> {
  const common = { host: HOST, kadPort: 0, batPort: 0, keepFreeBytes: 0, findsLan: false, network: NETWORK.name, profile: 'demo' } as const;
  const participant = await createParticipant({ home: join(folder, name), ...common, ...options });
  running.push(participant);
  return participant;
}

interface Impostor {
  readonly node: Participant;
  readonly received: Received;
}

/**
 * Its own key, at the ports of another one, and `nodeId` wherever it says who it is. Under its own id it
 * offers nothing, for it would be given shards of its own.
 */
async function beginImpostor(nodeId: NodeId | undefined, kadPort: number, batPort: number): Promise<Impostor> {
  const runtime = createSystemRuntime();
  const own = keyPairFromSeed(bytesNamed('seed of the impostor', 32));
  const keyPair = { ...own, nodeId: nodeId ?? own.nodeId };
  const crypto = createCrypto();
  const ownHosts = (): readonly string[] => [HOST];
  const received: Received = { bytes: 0 };
  const node = new Participant(
    runtime,
    {
      keyPair,
      crypto,
      rpc: new SessionRpc(runtime, new UdpSocket({ host: HOST, port: kadPort }), keyPair, crypto, { network: NETWORK, ownHosts }),
      dialer: new WsDialer(runtime, keyPair, { ownHosts }),
      listener: new WsListener(runtime, keyPair, { host: HOST, port: batPort }),
      shardStore: counting(new MemoryShardStore(runtime, { offerBytes: nodeId === undefined ? 0 : 50 * MiB }), received),
      ownerStore: new MemoryOwnerStore(),
      valueStore: new MemoryKeyValueStore(),
      valueFiles: new ValueFiles(join(folder, 'impostor', 'values'), runtime.random),
      stagePool: new InlineStagePool(),
      keepOwnShard: async () => undefined,
      ownHosts,
      memoryBytes: () => 0,
    },
    {
      name: 'impostor',
      home: join(folder, 'impostor'),
      version: 'hostile',
      network: NETWORK.name,
      networkKey: networkKey(NETWORK),
      kad: makeKadConfig({}, 'demo'),
      journalFolder: join(folder, 'impostor'),
    },
  );
  await node.start();
  running.push(node);
  return { node, received };
}

/** How often each outcome came of that many meetings. */
async function meetOften(from: Participant, to: NodeId): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  for (let n = 0; n < MEETINGS; n++) {
    const met = await from.meet(to);
    const outcome = met.ok ? 'met' : met.reason;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

async function put(owner: Participant, name: string, hosts: number): Promise<UploadResult> {
  const path = join(folder, name);
  await writeFile(path, bytesNamed(name, FILE_BYTES));
  return owner.files.upload(path, { policy: { k: 1, n: hosts }, manifestPath: `${path}.batchain` });
}

describe('a participant at the address of another one', () => {
  it.each(['its own id', 'the id of the other'] as const)(
    'T8 that says it has %s is refused with `wrong-identity`, gets no byte that was for the other, and others do the work',
    async (claim) => {
      const first = await begin('first', { offerBytes: 0 });
      const known = { join: [formatAddress(first.kadAddress)] };
      const owner = await begin('owner', { offerBytes: 0, ...known });
      const host = await begin('host', { offerBytes: 50 * MiB, ...known });
      const victim = await begin('victim', { offerBytes: 50 * MiB, ...known });
      const { kadAddress, batAddress, nodeId } = victim;
      const kept = await put(owner, 'before', 2);
      expect(kept.hosts.map((to) => toHex(to.nodeId))).toContain(toHex(nodeId));
      await victim.stop();
      const impostor = await beginImpostor(claim === 'the id of the other' ? nodeId : undefined, kadAddress.port, batAddress.port);
      await impostor.node.join([first.kadAddress, owner.kadAddress]);

      const outcomes = await meetOften(owner, nodeId);
      await impostor.node.meet(owner.nodeId);
      let placed = 0;
      for (let n = 0; n < FILES; n++) {
        const { hosts } = await put(owner, `letter ${n}`, 1);
        placed += hosts.filter((to) => toHex(to.nodeId) === toHex(host.nodeId)).length;
      }
      const back = join(folder, 'back');
      await owner.files.download(toHex(kept.fileId), back);
      const isIdentical = (await readFile(back)).equals(bytesNamed('before', FILE_BYTES));
      const paths = (await owner.peers()).filter((peer) => peer.nodeId === toHex(nodeId)).map(({ path }) => path);
      say(
        `  an impostor with ${claim}: ${MEETINGS} meetings ${JSON.stringify(outcomes)}; ${placed} of ${FILES} files at the honest host, ` +
          `${isIdentical ? 'one' : 'none'} of 1 got back, ${impostor.received.bytes} bytes of shards to the impostor`,
      );
      expect(outcomes).toEqual({ 'wrong-identity': MEETINGS });
      expect(placed).toBe(FILES);
      expect(isIdentical).toBe(true);
      expect(impostor.received.bytes).toBe(0);
      expect(paths.filter((path) => path !== 'none')).toEqual([]);
    },
  );
});
