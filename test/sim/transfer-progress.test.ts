// What a transfer over slow links tells of itself: bytes as they go and come, within a segment too, each counted once.
import { join } from 'node:path';
import type { FlowProgress, UploadResult } from '@batchain/bat-node';
import { second, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSeededFile } from '../e2e/harness.ts';
import { closesHalfway, drips, takesSlowly } from '../support/misbehaviour.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';

const MiB = 1024 * 1024;
const FILE_BYTES = 6 * MiB - 77;
const SEGMENT_BYTES = 4 * MiB;
/** 5 Mbit/s. */
const SLOW = 625_000;
const OFFER = 100 * MiB;
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
let source: string;

interface Told {
  readonly atMs: number;
  readonly progress: FlowProgress;
}

beforeEach(async () => {
  world = new SimBatWorld('transfer progress');
  owner = await world.add(0, { bytesPerSecond: SLOW });
  hosts = [];
  source = await writeSeededFile(join(world.folder, 'letters.tar'), FILE_BYTES, 43);
});
afterEach(async () => {
  await world.close();
});

const elapsed = (): number => world.simulation.clock.elapsedMs;

async function told<T>(work: (onProgress: (progress: FlowProgress) => void) => Promise<T>): Promise<{ told: Told[]; result: T }> {
  const all: Told[] = [];
  const result = await world.settleReal(work((progress) => all.push({ atMs: elapsed(), progress })));
  return { told: all, result };
}

/** The first host has half of the rate of the others. */
async function addHosts(count: number): Promise<void> {
  for (let i = 0; i < count; i++) hosts.push(await world.add(OFFER, { bytesPerSecond: i === 0 ? SLOW : 2 * SLOW }));
  world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
}

const put = (k: number, n: number): Promise<{ told: Told[]; result: UploadResult }> =>
  told((onProgress) => owner.node.upload(source, { policy: { k, n }, segmentSizeBytes: SEGMENT_BYTES, onProgress }));
const get = ({ fileId }: UploadResult) =>
  told((onProgress) => owner.node.download(toHex(fileId), join(world.folder, 'back'), { isForced: true, onProgress }));

const done = (all: readonly Told[]): number[] => all.map(({ progress }) => progress.doneBytes);
const ascending = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);

/** Of the file and of each host: never back, never above the whole, the whole at the end. */
function expectSteady(all: readonly Told[]): void {
  expect(done(all)).toEqual(ascending(done(all)));
  expect(all.every(({ progress }) => progress.doneBytes <= FILE_BYTES && progress.totalBytes === FILE_BYTES)).toBe(true);
  expect(all.at(-1)?.progress).toMatchObject({ phase: 'finishing', doneBytes: FILE_BYTES });
  const ofHosts = all.map(({ progress }) => new Map(progress.hosts.map((host) => [toHex(host.nodeId), host])));
  for (const [key, last] of ofHosts.at(-1) ?? []) {
    const bytes = ofHosts.flatMap((hostsThen) => hostsThen.get(key)?.doneBytes ?? []);
    expect(bytes).toEqual(ascending(bytes));
    expect(last.doneBytes).toBeLessThanOrEqual(last.totalBytes);
  }
}

/** Half of the time makes about half of the file: rate and remaining time come from these. */
function expectEven(all: readonly Told[]): void {
  const moving = all.filter(({ progress }) => progress.doneBytes > 0 && progress.doneBytes < FILE_BYTES);
  const [first, last] = [moving[0] as Told, moving.at(-1) as Told];
  expect(last.atMs - first.atMs).toBeGreaterThan(2 * second);
  const half = moving.find(({ atMs }) => atMs >= (first.atMs + last.atMs) / 2) as Told;
  expect(half.progress.doneBytes).toBeGreaterThan(FILE_BYTES * 0.3);
  expect(half.progress.doneBytes).toBeLessThan(FILE_BYTES * 0.7);
  const stills = moving.slice(1).map(({ atMs }, at) => atMs - (moving[at] as Told).atMs);
  expect(Math.max(...stills)).toBeLessThan(1.5 * second);
}

const withinFirstSegment = (all: readonly Told[]): number =>
  new Set(done(all).filter((bytes) => bytes > 0 && bytes < (FILE_BYTES * 2) / 3)).size;

describe.each([
  [1, 1],
  [2, 3],
])('over slow links, any %i of %i', (k, n) => {
  it('an upload and a download tell of bytes as they move, steadily, up to the whole', async () => {
    await addHosts(n);
    const up = await put(k, n);
    expectSteady(up.told);
    expect(withinFirstSegment(up.told)).toBeGreaterThan(5);
    expectEven(up.told);
    const stored = up.told.at(-1)?.progress.hosts ?? [];
    expect(stored.map(({ doneBytes }) => doneBytes)).toEqual(up.result.hosts.map(({ bytes }) => bytes));

    const down = await get(up.result);
    expectSteady(down.told);
    expect(withinFirstSegment(down.told)).toBeGreaterThan(5);
    expectEven(down.told);
  });

  it('a host that breaks off again and again makes nothing count twice', async () => {
    await addHosts(n);
    const up = await put(k, n);
    let visits = 0;
    hosts[0]?.behave((session, stream, member) =>
      visits++ % 2 === 1 && visits < 6 ? closesHalfway(session, stream, member) : member.honest(stream),
    );
    const down = await get(up.result);
    expect(visits).toBeGreaterThan(2);
    expectSteady(down.told);
  });
});

describe('a host that stands still, beside which another is tried', () => {
  it('makes nothing count twice', async () => {
    const { runtime } = world.simulation;
    await addHosts(6);
    hosts[0]?.behave(takesSlowly(runtime, 20 * second));
    const notes: string[] = [];
    const up = await told((onProgress) =>
      owner.node.upload(source, {
        policy: { k: 2, n: 4 },
        segmentSizeBytes: SEGMENT_BYTES,
        onProgress,
        onNote: (note) => notes.push(note),
      }),
    );
    expect(notes.some((note) => note.includes('is slow, trying'))).toBe(true);
    expectSteady(up.told);

    hosts[1]?.behave(drips(runtime));
    expectSteady((await get(up.result)).told);
  });
});
