// driven: one seed to one simulation: prints the seed first, takes SEED= from the environment, runs seeds that once failed first.
import { createSimRuntime, type Simulation } from '@batchain/shared/testing';
import failedSeeds from './seeds.json' with { type: 'json' };

interface FailedSeed {
  /** The scenario that it failed in. */
  readonly scenario: string;
  readonly seed: string;
  /** What was wrong, and what mended it. */
  readonly why: string;
}

/**
 * The seeds that a scenario runs with: only the one in SEED when that is set, else every seed that ever failed in it and
 * then the fixed ones.
 */
export function seedsOf(scenario: string, fixed: readonly string[]): readonly string[] {
  const asked = process.env.SEED;
  if (asked !== undefined && asked !== '') return [asked];
  const failed = (failedSeeds as readonly FailedSeed[]).filter((entry) => entry.scenario === scenario).map((entry) => entry.seed);
  return [...new Set([...failed, ...fixed])];
}

/** Begins a simulation; its first line of output says how to replay it. */
export function beginSimulation(scenario: string, seed: string): Simulation {
  say(`${scenario}: SEED=${seed}`);
  return createSimRuntime(seed);
}

/** A line of a scenario's report. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
