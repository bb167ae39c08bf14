import { createCrypto, hour, keyPairFromSeed, type Signer, sha256, uintBytes, utf8Bytes, type Verifier } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { signProviderRecord } from './provider-record.ts';
import { RecordCollector } from './record-collector.ts';

const { verifier } = createCrypto();
const host = (n: number): Signer => keyPairFromSeed(sha256(uintBytes(n, 4)));
const FILE = sha256(utf8Bytes('file'));
const record = (n: number, sequence: number, lifetimeMs = 48 * hour, fileId = FILE): Uint8Array =>
  signProviderRecord(host(n), { fileId, sequence, lifetimeMs }).bytes;
const aged = (bytes: Uint8Array, ageMs = 0) => ({ bytes, ageMs });

function collector(options: { recordsMax?: number; verifier?: Verifier } = {}): RecordCollector {
  return new RecordCollector(options.verifier ?? verifier, { kind: 'provider', key: FILE, recordsMax: options.recordsMax ?? 100 });
}

describe('RecordCollector', () => {
  it('DF-01 merges what many nodes answer: every host once, its newest announcement', () => {
    const records = collector();
    expect(records.take([aged(record(1, 5)), aged(record(2, 5))])).toEqual({ fresh: 2, junk: 0 });
    expect(records.take([aged(record(1, 7)), aged(record(2, 5)), aged(record(2, 4))])).toEqual({ fresh: 2, junk: 0 });
    expect(records.living().map(({ publisher, sequence }) => [publisher, sequence])).toEqual([
      [host(1).nodeId, 7],
      [host(2).nodeId, 5],
    ]);
  });

  it('leaves out who has withdrawn, whichever answer comes first', () => {
    const records = collector();
    records.take([aged(record(1, 6, 0)), aged(record(2, 5))]);
    records.take([aged(record(1, 5)), aged(record(2, 6, 0))]);
    expect(records.living()).toEqual([]);
    expect(records.newest()).toHaveLength(2);
  });

  it('leaves out what is past its lifetime', () => {
    const records = collector();
    records.take([aged(record(1, 5, 2 * hour), 2 * hour), aged(record(2, 5, 2 * hour), hour)]);
    expect(records.living().map(({ publisher }) => publisher)).toEqual([host(2).nodeId]);
  });

  it('T3 knows junk: broken bytes, forged signatures, records of another key', () => {
    const forged = new Uint8Array(record(1, 5));
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    const records = collector();
    expect(records.take([aged(utf8Bytes('junk')), aged(forged), aged(record(1, 5, hour, sha256(FILE)))])).toEqual({ fresh: 0, junk: 3 });
    expect(records.take([aged(forged)]), 'junk stays junk').toEqual({ fresh: 0, junk: 1 });
    expect(records.living()).toEqual([]);
  });

  it('T7 checks each record once, and no more than so many', () => {
    let checks = 0;
    const counting: Verifier = { verify: (...args) => ++checks > 0 && verifier.verify(...args) };
    const records = collector({ verifier: counting, recordsMax: 3 });
    for (let i = 0; i < 10; i++) records.take([1, 2, 3, 4, 5].map((n) => aged(record(n, 1))));
    expect(checks).toBe(3);
    expect(records.living()).toHaveLength(3);
  });
});
