// pure: how this node stands, in plain words, each finding with what helps: `batchain doctor`.
import { formatSize } from '../config/sizes.ts';
import type { SeenByOthers, SelfDescription } from './describe-self.ts';

export type FindingState = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly check: string;
  readonly state: FindingState;
  readonly text: string;
  /** A command, or what to do; empty when all is well. */
  readonly fix: string;
}

/** What the port mapper tried: one line per protocol. */
export interface MappingTrial {
  readonly by: 'pcp' | 'nat-pmp' | 'upnp';
  readonly isMapped: boolean;
  readonly reason: string;
}

export interface DiagnosisInputs {
  /** How far the clocks of peers are from ours, milliseconds each. */
  readonly clockOffsetsMs: readonly number[];
  readonly disk: { readonly offerBytes: number; readonly usedBytes: number; readonly roomBytes: number; readonly isReadOnly: boolean };
  readonly self: SelfDescription;
  readonly seen: SeenByOthers & { readonly udp: 'unknown' | 'works' | 'blocked' };
  readonly peersOnline: number;
  readonly brokers: number;
  readonly relays: number;
  /** Undefined when switched off. */
  readonly lanFound: number | undefined;
  readonly mappings: readonly MappingTrial[];
  readonly kadPort: number;
  readonly batPort: number;
}

/** Leases tolerate two days; a clock that is minutes wrong is one that nobody keeps. */
const CLOCK_WARN_MS = 60_000;
const CLOCK_FAIL_MS = 3_600_000;

const MAPPING_WORDS = {
  unknown: 'not known yet',
  none: 'none: others see this computer as it is',
  'endpoint-independent': 'one port for all destinations (hole punching works with nearly everybody)',
  'address-dependent': 'another port for each computer (punching works with open routers, or by guessing ports)',
  'address-and-port-dependent': 'another port for each connection (punching works with open routers, or by guessing ports)',
} as const;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function spanText(ms: number): string {
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return ms < 600_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

function clockFinding({ clockOffsetsMs }: DiagnosisInputs): Finding {
  if (clockOffsetsMs.length === 0)
    return { check: 'clock', state: 'warn', text: 'nobody to compare it with', fix: 'join a network: batchain start --join HOST:PORT' };
  const offsetMs = Math.abs(median(clockOffsetsMs));
  const state = offsetMs >= CLOCK_FAIL_MS ? 'fail' : offsetMs >= CLOCK_WARN_MS ? 'warn' : 'ok';
  const peers = clockOffsetsMs.length === 1 ? '1 peer' : `the median of ${clockOffsetsMs.length} peers`;
  return {
    check: 'clock',
    state,
    text: `${spanText(offsetMs)} from ${peers}`,
    fix: state === 'ok' ? '' : 'let the system keep the time: timedatectl set-ntp true',
  };
}

function diskFinding({ disk }: DiagnosisInputs): Finding {
  const check = 'disk';
  if (disk.isReadOnly)
    return {
      check,
      state: 'fail',
      text: 'the store is read-only: the disk failed',
      fix: 'check the disk, then: batchain stop && batchain start',
    };
  if (disk.offerBytes === 0) return { check, state: 'ok', text: 'nothing is offered to others', fix: '' };
  const text = `${formatSize(disk.offerBytes)} offered, ${formatSize(disk.usedBytes)} used, room for ${formatSize(disk.roomBytes)} more`;
  const isFull = disk.roomBytes === 0 && disk.usedBytes < disk.offerBytes;
  return { check, state: isFull ? 'warn' : 'ok', text, fix: isFull ? 'free some disk, or offer less: batchain config set offer SIZE' : '' };
}

function peersFinding({ peersOnline }: DiagnosisInputs): Finding {
  if (peersOnline > 0)
    return { check: 'network', state: 'ok', text: `${peersOnline} ${peersOnline === 1 ? 'peer answers' : 'peers answer'}`, fix: '' };
  return {
    check: 'network',
    state: 'fail',
    text: 'nobody answers',
    fix: 'name a member: batchain stop && batchain start --join HOST:PORT',
  };
}

function udpFinding({ seen, self, relays }: DiagnosisInputs): Finding {
  if (seen.udp === 'blocked' || !self.facts.hasUdp) {
    const fix =
      relays > 0
        ? 'open outgoing UDP in the firewall; until then connections go through relays'
        : 'open outgoing UDP in the firewall, or join a member that relays on port 443';
    return { check: 'UDP', state: 'warn', text: 'does not get out of this network', fix };
  }
  if (seen.udp === 'unknown') return { check: 'UDP', state: 'warn', text: 'not tried yet', fix: 'wait until a peer answers' };
  return { check: 'UDP', state: 'ok', text: 'works', fix: '' };
}

function reachFinding({ self, batPort }: DiagnosisInputs): Finding {
  const check = 'reachability';
  if (self.reach === 'lan') return { check, state: 'ok', text: 'on a local network only; its members can dial this computer', fix: '' };
  if (self.facts.isBatReachable) return { check, state: 'ok', text: 'others can dial this computer', fix: '' };
  return {
    check,
    state: 'warn',
    text: 'others can not dial this computer; connections are brokered',
    fix: `works as it is; faster with TCP port ${batPort} forwarded to this computer in the router`,
  };
}

function natFinding({ self, seen }: DiagnosisInputs): Finding {
  const check = 'NAT';
  if (seen.external === undefined || self.reach === 'lan') return { check, state: 'ok', text: 'none seen', fix: '' };
  const isHard = seen.mapping === 'address-dependent' || seen.mapping === 'address-and-port-dependent';
  const ports = seen.preservesPort ? ', ports are kept' : '';
  return {
    check,
    state: isHard ? 'warn' : 'ok',
    text: `${MAPPING_WORDS[seen.mapping]}${ports}`,
    fix: isHard ? 'turn on UPnP or NAT-PMP in the router, or use a relay' : '',
  };
}

function mappingFinding({ mappings, self, kadPort, batPort }: DiagnosisInputs): Finding | undefined {
  if (mappings.length === 0) return undefined;
  const done = mappings.filter(({ isMapped }) => isMapped);
  const check = 'port mapping';
  if (done.length > 0) return { check, state: 'ok', text: `by ${done.map(({ by }) => by).join(', ')}`, fix: '' };
  const text = mappings.map(({ by, reason }) => `${by}: ${reason}`).join('; ');
  const isNeeded = !self.facts.isBatReachable;
  return {
    check,
    state: isNeeded ? 'warn' : 'ok',
    text,
    fix: isNeeded ? `turn on UPnP or NAT-PMP in the router, or forward UDP ${kadPort} and TCP ${batPort}` : '',
  };
}

function brokerFinding({ self, brokers, relays }: DiagnosisInputs): Finding | undefined {
  if (self.isKadReachable) return undefined;
  if (brokers === 0)
    return {
      check: 'brokers',
      state: 'fail',
      text: 'none: nobody can ask this computer to connect',
      fix: 'join a public member: batchain start --join HOST:PORT',
    };
  const state = brokers < 2 ? 'warn' : 'ok';
  const word = relays === 0 ? 'no relay known' : `${relays} ${relays === 1 ? 'relay' : 'relays'} known`;
  return {
    check: 'brokers',
    state,
    text: `${brokers} of 3, ${word}`,
    fix: state === 'ok' ? '' : 'more public members make it safer: ask one to join',
  };
}

function lanFinding({ lanFound }: DiagnosisInputs): Finding {
  const check = 'local discovery';
  if (lanFound === undefined) return { check, state: 'ok', text: 'switched off', fix: '' };
  return { check, state: 'ok', text: lanFound === 0 ? 'on, nobody found' : `on, ${lanFound} found`, fix: '' };
}

/** In the order in which a person would look. */
export function diagnose(inputs: DiagnosisInputs): Finding[] {
  return [
    clockFinding(inputs),
    diskFinding(inputs),
    peersFinding(inputs),
    udpFinding(inputs),
    reachFinding(inputs),
    natFinding(inputs),
    mappingFinding(inputs),
    brokerFinding(inputs),
    lanFinding(inputs),
  ].filter((finding) => finding !== undefined);
}
