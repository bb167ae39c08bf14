// driven: BatNodes on the simulated network and clock, finding one another through a list; files are put without a source file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InlineStagePool, type OwnerStore } from '@batchain/bat-node';
import { settleReal } from '@batchain/lab/simulation';
import { createCrypto, type KeyPair, keyPairFromSeed, sha256, toHex } from '@batchain/shared';
import { createSimRuntime, SimDialer, type SimHost, SimListener, SimNetwork, type Simulation } from '@batchain/shared/testing';
import { packHeld } from '../../packages/bat-node/src/flow/held-list.ts';
import { HostSlots } from '../../packages/bat-node/src/flow/host-slots.ts';
import { accessKeyOf } from '../../packages/bat-node/src/manifest/access-proof.ts';
import { type Manifest, makeFileId, type SignedRoster } from '../../packages/bat-node/src/manifest/manifest.ts';
import { drawSalt, ManifestBuilder } from '../../packages/bat-node/src/manifest/manifest-builder.ts';
import { encodeManifest } from '../../packages/bat-node/src/manifest/manifest-codec.ts';
import { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import type { StorageReceipt } from '../../packages/bat-node/src/wire/frames.ts';
import { segmentBufferBytes } from '../../packages/bat-node/src/workers/segment-stages.ts';
import { type BatMember, createBatMember, type Serving } from './bat-member.ts';
import { NodeList } from './node-list.ts';

const PORT = 4880;
const LAN: { readonly latencyMs: readonly [number, number] } = { latencyMs: [1, 3] };

export interface SimMember extends BatMember {
  readonly machine: SimHost;
}

export interface PutFile {
  readonly manifest: Manifest;
  readonly signed: SignedRoster;
}

export class SimBatWorld {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly list: NodeList = new NodeList();
  readonly folder: string;
  readonly members: SimMember[] = [];
  #count = 0;

  constructor(seed: string | number) {
    this.simulation = createSimRuntime(seed);
    this.network = new SimNetwork(this.simulation, { link: LAN });
    this.folder = mkdtempSync(join(tmpdir(), 'batchain-sim-'));
  }

  async add(
    offerBytes: number,
    wishes: {
      readonly serving?: Serving;
      readonly ownerStore?: OwnerStore;
      readonly keyPair?: KeyPair;
      /** Of its uplink. */
      readonly bytesPerSecond?: number;
    } = {},
  ): Promise<SimMember> {
    const number = ++this.#count;
    const { bytesPerSecond } = wishes;
    const machine = this.network.addHost({
      name: `member ${number}`,
      ...(bytesPerSecond === undefined ? {} : { link: { bytesPerSecond } }),
    });
    const keyPair = wishes.keyPair ?? keyPairFromSeed(new Uint8Array(32).fill(number));
    const { runtime } = this.simulation.node(`member ${number}`);
    const identity = { nodeId: keyPair.nodeId, publicKey: keyPair.publicKey };
    const member = await createBatMember(runtime, {
      ...wishes,
      keyPair,
      list: this.list,
      dialer: new SimDialer(machine, identity),
      listener: new SimListener(machine, identity, { port: PORT }),
      batHost: machine.addresses[0] as string,
      offerBytes,
      journalFolder: join(this.folder, `journals-${number}`),
    });
    const added = { ...member, machine };
    this.members.push(added);
    return added;
  }

  /** Pumps simulated time until it is done; for work that waits for nothing real. */
  settle<T>(work: Promise<T>, deadlineMs = 10 * 60_000): Promise<T> {
    return this.simulation.clock.runUntilSettled(work, { deadlineMs });
  }

  /** The same for work that also waits for the disk; simulated time stands still meanwhile. */
  settleReal<T>(work: Promise<T>, deadlineMs = 10 * 60_000): Promise<T> {
    return settleReal(this.simulation.clock, work, deadlineMs);
  }

  /**
   * Stores bytes as a file of the owner: one shard of each segment on each of the hosts. Without `isCommitted` it stops
   * where an upload stops whose owner died before COMMIT.
   */
  async put(
    owner: SimMember,
    hosts: readonly SimMember[],
    bytes: Uint8Array,
    options: { readonly k: number; readonly segmentBytes: number; readonly isCommitted: boolean; readonly name: string },
  ): Promise<PutFile> {
    const { entropy, clock } = this.simulation.runtime;
    const policy = { k: options.k, n: hosts.length };
    const keys = { fileNonce: entropy.bytes(32), fileKey: entropy.bytes(32), accessSeed: entropy.bytes(32) };
    const scheme = { requiredShards: policy.k, totalShards: policy.n };
    const builder = new ManifestBuilder(owner.keyPair, { keys, scheme, segmentSizeBytes: options.segmentBytes });
    const file = {
      fileId: makeFileId(owner.keyPair.publicKey, keys.fileNonce),
      ownerKey: owner.keyPair.publicKey,
      fileNonce: keys.fileNonce,
      accessKey: accessKeyOf(keys.accessSeed),
    };
    const leases = new Map(hosts.map((host) => [host, entropy.bytes(16)]));
    const slots = new HostSlots(hosts, policy.n);
    const pool = new InlineStagePool();
    for (let segment = 0; segment * options.segmentBytes < bytes.length; segment++) {
      const plain = bytes.subarray(segment * options.segmentBytes, (segment + 1) * options.segmentBytes);
      const buffer = await pool.acquire(segmentBufferBytes(plain.length, policy.k, policy.n));
      buffer.bytes.set(plain);
      const salt = drawSalt(entropy);
      const shards = await pool.sealAndEncode(buffer, { fileKey: keys.fileKey, salt, plainBytes: plain.length, policy });
      for (const { index, id, length, leafHashes, bytes: shard } of shards) {
        const host = slots.hostFor(segment, index) as SimMember;
        const client = await this.#clientOf(owner, host);
        const order = { ...file, leaseId: leases.get(host) as Uint8Array, segment, index, shardId: id, length };
        const stored = await client.store(order, leafHashes, shard.slice());
        if (!stored.ok) throw new Error(stored.reason);
      }
      builder.addSegment(segment, { salt, shardLength: shards[0]?.length ?? 0, shardIds: shards.map(({ id }) => id) });
      pool.release(buffer);
    }
    const signed = builder.signRoster();
    const entry = { path: options.name, bytes: bytes.length, mode: 0o600, offset: 0, sha256: sha256(bytes) };
    const hints = hosts.map(({ record }) => ({ nodeId: record.nodeId, record: record.bytes }));
    const manifest = builder.build(signed, [entry], hints);
    if (!options.isCommitted) return { manifest, signed };
    const receipts = new Map<SimMember, StorageReceipt>();
    for (const host of hosts) {
      const receipt = await (await this.#clientOf(owner, host)).commit(signed);
      if (!receipt.ok) throw new Error(receipt.reason);
      receipts.set(host, receipt.value);
    }
    await owner.ownerStore.put({
      id: toHex(file.fileId),
      name: options.name,
      bytes: bytes.length,
      policy,
      manifestPath: await owner.ownerStore.saveManifest(options.name, encodeManifest(manifest)),
      addedAtMs: clock.nowMs(),
      checkedAtMs: null,
      health: 'good',
      shardsHealthy: policy.n,
      leases: [...receipts].map(([host, { leaseUntilMs, shards }]) => ({
        host: toHex(host.keyPair.nodeId),
        leaseUntilMs,
        renewedAtMs: clock.nowMs(),
        shards: packHeld(shards, signed.roster.segments.length),
      })),
    });
    return { manifest, signed };
  }

  async #clientOf(member: SimMember, host: SimMember): Promise<ShardClient> {
    const { record } = host;
    const { signal } = new AbortController();
    const session = await member.pool.connect({ nodeId: record.nodeId, record }, { signal, timeoutMs: 5_000 });
    if (!session.ok) throw new Error(session.reason);
    return new ShardClient(this.simulation.runtime, session.value, { signer: member.keyPair, verifier: createCrypto().verifier });
  }

  /** The machine is switched off: nothing is sent or got any more, nobody is told. */
  kill(member: SimMember): void {
    this.network.kill(member.machine);
    this.members.splice(this.members.indexOf(member), 1);
  }

  /** Ends everybody, and the folder of the journals. */
  async close(): Promise<void> {
    await this.settleReal(Promise.all(this.members.map((member) => member.stop())));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
