import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShardId } from '@batchain/bat-node';
import type { Address } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { createSimRuntime } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FsKadStateStore } from './fs-kad-state-store.ts';
import { keepResolving, type ResolvedJoins, resolveJoins } from './join-addresses.ts';
import { chooseAdvertised, ownHosts } from './own-addresses.ts';
import { ownShardKeeper } from './own-shards.ts';

const runtime = createSystemRuntime();
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-adapters-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function loadAll(store: FsKadStateStore): Promise<number[][]> {
  const parts: number[][] = [];
  for await (const part of store.load()) parts.push([...part]);
  return parts;
}

describe('the state of a KadNode on disk', () => {
  it('BN-49 is empty at first, then what was saved last, for its owner alone', async () => {
    const path = join(dir, 'db', 'kad-state');
    const store = new FsKadStateStore(path, runtime.random);
    expect(await loadAll(store)).toEqual([]);
    await store.save([Uint8Array.of(1), Uint8Array.of(2, 3)]);
    await store.save([Uint8Array.of(4), new Uint8Array(3_000_000).fill(5), Uint8Array.of(6)]);
    const parts = await loadAll(store);
    expect([parts[0], parts[1]?.length, parts[2]]).toEqual([[4], 3_000_000, [6]]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'db'))).toEqual(['kad-state']);
  });

  it('gives the whole parts before a cut, and nothing of garbage', async () => {
    const path = join(dir, 'kad-state');
    const store = new FsKadStateStore(path, runtime.random);
    await store.save([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
    for (const [length, parts] of [
      [12, 2],
      [11, 1],
      [7, 1],
      [6, 1],
      [5, 0],
      [3, 0],
      [0, 0],
    ] as const) {
      await store.save([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
      truncateSync(path, length);
      expect([length, (await loadAll(store)).length]).toEqual([length, parts]);
    }
    writeFileSync(path, Buffer.alloc(100, 0xff));
    expect(await loadAll(store)).toEqual([]);
  });

  it('keeps the old state when saving fails half-way', async () => {
    const store = new FsKadStateStore(join(dir, 'kad-state'), runtime.random);
    await store.save([Uint8Array.of(1)]);
    const failing = function* (): Generator<Uint8Array> {
      yield Uint8Array.of(2);
      throw new Error('no more');
    };
    await expect(store.save(failing())).rejects.toThrow('no more');
    expect(await loadAll(store)).toEqual([[1]]);
    expect(readdirSync(dir)).toEqual(['kad-state']);
  });

  it('takes away what a kill amid a save left', async () => {
    const store = new FsKadStateStore(join(dir, 'kad-state'), runtime.random);
    await store.save([Uint8Array.of(1)]);
    writeFileSync(join(dir, 'kad-state.0123456789abcdef.tmp'), 'half');
    writeFileSync(join(dir, 'other.tmp'), 'not ours');
    expect(await loadAll(store)).toEqual([[1]]);
    expect(readdirSync(dir).sort()).toEqual(['kad-state', 'other.tmp']);
  });
});

describe('what a node tells others', () => {
  const hosts = ['127.0.0.1', '::1', '192.168.1.7', '10.0.0.5', 'fe80::1', '2001:db8::1', '203.0.113.9', 'fd00::1'];

  it('is the bound address when it is a definite one', () => {
    expect(chooseAdvertised({ host: '127.0.0.1', port: 5 }, hosts)).toEqual([{ host: '127.0.0.1', port: 5 }]);
  });

  it('is otherwise up to four of its own, public and IPv4 first, never loopback or link-local while there are others', () => {
    expect(chooseAdvertised({ host: '::', port: 5 }, hosts).map(({ host }) => host)).toEqual([
      '203.0.113.9',
      '2001:db8::1',
      '192.168.1.7',
      '10.0.0.5',
    ]);
    expect(chooseAdvertised({ host: '0.0.0.0', port: 5 }, hosts).map(({ host }) => host)).toEqual([
      '203.0.113.9',
      '192.168.1.7',
      '10.0.0.5',
    ]);
    expect(chooseAdvertised({ host: '::', port: 5 }, ['127.0.0.1', '::1']).map(({ host }) => host)).toEqual(['127.0.0.1', '::1']);
  });

  it('counts loopback among the ranges of this machine', () => {
    expect(ownHosts()).toContain('127.0.0.1');
  });
});

describe('join addresses', () => {
  it('are IP addresses as they stand, and names looked up; what can not be found is told', async () => {
    const joins = ['127.0.0.1:4870', '[::1]:5', 'localhost:7', 'no-such-host.invalid:1'];
    const { byName, unresolved } = await resolveJoins(runtime, joins);
    expect([...byName.keys()]).toEqual(joins.slice(0, 3));
    const found = [...byName.values()].flat();
    expect(unresolved).toEqual(['no-such-host.invalid:1']);
    expect(found.slice(0, 2)).toEqual([
      { host: '127.0.0.1', port: 4870 },
      { host: '::1', port: 5 },
    ]);
    expect(found.slice(2).every(({ host, port }) => port === 7 && ['127.0.0.1', '::1'].includes(host))).toBe(true);
    expect(found.length).toBeGreaterThan(2);
    await expect(resolveJoins(runtime, ['nonsense'])).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
  });

  it('are looked up again while they can not be found, until all are or the node stops', async () => {
    const { clock } = createSimRuntime('joins');
    const answers = new Map<string, Address>();
    const joined: string[] = [];
    const resolve = async (names: readonly string[]): Promise<ResolvedJoins> => ({
      byName: new Map([...answers].filter(([name]) => names.includes(name)).map(([name, address]) => [name, [address]])),
      unresolved: names.filter((name) => !answers.has(name)),
    });
    const join = async ({ byName }: ResolvedJoins): Promise<void> =>
      void joined.push(...[...byName.values()].flat().map(({ host }) => host));
    const end = keepResolving(clock, ['ana:1', 'bo:2'], resolve, join);
    await clock.runFor(61_000);
    expect(joined).toEqual([]);
    answers.set('ana:1', { host: '192.0.2.1', port: 1 });
    await clock.runFor(61_000);
    expect(joined).toEqual(['192.0.2.1']);
    end();
    answers.set('bo:2', { host: '192.0.2.2', port: 2 });
    await clock.runFor(61_000);
    expect([joined.length, clock.pendingCount]).toEqual([1, 0]);
    keepResolving(clock, ['bo:2'], resolve, join);
    await clock.runFor(61_000);
    expect([joined.at(-1), clock.pendingCount], 'nothing is left to look up').toEqual(['192.0.2.2', 0]);
  });
});

describe('own copies of shards', () => {
  it('BN-41 lie under their ids, one each', async () => {
    const keep = ownShardKeeper(join(dir, 'shards'), runtime.random);
    const id = new Uint8Array(32).fill(0xab) as ShardId;
    await keep(id, Uint8Array.of(1, 2, 3));
    await keep(id, Uint8Array.of(1, 2, 3));
    expect(readdirSync(join(dir, 'shards'))).toEqual(['ab'.repeat(32)]);
    expect([...readFileSync(join(dir, 'shards', 'ab'.repeat(32)))]).toEqual([1, 2, 3]);
  });
});
