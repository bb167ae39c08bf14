// driven: `--join HOST:PORT` into addresses; names are looked up.
import { lookup } from 'node:dns/promises';
import { type Address, BatChainError, type Clock, makeAddress, type Runtime, splitHostPort, type Timer } from '@batchain/shared';
import { JOIN_LOOKUP_INTERVAL_MS } from '../limits.ts';

/** A resolver that does not answer must not hold the start up. */
const LOOKUP_TIMEOUT_MS = 3000;

function splitText(text: string): Address {
  const named = splitHostPort(text);
  if (named !== undefined) return named;
  throw new BatChainError('BAT_E_USAGE', { what: `${JSON.stringify(text)} is no HOST:PORT`, why: 'a port is 1 to 65535' });
}

/** For where names are not looked up. */
export async function literalAddress(text: string): Promise<readonly Address[]> {
  const { host, port } = splitText(text);
  const literal = makeAddress(host, port);
  return literal === undefined ? [] : [literal];
}

/** Nothing when the name can not be looked up within 3 s. Throws BAT_E_USAGE for what is no HOST:PORT. */
export async function resolveHostPort(runtime: Runtime, text: string): Promise<readonly Address[]> {
  const named = splitText(text);
  const literal = makeAddress(named.host, named.port);
  if (literal !== undefined) return [literal];
  const found = lookup(named.host, { all: true, order: 'ipv4first' }).catch((error: Error) => {
    runtime.log.warn('join.lookup.failed', { host: named.host, error: error.message });
    return [];
  });
  const late = runtime.clock.sleep(LOOKUP_TIMEOUT_MS).then(() => []);
  const answers = await Promise.race([found, late]);
  return answers.map(({ address }) => makeAddress(address, named.port)).filter((address) => address !== undefined);
}

export interface ResolvedJoins {
  /** What each text stands for. */
  readonly byName: ReadonlyMap<string, readonly Address[]>;
  /** Names that can not be looked up now: the machine may have no network yet. */
  readonly unresolved: readonly string[];
}

export async function resolveJoins(runtime: Runtime, joins: readonly string[]): Promise<ResolvedJoins> {
  const found = await Promise.all(joins.map(async (text) => [text, await resolveHostPort(runtime, text)] as const));
  const isKnown = ([, addresses]: (typeof found)[number]): boolean => addresses.length > 0;
  return { byName: new Map(found.filter(isKnown)), unresolved: found.filter((one) => !isKnown(one)).map(([text]) => text) };
}

/** Looks the names up again and again until none is left, and hands over what is found. Returns what ends it. */
export function keepResolving(
  clock: Clock,
  names: readonly string[],
  resolve: (names: readonly string[]) => Promise<ResolvedJoins>,
  join: (resolved: ResolvedJoins) => Promise<unknown>,
): () => void {
  let timer: Timer | undefined;
  let isEnded = false;
  const again = async (left: readonly string[]): Promise<void> => {
    const resolved = await resolve(left);
    if (isEnded) return;
    arm(resolved.unresolved);
    // What fails here is tried again by the node itself.
    if (resolved.byName.size > 0) await join(resolved).catch(() => undefined);
  };
  const arm = (left: readonly string[]): void => {
    if (left.length > 0) timer = clock.setTimer(JOIN_LOOKUP_INTERVAL_MS, () => void again(left));
  };
  arm(names);
  return () => {
    isEnded = true;
    timer?.cancel();
  };
}
