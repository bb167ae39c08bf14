import { describe, expect, it } from 'vitest';
import {
  LAN_ANSWERS_BURST,
  LAN_ANSWERS_PER_S,
  LAN_PACKET_BYTES_MAX,
  LAN_PACKETS_BURST,
  LAN_PACKETS_PER_S,
  LAN_PACKETS_PER_SOURCE_BURST,
} from '../limits.ts';
import { LanPacketGate } from './lan-packet-gate.ts';

const LAN = { name: 'eth0', host: '192.168.1.5', prefixBits: 24 };
const concerning = (length = 100): Buffer =>
  Buffer.concat([Buffer.alloc(12), Buffer.from('\x09_batchain\x04_udp\x05local\x00'), Buffer.alloc(length)]);

describe('the gate before the decoder', () => {
  it('lets pass what concerns us and comes from the LAN', () => {
    expect(new LanPacketGate(LAN, 0).admits(concerning(), '192.168.1.9', 0)).toBe(true);
  });

  it.each([
    ['of others', Buffer.concat([Buffer.alloc(12), Buffer.from('\x08_airplay\x04_tcp\x05local\x00')]), '192.168.1.9'],
    ['without a header', Buffer.from('\x09_batchain'), '192.168.1.9'],
    ['that are too long', concerning(LAN_PACKET_BYTES_MAX), '192.168.1.9'],
    ['from another network', concerning(), '192.168.2.9'],
    ['from the internet', concerning(), '203.0.113.9'],
  ])('keeps out packets %s', (_, packet, source) => {
    expect(new LanPacketGate(LAN, 0).admits(packet, source, 0)).toBe(false);
  });

  it('counts each sender and all together', () => {
    const gate = new LanPacketGate(LAN, 0);
    const passed = (source: string, times: number, nowMs: number): number =>
      Array.from({ length: times }, () => gate.admits(concerning(), source, nowMs)).filter(Boolean).length;
    expect(passed('192.168.1.9', 5000, 0)).toBe(LAN_PACKETS_PER_SOURCE_BURST);
    expect(passed('192.168.1.10', 1, 0)).toBe(1);
    let all = 0;
    for (let host = 11; host < 250; host++) all += passed(`192.168.1.${host}`, 100, 1000);
    expect(all).toBeLessThanOrEqual(LAN_PACKETS_BURST + LAN_PACKETS_PER_S);
  });

  it('holds answers to their rate, not searches (T6)', () => {
    const gate = new LanPacketGate(LAN, 0);
    const [search, answer] = [new Uint8Array(12), Uint8Array.of(0, 0, 0x84, 0)];
    expect(Array.from({ length: 50 }, () => gate.mayLeave(answer, 0)).filter(Boolean)).toHaveLength(LAN_ANSWERS_BURST);
    expect(gate.mayLeave(search, 0)).toBe(true);
    expect(gate.mayLeave(answer, 1000 / LAN_ANSWERS_PER_S)).toBe(true);
  });
});
