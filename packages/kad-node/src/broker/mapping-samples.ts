// pure: where single peers saw us lately, as material for the NAT classifier.
import { type Address, equalAddress, formatAddress, isPrivateHost, networkGroup } from '@batchain/shared';
import { MAPPING_SAMPLE_AGE_MS, MAPPING_SAMPLES_MAX } from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';

/** One peer's word on where our datagrams come from. Times are of one monotonic clock. */
export interface MappingSample {
  /** Whom we sent to: a NAT may map each destination apart. */
  readonly voter: Address;
  /** One network (/24, /48) has one vote, however many nodes it has (T4). In private ranges each node has its own. */
  readonly group: string;
  readonly observed: Address;
  /** Since when this voter says so. */
  readonly sinceMs: number;
  /** When it last did. Only MappingSamples changes it. */
  atMs: number;
}

const TOUCH_PAUSE_MS = 1000;

/** The latest word of each of MAPPING_SAMPLES_MAX voters, told apart by address: those that share an IP show how ports are mapped. */
export class MappingSamples {
  readonly #byVoter = new BoundedMap<string, MappingSample>(MAPPING_SAMPLES_MAX);

  /** True when this is news. */
  note(voter: Address, observed: Address, nowMs: number): boolean {
    const name = formatAddress(voter);
    const known = this.#byVoter.peek(name);
    if (known !== undefined && equalAddress(known.observed, observed)) {
      // At every answer; which voter was silent for longest is known well enough to the second.
      if (nowMs - known.atMs > TOUCH_PAUSE_MS) this.#byVoter.get(name);
      known.atMs = nowMs;
      return false;
    }
    const group = known?.group ?? (isPrivateHost(voter.host) ? name : networkGroup(voter.host));
    this.#byVoter.set(name, { voter, group, observed, sinceMs: nowMs, atMs: nowMs });
    return true;
  }

  /**
   * The samples that count: none that has not been confirmed for MAPPING_SAMPLE_AGE_MS; of voters on the Internet when there are any,
   * since those in private ranges see our LAN; of IPv4 when there is any, since that is where the NATs are.
   */
  current(nowMs: number): readonly MappingSample[] {
    const fresh = [...this.#byVoter.values()].filter(({ atMs }) => nowMs - atMs <= MAPPING_SAMPLE_AGE_MS);
    const outside = preferred(fresh, ({ voter }) => !isPrivateHost(voter.host));
    return preferred(outside, ({ observed }) => !observed.host.includes(':'));
  }
}

/** Those that are wanted, or all when none is. */
function preferred<T>(items: readonly T[], isWanted: (item: T) => boolean): readonly T[] {
  const wanted = items.filter(isWanted);
  return wanted.length > 0 ? wanted : items;
}
