// Two nodes in one program: they meet on loopback, tell what happens, and stop.  node embed-a-node.mjs
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParticipant, formatAddress, toHex } from 'batchain';

const folder = await mkdtemp(join(tmpdir(), 'batchain-embed-'));
// On loopback, at any free ports, without a look around: nothing leaves this computer.
const quiet = { host: '127.0.0.1', kadPort: 0, batPort: 0, findsLan: false };

const first = await createParticipant({ ...quiet, home: join(folder, 'first'), name: 'first', offerBytes: 50_000_000 });
first.events.on('peer-found', ({ nodeId, address }) => console.log(`first found ${toHex(nodeId)} at ${formatAddress(address)}`));
const met = once(first.events, 'peer-found');
try {
  const second = await createParticipant({
    ...quiet,
    home: join(folder, 'second'),
    name: 'second',
    offerBytes: 0,
    join: [formatAddress(first.kadAddress)],
    onJoinTried: ({ answered, silent, unresolved }) =>
      console.log(`second joined: ${answered.length} answered, ${silent.length + unresolved.length} did not`),
  });
  try {
    await met;
    const path = await second.meet(first.nodeId, { signal: AbortSignal.timeout(20_000) });
    console.log(path.ok ? `second reaches first: ${path.value}` : `second can not reach first: ${path.reason}`);
    for (const node of [first, second]) {
      const { name, reach, peers, offer } = await node.status();
      console.log(`${name}: reach ${reach}, ${peers.online} peer, ${offer.bytes} bytes offered`);
    }
  } finally {
    await second.stop();
    console.log('second stopped');
  }
} finally {
  await first.stop();
  await rm(folder, { recursive: true });
  console.log('first stopped');
}
