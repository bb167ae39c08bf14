// Leaving over a KadNode and a BatNode that are stubs: the order, the sums, and who may leave when.
import type { BatNodeApi, FileId, LeaveOptions as ShardsOptions } from '@batchain/bat-node';
import type { LeaveOptions as RecordsOptions } from '@batchain/kad-node';
import { hour, type NodeId, second, toHex } from '@batchain/shared';
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
let told: number;

beforeEach(() => {
  simulation = createSimRuntime('membership');
  calls = [];
  isMarked = false;
  others = 2;
  isOffline = false;
  told = 0;
  shardsTaken = async () => undefined;
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

  it('is said to be leaving once that is written down, so that a crash after it does not end the leave', async () => {
    const membership = make();
    shardsTaken = async () => {
      isMarked = false;
      await simulation.clock.sleep(second);
      isMarked = true;
      await simulation.clock.sleep(second);
    };
    const leaving = membership.leave();
    expect(membership.state).toBe('member');
    await simulation.clock.runFor(1.5 * second);
    expect(membership.state).toBe('leaving');
    await settle(leaving);
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
    const first = membership.leave({ signal: cut.signal, withinMs: 20 * hour });
    expect(membership.leave()).toBe(first);
    expect(membership.leave({ withinMs: 30 * hour })).toBe(first);
    const failed = first.catch((error: unknown) => error);
    cut.abort(new Error('Ctrl-C'));
    expect(await settle(failed)).toMatchObject({ message: 'Ctrl-C' });
    expect(membership.state).toBe('leaving');
    shardsTaken = async () => undefined;
    await settle(membership.leave());
    expect(membership.state).toBe('left');
  });

  it.each([
    ['an emergency', { isEmergency: true }, 'records within 28800000 ms, emergency'],
    ['a shorter time', { withinMs: 1000 }, 'records within 1000 ms'],
  ] as const)('is cut short by %s while it is under way: both callers get what came of it', async (_name, sooner, last) => {
    const membership = make();
    let cuts = 0;
    shardsTaken = ({ signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener(
          'abort',
          () => {
            cuts++;
            shardsTaken = async () => undefined;
            reject(signal.reason);
          },
          { once: true },
        ),
      );
    const long = membership.leave();
    const short = membership.leave(sooner);
    expect(await settle(short)).toEqual(await settle(long));
    expect(cuts).toBe(1);
    expect(calls.slice(-2)).toEqual([last, 'end']);
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
    await simulation.clock.runFor(5 * second);
    expect(calls.at(0)).toBe('shards');
    expect(membership.state).toBe('left');
    // A node that has just started knows few others: what nobody took is offered again, for a while.
    await simulation.clock.runFor(100 * second);
    expect(calls.filter((call) => call === 'shards')).toHaveLength(6);
  });
});

it('BD-16 a leave that waits for somebody to be there is off once it was taken back', async () => {
  isMarked = true;
  others = 0;
  const membership = make();
  membership.resume(new AbortController().signal);
  expect(await settle(membership.rejoin())).toBe(true);
  others = 2;
  await simulation.clock.runFor(10 * second);
  expect(calls).toEqual(['rejoin shards', 'rejoin records']);
  expect(membership.state).toBe('member');
});

it('BD-16 coming back ends the leave under way and one that waits to take over; one that is asked for meanwhile comes after it', async () => {
  const membership = make();
  shardsTaken = ({ signal }) =>
    new Promise((_, reject) =>
      signal?.addEventListener('abort', () => simulation.clock.setTimer(second, () => reject(signal.reason)), { once: true }),
    );
  const long = membership.leave().catch((error: unknown) => error);
  const short = membership.leave({ isEmergency: true }).catch((error: unknown) => error);
  const back = membership.rejoin();
  expect(await settle(back)).toBe(true);
  for (const ended of [long, short]) expect(await settle(ended)).toBeInstanceOf(Error);
  expect(calls).toEqual(['shards', 'rejoin shards', 'rejoin records']);
  expect(membership.state).toBe('member');
  shardsTaken = async () => undefined;
  const again = membership.rejoin();
  const after = membership.leave({ withinMs: 1000 });
  await settle(Promise.all([again, after]));
  expect(calls.slice(3)).toEqual(['rejoin shards', 'rejoin records', 'shards', 'records within 1000 ms', 'end']);
  expect(membership.state).toBe('left');
});

it('BD-16 who left takes part again and says so; who had not left changes nothing', async () => {
  const membership = make();
  expect(await settle(membership.rejoin())).toBe(false);
  await settle(membership.leave({ withinMs: 1000 }));
  expect(await settle(membership.rejoin())).toBe(true);
  expect(membership.state).toBe('member');
  expect(told).toBe(2);
});
