// Leaving over a KadNode and a BatNode that are stubs: the order, the sums, and who may leave when.
import { EventEmitter } from 'node:events';
import type { BatNodeApi, FileId, LeaveOptions as ShardsOptions } from '@batchain/bat-node';
import type { KadEventMap, LeaveOptions as RecordsOptions } from '@batchain/kad-node';
import { type NodeId, second, toHex } from '@batchain/shared';
import { createSimRuntime, type Simulation } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Membership, type MembershipParts } from './membership.ts';

const FILE = new Uint8Array(32).fill(7) as FileId;
const KEY = new Uint8Array(32).fill(9);
const USAGE = { offerBytes: 1000, usedBytes: 500, reservedBytes: 0, shardCount: 3, isReadOnly: false };

let simulation: Simulation;
let calls: string[];
let isMarked: boolean;
let others: number;
let isOffline: boolean;
let shardsTaken: (options: ShardsOptions) => Promise<void>;
let events: EventEmitter<KadEventMap>;
let told: number;

beforeEach(() => {
  simulation = createSimRuntime('membership');
  calls = [];
  isMarked = false;
  others = 2;
  isOffline = false;
  told = 0;
  shardsTaken = async () => undefined;
  events = new EventEmitter();
});

function make(): Membership {
  const contacts = () => Array.from({ length: others }, (_, i) => ({ nodeId: new Uint8Array(32).fill(i + 1) as NodeId, failures: 0 }));
  const files: MembershipParts['files'] = {
    get isLeaving() {
      return isMarked;
    },
    usage: () => USAGE,
    leave: async (options: ShardsOptions = {}) => {
      calls.push('shards');
      isMarked = true;
      await shardsTaken(options);
      options.onProgress?.({ movedShards: 2, movedBytes: 300, leftShards: 1, totalShards: 3 });
      return { movedShards: 2, movedBytes: 300, left: [{ fileId: FILE, segment: 0, index: 4, reason: 'no-room' }], leftCount: 1 };
    },
    endLeave: async () => {
      calls.push('end');
      isMarked = false;
    },
    rejoin: async () => {
      calls.push('rejoin shards');
      isMarked = false;
    },
  } satisfies Partial<BatNodeApi>;
  const kad = {
    events,
    routes: () => ({ buckets: [{ contacts: contacts() }] }),
    stats: () => ({ isOffline, storedRecords: 5, storedBytes: 50 }),
    leave: async ({ isEmergency = false, deadlineMs = 0 }: RecordsOptions = {}) => {
      calls.push(`records within ${deadlineMs} ms${isEmergency ? ', emergency' : ''}`);
      const counts = isEmergency ? { movedRecords: 0, movedBytes: 0, leftRecords: 5 } : { movedRecords: 4, movedBytes: 40, leftRecords: 1 };
      const left = [{ kind: 'mutable' as const, key: KEY, bytes: 10, reason: 'no-answer' as const }];
      return { isComplete: false, isAlone: false, toldNodes: 2, refreshedValues: 0, withdrawnFiles: 0, ...counts, left };
    },
    rejoin: async () => {
      calls.push('rejoin records');
      return { contacts: 2 };
    },
  } as unknown as MembershipParts['kad'];
  const publishContact = async (): Promise<void> => {
    told++;
  };
  return new Membership(simulation.runtime, { kad, files, publishContact });
}

const settle = <T>(work: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(work, { deadlineMs: 100 * second });

describe('leaving', () => {
  it('SH-04 moves the shards first, then the records in the time that is left, and tells what stayed behind', async () => {
    const membership = make();
    expect(membership.view()).toEqual({ state: 'member', isAlone: false, shards: 3, records: 5, bytes: 550 });
    const progress: unknown[] = [];
    const leaving = membership.leave({ withinMs: 10_000, onProgress: (one) => progress.push(one) });
    expect(membership.state).toBe('leaving');
    expect(await settle(leaving)).toMatchObject({
      moved: { shards: 2, records: 4, bytes: 340 },
      left: [
        { kind: 'shard', id: toHex(FILE), what: '0/4', reason: 'no-room' },
        { kind: 'record', id: toHex(KEY), what: 'mutable', reason: 'no-answer' },
      ],
      leftCount: 2,
      told: 2,
    });
    expect(calls).toEqual(['shards', 'records within 10000 ms', 'end']);
    expect(progress).toEqual([{ phase: 'shards', doneBytes: 300, totalBytes: 500 }]);
    expect(membership.state).toBe('left');
  });

  it('in an emergency moves nothing', async () => {
    const membership = make();
    expect(await settle(membership.leave({ withinMs: 10_000, isEmergency: true }))).toMatchObject({ moved: { shards: 0, records: 0 } });
    expect(calls).toEqual(['records within 10000 ms, emergency', 'end']);
  });

  it('is joined by who asks again meanwhile, and cut off it goes on when it is asked again', async () => {
    const membership = make();
    const cut = new AbortController();
    shardsTaken = ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
    const first = membership.leave({ signal: cut.signal });
    expect(membership.leave()).toBe(first);
    const failed = first.catch((error: unknown) => error);
    cut.abort(new Error('Ctrl-C'));
    expect(await settle(failed)).toMatchObject({ message: 'Ctrl-C' });
    expect(membership.state).toBe('leaving');
    shardsTaken = async () => undefined;
    await settle(membership.leave());
    expect(membership.state).toBe('left');
  });

  it('SH-11 is refused to the last one until it says that it knows', async () => {
    others = 0;
    const membership = make();
    await expect(settle(membership.leave())).rejects.toMatchObject({ code: 'BAT_E_LAST_MEMBER' });
    expect(membership.state).toBe('member');
    expect(calls).toEqual([]);
    await settle(membership.leave({ isLastAccepted: true }));
    expect(membership.state).toBe('left');
  });

  it('SH-11 is refused as well when none of those it knows answers any more', async () => {
    isOffline = true;
    const membership = make();
    expect(membership.view().isAlone).toBe(true);
    await expect(settle(membership.leave())).rejects.toMatchObject({ code: 'BAT_E_LAST_MEMBER' });
    expect(calls).toEqual([]);
  });

  it('goes on by itself after a crash, once somebody is there', async () => {
    isMarked = true;
    others = 0;
    const membership = make();
    expect(membership.state).toBe('leaving');
    membership.resume(new AbortController().signal);
    await simulation.clock.runFor(second);
    expect(calls).toEqual([]);
    others = 2;
    events.emit('joined', { contacts: 2 });
    await simulation.clock.runFor(second);
    expect(calls.at(0)).toBe('shards');
    expect(membership.state).toBe('left');
  });
});

it('BD-16 who left takes part again and says so; who had not left changes nothing', async () => {
  const membership = make();
  expect(await settle(membership.rejoin())).toBe(false);
  await settle(membership.leave({ withinMs: 1000 }));
  expect(await settle(membership.rejoin())).toBe(true);
  expect(membership.state).toBe('member');
  expect(told).toBe(2);
});
