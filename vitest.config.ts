import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const source = { ssr: { resolve: { conditions: ['@batchain/source'] } } };

/**
 * One kind of test. Groups run one after the other; the tests with real processes mostly wait, so two of them share the cores.
 * `forks` because native add-ons do not survive worker threads. As many workers as there are cores: vitest leaves one of them idle.
 */
const project = (name: string, groupOrder: number, include: string[], testTimeout: number, extra: object = {}) => ({
  ...source,
  test: {
    name,
    include,
    testTimeout,
    hookTimeout: testTimeout,
    pool: 'forks' as const,
    maxWorkers: availableParallelism(),
    sequence: { groupOrder },
    ...extra,
  },
});

export default defineConfig({
  ...source,
  test: {
    projects: [
      project('arch', 0, ['test/arch/**/*.test.ts', 'test/vectors/**/*.test.ts'], 10_000),
      project('unit', 0, ['packages/*/src/**/*.test.ts'], 5_000),
      project('compliance', 1, ['test/compliance/**/*.test.ts'], 20_000),
      project('sim', 2, ['test/sim/**/*.test.ts'], 180_000),
      project('e2e', 3, ['test/e2e/**/*.test.ts'], 180_000, {
        maxWorkers: 2,
        exclude: ['test/e2e/natlab-*.test.ts'],
      }),
      project('natlab', 4, ['test/e2e/natlab-*.test.ts'], 180_000, { maxWorkers: 2, maxConcurrency: 4 }),
    ],
  },
});
