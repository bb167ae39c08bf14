import { day, type NodeId, present, sha256, utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { FileId } from '../ids.ts';
import { MOVED_HOSTS_MAX } from '../limits.ts';
import { digestShard } from '../pipeline/shard.ts';
import { MemoryShardStore } from './memory-shard-store.ts';
import { findForgotten, type MovedRow, withMoved } from './moved-files.ts';

const hostOf = (name: string): NodeId => sha256(utf8Bytes(name)) as NodeId;
const accessKey = sha256(utf8Bytes('access'));
const facts = { accessKey, untilMs: 1000 };

describe('what is remembered of shards that were handed over', () => {
  it('names the last host of each, and lasts as long as the longest lease', () => {
    let row: MovedRow | undefined;
    for (const [name, place] of [
      ['a', undefined],
      ['a', 1],
      ['b', 2],
      ['b', 1],
    ] as const)
      row = withMoved(row, facts, hostOf(name), place); // prettier-ignore
    row = withMoved(row, { accessKey, untilMs: 700 }, hostOf('b'), 3);
    expect(row).toEqual({
      accessKey,
      untilMs: 1000,
      hosts: [hostOf('a'), hostOf('b')],
      places: [
        [2, 1],
        [1, 1],
        [3, 1],
      ],
    }); // prettier-ignore
  });

  it('never names a host for what another got, however many there were', () => {
    let row: MovedRow | undefined;
    for (let i = 0; i < MOVED_HOSTS_MAX + 3; i++) row = withMoved(row, facts, hostOf(`${i}`), i);
    const { hosts, places } = present(row, 'a row');
    expect(hosts).toHaveLength(MOVED_HOSTS_MAX);
    for (const [place, at] of places) expect(hosts[at]).toEqual(hostOf(`${place}`));
    expect(places).toHaveLength(MOVED_HOSTS_MAX);
  });

  it('is forgotten when its lease would have ended, and the earliest of too many', () => {
    const rows = [9, 3, 7, 1].map((untilMs) => [sha256(Uint8Array.of(untilMs)) as FileId, untilMs] as const);
    const forgotten = (atMs: number, countMax: number) =>
      findForgotten(rows, atMs, countMax).map((id) => rows.find(([other]) => other === id)?.[1]);
    expect(forgotten(3, 10)).toEqual([3, 1]);
    expect(forgotten(0, 2)).toEqual([1, 3]);
    expect(forgotten(0, 4)).toEqual([]);
  });
});

describe('a store whose host leaves', () => {
  const simulation = createSimRuntime('moved');
  const { runtime } = simulation;
  const settle = <T>(work: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(work, { deadlineMs: 30 * day });

  async function stored(): Promise<{ store: MemoryShardStore; refs: { fileId: FileId; segment: number; index: number }[] }> {
    const store = new MemoryShardStore(runtime, { offerBytes: 10_000_000 });
    await store.open();
    const fileId = sha256(utf8Bytes('file')) as FileId;
    const refs = [];
    for (const segment of [0, 1]) {
      const bytes = new Uint8Array(128).fill(segment + 1);
      const { id, leafHashes } = digestShard(bytes);
      const ref = { fileId, segment, index: 4 };
      const keys = { ownerKey: hostOf('owner'), fileNonce: hostOf('nonce'), accessKey, leaseId: new Uint8Array(16) };
      const begun = await store.begin({ ...ref, ...keys, shardId: id, length: 128 }, leafHashes, runtime.clock.nowMs() + 9 * day);
      if (!begun.ok || begun.value.kind !== 'writing') throw new Error('it is not stored');
      await begun.value.writer.write(bytes);
      await begun.value.writer.commit();
      refs.push(ref);
    }
    return { store, refs };
  }

  it('SH-12 remembers where each shard went after it has forgotten the shard and the file, over restarts, until the lease is over', () =>
    settle(
      (async () => {
        const { store, refs } = await stored();
        const [first, second] = refs as [(typeof refs)[0], (typeof refs)[0]];
        expect(await store.planMove(first.fileId, hostOf('planned'))).toEqual({ ok: true, value: undefined });
        expect(store.moved(first.fileId)).toMatchObject({ hosts: [hostOf('planned')], places: [] });
        expect(await store.move(first, hostOf('receiver'))).toMatchObject({ ok: true });
        expect(store.shard(first)).toBeUndefined();
        expect(await store.move(first, hostOf('receiver'))).toMatchObject({ ok: false, reason: 'not-held' });
        expect(await store.move(second, hostOf('other'))).toMatchObject({ ok: true });
        expect(store.file(first.fileId)).toBeUndefined();
        await store.setLeaving(77);
        await store.close();
        const again = new MemoryShardStore(runtime, { offerBytes: 10_000_000, disk: store.disk });
        await again.open();
        expect(again.leavingSinceMs()).toBe(77);
        const places = [
          { segment: 0, index: 4, host: hostOf('receiver') },
          { segment: 1, index: 4, host: hostOf('other') },
        ]; // prettier-ignore
        expect(again.moved(first.fileId)).toMatchObject({ accessKey, places });
        await simulation.clock.sleep(8 * day);
        await again.expire(runtime.clock.nowMs());
        expect(again.moved(first.fileId)?.places).toHaveLength(2);
        await simulation.clock.sleep(2 * day);
        await again.expire(runtime.clock.nowMs());
        expect(again.moved(first.fileId)).toBeUndefined();
        await again.setLeaving(undefined);
        await again.close();
        const last = new MemoryShardStore(runtime, { offerBytes: 10_000_000, disk: store.disk });
        await last.open();
        expect(last.leavingSinceMs()).toBeUndefined();
        await last.close();
      })(),
    ));
});
