// Hosts leave while time runs out, owners renew and disks are full, on the simulated network: what is said is true, and in time.
import type { HostedFile } from '@batchain/bat-node';
import { day, fail, minute, ok, type Result, second, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { afterEach, describe, expect, it } from 'vitest';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { misbehaving } from '../support/tampered-stream.ts';

const KiB = 1024;
const OFFER = 20 * 1024 * KiB;
let world: SimBatWorld;

afterEach(async () => {
  await world?.close();
});

/** Hosts of which the first two keep a shard each of the owner's files. */
async function open(fileCount: number) {
  world = new SimBatWorld('leaving in a hurry');
  const owner = await world.settleReal(world.add(0));
  const hosts: SimMember[] = [];
  for (let i = 0; i < 4; i++) hosts.push(await world.settleReal(world.add(OFFER)));
  const [leaver, other] = hosts as [SimMember, SimMember];
  for (let i = 0; i < fileCount; i++) {
    const bytes = sha256(utf8Bytes(`file ${i}`));
    await world.settle(world.put(owner, [leaver, other], bytes, { k: 1, segmentBytes: 64 * KiB, isCommitted: true, name: `file ${i}` }));
  }
  await world.settle(world.simulation.clock.sleep(2000));
  return { owner, leaver, free: hosts.slice(2) };
}

type Opened = Awaited<ReturnType<typeof open>>;
const run = (fileCount: number, tell: (parts: Opened) => Promise<void>): Promise<void> =>
  open(fileCount).then((parts) => world.settle(tell(parts), 40 * day));

describe('a host that leaves in a hurry', () => {
  it('SH-04 ends in its time though nobody hears that it keeps the files no more', () =>
    run(12, async ({ leaver }) => {
      const { clock } = world.simulation;
      const count = leaver.store.usage().shardCount;
      const files = [...leaver.store.files()].map(({ fileId }) => fileId);
      expect(files).toHaveLength(12);
      world.list.onWithdraw = () => clock.sleep(minute);
      const startMs = clock.elapsedMs;
      const result = await leaver.node.leave({ deadlineMs: 20 * second });
      expect(result).toMatchObject({ movedShards: count, leftCount: 0 });
      expect(clock.elapsedMs - startMs).toBeLessThan(26 * second);
      await clock.sleep(10 * minute);
      const own = toHex(leaver.keyPair.nodeId);
      for (const fileId of files) expect(world.list.providersOf(fileId)).not.toContain(own);
    }));

  it('SH-04 does not blame a receiver for a lease that the owner made longer meanwhile', () =>
    run(1, async ({ leaver, free }) => {
      await world.simulation.clock.sleep(6 * day);
      const [{ fileId, leaseUntilMs }] = [...leaver.store.files()] as [HostedFile];
      let asked = 0;
      for (const host of free)
        host.behave(
          misbehaving({
            handoff: (visit) => {
              asked++;
              return visit.serve({
                before: async (what) => {
                  if (what === 'item') await leaver.store.extendLease(fileId, { leaseUntilMs: leaseUntilMs + 6 * day, isCommitted: true });
                },
              });
            },
          }),
        );
      expect(await leaver.node.leave()).toMatchObject({ movedShards: 1, leftCount: 0 });
      expect(asked).toBe(1);
    }));

  it('SH-11 keeps what it can not write down that it gave away, and says that its disk is full', () =>
    run(2, async ({ leaver }) => {
      const full: () => Promise<Result<void, 'disk-full'>> = async () => fail('disk-full');
      leaver.store.planMove = full;
      const result = await leaver.node.leave({ deadlineMs: minute });
      expect(result).toMatchObject({ movedShards: 0, leftCount: 2 });
      expect(new Set(result.left.map(({ reason }) => reason))).toEqual(new Set(['own-unwritable']));
      leaver.store.planMove = async () => ok(undefined);
      leaver.store.move = full;
      const again = await leaver.node.leave({ deadlineMs: minute });
      expect(new Set(again.left.map(({ reason }) => reason))).toEqual(new Set(['own-unwritable']));
      expect(leaver.store.usage().shardCount).toBe(2);
    }));
});
