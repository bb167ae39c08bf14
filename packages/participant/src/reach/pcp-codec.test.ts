// Vectors written by hand from the figures of RFC 6887 and RFC 6886.
import { fromHex, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { describe, expect, it } from 'vitest';
import { decodeNatPmpAddress, decodeNatPmpMap, encodeNatPmpMap } from './nat-pmp-codec.ts';
import { decodePcpAnswer, encodePcpMap, type PcpMapRequest } from './pcp-codec.ts';

const bytes = (...hex: string[]): Uint8Array => fromHex(hex.join('').replaceAll(' ', '')) ?? new Uint8Array();
const ZEROS = (count: number): string => '00'.repeat(count);
const NONCE = '0102030405060708090a0b0c';

const request: PcpMapRequest = {
  ownHost: '192.168.1.10',
  nonce: bytes(NONCE),
  protocol: 'udp',
  internalPort: 4870,
  externalPort: 4870,
  lifetimeS: 1200,
};
const answer = (
  change: { version?: string; opcode?: string; result?: string; nonce?: string; protocol?: string; port?: string; ip?: string } = {},
): Uint8Array => {
  const {
    version = '02',
    opcode = '81',
    result = '00',
    nonce = NONCE,
    protocol = '11',
    port = '1306',
    ip = `${ZEROS(10)} ffff cb007105`,
  } = change;
  return bytes(version, opcode, '00', result, '00000258', '0000abcd', ZEROS(12), nonce, protocol, ZEROS(3), port, '9c40', ip);
};

describe('PCP', () => {
  it('asks for a mapping as RFC 6887 figures 2 and 9 show it', () => {
    const expected = bytes('02 01 0000 000004b0', `${ZEROS(10)} ffff c0a8010a`, NONCE, '11 000000 1306 1306', `${ZEROS(10)} ffff 00000000`);
    expect(toHex(encodePcpMap(request))).toBe(toHex(expected));
    expect(expected).toHaveLength(60);
  });

  it('reads what is granted', () => {
    const granted = { ok: true, value: { external: { host: '203.0.113.5', port: 40_000 }, lifetimeS: 600 } };
    expect(decodePcpAnswer(answer(), request)).toEqual(granted);
    expect(decodePcpAnswer(answer({ protocol: '06' }), { ...request, protocol: 'tcp' })).toEqual(granted);
    expect(decodePcpAnswer(new Uint8Array([...answer(), 1, 0, 0, 0]), request)).toEqual(granted);
    expect(decodePcpAnswer(answer({ ip: `20010db8${ZEROS(11)}01` }), request)).toMatchObject({
      value: { external: { host: '2001:db8::1' } },
    });
  });

  it('reads refusals in words', () => {
    expect(decodePcpAnswer(answer({ result: '02' }), request)).toEqual({ ok: false, reason: 'refused', detail: 'not authorized' });
    expect(decodePcpAnswer(answer({ result: '0c' }), request)).toMatchObject({ reason: 'refused', detail: 'another NAT stands between' });
    expect(decodePcpAnswer(answer({ result: 'ee' }), request)).toMatchObject({ reason: 'refused', detail: 'result 238' });
    expect(decodePcpAnswer(answer({ result: '01' }).subarray(0, 24), request)).toMatchObject({ reason: 'unsupported' });
    // A router with NAT-PMP only (RFC 6887 appendix A).
    expect(decodePcpAnswer(bytes('00 80 0001 00000000'), request)).toMatchObject({
      reason: 'unsupported',
      detail: 'it answers in version 0',
    });
  });

  it.each([
    ['another nonce', answer({ nonce: ZEROS(12) })],
    ['another protocol', answer({ protocol: '06' })],
    ['another port', answer({ port: '1307' })],
    ['another opcode', answer({ opcode: '82' })],
    ['a request', answer({ opcode: '01' })],
    ['half an answer', answer().subarray(0, 40)],
    ['nothing', new Uint8Array()],
    ['too much', new Uint8Array(2000).fill(0x81)],
  ])('takes %s for no answer', (_, packet) => {
    expect(decodePcpAnswer(packet, request)).toBeUndefined();
  });
});

describe('NAT-PMP', () => {
  const map = { protocol: 'tcp', internalPort: 4880, externalPort: 4880, lifetimeS: 1200 } as const;

  it('asks for a mapping as RFC 6886 section 3.3 shows it, and takes it back with the outer port 0', () => {
    expect(toHex(encodeNatPmpMap(map))).toBe('0002000013101310000004b0');
    expect(toHex(encodeNatPmpMap({ ...map, protocol: 'udp', lifetimeS: 0 }))).toBe('000100001310000000000000');
  });

  it('reads the address and what is granted', () => {
    expect(decodeNatPmpAddress(bytes('0080 0000 00000001 cb007105'))).toEqual({ ok: true, value: '203.0.113.5' });
    expect(decodeNatPmpMap(bytes('0082 0000 00000001 1310 9c40 00000258'), map)).toEqual({
      ok: true,
      value: { externalPort: 40_000, lifetimeS: 600 },
    });
  });

  it('reads refusals in words', () => {
    expect(decodeNatPmpMap(bytes('0082 0002 00000001'), map)).toEqual({ ok: false, reason: 'refused', detail: 'not authorized' });
    expect(decodeNatPmpAddress(bytes('0080 0003 00000001'))).toMatchObject({ reason: 'refused', detail: 'network failure' });
    expect(decodeNatPmpAddress(bytes('0080 0005 00000001'))).toMatchObject({ reason: 'unsupported' });
  });

  it.each([
    ['the answer to another question', bytes('0081 0000 00000001 1310 9c40 00000258')],
    ['an answer for another port', bytes('0082 0000 00000001 1311 9c40 00000258')],
    ['another version', bytes('0282 0000 00000001 1310 9c40 00000258')],
    ['half an answer', bytes('0082 0000 00000001 1310')],
    ['one byte', bytes('00')],
  ])('takes %s for no answer', (_, packet) => {
    expect(decodeNatPmpMap(packet, map)).toBeUndefined();
  });
});

it('random bytes break neither codec', () => {
  const { random } = createSystemRuntime();
  for (let i = 0; i < 20_000; i++) {
    const noise = random.bytes(random.below(80));
    if (noise.length > 1 && i % 2 === 0) noise.set([i % 4 === 0 ? 2 : 0, 0x80 | (i % 3)]);
    decodePcpAnswer(noise, request);
    decodeNatPmpAddress(noise);
    decodeNatPmpMap(noise, { protocol: 'tcp', internalPort: 1, externalPort: 1, lifetimeS: 1 });
  }
});
