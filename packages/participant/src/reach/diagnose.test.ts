import { GiB, TiB } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { describeSelf, type SeenByOthers } from './describe-self.ts';
import { diagnose } from './diagnose.ts';
import type { DiagnosisInputs, Finding, MappingTrial } from './diagnosis.ts';

const UNSEEN: SeenByOthers = {
  external: undefined,
  mapping: 'unknown',
  filtering: 'unknown',
  preservesPort: false,
  kadReachable: undefined,
  kadReachableAt: undefined,
  batReachable: undefined,
};
const BEHIND: SeenByOthers = {
  ...UNSEEN,
  external: { host: '203.0.113.7', port: 4870 },
  mapping: 'endpoint-independent',
  preservesPort: true,
  batReachable: false,
};
const SYMMETRIC: SeenByOthers = { ...BEHIND, mapping: 'address-and-port-dependent', preservesPort: false };
const JOIN = { host: '198.51.100.20', port: 4870 };
const FIVE_MINUTES = 300_000;

interface Story extends Partial<Omit<DiagnosisInputs, 'self' | 'seen'>> {
  readonly seen?: SeenByOthers;
  readonly udp?: DiagnosisInputs['seen']['udp'];
  readonly host?: string;
  readonly hasNoUdp?: boolean;
}

/** At home behind a router, with two brokers and a peer, for five minutes; `story` says what is otherwise. */
function findings({ seen = BEHIND, udp = 'works', host = '192.168.1.10', hasNoUdp = false, ...story }: Story = {}): Finding[] {
  const bound = { kad: { host: '::', port: 4870 }, bat: { host: '::', port: 4880 } };
  return diagnose({
    uptimeMs: FIVE_MINUTES,
    clockOffsetsMs: [12],
    disk: { offerBytes: 20 * GiB, usedBytes: 0, roomBytes: 20 * GiB, isReadOnly: false },
    self: describeSelf({ seen, hosts: ['127.0.0.1', host], ...bound, mappings: [], hasNoUdp, relays: [] }),
    seen: { ...seen, udp },
    peersOnline: 2,
    hasClients: false,
    knowsNobody: false,
    joins: [JOIN],
    brokers: { count: 2, wantedForMs: FIVE_MINUTES, silentMs: 12_000, isCutOff: false },
    relays: 1,
    relaying: undefined,
    lanFound: 0,
    mappings: [],
    kadPort: 4870,
    batPort: 4880,
    ...story,
  });
}

function finding(check: string, story: Story = {}): Finding | undefined {
  return findings(story).find((one) => one.check === check);
}

/** Nobody has answered since the start. */
const ALONE: Story = {
  seen: UNSEEN,
  udp: 'unknown',
  peersOnline: 0,
  clockOffsetsMs: [],
  relays: 0,
  brokers: { count: 0, wantedForMs: undefined, silentMs: undefined, isCutOff: false },
};
const fixLines = (one: Finding | undefined): string[] => one?.fix.split('\n') ?? [];

describe('a diagnosis', () => {
  it('has nothing to blame at home behind a router', () => {
    expect(
      findings({ brokers: { count: 3, wantedForMs: FIVE_MINUTES, silentMs: 100, isCutOff: false } }).map(({ check, state }) => [
        check,
        state,
      ]),
    ).toEqual([
      ['clock', 'ok'],
      ['disk', 'ok'],
      ['network', 'ok'],
      ['UDP', 'ok'],
      ['reachability', 'warn'],
      ['NAT', 'ok'],
      ['brokers', 'ok'],
      ['relays', 'ok'],
      ['local discovery', 'ok'],
    ]);
  });

  it('gives a way out for everything that is not well', () => {
    const stories: Story[] = [
      ALONE,
      { ...ALONE, uptimeMs: 100 },
      { ...ALONE, knowsNobody: true },
      { hasNoUdp: true, relays: 0 },
      { seen: SYMMETRIC, relays: 0 },
    ];
    for (const story of stories)
      for (const one of findings(story)) expect([one.check, one.fix !== '']).toEqual([one.check, one.state !== 'ok']);
  });
});

describe('UDP', () => {
  it('is not called blocked because nobody answers: the causes stand in their order, each with its fix', () => {
    for (const udp of ['blocked', 'unknown', 'works'] as const) {
      const all = findings({ ...ALONE, udp });
      expect(all.find(({ check }) => check === 'UDP')).toMatchObject({
        state: 'warn',
        text: expect.not.stringMatching(/does not get out/),
      });
      const network = all.find(({ check }) => check === 'network');
      expect(network).toMatchObject({ state: 'fail', text: expect.stringContaining('198.51.100.20:4870') });
      const [members, address, name, blocked, ...rest] = fixLines(network);
      expect([members, address, name, blocked, rest]).toEqual([
        expect.stringMatching(/may be off.*`batchain status`/),
        expect.stringMatching(/address may be wrong.*--join HOST:PORT/),
        expect.stringMatching(/network may be another one.*--network/),
        expect.stringMatching(/UDP may be blocked.*firewall/),
        [],
      ]);
    }
  });

  it('is not called blocked while a connection stands and the public members are gone', () => {
    expect(finding('UDP', { udp: 'blocked', peersOnline: 1 })).toMatchObject({
      state: 'warn',
      text: expect.stringMatching(/do not answer by UDP any more; connections that stand go on/),
      fix: expect.not.stringMatching(/firewall/),
    });
  });

  it('is called blocked where a member answers over TCP and not by UDP', () => {
    expect(finding('UDP', { hasNoUdp: true, udp: 'blocked' })).toMatchObject({
      state: 'warn',
      text: expect.stringMatching(/does not get out.*over TCP and not by UDP/),
      fix: expect.stringMatching(/^open outgoing UDP in the firewall/),
    });
  });
});

describe('what nobody has seen or tried', () => {
  it('is not known yet, after a restart without any member', () => {
    for (const check of ['reachability', 'NAT', 'UDP']) {
      expect(finding(check, ALONE)).toMatchObject({ state: 'warn', text: 'not known yet: it is told when a member outside has answered' });
    }
  });

  it('is presumed of an address of its own that is public', () => {
    expect(finding('reachability', { ...ALONE, host: '198.51.100.9' })).toMatchObject({
      state: 'warn',
      text: expect.stringMatching(/^presumed.*nobody has tried yet/),
    });
    expect(finding('reachability', { ...ALONE, host: '198.51.100.9', knowsNobody: true })).toMatchObject({
      state: 'ok',
      text: expect.stringMatching(/^presumed/),
    });
    const seen = { ...UNSEEN, external: { host: '198.51.100.9', port: 4870 }, mapping: 'none' } as const;
    expect(finding('reachability', { seen, host: '198.51.100.9' })?.text).toMatch(/^presumed.*nobody has tried yet/);
    expect(finding('reachability', { seen: { ...seen, batReachable: true }, host: '198.51.100.9' })).toMatchObject({
      state: 'ok',
      text: 'others can dial this computer',
    });
    expect(finding('reachability', { seen: { ...BEHIND, batReachable: undefined } })?.text).toMatch(/presumed that others can not dial/);
  });

  it('is told of the local network as far as it goes', () => {
    const seen = { ...UNSEEN, external: { host: '192.168.1.10', port: 4870 } };
    expect(finding('reachability', { seen })).toMatchObject({
      state: 'ok',
      text: expect.stringMatching(/^members of the local network can dial/),
    });
    expect(finding('NAT', { seen })?.text).toMatch(/members of the local network/);
  });

  it('of the NAT takes two public members, who help with more than that', () => {
    expect(finding('NAT', { seen: { ...BEHIND, mapping: 'unknown' } })).toEqual({
      check: 'NAT',
      state: 'warn',
      text: 'not known yet: one public member alone can not tell, two can',
      fix: 'have a second public member join, at another place: direct connections are then possible in more cases as well',
    });
  });
});

describe('who looks for the network', () => {
  it('looks in the first seconds, and has failed only after them', () => {
    const started: Story = {
      ...ALONE,
      seen: BEHIND,
      uptimeMs: 100,
      brokers: { count: 0, wantedForMs: 50, silentMs: undefined, isCutOff: false },
    };
    const early = findings(started);
    expect(early.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(early.find(({ check }) => check === 'brokers')?.text).toBe('looking for public members');
    expect(early.find(({ check }) => check === 'network')?.text).toBe('looking for members');
    const late = findings({
      ...started,
      uptimeMs: FIVE_MINUTES,
      brokers: { ...ALONE.brokers, wantedForMs: FIVE_MINUTES } as DiagnosisInputs['brokers'],
    });
    expect(late.filter(({ state }) => state === 'fail').map(({ check }) => check)).toEqual(['network', 'brokers']);
  });

  it('looks for brokers from when it needs them', () => {
    const brokers = { count: 0, wantedForMs: 3000, silentMs: undefined, isCutOff: false };
    expect(finding('brokers', { brokers })?.state).toBe('warn');
    expect(finding('brokers', { brokers: { ...brokers, wantedForMs: FIVE_MINUTES } })).toMatchObject({
      state: 'fail',
      fix: expect.stringMatching(/join a public member; with the flags of this run once more: batchain stop && batchain start --join/),
    });
  });

  it('the first member is told how others join it, and fails in nothing', () => {
    const all = findings({ ...ALONE, knowsNobody: true, joins: [] });
    expect(all.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(fixLines(all.find(({ check }) => check === 'network'))[0]).toBe(
      'others join this one: `batchain start --join 192.168.1.10:4870`',
    );
  });

  it('the only public member is in touch with those behind routers, who never answer it', () => {
    const seen = { ...UNSEEN, external: { host: '198.51.100.9', port: 4870 }, mapping: 'none' } as const;
    const all = findings({ ...ALONE, seen, udp: 'blocked', host: '198.51.100.9', knowsNobody: true, hasClients: true });
    expect(all.filter(({ state }) => state !== 'ok')).toEqual([]);
    const connected = findings({
      ...ALONE,
      seen,
      udp: 'blocked',
      host: '198.51.100.9',
      knowsNobody: true,
      hasClients: true,
      peersOnline: 1,
    });
    expect(connected.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(all.find(({ check }) => check === 'network')?.text).toBe('members behind routers keep in touch with this one');
  });

  it('is not told to join a network when its peers do not tell the time', () => {
    expect(finding('clock', { clockOffsetsMs: [] })).toMatchObject({ state: 'warn', fix: expect.not.stringMatching(/join/) });
    expect(finding('clock', ALONE)).toMatchObject({ text: 'not compared: nobody answers', fix: 'see the line "network"' });
  });
});

describe('brokers', () => {
  const brokers = { count: 2, wantedForMs: FIVE_MINUTES, silentMs: 12_000, isCutOff: false };

  it('are told with when they were heard last', () => {
    expect(finding('brokers', { brokers })).toMatchObject({ state: 'ok', text: '2 of 3, last heard 12 s ago' });
  });

  it.each([{ silentMs: 45_000 }, { isCutOff: true }])('are not well when none answers any more: %o', (change) => {
    const all = findings({ brokers: { ...brokers, ...change } });
    expect(all.find(({ check }) => check === 'brokers')).toMatchObject({
      state: 'warn',
      text: expect.stringMatching(/last heard .* ago: none answers now/),
    });
  });

  it('leave the relays in doubt when none answers', () => {
    expect(finding('relays', { brokers: { ...brokers, isCutOff: true } })?.state).toBe('warn');
    expect(finding('relays', { peersOnline: 0 })).toMatchObject({ state: 'warn', text: '1 known, but nobody answers now' });
  });
});

describe('relays', () => {
  it.each([
    ['without UDP', { hasNoUdp: true }],
    ['behind a symmetric router', { seen: SYMMETRIC }],
  ])('are missed %s', (_where, story) => {
    expect(finding('relays', { ...story, relays: 0 })).toEqual({
      check: 'relays',
      state: 'warn',
      text: 'none known: without a relay some members can not be reached from here',
      fix:
        'ask a public member to run `batchain start --relay`\n' +
        'for networks that let only web ports out, on port 443: `batchain start --relay --bat-port 443`',
    });
  });

  it('are hardly missed elsewhere', () => {
    expect(finding('relays', { relays: 0 })).toMatchObject({ state: 'ok', text: expect.stringMatching(/^none known; one is needed only/) });
  });

  it('know that they are ones, and what they carry', () => {
    const relaying = { openCircuits: 1, bytesToday: 3 * GiB };
    const seen = {
      ...UNSEEN,
      external: { host: '198.51.100.9', port: 4870 },
      mapping: 'none',
      batReachable: true,
      kadReachable: true,
    } as const;
    expect(finding('relays', { seen, host: '198.51.100.9', relaying })).toMatchObject({
      state: 'ok',
      text: 'this node relays: 1 circuit now, 3.0 GiB today',
    });
    expect(finding('relays', { relaying })).toMatchObject({ state: 'warn', text: expect.stringMatching(/others can not dial it$/) });
  });
});

describe('port mapping', () => {
  const trials = (outcome: MappingTrial['outcome'], detail?: string): MappingTrial[] =>
    (['pcp', 'nat-pmp', 'upnp'] as const).map((by) => ({ by, protocol: 'udp', outcome, detail }));

  it('is told in words, with what to do', () => {
    expect(finding('port mapping', { mappings: trials('no-answer') })).toEqual({
      check: 'port mapping',
      state: 'warn',
      text: 'the router was asked by PCP, NAT-PMP and UPnP and did not answer',
      fix:
        'turn on UPnP or NAT-PMP in the router, or forward 4870/udp and 4880/tcp to this computer\n' +
        'leave it: a relay carries what finds no other way',
    });
    expect(finding('port mapping', { mappings: [...trials('no-answer').slice(0, 2), ...trials('refused', '718').slice(2)] })?.text).toBe(
      'the router was asked by PCP, NAT-PMP and UPnP and refused (UPnP: 718)',
    );
    expect(fixLines(finding('port mapping', { mappings: trials('behind-another-nat', '100.64.0.2') }))[0]).toMatch(/bridge/);
  });

  it('tells which ports are forwarded, and which are not', () => {
    const udp = { by: 'pcp', protocol: 'udp', outcome: 'mapped' } as const;
    const tcp = { by: 'pcp', protocol: 'tcp', outcome: 'mapped' } as const;
    expect(finding('port mapping', { mappings: [udp, tcp] })).toMatchObject({
      state: 'ok',
      text: 'the router forwards 4870/udp (PCP) and 4880/tcp (PCP)',
    });
    expect(finding('port mapping', { mappings: [udp, { ...tcp, outcome: 'refused' }] })).toMatchObject({
      state: 'warn',
      text: 'the router forwards 4870/udp (PCP), but not 4880/tcp',
      fix: expect.stringMatching(/forward 4880\/tcp to this computer/),
    });
    expect(finding('port mapping')).toBeUndefined();
  });
});

describe('disk', () => {
  it('is warned of when the offer is larger than what it can hold', () => {
    expect(finding('disk', { disk: { offerBytes: 10 * TiB, usedBytes: 0, roomBytes: 60 * GiB, isReadOnly: false } })).toMatchObject({
      state: 'warn',
      text: '10.0 TiB offered, 0 B used, room for 60.0 GiB more: the offer is larger than what the disk can hold',
      fix: expect.stringMatching(/^free some disk\noffer at most 60\.0 GiB, .*batchain config set offer SIZE$/),
    });
    expect(finding('disk', { disk: { offerBytes: 20 * GiB, usedBytes: 20 * GiB, roomBytes: 0, isReadOnly: false } })?.state).toBe('ok');
  });
});
