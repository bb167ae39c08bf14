// Ten participants as processes; three leave one after the other while another joins. WALK=full for the whole size, and without a kill too.
import { beforeAll, describe, expect, it } from 'vitest';
import { type WalkOptions, type WalkReport, walkOfLeaving } from './leave-walk.ts';

const isFull = process.env.WALK === 'full';
const SIZE = isFull ? { values: 500, files: 50, fileBytes: 400_000 } : { values: 60, files: 8, fileBytes: 150_000 };
const NOTHING_LOST = { left: [], failedReads: [], badShards: [], lostValues: [], verdicts: { good: SIZE.files } };

function walk(killsReceiver: boolean): Promise<WalkReport> {
  const say = isFull ? (line: string): void => console.log(line) : (): void => undefined;
  const options: WalkOptions = { participants: 10, leavers: 3, ...SIZE, killsReceiver, say };
  return walkOfLeaving(options);
}

/** The first and the third leave undisturbed; while the second leaves, one joins and one that takes shards is killed. */
describe('three of ten leave while another joins', () => {
  let report: WalkReport;
  beforeAll(async () => {
    report = await walk(true);
  }, 300_000);

  it('SH-03 SH-04 BD-44 every value and file can be read at every moment', () => {
    expect(report.failedReads).toEqual([]);
    expect(report.reads, 'values and files').toBeGreaterThan(10);
    expect(report.moved.shards).toBeGreaterThan(0);
    expect(report.moved.records).toBeGreaterThan(0);
  });

  it('BD-52 a host that is killed while it takes shards loses nothing for anybody', () => {
    expect(report).toMatchObject({ ...NOTHING_LOST, killed: expect.stringMatching(/^node\d+$/) });
  });

  it.runIf(isFull)('nor does anything go lost when nobody is killed', { timeout: 300_000 }, async () => {
    expect(await walk(false)).toMatchObject({ ...NOTHING_LOST, killed: undefined });
  });
});
