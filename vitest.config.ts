import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A push through the local stack installs and builds a real site; two shared cores need room.
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // Loading aws-cdk-lib costs seconds a file: more workers than cores only makes each of them slower.
    maxWorkers: 2,
    // The second is for .ci/run, which counts the tests from it.
    reporters: process.env.CI
      ? ['default', ['json', { outputFile: 'test-results.json' }]]
      : ['default'],
  },
});
