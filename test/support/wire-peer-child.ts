// A process with one end of the bat wire, for tests that kill it and for measurements: `host`, `relay`, `loop` to store
// without end, or `called` to be reached through a relay.
import { once } from 'node:events';
import { keyPairFromSeed, MiB, present } from '@batchain/shared';
import { bytesNamed } from './stored-shards.ts';
import { makeWireFile, openWireHost } from './wire-host.ts';

const [mode = 'host', otherName = '', otherPort = '', callerName = ''] = process.argv.slice(2);
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
const end = await openWireHost(`child ${mode}`, { offerBytes: 4096 * MiB, ...(mode === 'relay' && { relay: {} }) });
say({ port: end.address.port });

const to = { keyPair: keyPairFromSeed(bytesNamed(`seed of ${otherName}`, 32)), address: { host: '127.0.0.1', port: Number(otherPort) } };
if (mode === 'called') {
  const caller = keyPairFromSeed(bytesNamed(`seed of ${callerName}`, 32)).nodeId;
  const joined = await end.relayClient.join(await end.session(to), new Uint8Array(16).fill(1), caller, 'called', { timeoutMs: 20_000 });
  if (!joined.ok) throw new Error(`not joined: ${joined.reason} ${joined.detail}`);
  void end.pool.accept(joined.value);
}
if (mode === 'loop') {
  const client = await end.client(to);
  for (let round = 0; ; round++) {
    const { order, leafHashes, bytes } = present(makeWireFile(end.keyPair, `round ${round}`, [16 * MiB]).shards[0], 'a shard');
    say({ storing: round });
    await client.store(order, leafHashes, bytes);
  }
}
await once(process.stdin.resume(), 'end');
await end.close();
