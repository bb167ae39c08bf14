// pure: how this node stands, in plain words, each finding with what helps: `batchain doctor`.
import { formatAddress } from '@batchain/shared';
import { formatSize } from '../config/sizes.ts';
import { brokerFinding, relayFinding } from './diagnose-brokers.ts';
import { mappingFinding, natFinding, reachFinding, udpFinding } from './diagnose-reach.ts';
import { type DiagnosisInputs, type Finding, isLooking, JOIN_ANOTHER, LOOK_AGAIN, SEE_NETWORK } from './diagnosis.ts';

/** Leases tolerate two days; a clock that is minutes wrong is one that nobody keeps. */
const CLOCK_WARN_MS = 60_000;
const CLOCK_FAIL_MS = 3_600_000;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function spanText(ms: number): string {
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return ms < 600_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

function clockFinding({ clockOffsetsMs, peersOnline, hasClients, knowsNobody }: DiagnosisInputs): Finding {
  const check = 'clock';
  if (clockOffsetsMs.length === 0) {
    const isHeard = peersOnline > 0 || hasClients;
    if (!isHeard) return { check, state: 'warn', text: 'not compared: nobody answers', fix: SEE_NETWORK };
    // Members behind routers are asked by nobody.
    return knowsNobody
      ? { check, state: 'ok', text: 'not compared: no public member but this one is known', fix: '' }
      : { check, state: 'warn', text: 'not compared: no public member answers now', fix: 'see that one is on: it tells the time' };
  }
  const offsetMs = Math.abs(median(clockOffsetsMs));
  const state = offsetMs >= CLOCK_FAIL_MS ? 'fail' : offsetMs >= CLOCK_WARN_MS ? 'warn' : 'ok';
  const peers = clockOffsetsMs.length === 1 ? '1 peer' : `the median of ${clockOffsetsMs.length} peers`;
  return {
    check,
    state,
    text: `${spanText(offsetMs)} from ${peers}`,
    fix: state === 'ok' ? '' : 'let the system keep the time: timedatectl set-ntp true',
  };
}

function diskFinding({ disk }: DiagnosisInputs): Finding {
  const check = 'disk';
  const { offerBytes, usedBytes, roomBytes } = disk;
  if (disk.isReadOnly)
    return {
      check,
      state: 'fail',
      text: 'the store is read-only: the disk failed',
      fix: 'check the disk, then, with the flags of this run once more: batchain stop && batchain start',
    };
  if (offerBytes === 0) return { check, state: 'ok', text: 'nothing is offered to others', fix: '' };
  const text = `${formatSize(offerBytes)} offered, ${formatSize(usedBytes)} used, room for ${formatSize(roomBytes)} more`;
  if (roomBytes >= offerBytes - usedBytes) return { check, state: 'ok', text, fix: '' };
  const held = usedBytes + roomBytes;
  return {
    check,
    state: 'warn',
    text: `${text}: the offer is larger than what the disk can hold`,
    fix: `free some disk\noffer at most ${formatSize(held)}, and start without --offer: batchain config set offer SIZE`,
  };
}

function networkFinding(inputs: DiagnosisInputs): Finding {
  const { peersOnline, hasClients, knowsNobody, joins } = inputs;
  const check = 'network';
  if (peersOnline > 0)
    return { check, state: 'ok', text: `${peersOnline} ${peersOnline === 1 ? 'peer answers' : 'peers answer'}`, fix: '' };
  if (hasClients) return { check, state: 'ok', text: 'members behind routers keep in touch with this one', fix: '' };
  if (knowsNobody)
    return {
      check,
      state: 'warn',
      text: 'no other member is known: this is the first one, or was told of none',
      fix: `others join this one: \`batchain start --join ${ownKadText(inputs)}\`\nto join a network, ${JOIN_ANOTHER}`,
    };
  if (isLooking(inputs)) return { check, state: 'warn', text: 'looking for members', fix: LOOK_AGAIN };
  const asked = joins.length === 0 ? 'asked: those met before' : `asked, by UDP and over TCP: ${joins.map(formatAddress).join(', ')}`;
  return {
    check,
    state: 'fail',
    text: `nobody answers (${asked})`,
    fix: [
      'the members may be off: look there with `batchain status`',
      `the address may be wrong: compare it with "kad" in a member's \`batchain status\`, then, ${JOIN_ANOTHER}`,
      'the network may be another one: --network and its secret must be the same here and there; compare: batchain config list',
      'UDP may be blocked, here or there: open outgoing UDP in the firewall here, and the port of the member there',
    ].join('\n'),
  };
}

function ownKadText({ self, kadPort }: DiagnosisInputs): string {
  const [own] = self.kadAddresses;
  return own === undefined ? `HOST:${kadPort}` : formatAddress(own);
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
    networkFinding(inputs),
    udpFinding(inputs),
    reachFinding(inputs),
    natFinding(inputs),
    mappingFinding(inputs),
    brokerFinding(inputs),
    relayFinding(inputs),
    lanFinding(inputs),
  ].filter((finding) => finding !== undefined);
}
