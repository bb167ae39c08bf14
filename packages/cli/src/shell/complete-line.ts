// pure: what the word at the end of a line may become: verbs, file names, keys.
import { printable } from '../output/printable.ts';
import { VERB_SPECS, VERB_WORDS, verbOf } from './shell-verbs.ts';

export interface CompletionSources {
  /** Names in the folder of a path that was begun; those of folders end in `/`. */
  readonly names: (folder: string) => readonly string[];
  readonly keys: readonly string[];
}

/** Candidates, and the part of the line that they replace. */
export type Completion = readonly [candidates: string[], part: string];

const PLAIN = /^[^\s'"\\]*$/;

/** Only names that can be typed and shown as they are. */
const isPlain = (name: string): boolean => PLAIN.test(name.trimEnd()) && printable(name) === name;

function fileNames(part: string, { names }: CompletionSources): string[] {
  const cut = part.lastIndexOf('/') + 1;
  const folder = part.slice(0, cut);
  const begun = part.slice(cut);
  return names(folder)
    .filter((name) => name.startsWith(begun) && isPlain(name) && (begun !== '' || !name.startsWith('.')))
    .map((name) => folder + name);
}

/** The case of the first letter decides in which case verbs are completed. */
function verbs(part: string): string[] {
  const found = VERB_WORDS.filter((word) => word.startsWith(part.toUpperCase()) && word !== '?');
  return part !== '' && part === part.toLowerCase() ? found.map((word) => word.toLowerCase()) : found;
}

export function completeLine(line: string, sources: CompletionSources): Completion {
  const words = line.trimStart().split(/\s+/);
  const part = words.at(-1) ?? '';
  if (words.length === 1) return [verbs(part).map((word) => `${word} `), part];
  const [typed = '', ...before] = words.slice(0, -1);
  const verb = verbOf(typed);
  const spec = VERB_SPECS.find(({ name }) => name === verb);
  // `W L file`: the place is no word of the file's kind.
  const isPlaced = typed.length !== 2 && /^[LN]$/i.test(before[0] ?? '');
  const kind = spec?.completes?.[before.length - (isPlaced ? 1 : 0)];
  if (verb === 'H') return [verbs(part), part];
  if (kind === 'file') return [fileNames(part, sources), part];
  if (kind === 'key') return [sources.keys.filter((key) => key.startsWith(part) && isPlain(key)), part];
  if (kind === 'form') return [['full', 'csv'].filter((word) => word.startsWith(part.toLowerCase())), part];
  return [[], part];
}
