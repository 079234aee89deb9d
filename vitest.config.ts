import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A push through the local stack installs and builds a real site; two shared cores need room.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // One more than the cores that CI has: tests of the local run wait for processes more than they compute. More than
    // that would only make each of them slower, because loading aws-cdk-lib costs seconds a file.
    maxWorkers: 3,
    // The second is for .ci/run, which counts the tests from it.
    reporters: process.env.CI
      ? ['default', ['json', { outputFile: 'test-results.json' }]]
      : ['default'],
  },
});
