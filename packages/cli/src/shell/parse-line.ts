// pure: one line of the shell as a request, or why it is none; total for any text.
import { splitHostPort } from '@batchain/shared';
import { fitText } from '../output/printable.ts';
import { JOINS_MAX, PORTS_MAX, TEST_BYTES_MAX, VERB_SHOWN_MAX } from './shell-limits.ts';
import type { PortRange, ShellRequest } from './shell-request.ts';
import { nearestVerb, VERB_SPECS, type VerbName, type VerbSpec, verbOf, verbUsage } from './shell-verbs.ts';
import { splitWords } from './split-words.ts';

/** What the settings of the shell take, too. */
export interface LineBounds {
  readonly nodesMax: number;
  readonly pieceBytesMin: number;
  readonly pieceBytesMax: number;
}

export type ParsedLine =
  | { readonly kind: 'empty' }
  | { readonly kind: 'request'; readonly verb: string; readonly request: ShellRequest }
  | { readonly kind: 'wrong'; readonly verb: string; readonly what: string; readonly why: string };

/** Why a line asks for nothing: thrown inside this file alone. */
class Wrong {
  readonly what: string;
  readonly why: string;

  constructor(what: string, why: string) {
    this.what = what;
    this.why = why;
  }
}

const quoted = (word: string): string => JSON.stringify(fitText(word, VERB_SHOWN_MAX));

/** The first word as answers name it: in capitals, cut. */
export function verbWord(word: string): string {
  return fitText(word.slice(0, VERB_SHOWN_MAX * 4).toUpperCase(), VERB_SHOWN_MAX);
}

function numberOf(name: string, word: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(word) ? Number(word) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Wrong(`${quoted(word)} is no ${name}`, `expected a number from ${min} to ${max}`);
}

const PORT_MAX = 65_535;

/** `4870` or `4870-4880`. */
function portsOf(word: string): PortRange {
  const [first = '', last = first, ...more] = word.split('-');
  if (more.length > 0) throw new Wrong(`${quoted(word)} is no range of ports`, 'expected a port or FROM-TO');
  const from = numberOf('port', first, 1, PORT_MAX);
  const to = numberOf('port', last, 1, PORT_MAX);
  if (to < from) throw new Wrong(`${quoted(word)} is no range of ports`, 'the first port is above the last');
  if (to - from >= PORTS_MAX) throw new Wrong(`${quoted(word)} has too many ports`, `at most ${PORTS_MAX} at once`);
  return { from, to };
}

const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%\w+)?\]?)$/;

function hostOf(word: string): string {
  if (word.length > 253 || !HOST.test(word)) throw new Wrong(`${quoted(word)} is no host`, 'expected a name or an IP address');
  return word.replace(/^\[(.*)\]$/, '$1');
}

/** `FN`, `FN 4870-4880`, `FN host`, `FN host:port`, `FN host 4870-4880` (BD-14). */
function findRequest([first, second]: readonly string[]): ShellRequest {
  if (first === undefined) return { kind: 'find', host: undefined, ports: undefined };
  if (second !== undefined) return { kind: 'find', host: hostOf(first), ports: portsOf(second) };
  if (/^\d+(?:-\d*)?$/.test(first)) return { kind: 'find', host: undefined, ports: portsOf(first) };
  const [, host, ports] = /^(\[.*\]|[^:]*):([^:]*)$/.exec(first) ?? [];
  if (host === undefined || ports === undefined) return { kind: 'find', host: hostOf(first), ports: undefined };
  return { kind: 'find', host: hostOf(host), ports: portsOf(ports) };
}

function addressOf(word: string): string {
  if (splitHostPort(word) !== undefined) return word;
  throw new Wrong(`${quoted(word)} is no HOST:PORT`, `a port is 1 to ${PORT_MAX}`);
}

const usageOf = (name: VerbName): string => `usage: ${verbUsage(VERB_SPECS.find((spec) => spec.name === name) as VerbSpec)}`;

function refuseExtra(name: VerbName, words: readonly string[], max: number): void {
  const extra = words[max];
  if (extra !== undefined) throw new Wrong(`${name} takes no ${quoted(extra)}`, usageOf(name));
}

interface Placed {
  readonly isLocal: boolean;
  readonly rest: readonly string[];
}

/** `WL a`, `W L a` and `W a`: the network unless said otherwise. */
function placed(name: VerbName, typed: string, words: readonly string[], max: number): Placed {
  const glued = /^[WRD]([LN])$/i.exec(typed)?.[1];
  const apart = glued === undefined ? /^[LN]$/i.exec(words[0] ?? '')?.[0] : undefined;
  const rest = apart === undefined ? words : words.slice(1);
  refuseExtra(name, rest, max);
  return { isLocal: (glued ?? apart ?? 'N').toUpperCase() === 'L', rest };
}

function keyOf(word: string | undefined): string | undefined {
  if (word === '') throw new Wrong('"" is no key', 'a key has at least one character');
  return word;
}

function fileOf(word: string | undefined): string | undefined {
  if (word === '' || word?.includes('\0') === true) throw new Wrong(`${quoted(word)} is no file`, 'expected a path');
  return word;
}

/** One of some words, in any case. */
function oneOf<const W extends string>(name: VerbName, word: string, known: readonly W[]): W {
  const found = known.find((one) => one === word.toLowerCase());
  if (found === undefined) throw new Wrong(`${name} takes no ${quoted(word)}`, `it takes: ${known.join(', ')}`);
  return found;
}

const numberOr = (name: string, word: string | undefined, min: number, max: number): number | undefined =>
  word === undefined ? undefined : numberOf(name, word, min, max);

/** `typed` is the verb as it stands in the line, `words` what follows. Throws Wrong. */
function requestOf(verb: VerbName, typed: string, words: readonly string[], bounds: LineBounds): ShellRequest {
  const [first] = words;
  const takes = (max: number): void => refuseExtra(verb, words, max);
  switch (verb) {
    case 'H':
      takes(1);
      return { kind: 'help', verb: first };
    case 'LL':
      takes(0);
      return { kind: 'listening' };
    case 'MM':
      takes(1);
      return { kind: 'multi', nodes: numberOr('number of nodes', first, 1, bounds.nodesMax) };
    case 'FN':
      takes(2);
      return findRequest(words);
    case 'LH':
      takes(1);
      if (first === '') throw new Wrong('"" is no hash', usageOf(verb));
      return { kind: 'locate', hash: first };
    case 'JN':
      takes(JOINS_MAX);
      return { kind: 'join', addresses: words.map(addressOf) };
    case 'LN':
      takes(1);
      return { kind: 'leave', how: first === undefined ? 'hand-over' : oneOf(verb, first, ['yes', 'emergency']) };
    case 'SZ':
      takes(0);
      return { kind: 'size' };
    case 'RI':
      takes(1);
      return { kind: 'routes', form: oneOf(verb, first ?? 'full', ['full', 'csv']) };
    case 'W': {
      const { isLocal, rest } = placed(verb, typed, words, 3);
      const pieceBytes = numberOr('piece size', rest[1], bounds.pieceBytesMin, bounds.pieceBytesMax);
      return { kind: 'write', isLocal, file: fileOf(rest[0]), pieceBytes, key: keyOf(rest[2]) };
    }
    case 'R': {
      const { isLocal, rest } = placed(verb, typed, words, 2);
      return { kind: 'read', isLocal, key: keyOf(rest[0]), target: fileOf(rest[1]) };
    }
    case 'D': {
      const { isLocal, rest } = placed(verb, typed, words, 1);
      return { kind: 'delete', isLocal, key: keyOf(rest[0]) };
    }
    case 'LD':
      takes(0);
      return { kind: 'local-dump' };
    case 'PD':
      takes(0);
      return { kind: 'peer-dump' };
    case 'LIST':
      takes(0);
      return { kind: 'list' };
    case 'TEST':
      takes(1);
      return { kind: 'test', bytes: numberOr('number of bytes', first, 1, TEST_BYTES_MAX) };
    case 'CLEAR':
      takes(1);
      return { kind: 'clear', isConfirmed: first !== undefined && oneOf(verb, first, ['yes']) === 'yes' };
    case 'X':
      takes(0);
      return { kind: 'exit' };
  }
}

/** A line of bounded length. Empty lines and comments (`# ...`) ask for nothing. */
export function parseLine(line: string, bounds: LineBounds): ParsedLine {
  const split = splitWords(line);
  const [typed, ...words] = split.words;
  if (split.ok && typed === undefined) return { kind: 'empty' };
  const verb = verbWord(typed ?? line.trim());
  if (!split.ok) return { kind: 'wrong', verb, what: 'the line can not be read', why: split.why };
  const name = verbOf(typed ?? '');
  if (name === undefined) {
    const near = nearestVerb(verb);
    return {
      kind: 'wrong',
      verb,
      what: `${quoted(typed ?? '')} is no verb`,
      why: near === undefined ? 'type H for all verbs' : `did you mean ${near}?`,
    };
  }
  try {
    return { kind: 'request', verb, request: requestOf(name, typed ?? '', words, bounds) };
  } catch (error) {
    if (error instanceof Wrong) return { kind: 'wrong', verb, what: error.what, why: error.why };
    throw error;
  }
}
