import { defineConfig } from 'vitest/config';

const source = { ssr: { resolve: { conditions: ['@batchain/source'] } } };
const project = (name: string, include: string[], testTimeout: number, extra: object = {}) => ({
  ...source,
  test: { name, include, testTimeout, hookTimeout: testTimeout, pool: 'forks' as const, ...extra },
});

export default defineConfig({
  ...source,
  test: {
    projects: [
      project('unit', ['packages/*/src/**/*.test.ts'], 5_000),
      project('arch', ['test/arch/**/*.test.ts', 'test/vectors/**/*.test.ts'], 10_000),
      project('compliance', ['test/compliance/**/*.test.ts'], 20_000),
      project('sim', ['test/sim/**/*.test.ts'], 180_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 180_000, { maxWorkers: 1, fileParallelism: false }),
    ],
  },
});
