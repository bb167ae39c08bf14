// A process with one end of the bat wire, for tests that kill it and for measurements: `host`, `relay`, or `loop` to store without end.
import { once } from 'node:events';
import { keyPairFromSeed, MiB, present } from '@batchain/shared';
import { bytesNamed } from './stored-shards.ts';
import { makeWireFile, openWireHost } from './wire-host.ts';

const [mode = 'host', hostName = '', hostPort = ''] = process.argv.slice(2);
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
const end = await openWireHost(`child ${mode}`, { offerBytes: 4096 * MiB, ...(mode === 'relay' && { relay: {} }) });
say({ port: end.address.port });

if (mode === 'loop') {
  const to = { keyPair: keyPairFromSeed(bytesNamed(`seed of ${hostName}`, 32)), address: { host: '127.0.0.1', port: Number(hostPort) } };
  const client = await end.client(to);
  for (let round = 0; ; round++) {
    const { order, leafHashes, bytes } = present(makeWireFile(end.keyPair, `round ${round}`, [16 * MiB]).shards[0], 'a shard');
    say({ storing: round });
    await client.store(order, leafHashes, bytes);
  }
}
await once(process.stdin.resume(), 'end');
await end.close();
