// Six hosts in six kinds of network, the owner behind a symmetric router: put with 4 of 6, get with two of the hosts killed.
import { MiB, runScenario, sha256Of, TransferWatch, withLab, writeRandomFile } from './scenario.ts';

const FILE_BYTES = 64 * MiB;
const LIMIT_MS = 5 * 60_000;
const HOSTS: readonly (readonly [name: string, type: string])[] = [
  ['linux1', 'linux'],
  ['linux2', 'linux'],
  ['strict', 'port-restricted'],
  ['sym', 'symmetric'],
  ['web', 'web-only'],
  ['open', 'open'],
];
/** Every host and every router stands in a /24 of its own. */
const TOPOLOGY = `public kad1 addr=203.0.113.10 also=203.0.113.11
public kad2 addr=198.51.100.20
nat r-owner type=symmetric addr=198.18.100.1
host owner via=r-owner
${HOSTS.map(([name, type], i) =>
  type === 'open'
    ? `public ${name} addr=198.18.${i + 1}.1`
    : `nat r-${name} type=${type} addr=198.18.${i + 1}.1\nhost ${name} via=r-${name}`,
).join('\n')}
`;

await runScenario('six hosts, the owner behind a symmetric router', () =>
  withLab(TOPOLOGY, async (lab) => {
    await lab.startPublic();
    await Promise.all(HOSTS.map(([name]) => lab.start(name, { offer: '1GiB' })));
    await lab.start('owner');
    const source = await writeRandomFile(lab, 'six.bin', FILE_BYTES);
    const client = lab.client('owner');
    const putWatch = new TransferWatch();
    const put = await client.put(
      { path: source, policy: { k: 4, n: 6 } },
      { signal: AbortSignal.timeout(LIMIT_MS), onProgress: putWatch.note },
    );
    console.log(
      `put: on ${put.placed} hosts in ${(put.durationMs / 1000).toFixed(1)} s, first byte after ${Math.round(putWatch.firstByteMs ?? 0)} ms`,
    );
    const { peers } = await client.peers();
    for (const [name] of HOSTS)
      console.log(`  ${name.padEnd(8)} ${peers.find(({ nodeId }) => nodeId === lab.daemon(name).nodeId)?.path ?? 'not listed'}`);
    if (put.placed !== HOSTS.length) throw new Error(`placed on ${put.placed} of ${HOSTS.length} hosts`);

    for (const name of ['open', 'linux1']) await lab.turn('drop', name);
    const target = `${source}.back`;
    const watch = new TransferWatch();
    const got = await client.download(put.id, { path: target }, { signal: AbortSignal.timeout(LIMIT_MS), onProgress: watch.note });
    console.log(
      `get without open and linux1: ${(got.durationMs / 1000).toFixed(1)} s, first byte after ${Math.round(watch.firstByteMs ?? 0)} ms`,
    );
    if ((await sha256Of(target)) !== (await sha256Of(source))) throw new Error('the file is not identical');
    console.log('the file is identical');
  }),
);
