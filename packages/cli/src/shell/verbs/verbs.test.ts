// Each verb over a local API that answers from memory: what is asked, and what is said (BD-30).
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { ValueFoundView, ValueStoredView } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliIo } from '../../output/io.ts';
import { Output } from '../../output/output.ts';
import type { MultiMode, StartedNode } from '../multi-mode.ts';
import { RecentKeys } from '../recent-keys.ts';
import { ShellSession } from '../shell-session.ts';
import type { VerbTools } from '../verb-tools.ts';

const OWN = 'a5'.repeat(32);
const OTHER = 'ad'.repeat(32);
const KAD = '127.0.0.1:4871';
const STAYS = { kind: 'shard', id: OTHER, what: '0/1', reason: 'no-room' };
const far = { sharedBits: 3, log2: 252 };
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Values in memory, as a daemon keeps them behind its API: files are opened by it. */
class MemoryValues {
  readonly stores = { local: new Map<string, ValueFoundView>(), network: new Map<string, ValueFoundView>() };
  #seq = 0;

  #store(isLocal = false): Map<string, ValueFoundView> {
    return isLocal ? this.stores.local : this.stores.network;
  }

  #find(key: string, isLocal = false): ValueFoundView {
    const found = this.#store(isLocal).get(key);
    if (found === undefined) throw new BatChainError('BAT_E_VALUE_NOT_FOUND', { what: 'none' });
    return found;
  }

  #entry({ key, kind, form, seq, size }: ValueFoundView, isLocal: boolean, pieceBytes = 896): ValueStoredView {
    const pieces = form === 'pieces' ? Math.ceil(size / pieceBytes) : 0;
    return { key, kind, form, seq, size, pieces, addedAt: contact.lastSeen, expiresAt: null, isLocal, storedOn: isLocal ? 0 : 2 };
  }

  #bytes({ path, bytes }: { readonly path?: string | undefined; readonly bytes?: string | undefined }): Uint8Array {
    if (path === undefined) return Buffer.from(bytes ?? '', 'base64');
    if (existsSync(path)) return readFileSync(path);
    throw new BatChainError('BAT_E_FILE_NOT_FOUND', { what: `${path} can not be read`, why: 'ENOENT: no such file' });
  }

  readonly api: VerbTools['api']['values'] = {
    put: async (key, { json, isLocal = false, pieceBytes, ...source }) => {
      const head = { key, owner: OWN, form: 'inline', seq: ++this.#seq, expiresAt: null } as const;
      const found: ValueFoundView =
        json === undefined
          ? { ...head, kind: 'bytes', size: this.#bytes(source).length, bytes: Buffer.from(this.#bytes(source)).toString('base64') }
          : { ...head, kind: 'json', size: json.length, value: JSON.parse(json) };
      this.#store(isLocal).set(key, found);
      return this.#entry(found, isLocal, pieceBytes);
    },
    putByHash: async ({ pieceBytes, ...source }) => {
      const bytes = Buffer.from(this.#bytes(source));
      const head = { key: hashOf(bytes), owner: null, form: 'pieces', seq: 0, expiresAt: null } as const;
      const found = { ...head, kind: 'bytes', size: bytes.length, bytes: bytes.toString('base64') } as const;
      this.#store().set(found.key, found);
      return this.#entry(found, false, pieceBytes);
    },
    get: async (key, { isLocal } = {}) => this.#find(key, isLocal),
    save: async (key, { path, isLocal }) => {
      const found = this.#find(key, isLocal);
      if (existsSync(path)) throw new BatChainError('BAT_E_TARGET_EXISTS', { what: `${path} is there already` });
      if (found.kind === 'bytes') writeFileSync(path, Buffer.from(found.bytes, 'base64'));
      return { ...found, path };
    },
    remove: async (key, { isLocal } = {}) => {
      const { seq } = this.#find(key, isLocal);
      this.#store(isLocal).delete(key);
      return { key, seq: seq + 1, storedOn: 2 };
    },
    list: async ({ isLocal = false } = {}) => ({
      values: [...this.#store(isLocal).values()].map((found) => this.#entry(found, isLocal)),
      stats: { network: { values: 0, bytes: 0, pieces: 0 }, local: { values: 0, bytes: 0 } },
    }),
  };
}

const contact = { nodeId: OTHER, kad: KAD, distance: far, rttMs: 0.5, bucket: 3, lastSeen: '2026-01-01T00:00:00.000Z', failures: 0 };

let cwd: string;
let shown: string[];
let errors: string[];
let json: Record<string, unknown>[];
let values: MemoryValues;
let calls: unknown[];
let started: StartedNode[];
let session: ShellSession;
let changes: Partial<Omit<VerbTools, 'signal'>>;
let ending: AbortController;
const { runtime, clock } = createSimRuntime('session');

function stubApi(): VerbTools['api'] {
  const said =
    <T>(name: string, answer: T) =>
    async (first?: unknown) => {
      calls.push([name, first]);
      return answer;
    };
  const status = { kad: '127.0.0.1:4870', bat: '127.0.0.1:4880', network: 'school', offer: { shards: 3, usedBytes: 2048 } };
  const hop = {
    hop: 1,
    nodeId: OTHER,
    kad: KAD,
    depth: 1,
    distance: far,
    atMs: 1,
    rttMs: 0.5,
    outcome: 'ok',
    named: 2,
    nearer: 1,
    holds: ['immutable'],
    isResponsible: true,
  };
  return {
    isRunning: async () => true,
    status: async () => status as never,
    peers: async () => ({ peers: [{ nodeId: OTHER, kad: KAD, bat: null, path: 'none' }] }) as never,
    dht: {
      size: said('size', { estimate: 950, error: 120, basis: 'density', contacts: 80, requests: 12, durationMs: 3 }) as never,
      routes: said('routes', {
        nodeId: OWN,
        bucketSize: 20,
        buckets: [{ index: 3, contacts: 1, replacements: 0, lastLookup: contact.lastSeen }],
        contacts: [contact],
        above: contact,
        below: null,
      }) as never,
      trace: said('trace', {
        target: OTHER,
        hops: [hop],
        responsible: [contact],
        own: { nodeId: OWN, distance: far, holds: [], isResponsible: false },
        requests: 4,
        durationMs: 2,
        isComplete: true,
      }) as never,
    },
    network: {
      find: said('find', {
        found: [{ kad: KAD, nodeId: OTHER, isOurNetwork: true, foundBy: 'lan', rttMs: 1 }],
        asked: 1,
        silent: 0,
        isComplete: true,
      }) as never,
      join: said('join', { joined: true, contacts: 2, addresses: [{ address: KAD, nodeId: OTHER, rttMs: 1, reason: null }] }) as never,
    },
    membership: {
      leave: said('leave', { moved: { shards: 2, records: 9, bytes: 2048 }, left: [STAYS], leftCount: 1, told: 2 }) as never,
    },
    values: values.api,
  };
}

/** A network of `MM` that only counts. */
const multi: MultiMode = {
  get nodes() {
    return started;
  },
  start: async (count, options) => {
    calls.push(['multi', count, options.network, options.join]);
    const fresh = Array.from({ length: count }, (_, i) => ({ name: `node${i + 1}`, nodeId: OTHER, kad: `127.0.0.1:${5001 + i}`, bat: '' }));
    started.push(...fresh);
    return fresh;
  },
  end: async () => undefined,
};

function open(isJson: boolean): ShellSession {
  const stdout = new Writable({
    write: (chunk, _, done) => {
      json.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  const io = { stdout, stderr: stdout, env: {}, cwd } as unknown as CliIo;
  const output = new Output(io, clock, {
    isJson,
    isQuiet: false,
    isDebug: false,
    command: 'shell',
    color: 'never',
    isAscii: false,
    env: {},
  });
  const entry = { address: undefined };
  const defaults = { netSize: 2, testFile: 'test_file.txt', testKey: 'test_key', pieceBytes: 256, saysYes: false };
  return new ShellSession({
    output,
    clock,
    bounds: { nodesMax: 24, pieceBytesMin: 64, pieceBytesMax: 896 },
    timeoutMs: undefined,
    signal: ending.signal,
    write: (line) => shown.push(line),
    writeError: (line) => errors.push(line),
    tools: {
      api: stubApi(),
      clock,
      entropy: runtime.entropy,
      style: output.out,
      cwd,
      controlPath: 'HOME/control.sock',
      defaults,
      multi,
      keys: new RecentKeys('test_key'),
      entry,
      accepts: async (address) => address === '127.0.0.1:4880',
      ...changes,
    },
  });
}

/** The lines that one verb says; an error is the only one. */
async function say(line: string): Promise<string[]> {
  shown = [];
  errors = [];
  await session.run({ text: line, isCut: false });
  return errors.length > 0 ? errors : shown;
}

async function ask(line: string): Promise<Record<string, any>> {
  json = [];
  await open(true).run({ text: line, isCut: false });
  expect(json).toHaveLength(1);
  return json[0] as Record<string, any>;
}

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'batchain-session-'));
  [shown, errors, json, calls, started, changes] = [[], [], [], [], [], {}];
  values = new MemoryValues();
  ending = new AbortController();
  session = open(false);
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

describe('the verbs of the shell', () => {
  it('BD-11 LL connects to the control socket and to the listener of the BatNode', async () => {
    expect(await say('LL')).toEqual(['control  listening  HOME/control.sock', 'bat      listening  127.0.0.1:4880']);
    changes = { accepts: async () => false };
    const deaf = { listening: false, control: { listening: true }, bat: { listening: false } };
    expect(await ask('LL')).toMatchObject({ verb: 'LL', ok: true, ...deaf });
    changes = { api: { ...stubApi(), isRunning: async () => false } };
    expect(await ask('ll')).toMatchObject({
      verb: 'LL',
      ok: true,
      listening: false,
      control: { listening: false },
      bat: { address: null },
    });
  });

  it('BD-12 MM starts nodes in the network of the node that is here, joined to it', async () => {
    expect(await say('MM')).toEqual(['2 nodes up: 127.0.0.1:5001, 127.0.0.1:5002']);
    expect(calls).toEqual([
      ['multi', 2, 'school', ['127.0.0.1:4870']],
      ['join', ['127.0.0.1:5001', '127.0.0.1:5002']],
    ]);
    expect(await say('mm 3')).toHaveLength(1);
    expect(calls[2]).toEqual(['multi', 3, 'school', ['127.0.0.1:4870']]);
    // The entry node is one of them.
    await say('JN');
    expect(calls.at(-1)).toEqual(['join', ['127.0.0.1:5001']]);
  });

  it('MM is refused beside a node that others can reach: its disks end with the shell', async () => {
    changes = { api: { ...stubApi(), status: async () => ({ kad: '192.168.1.7:4870', network: 'batchain' }) as never } };
    session = open(false);
    expect((await say('MM'))[0]).toMatch(/^error: MM starts no nodes in a network that others use: .*192\.168\.1\.7/);
    expect(calls).toEqual([]);
  });

  it('BD-13 BD-14 BD-16 FN sets the entry node, JN joins through it', async () => {
    expect((await say('JN'))[0]).toMatch(/^error: there is no entry node yet/);
    expect(await say('FN 127.0.0.1 4870-4880')).toEqual(['entry node 127.0.0.1:4871 (found on the local network)']);
    expect(await say('JN')).toEqual(['OK joined, 2 contacts']);
    expect(await say('JN 10.0.0.1:4870')).toEqual(['OK joined, 2 contacts']);
    expect(calls).toEqual([
      ['find', { host: '127.0.0.1', ports: { from: 4870, to: 4880 } }],
      ['join', [KAD]],
      ['join', ['10.0.0.1:4870']],
    ]);
  });

  it('FN that finds nobody, or only nodes of other networks, is a failure with a code', async () => {
    const find = async (): Promise<never> =>
      ({
        found: [{ kad: KAD, nodeId: null, isOurNetwork: false, foundBy: 'host', rttMs: 1 }],
        asked: 1,
        silent: 0,
        isComplete: true,
      }) as never;
    changes = { api: { ...stubApi(), network: { find, join: find } } };
    expect(await ask('FN ana')).toMatchObject({
      verb: 'FN',
      ok: false,
      code: 'BAT_E_NO_ANSWER',
      why: '1 node of other networks, 0 silent',
    });
  });

  it('BD-15 LH prints every hop with distance and time, and who is responsible', async () => {
    expect(await say(`LH ${OTHER}`)).toEqual([
      `to ${OTHER}`,
      'hop 1  127.0.0.1:4871  adadadad  distance 2^252  0.5 ms  holds the value  responsible',
      'this node  a5a5a5a5  distance 2^252',
      'nearest: adadadad at 127.0.0.1:4871; 4 requests in 2.0 ms',
    ]);
    expect(calls).toEqual([['trace', OTHER]]);
    // What WN wrote last is found by its name, and without one.
    writeFileSync(join(cwd, 'notes.txt'), 'abc');
    await say('WN notes.txt 256 notes');
    for (const line of ['LH notes', `LH ${hashOf(Buffer.from('abc')).slice(0, 6).toUpperCase()}`]) await say(line);
    expect(calls.slice(1)).toEqual([0, 1].map(() => ['trace', hashOf(Buffer.from('abc'))]));
    expect((await say('LH'))[0]).toMatch(/^error: "test_key" is no hash/);
    expect((await say('LH xyz'))[0]).toMatch(/^error: "xyz" is no hash: expected 64 hex digits/);
    expect((await say(`LH ${'z'.repeat(9000)}`))[0]?.length).toBeLessThan(400);
  });

  it('BD-18 SZ tells the estimate with its error', async () => {
    expect(await say('SZ')).toEqual(['about 950 nodes, give or take 120: from the density of ids, 12 requests']);
    expect(await ask('sz')).toMatchObject({ verb: 'SZ', ok: true, estimate: 950, error: 120 });
  });

  it('BD-04 BD-19 RI prints the neighbours and the k-buckets, or comma-separated values', async () => {
    const full = await say('RI');
    expect(full.slice(0, 4)).toEqual([
      `node   ${OWN}`,
      'above  adadadad  127.0.0.1:4871  distance 2^252',
      'below  nobody',
      '1 contact in 1 k-bucket of at most 20, 0 in reserve',
    ]);
    expect(full.at(-1)).toMatch(/^3 +adadadad +127\.0\.0\.1:4871 +2\^252 +0\.5 ms/);
    expect(await say('RI csv')).toEqual([
      'bucket,node_id,kad,distance_log2,rtt_ms,last_seen,failures,neighbour',
      `3,${OTHER},127.0.0.1:4871,252,0.5,2026-01-01T00:00:00.000Z,0,above`,
    ]);
  });

  it('BD-20 BD-21 BD-22 BD-23 WN, RN and DN work on the network, by hash and under the test key', async () => {
    writeFileSync(join(cwd, 'test_file.txt'), 'x'.repeat(1280));
    const hash = hashOf(readFileSync(join(cwd, 'test_file.txt')));
    expect(await say('WN')).toEqual([`OK 5 pieces of 256 bytes, key ${hash}  stored on 2 nodes, also as test_key`]);
    expect(values.stores.local.size).toBe(0);
    expect(values.stores.network.get(hash)?.size).toBe(1280);
    expect((await say('RN'))[0]).toMatch(/^OK 1280 bytes, key test_key = [0-9a-f]{8}\.\.\./);
    expect((await say(`RN ${hash.slice(0, 8)}`))[0]).toContain(`key ${hash}`);
    expect((await say('RL'))[0]).toMatch(/^error: no value under test_key: the local store has none/);
    expect((await say('DN'))[0]).toMatch(/^OK deleted test_key and [0-9a-f]{8}/);
    expect(values.stores.network.size).toBe(0);
    expect((await say('RN'))[0]).toMatch(/^error: no value under test_key: no node that answered has one/);
    expect((await say('DN'))[0]).toMatch(/^error: no value under test_key/);
  });

  it('BD-20 WL, RL and DL work on the local store alone, with a piece size and a key of their own', async () => {
    writeFileSync(join(cwd, 'notes.txt'), 'one\ntwo\u001b[2J\n');
    expect(await say('W L notes.txt 64 notes')).toEqual(['OK 12 bytes, key notes  in the local store']);
    expect(values.stores.network.size).toBe(0);
    const read = await say('RL notes');
    expect(read[0]).toMatch(/^OK 12 bytes, key notes {2}sha256 /);
    // Nothing that a value holds may steer a terminal.
    expect(read.slice(1)).toEqual(['one', 'two\\u{1b}[2J']);
    expect(await ask('RL notes')).toMatchObject({
      verb: 'RL',
      ok: true,
      key: 'notes',
      store: 'local',
      size: 12,
      bytes: Buffer.from('one\ntwo\u001b[2J\n').toString('base64'),
    });
    expect(await say('DL notes')).toEqual(['OK deleted notes']);
    expect((await say('DL notes'))[0]).toMatch(/^error: no value under notes/);
  });

  it('R writes to a new file on request, and never over one', async () => {
    writeFileSync(join(cwd, 'raw.bin'), Uint8Array.of(0xff, 0, 1));
    await say('WL raw.bin');
    expect((await say('RL')).at(-1)).toBe('(no text: R key FILE writes it to a file)');
    expect(await say('RL test_key back.bin')).toEqual(['OK 3 bytes, key test_key  saved as back.bin']);
    expect((await say('RL nothing other.bin'))[0]).toMatch(/^error: no value under nothing/);
    expect(readFileSync(join(cwd, 'back.bin'))).toEqual(Buffer.from([0xff, 0, 1]));
    expect((await say('RL test_key back.bin'))[0]).toMatch(
      /^error: .*back\.bin is there already: .*; choose another name {2}\(BAT_E_TARGET_EXISTS\)$/,
    );
  });

  it('BD-21 a file that is not there is named, and for the test file what makes one', async () => {
    expect((await say('WN'))[0]).toMatch(
      /^error: there is no test_file\.txt here: .*echo hello > test_file\.txt {2}\(BAT_E_FILE_NOT_FOUND\)$/,
    );
    expect((await say('WN gone.txt'))[0]).toMatch(/^error: .*gone\.txt can not be read: .*\(BAT_E_FILE_NOT_FOUND\)$/);
    expect(values.stores.network.size).toBe(0);
  });

  it('BD-25 LD and PD dump the local store and the peer store', async () => {
    writeFileSync(join(cwd, 'notes.txt'), 'abc');
    await say('WL notes.txt 256 notes');
    expect(await say('LD')).toEqual([
      '1 value, 3 B; 3 shards of others, 2.0 KiB',
      'KEY    SIZE  KIND   FORM    PIECES',
      'notes  3 B   bytes  inline  0',
    ]);
    expect(await say('PD')).toEqual(['1 peer', 'adadadad  kad 127.0.0.1:4871  bat -  none']);
    expect(await ask('LD')).toMatchObject({ values: [{ key: 'notes', size: 3 }], hosted: { shards: 3, bytes: 2048 } });
  });

  it('DF-21 store, retrieve, list, clear and test are words of the same shell', async () => {
    writeFileSync(join(cwd, 'notes.txt'), 'abc');
    expect((await say('store notes.txt'))[0]).toMatch(/^OK 1 piece/);
    expect((await say('list'))[0]).toMatch(/^2 values on the network/);
    expect((await say('retrieve')).at(-1)).toBe('abc');
    await say('WL notes.txt');
    expect((await say('clear'))[0]).toMatch(/^error: CLEAR would delete 1 value of the local store: .*CLEAR yes/);
    expect(await say('clear yes')).toEqual(['OK 1 value deleted from the local store']);
    expect(values.stores.network.size).toBe(2);
    const test = await say('test 1000');
    expect(test[0]).toMatch(/^stored {5}4 pieces of 256 bytes on 2 nodes/);
    expect(test.at(-1)).toMatch(/^OK \d+ ms$/);
    // What was only a test is taken back.
    expect(values.stores.network.size).toBe(2);
  });

  it('DF-21 test fails when other bytes come back, or none', async () => {
    const lying = { ...values.api, get: async () => ({ kind: 'bytes', bytes: 'AA==' }) as never };
    changes = { api: { ...stubApi(), values: lying } };
    expect(await ask('test')).toMatchObject({ ok: false, what: 'other bytes came back', code: 'BAT_E_VALUE_BROKEN' });
    const none = async (): Promise<never> => {
      throw new BatChainError('BAT_E_VALUE_NOT_FOUND', { what: 'none' });
    };
    changes = { api: { ...stubApi(), values: { ...values.api, get: none } } };
    expect(await ask('test')).toMatchObject({ ok: false, code: 'BAT_E_VALUE_NOT_FOUND' });
  });

  it('BD-17 LN leaves, tells what went to others and what nobody took', async () => {
    expect(await ask('LN')).toMatchObject({ verb: 'LN', ok: true, moved: { shards: 2, records: 9 }, leftCount: 1, told: 2 });
    await ask('leave emergency');
    expect(calls.at(-1)).toEqual(['leave', { isEmergency: true, isLastAccepted: true, withinMs: 540_000 }]);
    expect((await say('LN yes')).at(-1)).toBe('  shard 0/1 of adadadad stays: who was asked has no room');
  });
});
