// pure: who helps this node to connections, in plain words: brokers and relays.
import { formatSize } from '../config/sizes.ts';
import { type DiagnosisInputs, type Finding, isHardMapping, isLooking, JOIN_ANOTHER, LOOK_AGAIN, SEE_NETWORK } from './diagnosis.ts';

const WANTED = 3;
/** They are asked every 20 to 25 s, and answer at once: who was silent for longer may be gone. */
const BROKERS_SILENT_MS = 30_000;

const agoText = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1000)} s ago` : `${Math.round(ms / 60_000)} min ago`);

/** Undefined for a node that others reach without. */
export function brokerFinding(inputs: DiagnosisInputs): Finding | undefined {
  const { self, brokers, peersOnline } = inputs;
  const check = 'brokers';
  if (self.isKadReachable) return undefined;
  if (brokers.count === 0) {
    if (isLooking(inputs)) return { check, state: 'warn', text: 'looking for public members', fix: LOOK_AGAIN };
    return {
      check,
      state: 'fail',
      text: 'none: nobody can ask this computer to connect',
      fix: peersOnline === 0 ? SEE_NETWORK : `join a public member; ${JOIN_ANOTHER}`,
    };
  }
  const { silentMs = Number.POSITIVE_INFINITY } = brokers;
  const heard = Number.isFinite(silentMs) ? `last heard ${agoText(silentMs)}` : 'not heard yet';
  const text = `${brokers.count} of ${WANTED}, ${heard}`;
  if (brokers.isCutOff || silentMs >= BROKERS_SILENT_MS)
    return {
      check,
      state: 'warn',
      text: `${text}: none answers now`,
      fix: peersOnline === 0 ? SEE_NETWORK : 'see that the public members are on: new connections need one',
    };
  if (brokers.count < 2)
    return {
      check,
      state: 'warn',
      text,
      fix: 'have a second public member join, at another place: it is safer, and more direct connections are possible',
    };
  return { check, state: 'ok', text, fix: '' };
}

/** Undefined where no relay is needed. */
export function relayFinding(inputs: DiagnosisInputs): Finding | undefined {
  const { self, relaying, relays, peersOnline, brokers, batPort } = inputs;
  const check = 'relays';
  if (relaying !== undefined) {
    const circuits = `${relaying.openCircuits} ${relaying.openCircuits === 1 ? 'circuit' : 'circuits'} now`;
    const text = `this node relays: ${circuits}, ${formatSize(relaying.bytesToday)} today`;
    return self.facts.isBatReachable
      ? { check, state: 'ok', text, fix: '' }
      : {
          check,
          state: 'warn',
          text: `${text}; but others can not dial it`,
          fix: `forward TCP port ${batPort} to this computer in the router`,
        };
  }
  const isHard = !self.facts.hasUdp || isHardMapping(inputs);
  if (self.isKadReachable && !isHard) return undefined;
  if (relays > 0) {
    if (peersOnline === 0) return { check, state: 'warn', text: `${relays} known, but nobody answers now`, fix: SEE_NETWORK };
    if (brokers.isCutOff) return { check, state: 'warn', text: `${relays} known, not seen to answer now`, fix: 'see the line "brokers"' };
    return { check, state: 'ok', text: `${relays} known`, fix: '' };
  }
  if (peersOnline > 0 && isLooking(inputs)) return { check, state: 'warn', text: 'looking for one', fix: LOOK_AGAIN };
  if (!isHard) return { check, state: 'ok', text: 'none known; one is needed only where no other way leads', fix: '' };
  return {
    check,
    state: 'warn',
    text: 'none known: without a relay some members can not be reached from here',
    fix: [
      'ask a public member to run `batchain start --relay`',
      'for networks that let only web ports out, on port 443: `batchain start --relay --bat-port 443`',
    ].join('\n'),
  };
}
