import { type Address, fromHex, makeAddress, present, toHex } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerBindingRequest, decodeBindingResponse, encodeBindingRequest, isStunMessage } from './stun.ts';

const hex = (text: string): Uint8Array => present(fromHex(text.replaceAll(/\s/g, '')), 'hex');
const address = (host: string, port: number): Address => present(makeAddress(host, port), host);

/** RFC 5769 sections 2.1 to 2.3. */
const TRANSACTION = hex('b7e7a701bc34d686fa87dfae');
const SAMPLE_REQUEST = hex(`000100582112a442b7e7a701bc34d686fa87dfae
  802200105354554e207465737420636c69656e74 002400046e0001ff 80290008932ff9b151263b36
  000600096576746a3a68367659202020 000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`);
const SAMPLE_IPV4_RESPONSE = hex(`0101003c2112a442b7e7a701bc34d686fa87dfae
  8022000b7465737420766563746f7220 002000080001a147e112a643 000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96`);
const SAMPLE_IPV6_RESPONSE = hex(`010100482112a442b7e7a701bc34d686fa87dfae
  8022000b7465737420766563746f7220 002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
  00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c`);

describe('STUN binding (RFC 8489)', () => {
  it('reads the sample responses of RFC 5769', () => {
    expect(decodeBindingResponse(SAMPLE_IPV4_RESPONSE, TRANSACTION)).toEqual({ ok: true, value: address('192.0.2.1', 32853) });
    const v6 = address('2001:db8:1234:5678:11:2233:4455:6677', 32853);
    expect(decodeBindingResponse(SAMPLE_IPV6_RESPONSE, TRANSACTION)).toEqual({ ok: true, value: v6 });
  });

  it('understands the sample request of RFC 5769 as far as to say what it does not: ICE priority, error 420', () => {
    const answer = present(answerBindingRequest(SAMPLE_REQUEST, address('192.0.2.1', 1)), 'answer');
    expect(toHex(answer.subarray(0, 2))).toBe('0111');
    expect(toHex(answer.subarray(20, 36))).toBe('0009000400000414000a000200240000');
    expect(answer.length).toBeLessThan(SAMPLE_REQUEST.length);
  });

  it.each([
    ['192.0.2.7', 4870],
    ['2001:db8::7', 65535],
  ])('tells a client its address %s port %i', (host, port) => {
    for (const hasFingerprint of [true, false]) {
      const request = encodeBindingRequest(TRANSACTION, { hasFingerprint });
      const answer = present(answerBindingRequest(request, address(host, port)), 'answer');
      expect(decodeBindingResponse(answer, TRANSACTION)).toEqual({ ok: true, value: address(host, port) });
      expect(answer.length).toBe(request.length + (host.includes(':') ? 24 : 12));
      expect(toHex(answer.subarray(8, 20))).toBe(toHex(TRANSACTION));
    }
  });

  it('answers no response, no indication, no broken or foreign message', () => {
    const from = address('192.0.2.1', 1);
    const request = encodeBindingRequest(TRANSACTION);
    const change = (at: number, value: number): Uint8Array => Uint8Array.from(request, (byte, i) => (i === at ? value : byte));
    for (const broken of [
      change(1, 0x11),
      change(0, 1),
      change(4, 0),
      change(3, 4),
      change(27, 0),
      change(23, 2),
      request.subarray(0, 24),
    ]) {
      expect(answerBindingRequest(broken, from)).toBeUndefined();
    }
    expect(answerBindingRequest(SAMPLE_IPV4_RESPONSE, from)).toBeUndefined();
    expect(decodeBindingResponse(SAMPLE_IPV4_RESPONSE, new Uint8Array(12))).toMatchObject({ reason: 'not-ours' });
  });

  it('never takes a Kad datagram for its own', () => {
    expect(isStunMessage(Uint8Array.of(0xbc, ...SAMPLE_REQUEST.subarray(1)))).toBe(false);
  });

  it('is total: 100,000 inputs, random and bent, are answered or not', () => {
    const from = address('192.0.2.1', 1);
    const bent = fc
      .tuple(
        fc.constantFrom(SAMPLE_REQUEST, SAMPLE_IPV4_RESPONSE, SAMPLE_IPV6_RESPONSE),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      )
      .map(([sample, changes]) => {
        const result = sample.slice();
        for (const [at, value] of changes) result[at % result.length] = value;
        return result;
      });
    const check = (bytes: Uint8Array): void => {
      const answer = answerBindingRequest(bytes, from);
      if (answer !== undefined) expect(isStunMessage(answer)).toBe(true);
      decodeBindingResponse(bytes, TRANSACTION);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), check), { numRuns: 50_000 });
    fc.assert(fc.property(bent, check), { numRuns: 50_000 });
  }, 30_000);
});
