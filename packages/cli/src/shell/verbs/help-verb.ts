// pure: `H`: every verb with what it takes and its defaults (BD-10).
import { BatChainError } from '@batchain/shared';
import { wrapText } from '../../output/printable.ts';
import type { Style } from '../../output/style.ts';
import type { RequestOf } from '../shell-request.ts';
import { nearestVerb, type VerbSpec, verbOf, verbSpecs, verbUsage } from '../shell-verbs.ts';
import type { VerbAnswer, VerbTools } from '../verb-tools.ts';

const otherWords = ({ words }: VerbSpec): string => words.slice(1).join(', ').toLowerCase();

/** Narrower, and every word would stand in a line of its own. */
const COLUMN_WIDTH_MIN = 24;

/** Two columns where a person reads them and they fit; one line a verb in a pipe (BD-10). */
function listLines(specs: readonly VerbSpec[], { isTerminal, width }: Style): string[] {
  const left = Math.max(...specs.map((spec) => verbUsage(spec).length)) + 2;
  const right = isTerminal ? Math.max(COLUMN_WIDTH_MIN, width - left) : Number.POSITIVE_INFINITY;
  const rows = specs.flatMap((spec) =>
    wrapText(spec.does, right).map((part, i) => `${(i === 0 ? verbUsage(spec) : '').padEnd(left)}${part}`),
  );
  return [...rows, 'Verbs in any case; defaults in brackets. More of one verb: H verb'];
}

function oneLines(spec: VerbSpec): string[] {
  const words = otherWords(spec);
  return [`${verbUsage(spec)}  ${spec.does}`, ...(words === '' ? [] : [`also: ${words}`])];
}

export function answerHelp({ verb }: RequestOf<'help'>, { defaults, style }: Pick<VerbTools, 'defaults' | 'style'>): VerbAnswer {
  const all = verbSpecs(defaults);
  const name = verb === undefined ? undefined : verbOf(verb);
  if (verb !== undefined && name === undefined) {
    const near = nearestVerb(verb);
    throw new BatChainError('BAT_E_USAGE', {
      what: `${JSON.stringify(verb)} is no verb`,
      why: near === undefined ? 'H lists all verbs' : `did you mean ${near}?`,
      fix: 'H',
    });
  }
  const specs = all.filter((spec) => name === undefined || spec.name === name);
  const commands = specs.map((spec) => ({ verb: spec.name, usage: verbUsage(spec), does: spec.does, words: spec.words }));
  return { fields: { commands }, text: name === undefined ? listLines(specs, style) : specs.flatMap(oneLines) };
}
