// driven: `--join HOST:PORT` into addresses; names are looked up.
import { lookup } from 'node:dns/promises';
import { type Address, BatChainError, makeAddress, type Runtime, splitHostPort } from '@batchain/shared';

/** A resolver that does not answer must not hold the start up. */
const LOOKUP_TIMEOUT_MS = 3000;

async function resolveOne(runtime: Runtime, text: string): Promise<readonly Address[]> {
  const named = splitHostPort(text);
  if (named === undefined) throw new BatChainError('BAT_E_USAGE', { what: `${JSON.stringify(text)} is no HOST:PORT` });
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

/** Names that can not be resolved are left out, with a line in the log. */
export async function resolveJoins(runtime: Runtime, joins: readonly string[]): Promise<readonly Address[]> {
  return (await Promise.all(joins.map((text) => resolveOne(runtime, text)))).flat();
}
