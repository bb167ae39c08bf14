// pure: the errors of the flows, worded for people.
import { BatChainError } from '@batchain/shared';
import type { NoWay } from '../ports.ts';
import type { Policy } from './flow-types.ts';

/** Why a candidate is no host for this upload. `key`: node id, hex. */
export interface HostRefusal {
  readonly key: string;
  readonly reason: string;
  readonly noWay?: NoWay | undefined;
}

/** A host that is missed in a download. `key`: node id, hex. */
export interface MissedHost {
  readonly key: string;
  readonly noWay: NoWay | undefined;
}

/** Behind a short id. */
export const noWayWords = ({ reason }: NoWay): string => `is online but there is no way to it: ${reason}`;

/** What helps when no way leads to hosts that are there; undefined when there are none such. */
function noWayFix(hosts: readonly { readonly key: string; readonly noWay?: NoWay | undefined }[]): string | undefined {
  const first = hosts.find(({ noWay }) => noWay?.isRelayWanted === true) ?? hosts.find(({ noWay }) => noWay !== undefined);
  if (first === undefined) return undefined;
  const why = `batchain peers --why ${first.key.slice(0, 8)} tells what was tried`;
  return first.noWay?.isRelayWanted === true ? `${why}; a public member can carry the connection: there, batchain start --relay` : why;
}

const refusalWords = (refusals: readonly HostRefusal[]): string => {
  if (refusals.length === 0) return 'no other host is known';
  const shown = refusals.slice(0, 4).map(({ key, reason }) => `${key.slice(0, 8)} ${reason}`);
  return shown.join(', ') + (refusals.length > shown.length ? ` and ${refusals.length - shown.length} more` : '');
};

/** Fewer hosts with room than the policy needs. */
export function notEnoughPeers(name: string, found: number, policy: Policy, refusals: readonly HostRefusal[]): BatChainError {
  const smaller = found >= 2 ? `--policy ${Math.max(1, Math.floor(found / 2))}of${found}` : '--policy 1of1';
  const unmet = noWayFix(refusals);
  return new BatChainError('BAT_E_NOT_ENOUGH_PEERS', {
    what: `only ${found} ${found === 1 ? 'host' : 'hosts'} can take a shard of ${name}, the policy needs ${policy.n}`,
    why: refusalWords(refusals),
    fix: found === 0 ? (unmet ?? 'wait for hosts to come online: batchain peers') : `batchain put ${name} ${smaller}`,
    details: { found, needed: policy.n, ...(unmet === undefined ? {} : { isNoWay: true }) },
  });
}

/** One host alone would hold the only copy: that needs the user's word. */
export function singleCopyRefused(name: string): BatChainError {
  return new BatChainError('BAT_E_NOT_ENOUGH_PEERS', {
    what: `only one host can take ${name}: it would be a single copy`,
    why: 'if that host is lost, so is the file',
    fix: `batchain put ${name} --policy 1of1`,
    details: { found: 1 },
  });
}

export function tooFewShards(name: string, reachable: number, needed: number, missed: readonly MissedHost[]): BatChainError {
  const fix = noWayFix(missed);
  return new BatChainError('BAT_E_TOO_FEW_SHARDS', {
    what: `${name} can not be restored right now: ${reachable} of the ${needed} needed shards answer`,
    why: missed.length === 0 ? 'no other host is known to hold a shard' : missedWords(missed),
    ...(fix === undefined ? {} : { fix }),
    details: { reachable, needed, away: missed.map(({ key }) => key) },
  });
}

function missedWords(missed: readonly MissedHost[]): string {
  const unmet = missed.flatMap(({ key, noWay }) => (noWay === undefined ? [] : [`${key.slice(0, 8)} ${noWayWords(noWay)}`]));
  const away = missed.filter(({ noWay }) => noWay === undefined).map(({ key }) => key.slice(0, 8));
  return [listed(unmet, 2), away.length === 0 ? '' : `away: ${listed(away, 5)}`].filter((part) => part !== '').join('; ');
}

const listed = (words: readonly string[], max: number): string => words.slice(0, max).join(', ') + (words.length > max ? ', ...' : '');

export function unrecoverable(name: string, right: number, needed: number): BatChainError {
  return new BatChainError('BAT_E_UNRECOVERABLE', {
    what: `${name} is unrecoverable: ${right} right shards are left, ${needed} are needed`,
    why: 'every known host answered',
    details: { right, needed },
  });
}

/** Checked shards that do not make the file that the manifest promises: the manifest is wrong, not a host. */
export function contentMismatch(name: string, why: string): BatChainError {
  return new BatChainError('BAT_E_CONTENT_MISMATCH', { what: `${name} did not come back as the manifest says`, why });
}

/** All is stored but the manifest: the repeated command goes on from there, unless what was stored is given back. */
export function manifestUnwritten({ code, what, why, details, cause }: BatChainError, isGivenBack: boolean): BatChainError {
  return new BatChainError(code, {
    what,
    why: isGivenBack ? why : `${why}; all shards are stored and kept`,
    fix: `repeat the command${isGivenBack ? '' : ': nothing is sent again'}; --manifest PATH puts the manifest elsewhere`,
    details,
    cause,
  });
}

export function notOwner(name: string, owner: string): BatChainError {
  return new BatChainError('BAT_E_NOT_OWNER', { what: `${name} is not yours to remove`, why: `it belongs to ${owner}` });
}
