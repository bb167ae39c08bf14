import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { HAND_PUNCH_PACKETS_MAX, HAND_PUNCH_PROBES_MAX, HAND_PUNCH_SOCKETS } from '../../limits.ts';
import { type PunchFacts, planHandPunch } from './plan-hand-punch.ts';
import { aimShots, type PunchShot } from './punch-shots.ts';

const at = (port: number, host = '203.0.113.7') => ({ host, port });
const cone: PunchFacts = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  preservesPort: false,
  portDelta: undefined,
  observed: [
    [at(5000), at(5000)],
    [at(6000), at(6000)],
  ],
};
const keeping: PunchFacts = { ...cone, preservesPort: true };
const counting: PunchFacts = {
  ...cone,
  mapping: 'address-and-port-dependent',
  portDelta: 1,
  observed: [
    [at(40_007), at(40_008)],
    [at(40_005), at(40_006)],
  ],
};
const random: PunchFacts = {
  ...cone,
  mapping: 'address-and-port-dependent',
  observed: [
    [at(1111), at(52_222)],
    [at(3333), at(4444)],
  ],
};
const byHost: PunchFacts = { ...random, mapping: 'address-dependent' };
const blind: PunchFacts = { ...cone, observed: [[], []] };
const unfiltered: PunchFacts = { ...cone, filtering: 'address-dependent' };

const caller = { role: 'caller', isVouched: true } as const;
const called = { role: 'called', isVouched: true } as const;

describe('the plan of a hand punch', () => {
  it.each([
    ['two that keep one port', cone, cone, 'simultaneous'],
    ['one that keeps the local port', cone, keeping, 'ordered'],
    ['two that keep the local port', keeping, keeping, 'ordered'],
    ['counting ports', cone, counting, 'predict'],
    ['counting ports at both ends', counting, counting, 'predict'],
    ['random ports', keeping, random, 'birthday'],
    ['a port for each address', cone, byHost, 'birthday'],
    ['random ports towards a filter that does not mind', unfiltered, random, 'simultaneous'],
    ['random ports at both ends', random, random, 'none'],
    ['counting and random ports', counting, random, 'none'],
    ['no UDP', cone, blind, 'none'],
  ])('is the same at both ends: %s', (_name, a, b, method) => {
    for (const [first, second] of [
      [a, b],
      [b, a],
    ] as const) {
      const [ours, theirs] = [planHandPunch(first, second, caller), planHandPunch(second, first, called)];
      expect([ours.method, theirs.method]).toEqual([method, method]);
      expect([ours.part, ours.peerPart]).toEqual([theirs.peerPart, theirs.part]);
      if (method === 'ordered') expect(ours.isFirst).toBe(!theirs.isFirst);
    }
  });

  it('lets the side go first whose router may mind', () => {
    expect(planHandPunch(cone, keeping, caller).isFirst).toBe(false);
    expect(planHandPunch(keeping, cone, called).isFirst).toBe(true);
    expect(planHandPunch(keeping, keeping, caller).isFirst).toBe(true);
  });

  it('believes the class of the NAT and the observers, whichever of them says that ports move', () => {
    expect(planHandPunch(cone, { ...random, mapping: 'unknown' }, caller).method).toBe('birthday');
    // Two observers on one IP see one port of a router that has a port for each address.
    expect(planHandPunch(cone, { ...byHost, observed: [[at(7), at(7)]] }, caller).method).toBe('birthday');
    expect(planHandPunch(cone, { ...counting, observed: [[at(40_008)]] }, caller).method).toBe('predict');
  });
});

const shotsOf = (ours: PunchFacts, theirs: PunchFacts, isVouched = true, role: 'caller' | 'called' = 'caller'): readonly PunchShot[] => {
  const plan = planHandPunch(ours, theirs, { role, isVouched });
  return aimShots(plan, { ours, theirs }, createSimRuntime('shots').runtime.random, isVouched);
};
const mostWithin = (shots: readonly PunchShot[], windowMs: number): number =>
  Math.max(...shots.map(({ atMs }) => shots.filter((other) => other.atMs >= atMs && other.atMs < atMs + windowMs).length));

describe('the packets of a hand punch', () => {
  const all = [cone, keeping, counting, random, byHost, unfiltered];

  it('T8 are at most 10, below 3 a second, to an address that nobody vouches for', () => {
    for (const ours of all) {
      for (const theirs of all) {
        for (const role of ['caller', 'called'] as const) {
          const shots = shotsOf(ours, theirs, false, role);
          expect(shots.length).toBeLessThanOrEqual(HAND_PUNCH_PACKETS_MAX);
          if (shots.length > 0) expect(mostWithin(shots, 1000)).toBeLessThanOrEqual(3);
        }
      }
    }
  });

  it('T8 are at most 2,048, at most 500 a second, to one IP only, otherwise', () => {
    for (const ours of all) {
      for (const theirs of all) {
        const shots = shotsOf(ours, theirs);
        expect(shots.length).toBeLessThanOrEqual(HAND_PUNCH_PROBES_MAX);
        expect(new Set(shots.map(({ to }) => to.host)).size).toBeLessThanOrEqual(1);
        if (shots.length > 0) expect(mostWithin(shots, 1000)).toBeLessThanOrEqual(500);
        expect(shots.map(({ atMs }) => atMs)).toEqual(shots.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
      }
    }
  });

  it('go to the next ports of a counting router, in order; from there to the lasting one', () => {
    const shots = shotsOf(cone, counting);
    expect(shots.slice(0, 3).map(({ to }) => to.port)).toEqual([40_009, 40_010, 40_011]);
    expect(new Set(shotsOf(counting, cone).map(({ to }) => to.port))).toEqual(new Set([5000]));
    const downwards = { ...counting, observed: [[at(10), at(6)]] };
    expect(shotsOf(cone, downwards).map(({ to }) => to.port)).toEqual([2]);
  });

  it('of a birthday burst come from 256 sockets at one end, and go to different ports from one socket at the other', () => {
    const oneSocket: PunchFacts = { ...cone, observed: cone.observed.slice(0, 1) };
    const moving = shotsOf(random, oneSocket);
    expect(new Set(moving.map(({ socket }) => socket)).size).toBe(HAND_PUNCH_SOCKETS);
    expect(new Set(moving.map(({ to }) => to.port))).toEqual(new Set([5000]));
    const fixed = shotsOf(oneSocket, random);
    expect(new Set(fixed.map(({ to }) => to.port)).size).toBe(HAND_PUNCH_PROBES_MAX);
    expect(Math.min(...fixed.map(({ to }) => to.port))).toBeGreaterThanOrEqual(1024);
    expect(new Set(fixed.map(({ socket }) => socket))).toEqual(new Set([0]));
  });

  it('of a birthday burst come in the other order from a second socket, for a router that takes what comes first for its own', () => {
    const twoSockets: PunchFacts = { ...keeping, observed: [[at(5000), at(5000)], [at(6000)]] };
    const moving = shotsOf(random, twoSockets);
    const fixed = shotsOf(twoSockets, random);
    const times = (shots: readonly PunchShot[], is: (shot: PunchShot) => boolean): number[] => shots.filter(is).map(({ atMs }) => atMs);
    expect(Math.min(...times(moving, ({ to }) => to.port === 5000)), 'first the moving side').toBe(0);
    const probedMs = Math.max(...times(fixed, ({ socket }) => socket === 1));
    expect(Math.min(...times(moving, ({ to }) => to.port === 6000)), 'then the lasting one').toBeGreaterThan(probedMs);
    expect(times(fixed, ({ socket }) => socket === 1).length, '256 sockets meet one of so many with 0.99').toBeGreaterThan(1_200);
  });

  it('of both orders never meet: who is first on one socket is second on the other', () => {
    const [first, second] = [shotsOf(keeping, keeping), shotsOf(keeping, keeping, true, 'called')];
    for (const [lane, early, late] of [
      [0, first, second],
      [1, second, first],
    ] as const) {
      const start = (shots: readonly PunchShot[]): number =>
        Math.min(...shots.filter(({ socket }) => socket === lane).map(({ atMs }) => atMs));
      expect(start(late) - start(early)).toBe(400);
    }
  });
});
