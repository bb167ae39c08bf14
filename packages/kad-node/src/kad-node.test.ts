import {
  type Address,
  BatChainError,
  type Crypto,
  deriveFileId,
  formatNodeId,
  hour,
  minute,
  type Signer,
  second,
  sha256,
  utf8Bytes,
  utf8Text,
} from '@batchain/shared';
import { createSimCrypto, createSimRuntime, SimDatagramSocket, type SimHost, SimNetwork, type Simulation } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type KadConfig, makeKadConfig } from './kad-config.ts';
import { KadNode } from './kad-node.ts';
import type { KadStateStore } from './records/kad-state.ts';
import { MemoryKadStateStore } from './records/memory-kad-state-store.ts';
import { signOwnerGrant } from './records/owner-grant.ts';
import { compareDistance } from './routing/distance.ts';
import { SessionRpc } from './rpc/session-rpc.ts';

let simulation: Simulation;
let network: SimNetwork;
let crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };
let hosts: Map<string, SimHost>;

beforeEach(() => {
  simulation = createSimRuntime('kad-node');
  network = new SimNetwork(simulation);
  crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
  hosts = new Map();
});

interface PersonOptions {
  readonly config?: Partial<KadConfig>;
  readonly stateStore?: KadStateStore;
}

const signerOf = (name: string): Signer => crypto.signerFromSeed(utf8Bytes(name));

/** The participant of this name, started; the same name again is the same participant at the same address. */
async function start(name: string, options: PersonOptions = {}): Promise<KadNode> {
  const host = hosts.get(name) ?? network.addHost({ name });
  hosts.set(name, host);
  const { runtime } = simulation.node(`${name} ${simulation.clock.elapsedMs}`);
  const signer = signerOf(name);
  const socket = new SimDatagramSocket(host, { port: 4870, address: host.addresses[0] as string });
  const rpc = new SessionRpc(runtime, socket, signer, crypto, { network: { name: 'test' }, ownHosts: () => host.addresses });
  const { stateStore } = options;
  const parts = { rpc, signer, crypto, ...(stateStore === undefined ? {} : { stateStore }) };
  const node = new KadNode(runtime, parts, makeKadConfig(options.config, 'demo'));
  await node.start();
  return node;
}

/** Participants that all know the first one, joined. */
async function startAll(names: readonly string[], options: PersonOptions = {}): Promise<KadNode[]> {
  const nodes: KadNode[] = [];
  for (const name of names) {
    const node = await start(name, options);
    const first = nodes[0];
    if (first !== undefined) await settle(node.bootstrap([first.localAddress]));
    nodes.push(node);
  }
  await simulation.clock.runFor(3 * second);
  return nodes;
}

const settle = <T>(promise: Promise<T>, deadlineMs = 60_000): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs });
const NAMES = ['anna', 'bo', 'cleo', 'dan', 'eve', 'finn', 'gil', 'hana'];
const FILE = sha256(utf8Bytes('a file'));
const byDistance = (key: Uint8Array, nodes: readonly KadNode[]): string[] =>
  [...nodes].sort((a, b) => compareDistance(key, a.nodeId, b.nodeId)).map((node) => formatNodeId(node.nodeId));

describe('a network of KadNodes', () => {
  it('BD-05 forms from nodes that know one other: everybody finds everybody', async () => {
    const nodes = await startAll(NAMES);
    const key = sha256(utf8Bytes('somewhere'));
    for (const node of nodes) {
      expect(node.isJoined).toBe(true);
      expect(node.stats().contacts).toBe(NAMES.length - 1);
      const { contacts, isComplete } = await settle(node.findContacts(key));
      const others = nodes.filter((other) => other !== node);
      expect([contacts.map((contact) => formatNodeId(contact.nodeId)), isComplete]).toEqual([byDistance(key, others), true]);
    }
  });

  it('BN-11 BN-12 DF-12 gives back the k nodes nearest to a file id, as many as asked for', async () => {
    const nodes = await startAll(NAMES);
    const [asker, ...others] = nodes as [KadNode, ...KadNode[]];
    const { contacts } = await settle(asker.findContacts(FILE, { count: 3 }));
    expect(contacts.map((contact) => formatNodeId(contact.nodeId))).toEqual(byDistance(FILE, others).slice(0, 3));
    for (const contact of contacts) expect(others.some((node) => node.localAddress.host === contact.address.host)).toBe(true);
  });

  it('tells who was asked on the way', async () => {
    const [asker] = (await startAll(NAMES)) as [KadNode];
    const { steps, stats } = await settle(asker.findContacts(FILE, { wantsSteps: true }));
    expect(steps.filter((step) => step.outcome === 'ok').length).toBe(stats.answers);
    expect(stats.requests).toBeGreaterThanOrEqual(7);
    expect(stats.durationMs).toBeGreaterThan(0);
  });

  it('BD-04 shows its routing table and its neighbours', async () => {
    const [node, ...others] = (await startAll(NAMES)) as [KadNode, ...KadNode[]];
    const routes = node.routes();
    expect(routes.buckets.reduce((sum, bucket) => sum + bucket.contacts.length, 0)).toBe(7);
    const ids = others.map((other) => formatNodeId(other.nodeId)).sort();
    const own = formatNodeId(node.nodeId);
    expect(formatNodeId(routes.above?.nodeId ?? node.nodeId)).toBe(ids.find((id) => id > own) ?? ids[0]);
    expect(formatNodeId(routes.below?.nodeId ?? node.nodeId)).toBe(ids.findLast((id) => id < own) ?? ids.at(-1));
  });

  it('estimates its size, exactly while it is small', async () => {
    const nodes = await startAll(NAMES);
    for (const node of nodes) expect(node.estimateSize()).toEqual({ nodes: NAMES.length, errorRatio: 0 });
  });

  it('learns its own address from the others', async () => {
    const [node] = (await startAll(NAMES)) as [KadNode];
    await settle(node.findContacts(FILE));
    expect(node.observedAddresses()).toEqual([{ address: node.localAddress, votes: 7 }]);
  });

  it('BD-46 runs many lookups, reads and writes at the same time', async () => {
    const [anna, bo, cleo] = (await startAll(NAMES)) as [KadNode, KadNode, KadNode];
    const values = Array.from({ length: 40 }, (_, n) => utf8Bytes(`value ${n}`));
    const puts = await settle(Promise.all(values.map((value, n) => (n % 2 === 0 ? anna : bo).putImmutable(value))));
    const gets = puts.map(({ key }) => cleo.getImmutable(key));
    const lookups = values.map((value) => cleo.findContacts(sha256(value)));
    expect((await settle(Promise.all(gets))).map((value) => utf8Text(value as Uint8Array))).toEqual(values.map((value) => utf8Text(value)));
    for (const { contacts } of await settle(Promise.all(lookups))) expect(contacts).toHaveLength(7);
  });
});

describe('announcements', () => {
  it('BN-01 BN-21 DF-01 let anybody find the hosts of a file, with where they are', async () => {
    const nodes = await startAll(NAMES);
    const [anna, bo, cleo] = nodes as [KadNode, KadNode, KadNode];
    bo.setContact({ batAddresses: [{ host: '11.0.1.1', port: 4880 }] });
    for (const host of [bo, cleo]) expect((await settle(host.announce(FILE))).storedOn).toBe(7);
    const found = await settle(anna.findProviders(FILE));
    expect(found.hostIds.map(formatNodeId).sort()).toEqual([bo, cleo].map((node) => formatNodeId(node.nodeId)).sort());
    const record = found.records.find((one) => formatNodeId(one.nodeId) === formatNodeId(bo.nodeId));
    expect(record?.contact.batAddresses).toEqual([{ host: '11.0.1.1', port: 4880 }]);
    expect(found.records).toHaveLength(2);
    expect(await settle(anna.findProviders(sha256(FILE)))).toEqual({ hostIds: [], records: [] });
  });

  it('end when withdrawn, wherever old copies lie', async () => {
    const [anna, bo, cleo] = (await startAll(NAMES)) as [KadNode, KadNode, KadNode];
    await settle(Promise.all([bo.announce(FILE), cleo.announce(FILE)]));
    await settle(bo.withdraw(FILE));
    expect((await settle(anna.findProviders(FILE))).hostIds).toEqual([cleo.nodeId]);
    expect(bo.stats().announcements).toBe(0);
    await settle(bo.announce(FILE));
    expect((await settle(anna.findProviders(FILE))).hostIds, 'and may begin again').toHaveLength(2);
  });

  it('many at once share lookups and datagrams', async () => {
    const [anna, bo] = (await startAll(NAMES)) as [KadNode, KadNode];
    const files = Array.from({ length: 60 }, (_, n) => sha256(utf8Bytes(`file ${n}`)));
    const before = bo.stats();
    const results = await settle(bo.announceMany(files.map((fileId) => ({ fileId }))));
    expect(results.map((result) => result.storedOn)).toEqual(files.map(() => 7));
    const after = bo.stats();
    expect(after.lookups - before.lookups, 'the whole network is known after one lookup').toBe(1);
    expect(after.requests - before.requests).toBeLessThan(7 * (1 + 1 + 60 / 6 + 2));
    for (const fileId of files.slice(0, 5)) expect((await settle(anna.findProviders(fileId))).hostIds).toEqual([bo.nodeId]);
  });

  it("with the owner's grant come first", async () => {
    const [anna, bo, cleo] = (await startAll(NAMES)) as [KadNode, KadNode, KadNode];
    const owner = signerOf('owner');
    const nonce = sha256(utf8Bytes('nonce'));
    const fileId = deriveFileId(owner.publicKey, nonce);
    await settle(cleo.announce(fileId));
    await settle(bo.announce(fileId, { grant: signOwnerGrant(owner, nonce, bo.nodeId) }));
    expect((await settle(anna.findProviders(fileId))).hostIds).toEqual([bo.nodeId, cleo.nodeId]);
  });

  it('BN-21 wait for the network: what was announced alone reaches it later', async () => {
    const bo = await start('bo');
    expect(await settle(bo.announce(FILE))).toEqual({ storedOn: 0, isKeptHere: true, refusals: [] });
    const anna = await start('anna');
    await settle(anna.bootstrap([bo.localAddress]));
    await simulation.clock.runFor(5 * second);
    expect((await settle(anna.findProviders(FILE))).hostIds).toEqual([bo.nodeId]);
  });
});

describe('hosts', () => {
  const storing = { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false };

  it('BN-11 BN-12 with room are found near a file id, nearest first, until they leave', async () => {
    const nodes = await startAll(NAMES);
    const [anna, ...others] = nodes as [KadNode, ...KadNode[]];
    const rich = others.slice(0, 5);
    for (const host of rich) host.setContact({ flags: storing });
    await simulation.clock.runFor(2 * second);
    const found = await settle(anna.findHosts(FILE, { count: 64 }));
    expect(found.map((record) => formatNodeId(record.nodeId))).toEqual(byDistance(FILE, rich));
    expect((await settle(anna.findHosts(FILE, { count: 2 }))).map((record) => formatNodeId(record.nodeId))).toEqual(
      byDistance(FILE, rich).slice(0, 2),
    );
    rich[0]?.setContact({ flags: { ...storing, isLeaving: true } });
    await simulation.clock.runFor(2 * second);
    expect(await settle(anna.findHosts(FILE, { count: 64 }))).toHaveLength(4);
  });

  it('BN-27 are found where they are now, by their contact record', async () => {
    const [anna, bo] = (await startAll(NAMES)) as [KadNode, KadNode];
    const first = await settle(anna.getContact(bo.nodeId));
    expect(first?.contact.kadAddresses).toEqual([bo.localAddress]);
    const bat: Address = { host: '11.0.1.1', port: 4881 };
    expect(bo.setContact({ batAddresses: [bat] }).contact.sequence).toBeGreaterThan(first?.contact.sequence ?? 0);
    await simulation.clock.runFor(2 * second);
    expect((await settle(anna.getContact(bo.nodeId)))?.contact.batAddresses, 'published at once').toEqual([bat]);
    expect((await settle(anna.getContact(bo.nodeId, { isFresh: true })))?.contact.batAddresses).toEqual([bat]);
    expect(bo.setContact({ batAddresses: [bat] }), 'nothing new is not signed again').toBe(bo.contact);
    expect(await settle(anna.getContact(signerOf('nobody').nodeId))).toBeUndefined();
    expect(await settle(anna.getContact(anna.nodeId))).toBe(anna.contact);
  });
});

describe('values', () => {
  it('BD-06 DF-10 DF-11 DF-15 are stored under their hash near it, and read by others', async () => {
    const [anna, bo] = (await startAll(NAMES)) as [KadNode, KadNode];
    const value = utf8Bytes('hello');
    const { key, storedOn } = await settle(anna.putImmutable(value));
    expect([key, storedOn]).toEqual([sha256(value), 7]);
    expect(await settle(bo.getImmutable(key))).toEqual(value);
    expect(await settle(bo.getImmutable(sha256(key)))).toBeUndefined();
  });

  it('BD-07 work in a network of one', async () => {
    const anna = await start('anna');
    const { key, storedOn, isKeptHere } = await settle(anna.putImmutable(utf8Bytes('mine')));
    expect([storedOn, isKeptHere]).toEqual([0, true]);
    expect(await settle(anna.getImmutable(key))).toEqual(utf8Bytes('mine'));
  });

  it('under a name change and go, and old copies do not come back', async () => {
    const [anna, bo, cleo] = (await startAll(NAMES)) as [KadNode, KadNode, KadNode];
    const { publicKey } = signerOf('anna');
    const read = async (node: KadNode): Promise<string | undefined> => {
      const found = await settle(node.getMutable(publicKey, 'colour'));
      return found === undefined ? undefined : utf8Text(found.value);
    };
    await settle(anna.putMutable('colour', utf8Bytes('blue')));
    expect([await read(bo), await read(anna)]).toEqual(['blue', 'blue']);
    const heal = network.isolate(hosts.get('cleo') as SimHost);
    await settle(anna.putMutable('colour', utf8Bytes('green')));
    heal();
    expect(await read(cleo), 'it has the old copy itself').toBe('green');
    await settle(anna.deleteMutable('colour'));
    expect([await read(bo), await read(cleo), await read(anna)]).toEqual([undefined, undefined, undefined]);
  });

  it('are refused when too long, before anything is sent', async () => {
    const anna = await start('anna');
    const refusal = expect.objectContaining({ code: 'BAT_E_VALUE_SIZE' });
    await expect(anna.putImmutable(new Uint8Array(897))).rejects.toEqual(refusal);
    await expect(anna.putImmutable(new Uint8Array())).rejects.toEqual(refusal);
    await expect(anna.putMutable('n'.repeat(33), new Uint8Array())).rejects.toEqual(refusal);
  });

  it('live on while their owner does, and end after it', async () => {
    const calm = { livenessIntervalMs: 5 * minute, refreshIntervalMs: 30 * minute, republishRoundMs: minute, replicationRoundMs: minute };
    const config = { ...calm, valueLifetimeMs: hour, republishIntervalMs: 20 * minute, contactIntervalMs: hour, saveIntervalMs: hour };
    const [anna, bo] = (await startAll(NAMES.slice(0, 4), { config })) as [KadNode, KadNode];
    const { publicKey } = signerOf('anna');
    await settle(anna.putMutable('name', utf8Bytes('kept')));
    await simulation.clock.runFor(3 * hour);
    expect((await settle(bo.getMutable(publicKey, 'name')))?.value).toEqual(utf8Bytes('kept'));
    await settle(anna.stop());
    await simulation.clock.runFor(2 * hour);
    expect(await settle(bo.getMutable(publicKey, 'name'))).toBeUndefined();
  });
});

describe('life of a node', () => {
  it('starts once, stops once, and says so afterwards', async () => {
    const node = await start('anna');
    await node.start();
    await settle(Promise.all([node.stop(), node.stop()]));
    await expect(node.findContacts(FILE)).rejects.toEqual(expect.objectContaining({ code: 'BAT_E_NODE_STOPPED' }));
    await expect(node.start()).rejects.toBeInstanceOf(BatChainError);
    expect(simulation.clock.pendingCount, 'no timer is left').toBe(0);
  });

  it('a stop ends what is under way', async () => {
    const nodes = await startAll(NAMES);
    const anna = nodes[0] as KadNode;
    const lookup = anna.findContacts(FILE);
    const announcing = anna.announce(FILE);
    const outcome = Promise.allSettled([lookup, announcing]);
    await settle(anna.stop());
    expect((await outcome).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it("a lookup ends with the caller's reason when it is cancelled, and at its deadline with what it has", async () => {
    const [anna] = (await startAll(NAMES)) as [KadNode];
    const controller = new AbortController();
    const cancelled = anna.findContacts(FILE, { signal: controller.signal });
    const why = new Error('no longer wanted');
    controller.abort(why);
    await expect(cancelled).rejects.toBe(why);
    await expect(anna.findContacts(FILE, { signal: controller.signal })).rejects.toBe(why);
    for (const name of NAMES.slice(1)) network.kill(hosts.get(name) as SimHost);
    const late = await settle(anna.findContacts(FILE, { deadlineMs: 1000 }));
    expect(late).toMatchObject({ contacts: [], isComplete: false });
    expect(late.stats.durationMs).toBeLessThan(1500);
  });

  it('DF-22 DF-18 notices within seconds that a contact is dead, and drops it', async () => {
    const nodes = await startAll(NAMES);
    const anna = nodes[0] as KadNode;
    const dropped: string[] = [];
    anna.events.on('contact-dropped', ({ nodeId }) => dropped.push(formatNodeId(nodeId)));
    network.kill(hosts.get('hana') as SimHost);
    await simulation.clock.runFor(12 * second);
    expect(dropped).toEqual([formatNodeId(signerOf('hana').nodeId)]);
    expect(anna.stats()).toMatchObject({ contacts: 6, isJoined: true });
  });

  it('BN-28 comes back by itself after the network was gone, with all that it announced', async () => {
    const nodes = await startAll(NAMES);
    const [anna, bo] = nodes as [KadNode, KadNode];
    await settle(bo.announce(FILE));
    const events: string[] = [];
    bo.events.on('offline', () => events.push('offline'));
    bo.events.on('joined', () => events.push('joined'));
    const heal = network.isolate(hosts.get('bo') as SimHost);
    await simulation.clock.runFor(2 * minute);
    expect([events, bo.isJoined, bo.stats().isOffline]).toEqual([['offline'], false, true]);
    expect(anna.stats().contacts, 'the others have dropped it').toBe(6);
    heal();
    await simulation.clock.runFor(10 * second);
    expect([events, bo.isJoined]).toEqual([['offline', 'joined'], true]);
    expect(anna.stats().contacts).toBe(7);
    expect((await settle(anna.findProviders(FILE))).hostIds).toEqual([bo.nodeId]);
  });

  it('keeps trying until its bootstrap contact is there', async () => {
    const bo = await start('bo');
    const annasAddress = { host: network.addHost({ name: 'anna' }).addresses[0] as string, port: 4870 };
    hosts.set('anna', network.hosts.at(-1) as SimHost);
    expect(await settle(bo.bootstrap([annasAddress]))).toEqual({ isJoined: false, contacts: 0 });
    await simulation.clock.runFor(30 * second);
    await start('anna');
    await simulation.clock.runFor(10 * second);
    expect(bo.stats()).toMatchObject({ isJoined: true, contacts: 1 });
  });

  it('the first node of a network joins when somebody comes to it', async () => {
    const [anna, bo] = (await startAll(['anna', 'bo'])) as [KadNode, KadNode];
    expect([anna.isJoined, bo.isJoined]).toEqual([true, true]);
    expect([anna.stats().contacts, bo.stats().contacts]).toEqual([1, 1]);
  });

  it('a pair finds itself again when either one was away', async () => {
    const [anna, bo] = (await startAll(['anna', 'bo'])) as [KadNode, KadNode];
    await settle(bo.stop());
    await simulation.clock.runFor(minute);
    expect(anna.stats()).toMatchObject({ isJoined: false, contacts: 0, isOffline: true });
    const again = await start('bo');
    await simulation.clock.runFor(10 * second);
    expect(anna.isJoined, 'it knew nobody else to ask, and remembered').toBe(true);
    expect(again.isJoined).toBe(true);
  });

  it('BN-49 finds its peers, its announcements and the records of others again after a restart', async () => {
    const stores = new Map(NAMES.map((name) => [name, new MemoryKadStateStore()]));
    const nodes: KadNode[] = [];
    for (const name of NAMES) {
      const node = await start(name, { stateStore: stores.get(name) as KadStateStore });
      if (nodes[0] !== undefined) await settle(node.bootstrap([nodes[0].localAddress]));
      nodes.push(node);
    }
    const bo = nodes[1] as KadNode;
    await settle(bo.announce(FILE));
    const { sequence } = bo.contact.contact;
    for (const node of nodes) await settle(node.stop());
    await simulation.clock.runFor(hour);
    const withoutBo = NAMES.filter((name) => name !== 'bo');
    const again: KadNode[] = [];
    for (const name of withoutBo) again.push(await start(name, { stateStore: stores.get(name) as KadStateStore }));
    await simulation.clock.runFor(10 * second);
    for (const node of again) expect(node.isJoined, 'nobody told it an address').toBe(true);
    const [anna] = again as [KadNode];
    expect((await settle(anna.findProviders(FILE, { resolvesContacts: false }))).hostIds, 'bo is away').toEqual([bo.nodeId]);
    const boAgain = await start('bo', { stateStore: stores.get('bo') as KadStateStore });
    await simulation.clock.runFor(10 * second);
    expect(boAgain.stats()).toMatchObject({ announcements: 1, isJoined: true });
    expect(boAgain.contact.contact.sequence).toBeGreaterThan(sequence);
  });

  it('knows its peers again after a crash soon after it met them, and writes a few times for many', async () => {
    const saves: number[] = [];
    class CountingStore extends MemoryKadStateStore {
      override save(parts: Iterable<Uint8Array>): Promise<void> {
        saves.push(simulation.clock.elapsedMs);
        return super.save(parts);
      }
    }
    const options = { config: { saveIntervalMs: hour }, stateStore: new CountingStore() };
    const anna = await start('anna', options);
    for (const name of NAMES.slice(1)) {
      const node = await start(name);
      await settle(node.bootstrap([anna.localAddress]));
      await simulation.clock.runFor(minute);
    }
    expect(anna.stats().contacts).toBe(7);
    expect(saves, 'after 1, 2 and 4 contacts').toHaveLength(3);
    network.kill(hosts.get('anna') as SimHost);
    await simulation.clock.runFor(minute);
    network.revive(hosts.get('anna') as SimHost);
    const again = await start('anna', options);
    await simulation.clock.runFor(10 * second);
    expect(again.stats()).toMatchObject({ isJoined: true, contacts: 7 });
  });

  it('reports lookups and contacts as events, and pings an address', async () => {
    const anna = await start('anna');
    const added: number[] = [];
    const kinds: string[] = [];
    anna.events.on('contact-added', () => added.push(1));
    anna.events.on('lookup-done', ({ kind }) => kinds.push(kind));
    const bo = await start('bo');
    await settle(bo.bootstrap([anna.localAddress]));
    await simulation.clock.runFor(3 * second);
    await settle(anna.findNearest(FILE));
    await settle(anna.findProviders(FILE));
    expect(added).toHaveLength(1);
    const pong = await settle(anna.ping(bo.localAddress));
    expect(pong).toMatchObject({ ok: true, value: { peer: { nodeId: bo.nodeId }, observedAddress: anna.localAddress } });
    expect(await settle(anna.ping({ host: '11.9.9.9', port: 1 }))).toMatchObject({ ok: false, reason: 'timeout' });
    expect(new Set(kinds)).toEqual(new Set(['find-many', 'find-one', 'find-value']));
  });
});
