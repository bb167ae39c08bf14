// driven: runs the simulator's tests. `--seed S` replays one seed, `--seeds N` tries N further ones, words name the scenarios' files.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ options: { seed: { type: 'string' }, seeds: { type: 'string' } }, allowPositionals: true });
const checked = (name: string, text: string | undefined, pattern: RegExp): Record<string, string> => {
  if (text === undefined) return {};
  if (!pattern.test(text)) throw new Error(`--${name.toLowerCase()} does not take "${text}"`);
  return { [name]: text };
};
const env = { ...process.env, ...checked('SEED', values.seed, /^[\w-]{1,64}$/), ...checked('SEEDS', values.seeds, /^\d{1,6}$/) };
const { status } = spawnSync('vitest', ['run', '--project', 'sim', ...positionals], { stdio: 'inherit', env });
process.exitCode = status ?? 1;
