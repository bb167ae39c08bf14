import type { Address } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { UDP_BLOCKED_AFTER_MS } from '../limits.ts';
import { SelfKnowledge } from './self-knowledge.ts';
import { makeSelfView, NO_FINDINGS, type ReachFindings, type SelfView } from './self-view.ts';

const at = (host: string, port = 4870): Address => ({ host, port });
const voter = (n: number): Address => at(`11.0.${n}.1`);
const OURS = '192.168.1.10';
const NAT = at('203.0.113.9');

let self: SelfKnowledge;
let told: SelfView[];
let clock: ReturnType<typeof createSimRuntime>['clock'];

beforeEach(() => {
  const simulation = createSimRuntime('self');
  clock = simulation.clock;
  told = [];
  const hooks = { localPort: () => 4870, ownHosts: () => ['127.0.0.1', OURS], onChanged: (view: SelfView) => void told.push(view) };
  self = new SelfKnowledge(simulation.runtime, hooks);
});

describe('SelfKnowledge', () => {
  it('tells each change once', () => {
    for (let round = 0; round < 3; round++) for (const n of [1, 2, 3]) self.noteAnswer(voter(n), NAT, true);
    expect(told.map(({ mapping, udp }) => [mapping, udp])).toEqual([
      ['unknown', 'works'],
      ['endpoint-independent', 'works'],
    ]);
    expect(self.view()).toEqual(told[1]);
  });

  it('takes no address that a peer dialled for one that it saw, unless that is our own', () => {
    self.noteAnswer(voter(1), NAT, false);
    self.noteAnswer(voter(2), at(OURS), false);
    expect(self.view(), 'nobody on the Internet can dial a private address').toMatchObject({ mapping: 'unknown', external: undefined });
    self.noteAnswer(at('192.168.1.77'), at(OURS), false);
    expect(self.view()).toMatchObject({ mapping: 'none', external: at(OURS) });
  });

  it('BN-27 forgets what got through once the external address is another', () => {
    for (const n of [1, 2]) self.noteAnswer(voter(n), NAT, true);
    self.noteFindings({ fromOtherPort: true, fromStranger: true, forwardedPort: 0, bat: true });
    expect(self.view()).toMatchObject({ filtering: 'endpoint-independent', kadReachable: true, batReachable: true });
    for (const n of [1, 2]) self.noteAnswer(voter(n), at('203.0.113.10'), true);
    expect(self.view()).toMatchObject({ filtering: 'unknown', kadReachable: undefined, batReachable: undefined });
    expect(told.at(-1)).toEqual(self.view());
  });

  it('keeps what an earlier check has shown when a later one shows nothing', () => {
    self.noteFindings({ fromOtherPort: true, fromStranger: false, forwardedPort: undefined, bat: undefined });
    self.noteFindings({ fromOtherPort: undefined, fromStranger: undefined, forwardedPort: undefined, bat: false });
    expect(self.view()).toMatchObject({ filtering: 'address-dependent', kadReachable: false, batReachable: false });
  });

  it('calls UDP blocked when nobody outside answers, whoever does inside', async () => {
    expect(self.view().udp).toBe('unknown');
    self.noteAnswer(at('192.168.1.77'), at(OURS), true);
    expect(self.view().udp).toBe('works');
    self.noteSilence(voter(1));
    expect(self.view().udp, 'one peer may be dead').toBe('unknown');
    self.noteSilence(voter(1));
    expect(self.view()).toMatchObject({ udp: 'blocked', kadReachable: false });
    self.noteAnswer(voter(2), NAT, true);
    expect(self.view().udp).toBe('works');
    self.noteSilence(voter(1));
    self.noteSilence(voter(1));
    expect(self.view().udp, 'somebody has just answered').toBe('works');
    await clock.runFor(UDP_BLOCKED_AFTER_MS);
    self.noteSilence(voter(2));
    expect(told.at(-1)?.udp).toBe('blocked');
  });
});

describe('makeSelfView', () => {
  const mapping = { mapping: 'endpoint-independent', external: NAT, preservesPort: true, portDelta: undefined, isBehindNat: true } as const;
  const judge = (findings: Partial<ReachFindings>, isDirect = false) =>
    makeSelfView(isDirect ? { ...mapping, mapping: 'none' } : mapping, 'works', { ...NO_FINDINGS, ...findings });

  it.each<[Partial<ReachFindings>, boolean, Partial<SelfView>]>([
    [{}, false, { filtering: 'unknown', kadReachable: undefined }],
    [{ fromStranger: true, fromOtherPort: true }, false, { filtering: 'endpoint-independent', kadReachable: true }],
    [{ fromStranger: true, fromOtherPort: false }, false, { filtering: 'endpoint-independent', kadReachable: true }],
    [{ fromStranger: false, fromOtherPort: true }, false, { filtering: 'address-dependent', kadReachable: false }],
    [{ fromStranger: false, fromOtherPort: false }, false, { filtering: 'address-and-port-dependent', kadReachable: false }],
    [{ fromOtherPort: true }, false, { filtering: 'unknown', kadReachable: true }],
    [{ fromOtherPort: true }, true, { filtering: 'unknown', kadReachable: true }],
    [{ fromOtherPort: false }, true, { filtering: 'address-and-port-dependent', kadReachable: false }],
    [{ fromStranger: false }, false, { filtering: 'unknown', kadReachable: false }],
  ])('judges %o, direct %s', (findings, isDirect, expected) => {
    expect(judge(findings, isDirect)).toMatchObject(expected);
  });

  it('calls nobody reachable whose port every destination sees otherwise', () => {
    const all = { ...NO_FINDINGS, fromStranger: true, fromOtherPort: true };
    for (const dependent of ['address-dependent', 'address-and-port-dependent'] as const) {
      expect(makeSelfView({ ...mapping, mapping: dependent }, 'works', all).kadReachable).toBe(false);
      const forwarded = makeSelfView({ ...mapping, mapping: dependent }, 'works', { ...NO_FINDINGS, forwardedPort: 999 });
      expect(forwarded, 'but for a forwarded port').toMatchObject({ kadReachable: true, kadReachableAt: { ...NAT, port: 999 } });
    }
  });
});
