import type { IceDescription } from '@batchain/bat-node';
import type { NatFiltering } from '@batchain/kad-node';
import { type Address, keyPairFromSeed, type NatMapping, type NodeId, signContact } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { chooseRelay, isAllDialled, isHardPair, planDials, planMeeting } from './ladder-plan.ts';
import type { MeetingFacts, RungName } from './reach-types.ts';

const at = (host: string, port = 4880): Address => ({ host, port });
const ICE: IceDescription = { ufrag: 'abcd', password: 'p'.repeat(22), fingerprint: new Uint8Array(32), candidates: [] };
const nodeId = (n: number): NodeId => keyPairFromSeed(new Uint8Array(32).fill(n)).nodeId;

const HOME: MeetingFacts = {
  batAddresses: [at('192.168.1.10')],
  isBatReachable: false,
  external: at('203.0.113.7', 4870),
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  keepsPorts: true,
  hasUdp: true,
  relays: [],
  tcpPort: 50_000,
  ice: ICE,
};
const OTHER_HOME: MeetingFacts = { ...HOME, external: at('203.0.113.8', 4870) };
const PUBLIC: MeetingFacts = {
  ...HOME,
  batAddresses: [at('203.0.113.30')],
  isBatReachable: true,
  external: at('203.0.113.30', 4870),
  mapping: 'none',
  filtering: 'endpoint-independent',
};
const RELAY = { nodeId: nodeId(9), bat: at('203.0.113.10', 443) };

const order = (caller: MeetingFacts, called: MeetingFacts): RungName[] =>
  planMeeting(caller, called)
    .rungs.toSorted((a, b) => a.startAfterMs - b.startAfterMs)
    .map(({ rung }) => rung);

describe('the dials of a contact record', () => {
  const keyPair = keyPairFromSeed(new Uint8Array(32).fill(1));
  const record = (bat: readonly Address[], kad: readonly Address[]) =>
    signContact(keyPair, {
      sequence: 1,
      kadAddresses: kad,
      batAddresses: bat,
      brokers: [],
      flags: { isPublic: false, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
      natMapping: 'unknown',
    });
  const own = ['127.0.0.1', '192.168.1.10'];

  it('are those of the local network only when both may be in one', () => {
    const theirs = record([at('192.168.1.11')], [at('203.0.113.8', 4870)]);
    const names = (external: Address | undefined): number => planDials(theirs, { external, batAddresses: [] }, own).lan.length;
    expect([names(at('203.0.113.7')), names(at('203.0.113.8')), names(undefined)]).toEqual([0, 1, 1]);
    expect(planDials(theirs, { external: at('203.0.113.7'), batAddresses: [] }, own).skipped).toContainEqual({
      rung: 'lan',
      reason: 'it is in another network',
    });
  });

  it('leave out private addresses of ranges in which this node is not', () => {
    const theirs = record([at('10.0.0.5'), at('203.0.113.30')], []);
    const plan = planDials(theirs, { external: undefined, batAddresses: [] }, own);
    expect([plan.lan, plan.direct]).toEqual([[], [at('203.0.113.30')]]);
  });

  it('leave out our own address, which a node in another network may have as well; a neighbour on this machine has another port', () => {
    const theirs = record([at('192.168.1.10'), at('192.168.1.10', 4881)], []);
    const plan = planDials(theirs, { external: undefined, batAddresses: [at('192.168.1.10')] }, own);
    expect(plan.lan).toEqual([at('192.168.1.10', 4881)]);
  });

  it('are all that there is for a node of the local network, not for one whose KadNode is seen from outside', () => {
    const isAll = (kad: readonly Address[], bat = [at('192.168.1.11')]): boolean => {
      const theirs = record(bat, kad);
      return isAllDialled(theirs, planDials(theirs, { external: undefined, batAddresses: [] }, own));
    };
    expect(isAll([at('192.168.1.11', 4870)])).toBe(true);
    expect(isAll([at('203.0.113.8', 4870), at('192.168.1.11', 4870)])).toBe(false);
    expect(isAll([at('203.0.113.30', 4870)], [at('203.0.113.30')]), 'it was dialled outside').toBe(true);
  });
});

describe('the plan of a meeting', () => {
  it('of two homes whose routers keep ports: TCP first, a relay when that takes long, the other punches', () => {
    const relayed = { ...HOME, relays: [RELAY] };
    expect(order(relayed, OTHER_HOME)).toEqual(['tcp-punch', 'relay', 'data-channel', 'hand-punch']);
    expect(planMeeting(relayed, OTHER_HOME).skipped.map(({ rung }) => rung)).toContain('reverse');
  });

  it('of routers that draw ports: both at once', () => {
    const random = { ...OTHER_HOME, keepsPorts: false };
    expect(
      planMeeting(HOME, random)
        .rungs.map(({ startAfterMs }) => startAfterMs)
        .slice(0, 2),
    ).toEqual([0, 0]);
  });

  it('BN-18 has who can be dialled dialled, from either end, and punches only beside it', () => {
    expect(order(PUBLIC, HOME)[0]).toBe('reverse');
    expect(order(HOME, PUBLIC)[0]).toBe('direct');
  });

  it('punches beside a dial that does not come through: who has a public address may not know yet of the firewall before it', () => {
    const symmetric: MeetingFacts = { ...HOME, mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' };
    const firewalled: MeetingFacts = { ...PUBLIC, filtering: 'address-and-port-dependent', relays: [RELAY] };
    const { rungs, skipped } = planMeeting(firewalled, symmetric);
    const startOf = (name: RungName): number => rungs.find(({ rung }) => rung === name)?.startAfterMs ?? Number.NaN;
    expect(order(firewalled, symmetric)).toEqual(['reverse', 'relay', 'tcp-punch', 'hand-punch']);
    expect(startOf('hand-punch'), 'a dial needs two round trips').toBeGreaterThanOrEqual(500);
    expect(skipped.map(({ rung }) => rung)).toEqual(['data-channel']);
  });

  it('waits for ICE less where an unknown filter decides whether it opens the pair', () => {
    const symmetric: MeetingFacts = { ...OTHER_HOME, mapping: 'address-and-port-dependent' };
    const startOf = (filtering: NatFiltering): number =>
      planMeeting({ ...HOME, filtering }, symmetric).rungs.find(({ rung }) => rung === 'hand-punch')?.startAfterMs ?? Number.NaN;
    expect(startOf('unknown')).toBeLessThan(startOf('endpoint-independent'));
    expect(startOf('address-and-port-dependent')).toBe(0);
  });

  it('punches by hand at once where ICE can not open the pair, with a relay meanwhile', () => {
    const symmetric: MeetingFacts = { ...OTHER_HOME, mapping: 'address-and-port-dependent', keepsPorts: false, relays: [RELAY] };
    const { rungs, skipped } = planMeeting(HOME, symmetric);
    expect(rungs.map(({ rung, startAfterMs }) => [rung, startAfterMs])).toEqual([
      ['tcp-punch', 0],
      ['hand-punch', 0],
      ['relay', 0],
    ]);
    expect(skipped.map(({ rung }) => rung)).toContain('data-channel');
  });

  it('goes to a relay at once where nothing else can work, and says why nothing else can', () => {
    const blocked = { ...HOME, hasUdp: false, ice: undefined, external: undefined, tcpPort: 0, relays: [RELAY] };
    const plan = planMeeting(blocked, OTHER_HOME);
    expect(plan.rungs).toEqual([{ rung: 'relay', startAfterMs: 0, budgetMs: expect.any(Number) }]);
    expect(Object.fromEntries(plan.skipped.map(({ rung, reason }) => [rung, reason]))).toMatchObject({
      'tcp-punch': 'an external address is not known',
      'data-channel': 'UDP does not get through on one side',
    });
  });

  it('says that there is no way when there is none', () => {
    const blocked = { ...HOME, hasUdp: false, ice: undefined, external: undefined, tcpPort: 0 };
    expect(planMeeting(blocked, blocked).rungs).toEqual([]);
    expect(planMeeting(blocked, blocked).skipped).toContainEqual({ rung: 'relay', reason: 'neither knows a participant that relays' });
  });

  it('does not punch TCP through one NAT that both are behind', () => {
    expect(order(HOME, { ...HOME })).toEqual(['data-channel']);
  });
});

describe('the pairs that ICE can not open (docs/NAT.md)', () => {
  const kind = (mapping: NatMapping, filtering: NatFiltering): MeetingFacts => ({ ...HOME, mapping, filtering });
  const open = kind('none', 'endpoint-independent');
  const fullCone = kind('endpoint-independent', 'endpoint-independent');
  const addressRestricted = kind('endpoint-independent', 'address-dependent');
  const portRestricted = kind('endpoint-independent', 'address-and-port-dependent');
  const symmetric = kind('address-and-port-dependent', 'address-and-port-dependent');
  const unknown = kind('endpoint-independent', 'unknown');

  it.each([
    ['symmetric and open', symmetric, open, false],
    ['symmetric and full-cone', symmetric, fullCone, false],
    ['symmetric and address-restricted', symmetric, addressRestricted, false],
    ['symmetric and port-restricted', symmetric, portRestricted, true],
    ['symmetric and symmetric', symmetric, symmetric, true],
    ['symmetric and an unknown filter', symmetric, unknown, false],
    ['port-restricted and port-restricted', portRestricted, portRestricted, false],
  ])('%s: %#', (_name, a, b, isHard) => {
    expect([isHardPair(a, b), isHardPair(b, a)]).toEqual([isHard, isHard]);
  });
});

describe('the relay that both choose', () => {
  const one = { nodeId: nodeId(1), bat: at('203.0.113.10') };
  const two = { nodeId: nodeId(2), bat: at('203.0.113.20') };
  it('is one that both know, else one of the answerer, else one of the caller', () => {
    const names = (relays: (typeof one)[], hasUdp = true) => ({ relays, hasUdp });
    expect(chooseRelay(names([one, two]), names([two]))).toBe(two);
    expect(chooseRelay(names([one]), names([two]))).toBe(two);
    expect(chooseRelay(names([one], false), names([two])), 'the caller can reach few').toBe(one);
    expect(chooseRelay(names([one]), names([]))).toBe(one);
    expect(chooseRelay(names([]), names([]))).toBeUndefined();
  });
});
