// Values under names, signed by who stores them: put, get, replace and remove.  node key-value.mjs
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParticipant, formatAddress, toHex } from 'batchain';

const folder = await mkdtemp(join(tmpdir(), 'batchain-values-'));
const quiet = { host: '127.0.0.1', kadPort: 0, batPort: 0, findsLan: false, offerBytes: 0 };
const bo = await createParticipant({ ...quiet, home: join(folder, 'bo') });
const ana = await createParticipant({ ...quiet, home: join(folder, 'ana'), join: [formatAddress(bo.kadAddress)] });

/** What bo finds under a key of ana's: JSON comes back as it was given, bytes as bytes. */
const seenByBo = async () => {
  const found = await bo.values.get(`${toHex(ana.nodeId)}/greeting`);
  return found?.type === 'json' ? JSON.stringify(found.value) : 'nothing';
};

try {
  const { storedOn } = await ana.values.put('greeting', { text: 'hello', times: 1 });
  console.log(`stored on ${storedOn} other node`);
  console.log('bo reads', await seenByBo());

  await ana.values.put('greeting', { text: 'hello again', times: 2 });
  console.log('bo reads', await seenByBo());

  await ana.values.remove('greeting');
  console.log('bo reads', await seenByBo());

  const { key } = await bo.values.putByHash(Buffer.from('under its own hash'));
  const byHash = await ana.values.get(key);
  console.log('ana reads', byHash?.type === 'bytes' ? JSON.stringify(Buffer.from(byHash.bytes).toString('utf8')) : 'nothing');
} finally {
  await ana.stop();
  await bo.stop();
  await rm(folder, { recursive: true });
}
