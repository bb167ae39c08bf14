// pure: the verbs of the shell: letters, other words for them, what they take; `H`, completion and the parser read this one table (BD-10).
import { distance } from 'fastest-levenshtein';
import { TEST_BYTES } from './shell-limits.ts';

export type VerbName =
  | 'H'
  | 'LL'
  | 'MM'
  | 'FN'
  | 'LH'
  | 'JN'
  | 'LN'
  | 'SZ'
  | 'RI'
  | 'W'
  | 'R'
  | 'D'
  | 'LD'
  | 'PD'
  | 'TEST'
  | 'LIST'
  | 'CLEAR'
  | 'X';

export interface VerbSpec {
  readonly name: VerbName;
  /** What one may type, in capitals, the verb itself first. */
  readonly words: readonly string[];
  /** Behind the verb. */
  readonly takes: string;
  readonly does: string;
  /** What the word at this place (from 0) is, for completion. */
  readonly completes?: readonly ('file' | 'key' | 'form')[];
}

/** What defaults are in force, for the lines of `H`. */
export interface ShellDefaults {
  readonly netSize: number;
  readonly testFile: string;
  readonly testKey: string;
  readonly pieceBytes: number;
  /** `--yes`: nothing is asked. */
  readonly saysYes: boolean;
}

/** In the order of BitDrizzle's menu, then what came from DHTFileStore. */
export function verbSpecs({ netSize, testFile, testKey, pieceBytes }: Omit<ShellDefaults, 'saysYes'>): readonly VerbSpec[] {
  return [
    { name: 'H', words: ['H', 'HELP', '?'], takes: '[verb]', does: 'this list, or what one verb takes' },
    { name: 'LL', words: ['LL', 'LISTENING'], takes: '', does: 'do the local listeners accept: control socket and BatNode' },
    {
      name: 'MM',
      words: ['MM', 'MULTI'],
      takes: '[nodes]',
      does: `multi mode: start more nodes on this computer and join them (${netSize})`,
    },
    {
      name: 'FN',
      words: ['FN', 'FIND'],
      takes: '[host] [port|from-to]',
      does: 'find a network, set the entry node (local network, known peers)',
    },
    {
      name: 'LH',
      words: ['LH', 'LOCATE'],
      takes: '[hash]',
      does: `locate a hash: every hop with distance and time (${testKey})`,
      completes: ['key'],
    },
    { name: 'JN', words: ['JN', 'JOIN'], takes: '[host:port ...]', does: 'join through the entry node (the one that FN or MM set)' },
    { name: 'LN', words: ['LN', 'LEAVE'], takes: '[yes|emergency]', does: 'leave the network, handing over what this node holds' },
    { name: 'SZ', words: ['SZ', 'SIZE'], takes: '', does: 'estimate the size of the network, with its error' },
    {
      name: 'RI',
      words: ['RI', 'ROUTES'],
      takes: '[full|csv]',
      does: 'routing information: neighbours and k-buckets (full)',
      completes: ['form'],
    },
    {
      name: 'W',
      words: ['W', 'WN', 'WL', 'WRITE', 'STORE'],
      takes: '[L|N] [file] [piece] [key]',
      does: `write a file: WL local store, WN network (N ${testFile} ${pieceBytes} ${testKey})`,
      completes: ['file'],
    },
    {
      name: 'R',
      words: ['R', 'RN', 'RL', 'READ', 'RETRIEVE'],
      takes: '[L|N] [key] [new file]',
      does: `read by key or hash: RL local store, RN network (N ${testKey})`,
      completes: ['key', 'file'],
    },
    {
      name: 'D',
      words: ['D', 'DN', 'DL', 'DELETE'],
      takes: '[L|N] [key]',
      does: `delete by key or hash: DL local store, DN network (N ${testKey})`,
      completes: ['key'],
    },
    { name: 'X', words: ['X', 'EXIT', 'QUIT', 'BYE'], takes: '', does: 'leave the shell; also Ctrl-D' },
    { name: 'LD', words: ['LD'], takes: '', does: 'dump of the local store' },
    { name: 'PD', words: ['PD'], takes: '', does: 'dump of the peer store' },
    { name: 'LIST', words: ['LIST', 'LS'], takes: '', does: 'own values on the network' },
    { name: 'TEST', words: ['TEST'], takes: '[bytes]', does: `store random bytes, retrieve them, compare hashes (${TEST_BYTES})` },
    { name: 'CLEAR', words: ['CLEAR'], takes: 'yes', does: 'empty the local store' },
  ];
}

/** The same for whatever defaults: for what only wants the words. */
export const VERB_SPECS: readonly VerbSpec[] = verbSpecs({ netSize: 2, testFile: 'test_file.txt', testKey: 'test_key', pieceBytes: 256 });

const NAMES: ReadonlyMap<string, VerbName> = new Map(VERB_SPECS.flatMap(({ name, words }) => words.map((word) => [word, name] as const)));

/** The verb of a word in any case. */
export function verbOf(word: string): VerbName | undefined {
  return NAMES.get(word.toUpperCase());
}

export const VERB_WORDS: readonly string[] = [...NAMES.keys()];

/** The verb that was probably meant: short words are near to everything, so one letter must do there. */
export function nearestVerb(word: string): string | undefined {
  const typed = word.toUpperCase();
  const far = (known: string): number => (known.length === 1 ? Number.POSITIVE_INFINITY : distance(typed, known));
  const [best] = VERB_WORDS.toSorted((a, b) => far(a) - far(b));
  const apartMax = typed.length <= 3 ? 1 : 2;
  return best !== undefined && typed.length > 1 && far(best) <= apartMax ? best : undefined;
}

/** `W [L|N] [file] [piece] [key]` */
export function verbUsage({ name, takes }: Pick<VerbSpec, 'name' | 'takes'>): string {
  return takes === '' ? name : `${name} ${takes}`;
}
