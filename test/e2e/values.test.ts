// Values by key between real participants in this process: real files, UDP and TLS on loopback.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParticipant, LocalApiClient, LocalApiServer, type Participant, type ParticipantOptions } from '@batchain/participant';
import { concatBytes, formatAddress, type JsonValue, MiB, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../packages/participant/src/values/value-envelope.ts';

const dir = mkdtempSync(join(tmpdir(), 'batchain-values-'));
const { clock, random } = createSystemRuntime();
const LOCAL = { host: '127.0.0.1', kadPort: 0, batPort: 0, keepFreeBytes: 0, profile: 'demo', findsLan: false } as const;
const running: Participant[] = [];
let ana: Participant;
let bo: Participant;
let cleo: Participant;

async function begin(name: string, options: ParticipantOptions = {}): Promise<Participant> {
  const join_ = running[0] === undefined ? [] : [formatAddress(running[0].kadAddress)];
  const node = await createParticipant({ ...LOCAL, home: join(dir, name), join: join_, offerBytes: 50 * MiB, ...options });
  running.push(node);
  return node;
}

async function eventually<T>(check: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    await clock.sleep(20);
  }
}

/** How others name a key of a participant. */
const of = (owner: Participant, key: string): string => `${toHex(owner.nodeId)}/${key}`;

async function readAll(node: Participant, key: string, range: { readonly offset?: number; readonly length?: number } = {}) {
  const opened = await node.values.open(key, range);
  if (opened === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of opened.content) parts.push(part);
  return concatBytes(...parts);
}

beforeAll(async () => {
  ana = await begin('ana');
  bo = await begin('bo');
  cleo = await begin('cleo');
  await eventually(async () => ((await ana.status()).peers.online >= 2 ? true : undefined));
}, 30_000);
afterAll(async () => {
  for (const node of running.splice(0).reverse()) await node.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

describe('BD-02 BD-55 values by key', () => {
  it('SH-09 SH-10 what one participant puts, another gets equal, of any type', async () => {
    const values: JsonValue[] = [null, true, 0, -1.5e300, '', 'grüße \u{1f987}', [], {}, [1, [2, { a: [null] }]], { '': 1, b: { c: 'd' } }];
    for (const [i, value] of values.entries()) await ana.values.put(`type ${i}`, value);
    for (const [i, value] of values.entries()) {
      expect(await bo.values.get(of(ana, `type ${i}`))).toMatchObject({ type: 'json', value, owner: toHex(ana.nodeId) });
    }
    const bytes = Uint8Array.of(0, 255, 1, 2);
    await ana.values.put('raw', bytes);
    expect(await cleo.values.get(of(ana, 'raw'))).toMatchObject({ type: 'bytes', bytes, form: 'inline', bytesTotal: 4 });
    expect(await cleo.values.get('raw')).toBeUndefined();
  });

  it('BD-58 a value of 40 KiB lies in pieces, one of 3 MiB on hosts; both are read whole and in ranges by somebody else', async () => {
    for (const [size, form] of [
      [40 * 1024, 'pieces'],
      [3 * MiB, 'file'],
    ] as const) {
      const bytes = random.bytes(size);
      const stored = await ana.values.put(`big ${form}`, bytes);
      expect(stored).toMatchObject({ form, bytes: size, type: 'bytes' });
      expect(stored.storedOn).toBeGreaterThan(0);
      const found = await bo.values.get(of(ana, `big ${form}`));
      expect(found?.type === 'bytes' && sha256(found.bytes)).toEqual(sha256(bytes));
      expect(await readAll(cleo, of(ana, `big ${form}`), { offset: 1000, length: 2000 })).toEqual(bytes.slice(1000, 3000));
      expect(await readAll(cleo, of(ana, `big ${form}`), { offset: size - 5 })).toEqual(bytes.slice(size - 5));
      expect(await ana.values.get(`big ${form}`)).toMatchObject({ bytesTotal: size });
    }
  });

  it('a newer version takes the place of an older one everywhere, and a removed value does not come back', async () => {
    for (let n = 0; n < 5; n++) {
      const { sequence } = await ana.values.put('counter', n);
      expect(await ana.values.get('counter')).toMatchObject({ value: n, sequence });
      for (const node of [bo, cleo]) expect(await node.values.get(of(ana, 'counter'))).toMatchObject({ value: n, sequence });
    }
    expect(await ana.values.remove('counter')).toMatchObject({ key: 'counter' });
    for (const node of [ana, bo, cleo]) expect(await node.values.get(of(ana, 'counter'))).toBeUndefined();
    expect(await ana.values.remove('counter')).toBeUndefined();
    await expect(bo.values.put(of(ana, 'counter'), 1)).rejects.toMatchObject({ code: 'BAT_E_NOT_OWNER' });
    await ana.values.put('counter', 'again');
    expect(await bo.values.get(of(ana, 'counter'))).toMatchObject({ value: 'again' });
  });

  it('the public key of an owner names its values as the node id does, and the bytes of a value name themselves', async () => {
    const owner = toHex(ana.kad.contact.contact.publicKey);
    expect(await bo.values.get(`${owner}/counter`)).toMatchObject({ value: 'again', owner: toHex(ana.nodeId) });
    const bytes = utf8Bytes('some bytes');
    const { key } = await ana.values.putByHash(bytes);
    expect(key).toBe(toHex(sha256(bytes)));
    expect(await cleo.values.get(key)).toMatchObject({ type: 'bytes', bytes, owner: undefined });
    await expect(ana.values.put(key, 1)).rejects.toMatchObject({ code: 'BAT_E_VALUE_KEY' });
  });

  it('a stream of 1 MiB goes through the hosts and comes back into a file, whole or not at all', async () => {
    const bytes = random.bytes(1 * MiB);
    const parts = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 50_000) yield bytes.slice(at, at + 50_000);
    };
    expect(await ana.values.putStream('stream', parts())).toMatchObject({ form: 'file', bytes: bytes.length });
    const target = join(dir, 'target');
    expect(await bo.values.getFile(of(ana, 'stream'), target)).toMatchObject({ bytesTotal: bytes.length });
    expect(sha256(readFileSync(target))).toEqual(sha256(bytes));
    await expect(bo.values.getFile(of(ana, 'stream'), target)).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS' });
    expect(readdirSync(dir).filter((name) => name.endsWith('.part'))).toEqual([]);
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.slice(0, 200_000);
      throw new Error('the reader of the stream stumbled');
    };
    await expect(ana.values.putStream('broken', broken())).rejects.toThrow('stumbled');
    expect(await ana.values.get('broken')).toBeUndefined();
    expect(readdirSync(join(dir, 'ana', 'values', 'spool'))).toEqual([]);
  });

  it('BD-45 who keeps a value hashes a range of it where it lies, and says the same as the bytes', async () => {
    await ana.values.put('digest', utf8Bytes('0123456789'));
    const said = await bo.values.digest(of(ana, 'digest'), { offset: 2, length: 3 });
    expect(said).toMatchObject({ offset: 2, length: 3, parts: [{ sha256: toHex(sha256(utf8Bytes('234'))) }] });
    expect(said?.parts[0]?.holders.length).toBeGreaterThan(1);
    expect(said?.parts[0]?.holders.every(({ isRight }) => isRight)).toBe(true);
    const pieces = await cleo.values.digest(of(ana, 'big pieces'));
    expect(pieces?.parts).toHaveLength(46);
    expect(pieces?.parts.flatMap(({ holders }) => holders).every(({ isRight }) => isRight)).toBe(true);
  });

  it('a record whose capability leads nowhere is one clear error, and costs its reader no wait', async () => {
    const lie = (capability: Uint8Array): Uint8Array =>
      encodeEnvelope({ type: 'bytes', key: 'lie', sequence: 1, expiresMs: 0, body: { form: 'file', bytes: 100, capability } });
    const [file] = await ana.files.list();
    const right = await ana.files.capability(toHex(file?.fileId ?? new Uint8Array()));
    for (const capability of [random.bytes(200), right.slice(0, -1), right.map((byte, at) => (at === 300 ? byte ^ 1 : byte))]) {
      await ana.kad.putMutable('kv/lie', lie(capability));
      await expect(bo.values.get(of(ana, 'lie'))).rejects.toMatchObject({ code: 'BAT_E_VALUE_BROKEN' });
    }
    await ana.kad.deleteMutable('kv/lie');
  });

  it('BD-02 BD-25 the local API gives all of it to other programs: ranges, lists, deep values, files; and says what is not there', async () => {
    const controlPath = join(dir, 'control.sock');
    const server = new LocalApiServer(createSystemRuntime(), ana, { controlPath, onStopRequest: () => undefined });
    await server.start();
    try {
      const { values } = new LocalApiClient(controlPath);
      const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => ({ inner }), 'x');
      expect(await values.put('dir/deep', { json: JSON.stringify(deep) })).toMatchObject({
        key: 'dir/deep',
        kind: 'json',
        seq: expect.any(Number),
      });
      expect(await values.get('dir/deep')).toMatchObject({ value: deep });
      await values.put('dir/bytes', { bytes: Buffer.from('0123456789').toString('base64'), isLocal: true, ttlMs: 60_000 });
      const content = values.content('dir/bytes', { isLocal: true, offset: 2, length: 3 });
      const first = await content.next();
      expect(Buffer.from(first.value as Uint8Array).toString()).toBe('234');
      expect((await content.next()).value).toMatchObject({ offset: 2, length: 3, size: 10 });
      expect((await values.list({ prefix: 'dir/' })).values.map(({ key }) => key)).toEqual(['dir/deep']);
      expect(await values.list({ isLocal: true })).toMatchObject({
        values: [{ key: 'dir/bytes', size: 10 }],
        stats: { local: { values: 1 } },
      });
      expect((await values.digest('dir/deep', { offset: 1, length: 4 })).parts).toMatchObject([{ offset: 1, length: 4, silent: 0 }]);
      const target = join(dir, 'saved');
      await values.save('dir/bytes', { path: target, isLocal: true });
      expect(readFileSync(target, 'utf8')).toBe('0123456789');
      const missing = { code: 'BAT_E_VALUE_NOT_FOUND' };
      for (const call of [values.get('no'), values.remove('no'), values.content('no').next(), values.save('no', { path: join(dir, 'no') })])
        await expect(call).rejects.toMatchObject(missing);
      await expect(values.put('k', { text: 'a', json: '1' })).rejects.toMatchObject({ code: 'BAT_E_BAD_REQUEST' });
      await expect(values.content('dir/bytes', { isLocal: true, offset: 11 }).next()).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
      expect(await values.remove('dir/deep')).toMatchObject({ key: 'dir/deep' });
    } finally {
      await server.stop();
    }
  });

  it('values remain when their owner is gone, and are its own again, offline too, when it comes back', async () => {
    const bytes = random.bytes(20_000);
    await cleo.values.put('left', { a: 1 });
    await cleo.values.put('pieces', bytes);
    await cleo.stop();
    expect(await bo.values.get(of(cleo, 'left'))).toMatchObject({ value: { a: 1 } });
    expect(await bo.values.get(of(cleo, 'pieces'))).toMatchObject({ bytesTotal: 20_000 });
    // Nobody remembers it in a network of another name.
    await using alone = await createParticipant({ ...LOCAL, home: join(dir, 'cleo'), network: 'elsewhere' });
    expect((await alone.values.list()).map(({ key }) => key)).toEqual(['left', 'pieces']);
    const found = await alone.values.get('pieces');
    expect(found?.type === 'bytes' && sha256(found.bytes)).toEqual(sha256(bytes));
    await expect(alone.values.put('more', 1)).rejects.toMatchObject({ code: 'BAT_E_NO_MEMBERS' });
    await expect(alone.values.get(of(ana, 'counter'))).rejects.toMatchObject({ code: 'BAT_E_NO_MEMBERS' });
    await alone.values.put('more', 1, { isLocal: true });
    expect(await alone.values.get('more', { isLocal: true })).toMatchObject({ value: 1 });
  });
});
