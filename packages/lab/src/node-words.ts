// pure: the words by which nodes of a laboratory are named on a command line: `node3`, `3`, `2..5`, `20%`, groups of a partition.
import { BatChainError, type Random } from '@batchain/shared';
import { GROUPS_MAX, LAB_SIMULATED_MAX } from './limits.ts';

const usage = (what: string, why: string): BatChainError => new BatChainError('BAT_E_USAGE', { what, why, fix: 'batchain help lab' });

export const nodeName = (number: number): string => `node${number}`;

function unknown(name: string, names: readonly string[]): BatChainError {
  return new BatChainError('BAT_E_LAB_NODE_UNKNOWN', {
    what: `the laboratory has no ${name}`,
    why: names.length === 0 ? 'it has no nodes' : `it has ${names[0]} to ${names.at(-1)}`,
  });
}

/** Names of one word: `node3`, `3`, `node2..node5`. Throws BAT_E_USAGE, BAT_E_LAB_NODE_UNKNOWN. */
function namesOf(word: string, names: readonly string[]): string[] {
  const match = /^(?:node)?([1-9]\d{0,3})(?:\.\.(?:node)?([1-9]\d{0,3}))?$/i.exec(word);
  if (match === null) throw usage(`${JSON.stringify(word)} names no node`, 'nodes are named node1, 1, or 2..5');
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (last < first || last - first >= LAB_SIMULATED_MAX) throw usage(`${JSON.stringify(word)} names no node`, 'a range goes upwards');
  const wanted = Array.from({ length: last - first + 1 }, (_, i) => nodeName(first + i));
  const absent = wanted.find((name) => !names.includes(name));
  if (absent !== undefined) throw unknown(absent, names);
  return wanted;
}

const wordsOf = (words: readonly string[]): string[] => words.flatMap((word) => word.split(/[\s,]+/)).filter((word) => word !== '');

/** Every node that the words name, each once, in the order of the laboratory. */
export function chooseNodes(words: readonly string[], names: readonly string[]): string[] {
  const chosen = new Set(wordsOf(words).flatMap((word) => namesOf(word, names)));
  if (chosen.size === 0) throw usage('no node is named', 'name them: node1, 1, or 2..5');
  return names.filter((name) => chosen.has(name));
}

/** The same, and `20%`: so many of those that are up, drawn at random. */
export function chooseVictims(words: readonly string[], names: readonly string[], up: readonly string[], random: Random): string[] {
  const [word = '', ...rest] = wordsOf(words);
  const share = /^(\d{1,3})%$/.exec(word);
  if (share === null) return chooseNodes(words, names);
  const percent = Number(share[1]);
  if (rest.length > 0 || percent < 1 || percent > 100)
    throw usage(`${words.join(' ')} is no share of the nodes`, 'it is 1% to 100%, and stands alone');
  const drawn = new Set(random.shuffle(up).slice(0, Math.round((up.length * percent) / 100)));
  return names.filter((name) => drawn.has(name));
}

/** `1,2 / 3,4`: two groups or more, apart by slashes; no node in two of them. */
export function parseGroups(words: readonly string[], names: readonly string[]): string[][] {
  const parts = words.join(' ').split('/');
  const why = 'groups are apart by a slash: batchain lab partition 1,2 / 3,4';
  if (parts.length < 2 || parts.length > GROUPS_MAX || parts.some((part) => part.trim() === ''))
    throw usage(`a partition has 2 to ${GROUPS_MAX} groups`, why);
  const groups = parts.map((part) => chooseNodes([part], names));
  const seen = new Set<string>();
  for (const name of groups.flat()) {
    if (seen.has(name)) throw usage(`${name} is in two groups`, why);
    seen.add(name);
  }
  return groups;
}
