import { describe, expect, it } from 'vitest';
import type { Address } from '../net/address.ts';
import { NAT_KINDS, type NatBehaviour, type NatKind, NatTable } from './nat-model.ts';
import { SimRandom } from './prng.ts';

const OUTER = '203.0.113.1';
const inner: Address = { host: '192.168.1.10', port: 4870 };
const neighbour: Address = { host: '192.168.1.11', port: 4870 };
const remote: Address = { host: '198.51.100.1', port: 1000 };
const otherPort: Address = { ...remote, port: 2000 };
const otherHost: Address = { host: '198.51.100.2', port: 1000 };

const table = (kind: NatKind, behaviour: Partial<NatBehaviour> = {}): NatTable =>
  new NatTable({ ...NAT_KINDS[kind], ...behaviour }, SimRandom.fromSeed(kind), OUTER);

/** Asks RFC 5780's questions: does the mapping move, and who gets in through it? */
function classify(kind: NatKind) {
  const nat = table(kind);
  const mapped = [remote, otherPort, otherHost].map((to) => nat.outbound(inner, to, 0).port);
  const fresh = table(kind);
  const external = fresh.outbound(inner, remote, 0);
  const gets = (from: Address): boolean => fresh.inbound(external, from, 1) !== undefined;
  return {
    movesPerPort: mapped[0] !== mapped[1],
    movesPerHost: mapped[0] !== mapped[2],
    answers: gets(remote),
    samePeerOtherPort: gets(otherPort),
    stranger: gets(otherHost),
    keepsPort: external.port === inner.port,
  };
}

describe('the kinds of NAT', () => {
  it.each<[NatKind, ReturnType<typeof classify>]>([
    ['open', { movesPerPort: false, movesPerHost: false, answers: true, samePeerOtherPort: true, stranger: true, keepsPort: true }],
    ['fw', { movesPerPort: false, movesPerHost: false, answers: true, samePeerOtherPort: false, stranger: false, keepsPort: true }],
    ['full-cone', { movesPerPort: false, movesPerHost: false, answers: true, samePeerOtherPort: true, stranger: true, keepsPort: false }],
    ['addr-restr', { movesPerPort: false, movesPerHost: false, answers: true, samePeerOtherPort: true, stranger: false, keepsPort: false }],
    [
      'port-restr',
      { movesPerPort: false, movesPerHost: false, answers: true, samePeerOtherPort: false, stranger: false, keepsPort: false },
    ],
    ['linux', { movesPerPort: false, movesPerHost: false, answers: true, samePeerOtherPort: false, stranger: false, keepsPort: true }],
    [
      'symmetric-ip',
      { movesPerPort: false, movesPerHost: true, answers: true, samePeerOtherPort: false, stranger: false, keepsPort: false },
    ],
    [
      'symmetric-seq',
      { movesPerPort: true, movesPerHost: true, answers: true, samePeerOtherPort: false, stranger: false, keepsPort: false },
    ],
    ['symmetric', { movesPerPort: true, movesPerHost: true, answers: true, samePeerOtherPort: false, stranger: false, keepsPort: false }],
  ])('%s answers as RFC 4787 describes it', (kind, expected) => {
    expect(classify(kind)).toEqual(expected);
  });

  it('counts ports up where they are sequential, and only there', () => {
    const ports = (kind: NatKind): number[] => {
      const nat = table(kind);
      return Array.from({ length: 20 }, (_, i) => nat.outbound(inner, { ...remote, port: 1 + i }, 0).port);
    };
    expect(ports('symmetric-seq')).toEqual(Array.from({ length: 20 }, (_, i) => 40_000 + i));
    const random = ports('symmetric');
    expect(random.filter((port, i) => i > 0 && port === (random[i - 1] as number) + 1)).toEqual([]);
  });
});

describe('NatTable', () => {
  it('translates out and back again', () => {
    const nat = table('port-restr');
    const external = nat.outbound(inner, remote, 0);
    expect(external.host).toBe(OUTER);
    expect(nat.inbound(external, remote, 5)).toEqual(inner);
    expect(nat.outbound(inner, otherHost, 10)).toEqual(external);
    expect(nat.inbound({ ...external, port: external.port ^ 1 }, remote, 5)).toBeUndefined();
  });

  it('keeps two inner hosts with the same port apart', () => {
    for (const kind of ['linux', 'port-restr', 'symmetric-seq'] as const) {
      const nat = table(kind);
      const [first, second] = [nat.outbound(inner, remote, 0), nat.outbound(neighbour, remote, 0)];
      expect(first.port).not.toBe(second.port);
      expect([nat.inbound(first, remote, 1), nat.inbound(second, remote, 1)]).toEqual([inner, neighbour]);
    }
  });

  it('forgets a mapping two minutes after the last packet went out; what comes in does not refresh it', () => {
    const nat = table('full-cone');
    const external = nat.outbound(inner, remote, 0);
    expect(nat.outbound(inner, remote, 119_999)).toEqual(external);
    expect(nat.inbound(external, otherHost, 239_998)).toEqual(inner);
    expect(nat.inbound(external, otherHost, 239_999)).toBeUndefined();
    expect(nat.mappingCount(239_999)).toBe(0);
    expect(nat.outbound(inner, remote, 240_000)).not.toEqual(external);
  });

  it('closes an unanswered mapping of a Linux router after 30 s, an answered one after 120 s', () => {
    const nat = table('linux');
    const external = nat.outbound(inner, remote, 0);
    expect(nat.inbound(external, remote, 30_000)).toBeUndefined();
    nat.outbound(inner, remote, 30_000);
    expect(nat.inbound(external, remote, 59_999)).toEqual(inner);
    expect(nat.inbound(external, remote, 149_999)).toEqual(inner);
    expect(nat.inbound(external, remote, 150_000)).toBeUndefined();
  });

  it('forgets to whom it lets in, one remote end at a time', () => {
    const nat = table('port-restr');
    const external = nat.outbound(inner, remote, 0);
    nat.outbound(inner, otherHost, 100_000);
    expect(nat.inbound(external, remote, 120_000)).toBeUndefined();
    expect(nat.inbound(external, otherHost, 120_000)).toEqual(inner);
  });

  it('lets in through a forwarded port whoever comes', () => {
    const nat = table('symmetric');
    nat.forward(4880, { ...inner, port: 4880 });
    expect(nat.inbound({ host: OUTER, port: 4880 }, otherHost, 0)).toEqual({ ...inner, port: 4880 });
  });

  it('answers from the forwarded port whoever came in there, and nobody else', () => {
    const nat = table('linux');
    nat.forward(5000, inner);
    expect(nat.inbound({ host: OUTER, port: 5000 }, otherHost, 0)).toEqual(inner);
    expect(nat.outbound(inner, otherHost, 1)).toEqual({ host: OUTER, port: 5000 });
    expect(nat.outbound(inner, remote, 1)).toEqual({ host: OUTER, port: inner.port });
  });

  it('has none of its mappings left after a rebind', () => {
    const nat = table('full-cone');
    const external = nat.outbound(inner, remote, 0);
    nat.rebind('203.0.113.99');
    expect(nat.inbound(external, remote, 1)).toBeUndefined();
    expect(nat.outbound(inner, remote, 1).host).toBe('203.0.113.99');
  });

  it('is bounded: a flood of new ports pushes the oldest mappings out', () => {
    const nat = table('symmetric');
    const first = nat.outbound(inner, remote, 0);
    for (let i = 0; i < 20_000; i++) nat.outbound({ ...inner, port: 1 + i }, otherHost, 1);
    expect(nat.mappingCount(2)).toBe(16_384);
    expect(nat.inbound(first, remote, 2)).toBeUndefined();
  });
});
