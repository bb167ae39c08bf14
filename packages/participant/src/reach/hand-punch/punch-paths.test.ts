import { describe, expect, it } from 'vitest';
import { HAND_PUNCH_PATHS_MAX } from '../../limits.ts';
import { encodePunchPacket, openPunchPacket, PUNCH_PACKET_BYTES } from './punch-packet.ts';
import { PunchPaths, type PunchReply } from './punch-paths.ts';

const key = new Uint8Array(32).fill(3);
const there = { host: '203.0.113.7', port: 5000 };
const here = { host: '198.51.100.9', port: 6000 };

describe('packets of a hand punch', () => {
  it('are taken only from the other end, with the key of this attempt', () => {
    for (const kind of ['knock', 'heard', 'take', 'taken'] as const) {
      const packet = encodePunchPacket(key, 'caller', kind);
      expect(packet).toHaveLength(PUNCH_PACKET_BYTES);
      expect(openPunchPacket(key, 'caller', packet)).toBe(kind);
      // Thrown back by whoever got it.
      expect(openPunchPacket(key, 'called', packet)).toBeUndefined();
      expect(openPunchPacket(new Uint8Array(32), 'caller', packet)).toBeUndefined();
      for (let i = 0; i < packet.length; i++) {
        const bent = packet.with(i, (packet[i] as number) ^ 1);
        expect(openPunchPacket(key, 'caller', bent)).toBeUndefined();
      }
      expect(openPunchPacket(key, 'caller', packet.subarray(1))).toBeUndefined();
    }
    expect(PUNCH_PACKET_BYTES).toBeLessThanOrEqual(64);
  });
});

/** Two ends over one path that works both ways, until nobody has anything to say; every n-th packet is lost. */
function talk(begins: 'caller' | 'called', loseEvery = Number.POSITIVE_INFINITY) {
  const ends = { caller: new PunchPaths('caller'), called: new PunchPaths('called') };
  const queue: { readonly to: 'caller' | 'called'; readonly kind: PunchReply['kind'] }[] = [];
  let said = 0;
  const say = (from: 'caller' | 'called', replies: readonly { readonly kind: PunchReply['kind'] }[]): void => {
    for (const { kind } of replies) if (++said % loseEvery !== 0) queue.push({ to: from === 'caller' ? 'called' : 'caller', kind });
  };
  say(begins, [{ kind: 'knock' }]);
  for (let rounds = 0; rounds < 40 && !(ends.caller.isAgreed && ends.called.isAgreed); rounds++) {
    for (let packet = queue.shift(); packet !== undefined; packet = queue.shift()) {
      say(packet.to, ends[packet.to].receive(packet.kind, 4, packet.to === 'caller' ? there : here));
    }
    say('caller', ends.caller.repeat());
    say('called', ends.called.repeat());
  }
  return { ...ends, said };
}

describe('the paths of a hand punch', () => {
  it('are agreed on by both ends with few words, whoever knocked first', () => {
    for (const begins of ['caller', 'called'] as const) {
      const { caller, called, said } = talk(begins);
      expect(caller.taken).toMatchObject({ socket: 4, remote: there });
      expect(called.taken).toMatchObject({ socket: 4, remote: here });
      expect([caller.isAgreed, called.isAgreed]).toEqual([true, true]);
      expect(said).toBeLessThan(10);
    }
  });

  it('are agreed on although packets get lost', () => {
    for (const begins of ['caller', 'called'] as const) {
      for (const loseEvery of [3, 4, 5, 7]) {
        const { caller, called } = talk(begins, loseEvery);
        expect(called.taken, `${begins} ${loseEvery}`).toBeDefined();
        expect(caller.taken).toBeDefined();
      }
    }
  });

  it('are one: the caller stays with the first that opened, the called one with what the caller took', () => {
    const caller = new PunchPaths('caller');
    expect(caller.receive('knock', 0, there)).toMatchObject([{ kind: 'heard' }]);
    expect(caller.taken).toBeUndefined();
    expect(caller.receive('heard', 1, here)).toMatchObject([{ kind: 'take', path: { socket: 1 } }]);
    expect(caller.receive('heard', 0, there)).toEqual([]);
    expect(caller.receive('taken', 0, there)).toEqual([]);
    expect(caller.isAgreed).toBe(false);
    caller.receive('taken', 1, here);
    expect([caller.isAgreed, caller.taken?.socket]).toEqual([true, 1]);

    const called = new PunchPaths('called');
    called.receive('heard', 0, here);
    expect(called.taken).toBeUndefined();
    expect(called.receive('take', 1, there)).toMatchObject([{ kind: 'taken', path: { socket: 1 } }]);
    expect(called.receive('take', 0, here)).toEqual([]);
    expect(called.receive('take', 1, there)).toMatchObject([{ kind: 'taken' }]);
    expect(called.taken?.socket).toBe(1);
  });

  it('are bounded, and two ends that answer one another come to an end', () => {
    const called = new PunchPaths('called');
    for (let port = 1; port <= 100; port++) called.receive('knock', 0, { host: '203.0.113.7', port });
    expect(called.repeat()).toHaveLength(HAND_PUNCH_PATHS_MAX);
    const quiet = new PunchPaths('called');
    expect(quiet.receive('heard', 0, there)).toHaveLength(1);
    expect(quiet.receive('heard', 0, there)).toEqual([]);
  });
});
