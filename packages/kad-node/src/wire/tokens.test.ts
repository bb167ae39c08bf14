import { keyPairFromSeed, makeAddress, minute, present, second, sha256, utf8Bytes } from '@batchain/shared';
import { SimRandom } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { AddressTokens } from './tokens.ts';

describe('address tokens', () => {
  const asker = keyPairFromSeed(sha256(utf8Bytes('asker'))).nodeId;
  const other = keyPairFromSeed(sha256(utf8Bytes('other'))).nodeId;
  const here = present(makeAddress('192.0.2.7', 4870), 'address');
  const elsewhere = present(makeAddress('192.0.2.7', 4871), 'address');
  let tokens: AddressTokens;

  beforeEach(() => {
    tokens = new AddressTokens(SimRandom.fromSeed('tokens', 'entropy'));
  });

  it('counts for the address and the id it was made for, and for no other', () => {
    const token = tokens.make(here, asker, 0);
    expect(tokens.check(token, here, asker, 1)).toBe(true);
    expect(tokens.check(token, elsewhere, asker, 1)).toBe(false);
    expect(tokens.check(token, here, other, 1)).toBe(false);
    expect(tokens.check(token.subarray(1), here, asker, 1)).toBe(false);
    expect(tokens.check(new Uint8Array(16), here, asker, 1)).toBe(false);
  });

  it('counts for 5 minutes at least and never longer than 10, however long nobody asked', () => {
    for (const quietMs of [0, 4 * minute, 9.9 * minute, 30 * minute]) {
      const fresh = new AddressTokens(SimRandom.fromSeed('tokens', 'entropy'));
      fresh.make(here, asker, 0);
      const token = fresh.make(here, asker, quietMs);
      expect(fresh.check(token, here, asker, quietMs + 5 * minute)).toBe(true);
      expect(fresh.check(token, here, asker, quietMs + 10 * minute)).toBe(false);
    }
  });

  it('does not revive the first token when the secret changes late', () => {
    const token = tokens.make(here, asker, 0);
    expect(tokens.check(token, here, asker, 9.9 * minute)).toBe(true);
    expect(tokens.check(token, here, asker, 10 * minute + second)).toBe(false);
  });
});
