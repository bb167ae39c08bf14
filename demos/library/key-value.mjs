// Small values under names, signed by who stores them: put, get, replace and remove.  node key-value.mjs
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParticipant, formatAddress } from 'batchain';

/**
 * JSON values of `node` by key, at most 896 bytes each; those of another owner are read with its public key.
 * @param {import('batchain').Participant} node
 */
function valuesOf(node) {
  const own = node.kad.contact.contact.publicKey;
  return {
    /** @type {(key: string, value: unknown) => Promise<import('batchain').PublishResult>} */
    put: (key, value) => node.kad.putMutable(key, Buffer.from(JSON.stringify(value))),
    /** @type {(key: string, owner?: Uint8Array) => Promise<unknown>} */
    get: async (key, owner = own) => {
      const found = await node.kad.getMutable(owner, key);
      return found === undefined ? undefined : JSON.parse(Buffer.from(found.value).toString('utf8'));
    },
    /** @type {(key: string) => Promise<import('batchain').PublishResult>} */
    remove: (key) => node.kad.deleteMutable(key),
  };
}

const folder = await mkdtemp(join(tmpdir(), 'batchain-values-'));
const quiet = { host: '127.0.0.1', kadPort: 0, batPort: 0, findsLan: false, offerBytes: 0 };
const bo = await createParticipant({ ...quiet, home: join(folder, 'bo') });
const ana = await createParticipant({ ...quiet, home: join(folder, 'ana'), join: [formatAddress(bo.kadAddress)] });
try {
  const anas = valuesOf(ana);
  const anasKey = ana.kad.contact.contact.publicKey;
  const { storedOn } = await anas.put('greeting', { text: 'hello', times: 1 });
  console.log(`stored on ${storedOn} other node`);
  console.log('bo reads', JSON.stringify(await valuesOf(bo).get('greeting', anasKey)));

  await anas.put('greeting', { text: 'hello again', times: 2 });
  console.log('bo reads', JSON.stringify(await valuesOf(bo).get('greeting', anasKey)));

  await anas.remove('greeting');
  console.log('bo reads', JSON.stringify(await valuesOf(bo).get('greeting', anasKey)) ?? 'nothing');

  const { key } = await bo.kad.putImmutable(Buffer.from('under its own SHA-256'));
  console.log('ana reads', JSON.stringify(Buffer.from((await ana.kad.getImmutable(key)) ?? []).toString('utf8')));
} finally {
  await ana.stop();
  await bo.stop();
  await rm(folder, { recursive: true });
}
