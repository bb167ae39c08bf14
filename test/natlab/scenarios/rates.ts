// Transfer rates for each kind of path, under delay and loss, as a table.
import { parseArgs } from 'node:util';
import type { Lab } from '../lab.ts';
import { meet, pathOf, startPeers } from '../meet.ts';
import { MiB, runScenario, TransferWatch, wait, withLab, writeRandomFile } from './scenario.ts';

const { values } = parseArgs({
  options: {
    pairs: {
      type: 'string',
      multiple: true,
      default: ['open,open', 'open,linux', 'linux,linux', 'port-restricted,port-restricted', 'symmetric,symmetric'],
    },
    mib: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '30' },
    quick: { type: 'boolean', default: false },
  },
});
/** A rate is known after so long, however large the file; fewer of the conditions when it is to be quick. */
const MEASURE_MS = Number(values.quick ? 8 : values.seconds) * 1000;
/** A get tells its progress by the segment. */
const SEGMENT_BYTES: number = 4 * MiB;
/** What is cut off at the end of a measurement stays at the host for a day. */
const OFFER = '32GiB';
/** A link that a delay line was put into loses what was on it. */
const CALM_MS = 2_000;

const CONDITIONS = [
  { rttMs: 0, lossPercent: 0 },
  { rttMs: 50, lossPercent: 0 },
  { rttMs: 100, lossPercent: 0 },
  { rttMs: 50, lossPercent: 0.1 },
  { rttMs: 100, lossPercent: 0.1 },
].slice(0, values.quick ? 2 : undefined);

/** What moved in the time of a measurement, MB/s, or why nothing did. */
async function measure(transfer: (watch: TransferWatch, signal: AbortSignal) => Promise<unknown>): Promise<string> {
  const watch = new TransferWatch();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), MEASURE_MS);
  try {
    await transfer(watch, limit.signal);
  } catch (error) {
    if (watch.bytes === 0) return `- (${String(error).slice(0, 60)})`;
  } finally {
    clearTimeout(timer);
  }
  return watch.megabytesPerSecond.toFixed(1);
}

async function measurePair(lab: Lab, key: string): Promise<void> {
  await lab.startPublic();
  await startPeers(lab, { offer: OFFER });
  const client = lab.client('a');
  // Ends once a relayed session has been left, where there is a better way.
  await meet(lab, 'a', key.includes('symmetric') ? ['relayed'] : ['direct', 'reverse', 'punched']);
  const source = await writeRandomFile(lab, 'rate.bin', Number(values.mib) * MiB);
  const warm = await writeRandomFile(lab, 'warm.bin', 4 * MiB);
  // Whole once, so that there is something to get under every condition.
  const whole = await client.put(
    { path: source, policy: { k: 1, n: 1 }, segmentSizeBytes: SEGMENT_BYTES },
    { signal: AbortSignal.timeout(300_000) },
  );
  for (const { rttMs, lossPercent } of CONDITIONS) {
    await lab.turn('delay', 'a', rttMs === 0 ? 'off' : rttMs / 2);
    await lab.turn('loss', 'a', lossPercent);
    await wait(CALM_MS);
    // What a sudden change of the link has cost is over before anything is measured.
    await measure((watch, signal) => client.put({ path: warm, policy: { k: 1, n: 1 }, isFresh: true }, { signal, onProgress: watch.note }));
    const put = await measure((watch, signal) =>
      client.put(
        { path: source, policy: { k: 1, n: 1 }, segmentSizeBytes: SEGMENT_BYTES, isFresh: true },
        { signal, onProgress: watch.note },
      ),
    );
    const get = await measure((watch, signal) =>
      client.download(whole.id, { path: `${source}.${rttMs}.${lossPercent}.back`, isForced: true }, { signal, onProgress: watch.note }),
    );
    const path = await pathOf(lab, 'a', 'b');
    console.log(`| ${key} | ${path} | ${rttMs} | ${lossPercent} | ${put} | ${get} |`);
  }
}

await runScenario('transfer rates', async () => {
  console.log('| pair | path | RTT, ms | loss each way, % | put, MB/s | get, MB/s |\n|---|---|---|---|---|---|');
  const failures: string[] = [];
  for (const key of values.pairs) {
    await withLab(`pair:${key}`, (lab) => measurePair(lab, key)).catch((error: unknown) => {
      console.log(`| ${key} | failed | | | | |`);
      failures.push(`${key}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  if (failures.length > 0) throw new Error(failures.join('\n'));
});
