// Hosts that are slow or say nothing, in simulated time: each costs a deadline at most, and honest work goes on beside it (T1, T14).
import { join } from 'node:path';
import type { FlowOptions, UploadResult } from '@batchain/bat-node';
import { type Runtime, second, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSeededFile } from '../e2e/harness.ts';
import type { Serving } from '../support/bat-member.ts';
import { confirmsLate, drips, silentOn, takesSlowly } from '../support/misbehaviour.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';

const KiB = 1024;
const SEGMENT_BYTES = 256 * KiB;
const SEGMENTS = 6;
const FILE_BYTES = SEGMENTS * SEGMENT_BYTES - 5;
const OFFER = 100 * 1024 * KiB;
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
let runtime: Runtime;
let source: string;

beforeEach(async () => {
  world = new SimBatWorld('slow hosts');
  ({ runtime } = world.simulation);
  owner = await world.add(0);
  hosts = [];
  source = await writeSeededFile(join(world.folder, 'letters.tar'), FILE_BYTES, 41);
});
afterEach(async () => {
  await world.close();
});

/** Hosts in the order in which they are asked. */
async function addHosts(count: number, first?: Serving): Promise<void> {
  for (let i = 0; i < count; i++) hosts.push(await world.add(OFFER, i === 0 && first !== undefined ? { serving: first } : {}));
  world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
}

const idOf = (member: SimMember | undefined): string => toHex(member?.keyPair.nodeId as Uint8Array);
const elapsed = (): number => world.simulation.clock.elapsedMs;

const put = (k: number, n: number, options: FlowOptions & { readonly segmentSizeBytes?: number } = {}): Promise<UploadResult> =>
  world.settleReal(owner.node.upload(source, { policy: { k, n }, segmentSizeBytes: SEGMENT_BYTES, ...options }));

/** Reads the file as a stream and counts its bytes; each was checked on the way. */
async function read(ref: string): Promise<{ readonly bytes: number; readonly rejected: readonly { readonly host: Uint8Array }[] }> {
  const stream = owner.node.downloadStream(ref);
  let bytes = 0;
  for (let next = await stream.next(); ; next = await stream.next()) {
    if (next.done === true) return { bytes, rejected: next.value.rejected };
    bytes += next.value.length;
  }
}

/** Every segment has its n shards, each on a host of its own. */
function expectFullSpread({ fileId }: UploadResult, n: number, segments = SEGMENTS): void {
  for (let segment = 0; segment < segments; segment++) {
    const perHost = hosts.map((host) => host.store.shards(fileId, { max: 1000 }).filter((shard) => shard.segment === segment));
    expect(perHost.every((shards) => shards.length <= 1)).toBe(true);
    const indexes = perHost.flat().map(({ index }) => index);
    expect(indexes.sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, index) => index));
  }
}

describe('BN-20 an upload with a host that', () => {
  it('never answers the question for room goes on without it after five seconds', async () => {
    await addHosts(5, silentOn('status'));
    const up = await put(2, 4);
    expect(up.placed).toBe(4);
    expect(elapsed()).toBeLessThan(12 * second);
    expect(up.hosts.map(({ nodeId }) => toHex(nodeId))).not.toContain(idOf(hosts[0]));
    expectFullSpread(up, 4);
  });

  it('T5 is one of thirty silent ones that lie nearer than the honest is placed all the same, soon', async () => {
    for (let i = 0; i < 30; i++) hosts.push(await world.add(OFFER, { serving: silentOn('status') }));
    for (let i = 0; i < 4; i++) hosts.push(await world.add(OFFER));
    world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
    const up = await put(2, 4);
    expect(up.placed).toBe(4);
    expect(elapsed()).toBeLessThan(15 * second);
    expect(up.hosts.map(({ nodeId }) => toHex(nodeId)).sort()).toEqual(hosts.slice(30).map(idOf).sort());
  });

  it('never answers a store gives its shards to a spare', async () => {
    await addHosts(5, silentOn('store'));
    const up = await put(2, 4);
    expect(up.placed).toBe(4);
    expect(elapsed()).toBeLessThan(60 * second);
    expectFullSpread(up, 4);
  });

  it('takes its data slowly tries a spare beside it after three times the usual time, and the first to finish wins', async () => {
    const notes: string[] = [];
    await addHosts(6, takesSlowly(runtime, 20 * second));
    const up = await put(2, 4, { onNote: (note) => notes.push(note) });
    expect(up.placed).toBe(4);
    expect(notes.some((note) => note.includes('is slow, trying'))).toBe(true);
    expect(elapsed()).toBeLessThan(40 * second);
    expectFullSpread(up, 4);
  });

  it('takes a lone segment slowly is helped as well, though nothing was measured before', async () => {
    await addHosts(5, takesSlowly(runtime, 60 * second));
    const up = await put(2, 4, { segmentSizeBytes: 2 * SEGMENTS * SEGMENT_BYTES });
    expect(up).toMatchObject({ placed: 4, segments: 1 });
    expect(elapsed()).toBeLessThan(30 * second);
    expectFullSpread(up, 4, 1);
  });

  it('confirms late what it has stored is told to forget it again', async () => {
    await addHosts(6, confirmsLate(runtime, 120 * second));
    const up = await put(2, 4);
    expect(up.placed).toBe(4);
    expect(elapsed()).toBeLessThan(60 * second);
    // The doubles that came late were released: nobody has two shards of a segment, no shard is there twice.
    expectFullSpread(up, 4);
  });
});

describe('DF-19 a download with a host that', () => {
  const stored = async (k: number, n: number): Promise<string> => {
    await addHosts(n);
    return toHex((await put(k, n)).fileId);
  };
  const slow: readonly (readonly [string, (runtime: Runtime) => Serving])[] = [
    ['sends one byte every ten seconds', drips],
    ['never answers a fetch', () => silentOn('fetch')],
    ['never says what it holds', () => silentOn('have')],
  ];
  it.each(slow)('%s goes on with the others', async (_, serving) => {
    const ref = await stored(2, 4);
    hosts[0]?.behave(serving(runtime));
    const startedMs = elapsed();
    expect(await world.settle(read(ref))).toMatchObject({ bytes: FILE_BYTES, rejected: [] });
    expect(elapsed() - startedMs).toBeLessThan(20 * second);
  });

  it.each(slow)('%s and that nobody can stand in for fails in bounded time, and says who', async (_, serving) => {
    const ref = await stored(2, 2);
    hosts[0]?.behave(serving(runtime));
    const startedMs = elapsed();
    await expect(world.settle(read(ref))).rejects.toMatchObject({ code: 'BAT_E_TOO_FEW_SHARDS', details: { away: [idOf(hosts[0])] } });
    expect(elapsed() - startedMs).toBeLessThan(180 * second);
  });

  it('is slow on its first shard only is not waited for', async () => {
    const ref = await stored(2, 4);
    let isFirst = true;
    const slowly = drips(runtime);
    hosts[0]?.behave((session, stream, member) => {
      const serving = isFirst ? slowly : undefined;
      isFirst = false;
      return serving === undefined ? member.honest(stream) : serving(session, stream, member);
    });
    const startedMs = elapsed();
    expect(await world.settle(read(ref))).toMatchObject({ bytes: FILE_BYTES });
    expect(elapsed() - startedMs).toBeLessThan(10 * second);
  });
});

describe('BN-05 an audit with a host that', () => {
  it('connects and then says nothing is contained after two deadlines; honest hosts pass', async () => {
    await addHosts(4);
    await put(2, 4);
    hosts[0]?.behave(silentOn('challenge', 'have'));
    const startedMs = elapsed();
    const audit = await world.settle(owner.node.audit('letters.tar'));
    expect(elapsed() - startedMs).toBeLessThan(40 * second);
    const outcomes = (isIt: boolean) =>
      new Set(
        audit.rows.filter(({ host }) => (host !== undefined && toHex(host) === idOf(hosts[0])) === isIt).map(({ outcome }) => outcome),
      );
    expect(outcomes(true)).toEqual(new Set(['contained']));
    expect(outcomes(false)).toEqual(new Set(['passed']));
    expect(audit).toMatchObject({ verdict: 'at-risk', shardsHealthy: 3 });
  });

  it('is switched off is offline', async () => {
    await addHosts(4);
    await put(2, 4);
    world.kill(hosts[0] as SimMember);
    const audit = await world.settle(owner.node.audit('letters.tar'));
    const rows = audit.rows.filter(({ host }) => host !== undefined && toHex(host) === idOf(hosts[0]));
    expect(new Set(rows.map(({ outcome }) => outcome))).toEqual(new Set(['offline']));
  });
});
