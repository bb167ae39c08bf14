// Ten participants as processes; three leave one after the other while another joins. WALK=full for the whole size.
import { expect, it } from 'vitest';
import { type WalkOptions, type WalkReport, walkOfLeaving } from './leave-walk.ts';

const isFull = process.env.WALK === 'full';
const SIZE = isFull ? { values: 500, files: 50, fileBytes: 400_000 } : { values: 60, files: 8, fileBytes: 150_000 };

function walk(killsReceiver: boolean): Promise<WalkReport> {
  const say = isFull ? (line: string): void => console.log(line) : (): void => undefined;
  const options: WalkOptions = { participants: 10, leavers: 3, ...SIZE, killsReceiver, say };
  return walkOfLeaving(options);
}

it('SH-03 SH-04 BD-44 three of ten leave while another joins: every value and file can be read at every moment', {
  timeout: 300_000,
}, async () => {
  const report = await walk(false);
  expect(report).toMatchObject({ left: [], failedReads: [], badShards: [], lostValues: [], verdicts: { good: SIZE.files } });
  expect(report.moved.shards).toBeGreaterThan(0);
  expect(report.moved.records).toBeGreaterThan(0);
  expect(report.reads).toBeGreaterThan(10);
});

it('BD-52 a host that is killed while it takes shards loses nothing for anybody', { timeout: 300_000 }, async () => {
  const report = await walk(true);
  expect(report).toMatchObject({ left: [], failedReads: [], badShards: [], lostValues: [], verdicts: { good: SIZE.files } });
});
