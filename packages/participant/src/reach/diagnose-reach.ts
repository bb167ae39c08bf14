// pure: whether this node gets out and others get in, in plain words; what nobody has seen or tried is not claimed.
import { isPrivateHost } from '@batchain/shared';
import { type DiagnosisInputs, type Finding, isHardMapping, isLooking, LOOK_AGAIN, type MappingTrial, SEE_NETWORK } from './diagnosis.ts';
import type { MappedProtocol, MappingMethodName } from './mapping-method.ts';
import type { MappingOutcome } from './port-mapper.ts';

const NOTHING_TO_DO = 'nothing to do: it is told as soon as a member outside has answered';

const isHeard = ({ peersOnline, hasClients }: DiagnosisInputs): boolean => peersOnline > 0 || hasClients;

/** Where something is not known as long as nobody answers. */
function unknownYet(check: string, inputs: DiagnosisInputs): Finding {
  const fix = isHeard(inputs) ? NOTHING_TO_DO : !inputs.knowsNobody && isLooking(inputs) ? LOOK_AGAIN : SEE_NETWORK;
  return { check, state: 'warn', text: 'not known yet: it is told when a member outside has answered', fix };
}

/** Silence alone shows nothing: the members may be gone. Blocked it is where one answers over TCP and not by UDP. */
export function udpFinding(inputs: DiagnosisInputs): Finding {
  const { seen, self, peersOnline, hasClients, knowsNobody } = inputs;
  const check = 'UDP';
  if (!self.facts.hasUdp) {
    const text = peersOnline > 0 ? 'a member answers over TCP and not by UDP' : 'the last member answered over TCP and not by UDP';
    return {
      check,
      state: 'warn',
      text: `does not get out of this network: ${text}`,
      fix: 'open outgoing UDP in the firewall\nwhere other networks see the same of that member, its own port is closed: open the "kad" port there',
    };
  }
  if (seen.udp === 'works' && peersOnline > 0) return { check, state: 'ok', text: 'works', fix: '' };
  if (hasClients && (knowsNobody || peersOnline === 0))
    return { check, state: 'ok', text: 'works: members behind routers ask this computer', fix: '' };
  if (seen.udp === 'unknown' || (peersOnline === 0 && isLooking(inputs))) return unknownYet(check, inputs);
  if (peersOnline > 0)
    return {
      check,
      state: 'warn',
      text: 'members outside do not answer by UDP any more; connections that stand go on',
      fix: 'new connections need a public member: see that one is on',
    };
  return { check, state: 'warn', text: 'nobody answers, which may have other causes', fix: SEE_NETWORK };
}

const PRESUMED = 'presumed, as its own address is public; nobody has tried yet: another public member does soon after it has answered';

/** What is presumed is told to be; only who was dialled knows. */
export function reachFinding(inputs: DiagnosisInputs): Finding {
  const { self, seen, knowsNobody, batPort } = inputs;
  const check = 'reachability';
  const { external, batReachable } = seen;
  if (external === undefined || (!isHeard(inputs) && batReachable === undefined)) {
    if (self.reach !== 'public') return unknownYet(check, inputs);
    // The first member waits for others, and nothing is wrong.
    const isWaiting = knowsNobody || isHeard(inputs);
    return {
      check,
      state: isWaiting ? 'ok' : 'warn',
      text: PRESUMED,
      fix: isWaiting ? '' : unknownYet(check, inputs).fix,
    };
  }
  if (isPrivateHost(external.host))
    return { check, state: 'ok', text: 'members of the local network can dial this computer; nobody outside has answered', fix: '' };
  if (batReachable === true)
    return { check, state: 'ok', text: `others can dial this computer${isHeard(inputs) ? '' : ', when it was tried last'}`, fix: '' };
  if (self.facts.isBatReachable) return { check, state: 'ok', text: PRESUMED, fix: '' };
  const tried =
    batReachable === false ? 'others can not dial this computer' : 'behind a router: presumed that others can not dial this computer';
  return {
    check,
    state: 'warn',
    text: `${tried}; connections are brokered`,
    fix: `works as it is; faster with TCP port ${batPort} forwarded to this computer in the router`,
  };
}

const MAPPING_WORDS = {
  none: 'none: others see this computer as it is',
  'endpoint-independent': 'one port for all destinations (hole punching works with nearly everybody)',
  'address-dependent': 'another port for each computer (punching works with open routers, or by guessing ports)',
  'address-and-port-dependent': 'another port for each connection (punching works with open routers, or by guessing ports)',
} as const;

export function natFinding(inputs: DiagnosisInputs): Finding {
  const { seen, self } = inputs;
  const check = 'NAT';
  if (!self.facts.hasUdp) return { check, state: 'warn', text: 'not known: it can be told by UDP only', fix: 'see the line "UDP"' };
  if (seen.external === undefined) return unknownYet(check, inputs);
  if (isPrivateHost(seen.external.host))
    return { check, state: 'ok', text: 'none on the way to the members of the local network', fix: '' };
  if (seen.mapping === 'unknown')
    return {
      check,
      state: 'warn',
      text: 'not known yet: one public member alone can not tell, two can',
      fix: 'have a second public member join, at another place: direct connections are then possible in more cases as well',
    };
  const isHard = isHardMapping(inputs);
  const ports = seen.preservesPort ? ', ports are kept' : '';
  return {
    check,
    state: isHard ? 'warn' : 'ok',
    text: `${MAPPING_WORDS[seen.mapping]}${ports}`,
    fix: isHard ? 'turn on UPnP or NAT-PMP in the router, or leave it to a relay' : '',
  };
}

const METHOD_WORDS: Readonly<Record<MappingMethodName, string>> = { pcp: 'PCP', 'nat-pmp': 'NAT-PMP', upnp: 'UPnP' };
/** What a router answered, the most telling first. */
const OUTCOME_WORDS: readonly (readonly [MappingOutcome, string])[] = [
  ['behind-another-nat', 'stands behind another router itself: a port that it forwards leads nowhere'],
  ['refused', 'refused'],
  ['malformed', 'answered what can not be read'],
  ['failed', 'could not be asked'],
  ['unsupported', 'does not forward ports when asked'],
  ['no-answer', 'did not answer'],
];

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

function listText(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function refusalText(trials: readonly MappingTrial[]): string {
  const asked = listText(distinct(trials.map(({ by }) => METHOD_WORDS[by])));
  const [outcome, words] = OUTCOME_WORDS.find(([one]) => trials.some((trial) => trial.outcome === one)) ?? ['no-answer', 'did not answer'];
  const said = trials.find((trial) => trial.outcome === outcome && trial.detail !== undefined);
  const detail = said === undefined ? '' : ` (${METHOD_WORDS[said.by]}: ${said.detail})`;
  return `the router was asked by ${asked} and ${words}${detail}`;
}

/** Undefined as long as no router was asked. */
export function mappingFinding({ mappings, self, kadPort, batPort }: DiagnosisInputs): Finding | undefined {
  if (mappings.length === 0) return undefined;
  const check = 'port mapping';
  const portText = (protocol: MappedProtocol): string => `${protocol === 'udp' ? kadPort : batPort}/${protocol}`;
  const mapped = mappings.filter(({ outcome }) => outcome === 'mapped');
  const missing = (['udp', 'tcp'] as const).filter((protocol) => !mapped.some((trial) => trial.protocol === protocol));
  const done = `the router forwards ${listText(mapped.map(({ protocol, by }) => `${portText(protocol)} (${METHOD_WORDS[by]})`))}`;
  if (missing.length === 0) return { check, state: 'ok', text: done, fix: '' };
  const refused = refusalText(mappings.filter(({ outcome }) => outcome !== 'mapped'));
  const text = mapped.length === 0 ? refused : `${done}, but not ${listText(missing.map(portText))}`;
  if (self.facts.isBatReachable) return { check, state: 'ok', text, fix: '' };
  const isDouble = mappings.some(({ outcome }) => outcome === 'behind-another-nat');
  const ports = listText(missing.map(portText));
  const first = isDouble
    ? `make one of the two routers a bridge, or forward ${ports} in both, up to this computer`
    : `turn on UPnP or NAT-PMP in the router, or forward ${ports} to this computer`;
  return { check, state: 'warn', text, fix: `${first}\nleave it: a relay carries what finds no other way` };
}
