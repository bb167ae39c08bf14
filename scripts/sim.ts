// driven: runs the simulator's tests; `--seed N` replays one seed, `--seeds N` tries N further ones.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { seed: { type: 'string' }, seeds: { type: 'string' } } });
const whole = (name: string, text: string | undefined): Record<string, string> => {
  if (text === undefined) return {};
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name.toLowerCase()} takes a whole number, not "${text}"`);
  return { [name]: text };
};
const env = { ...process.env, ...whole('SEED', values.seed), ...whole('SEEDS', values.seeds) };
const { status } = spawnSync('vitest', ['run', '--project', 'sim'], { stdio: 'inherit', env });
process.exitCode = status ?? 1;
