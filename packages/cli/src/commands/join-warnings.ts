// pure: what `start` says of members that did not answer.
import type { DaemonReady } from '@batchain/participant';
import { countText } from '../output/health-text.ts';

export interface JoinWarning {
  readonly text: string;
  readonly why: string;
  readonly fix: string;
}

const GOES_ON = 'the node goes on trying, by UDP and over TCP';

/** `homeFlag` is ` --home DIR` or nothing. */
export function joinWarnings({ joined, remembered, join }: DaemonReady, homeFlag: string): readonly JoinWarning[] {
  const { answered, silent, unresolved } = join;
  const warnings: JoinWarning[] = [];
  if (unresolved.length > 0)
    warnings.push({
      text: `no address is known for ${unresolved.join(', ')} (--join); the node goes on looking it up`,
      why: 'the name is misspelt, or this computer can not look names up now',
      fix: 'check the name, or give --join the IP address of the member',
    });
  const others = joined ? '; others did' : remembered > 0 ? `, nor did ${rememberedText(remembered)}` : '';
  if (silent.length > 0 && answered.length === 0)
    warnings.push({
      text: `no member of the network answered at ${silent.join(', ')} (--join)${others}; ${GOES_ON}`,
      why: 'the member is away, the address or UDP port is wrong, a firewall drops UDP and TCP, or --network and its secret differ',
      fix: `compare the address with "kad" in the member's \`batchain status\`; see who has answered: batchain peers${homeFlag}`,
    });
  else if (!joined && remembered > 0)
    warnings.push({
      text: `${rememberedText(remembered)}: none answered; ${GOES_ON}`,
      why: 'they are off, or nothing leads to them from here now',
      fix: `see who answers: batchain peers${homeFlag}; join through another member: batchain stop${homeFlag} && batchain start${homeFlag} --join HOST:PORT`,
    });
  return warnings;
}

/** Members that were met before, and do not answer now. */
export const rememberedText = (count: number): string => `${countText(count, 'member')} remembered from before`;
