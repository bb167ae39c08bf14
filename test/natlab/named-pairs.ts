// The fourteen pairs of networks that are tried with every change, and what may come of each.
import type { PeerView } from '@batchain/participant/client';

export type Path = PeerView['path'];

export interface NamedPair {
  readonly title: string;
  /** For `natlab up`. */
  readonly topology: string;
  /** How `a` may reach `b` in the end, seen from whoever opened; `relayed` stands only where nothing else can be expected. */
  readonly paths: readonly Path[];
  /** Whose first contact works today. */
  readonly openers: readonly ('a' | 'b')[];
}

const PUNCHED: readonly Path[] = ['punched'];
/** Nothing forbids that a lucky punch does better. */
const RELAY_ALLOWED: readonly Path[] = ['relayed', 'punched'];
const PUBLIC: readonly Path[] = ['direct', 'reverse'];

const pair = (a: string, b: string, paths: readonly Path[], openers: NamedPair['openers'] = []): NamedPair => ({
  title: `${a} x ${b}`,
  topology: `pair:${a},${b}`,
  paths,
  openers,
});

/** The one list that says what is expected: the tests take it whole, and skip openers that are not named. */
export const NAMED_PAIRS: readonly NamedPair[] = [
  pair('linux', 'linux', PUNCHED),
  pair('linux', 'port-restricted', PUNCHED),
  pair('linux', 'symmetric', PUNCHED),
  pair('port-restricted', 'symmetric-seq', PUNCHED),
  pair('port-restricted', 'symmetric-ip', PUNCHED),
  pair('symmetric', 'symmetric', RELAY_ALLOWED),
  pair('symmetric', 'symmetric-seq', RELAY_ALLOWED),
  pair('linux', 'linux-open', PUNCHED),
  pair('linux-open', 'linux-open', RELAY_ALLOWED),
  pair('linux/symmetric', 'linux', PUNCHED),
  pair('udp-blocked', 'linux', RELAY_ALLOWED),
  pair('web-only', 'web-only', RELAY_ALLOWED),
  // `peers` lists what Kademlia knows: two nodes behind one router without hairpin that nothing introduced are connected, unlisted.
  { title: 'same:linux', topology: 'same:linux', paths: ['lan', 'none'], openers: ['a', 'b'] },
  pair('open', 'symmetric', PUBLIC, ['b']),
];
