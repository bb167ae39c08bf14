// During a get of 256 MiB one router gets another address, one forgets its mappings, and one host loses UDP: the file must come whole, without a restart.
import { parseArgs } from 'node:util';
import type { Lab } from '../lab.ts';
import { MiB, runScenario, sha256Of, TransferWatch, withLab, writeRandomFile } from './scenario.ts';

const { values } = parseArgs({ options: { mib: { type: 'string', default: '256' }, hosts: { type: 'string', default: 'linux' } } });
const FILE_BYTES = Number(values.mib) * MiB;
const LIMIT_MS = 10 * 60_000;
/** Three hosts are struck and three are needed: no fault can be sat out. */
const POLICY = { k: 3, n: 4 };
const HOSTS = ['flips', 'expires', 'udpless', 'calm'] as const;

const hostLines = HOSTS.map((name, i) =>
  values.hosts === 'open'
    ? `public ${name} addr=198.18.${i + 1}.2`
    : `nat r-${name} type=${values.hosts} addr=198.18.${i + 1}.1\nhost ${name} via=r-${name}`,
).join('\n');
const TOPOLOGY = `public kad1 addr=203.0.113.10 also=203.0.113.11
public kad2 addr=198.51.100.20
nat r-owner type=linux addr=198.18.100.1
host owner via=r-owner
${hostLines}
`;

const FAULTS: readonly { readonly atShare: number; readonly what: string; readonly strike: (lab: Lab) => Promise<unknown> }[] = [
  { atShare: 0.1, what: 'router of "flips" gets another address', strike: (lab) => lab.turn('flip', 'r-flips') },
  { atShare: 0.35, what: 'router of "expires" forgets its mappings', strike: (lab) => lab.turn('expire', 'r-expires') },
  { atShare: 0.6, what: '"udpless" loses UDP', strike: (lab) => lab.turn('block-udp', 'udpless') },
];

await runScenario(`get of ${values.mib} MiB through faults`, () =>
  withLab(TOPOLOGY, async (lab) => {
    await lab.startPublic();
    await Promise.all(HOSTS.map((name) => lab.start(name, { offer: '2GiB' })));
    await lab.start('owner');
    const source = await writeRandomFile(lab, 'big.bin', FILE_BYTES);
    const client = lab.client('owner');
    const signal = AbortSignal.timeout(LIMIT_MS);
    const putWatch = new TransferWatch();
    const put = await client.put({ path: source, policy: POLICY }, { signal, onProgress: putWatch.note });
    console.log(
      `put: ${put.placed} hosts, ${(put.durationMs / 1000).toFixed(1)} s, ${putWatch.megabytesPerSecond.toFixed(1)} MB/s on the wire`,
    );

    const watch = new TransferWatch();
    let next = 0;
    let striking: Promise<unknown> = Promise.resolve();
    const target = `${source}.back`;
    const stills: string[] = [];
    const got = await client.download(
      put.id,
      { path: target },
      {
        signal,
        onProgress: (progress) => {
          watch.note(progress);
          const fault = values.hosts === 'open' ? undefined : FAULTS[next];
          if (fault === undefined || progress.doneBytes < FILE_BYTES * fault.atShare) return;
          next++;
          stills.push(
            `before: longest standstill ${Math.round(watch.takeLongestStillMs())} ms\n${fault.what}, at ${Math.round(fault.atShare * 100)} %`,
          );
          striking = striking.then(() => fault.strike(lab));
        },
        onNote: (note) => stills.push(`  note: ${note}`),
      },
    );
    await striking;
    stills.push(`after: longest standstill ${Math.round(watch.takeLongestStillMs())} ms`);
    console.log(stills.join('\n'));
    console.log(
      `get: ${(got.durationMs / 1000).toFixed(1)} s, ${watch.megabytesPerSecond.toFixed(1)} MB/s, first byte after ${Math.round(watch.firstByteMs ?? 0)} ms`,
    );
    if (got.rejected.length > 0) throw new Error(`shards were rejected: ${JSON.stringify(got.rejected)}`);
    if (next < FAULTS.length && values.hosts !== 'open') throw new Error(`only ${next} of ${FAULTS.length} faults came in time`);
    if ((await sha256Of(target)) !== (await sha256Of(source))) throw new Error('the file is not identical');
    console.log('the file is identical');
  }),
);
