import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../proof/simulated/cloud.ts';
import { compare } from '../../proof/simulated/compare.ts';
import type { ModelKind } from '../../proof/simulated/model.ts';
import { atomicSite, withFingerprint } from '../../proof/simulated/models/atomic-site.ts';
import { assetsFirst, copyThenInvalidate } from '../../proof/simulated/models/copy.ts';
import { prefixAndCookie, prefixAndDelete } from '../../proof/simulated/models/prefix.ts';
import { type Scenario, SETTINGS, simulate } from '../../proof/simulated/simulate.ts';

const scenario = (over: Partial<Scenario> = {}): Scenario => ({
  shape: { pages: 10, changedPages: 2, hashed: true },
  seed: 1,
  loads: 1_500,
  settings: SETTINGS,
  ...over,
});
const FIXED = { pages: 10, changedPages: 2, hashed: false };

describe('whatever the seed, the number of edges and how late and in which order they learn of it', () => {
  const settings = fc
    .record({
      edges: fc.integer({ min: 1, max: 30 }),
      // In seconds: the usual and the worst delay of a key, and of an invalidation.
      usual: fc.integer({ min: 0, max: 60 }),
      worst: fc.integer({ min: 0, max: 3_000 }),
    })
    .map(({ edges, usual, worst }) => ({
      edges,
      propagation: (random: () => number) =>
        1_000 * (random() < 0.1 ? worst * random() : usual * random()),
      invalidation: SETTINGS.invalidation,
    }));
  const scenarios = fc.record({ seed: fc.integer({ min: 1, max: 1e6 }), settings });

  test.each([
    ['hashed names', atomicSite, true],
    ['fixed names, pinned by their content', withFingerprint, false],
  ])('no page of ours is mixed and none lacks a file: %s', async (_, kind, hashed) => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (drawn) => {
        const shape = { ...FIXED, hashed };
        const { tally } = await simulate(kind, scenario({ ...drawn, shape, loads: 400 }));
        expect(tally.loads).toBeGreaterThan(100);
        expect([tally.mixed, tally.failed]).toEqual([0, 0]);
      }),
      { numRuns: 6 },
    );
  });
});

describe('what is wrong is noticed', () => {
  test.each([copyThenInvalidate, assetsFirst, prefixAndDelete, prefixAndCookie, atomicSite])(
    'fixed names mix: $name',
    async (kind) => {
      const { tally } = await simulate(kind, scenario({ shape: FIXED }));
      expect(tally.mixed).toBeGreaterThan(0);
    },
  );

  test('within a page load, and not only in tabs that stay open', async () => {
    const late = { ...SETTINGS, propagation: () => 0, invalidation: () => 1_000 };
    const { tally } = await simulate(
      copyThenInvalidate,
      scenario({ shape: FIXED, settings: late, loads: 20_000 }),
    );
    expect(tally.mixed - tally.mixedLater).toBeGreaterThan(0);
  });

  test.each([prefixAndDelete, prefixAndCookie])('files that are gone: $name', async (kind) => {
    const { tally } = await simulate(kind, scenario());
    expect(tally.failed).toBeGreaterThan(0);
  });

  /** Ours, with something broken. */
  const broken = (create: ModelKind['create']): ModelKind => ({ ...atomicSite, create });

  test('ours, if the pointer were written before the files', async () => {
    const late = broken((cloud, site) => {
      const { put } = cloud;
      cloud.put = (key, item) =>
        cloud.timeline.after(cloud.version > 1 ? 60_000 : 0, () => put.call(cloud, key, item));
      return atomicSite.create(cloud, site);
    });
    const { tally } = await simulate(late, scenario({ loads: 3_000 }));
    expect(tally.failed).toBeGreaterThan(0);
  });

  test.each<[string, (cloud: Cloud, before: readonly string[]) => void]>([
    [
      'the pool of earlier releases were deleted after a flip',
      (cloud, before) => {
        for (const key of before) if (key.startsWith('assets/')) cloud.delete(key);
      },
    ],
    [
      'edges were purged of nothing and files overwritten',
      (cloud, before) => {
        const [first = '', ...others] = before.filter((key) => key.endsWith('index.html'));
        const item = cloud.bucket.get(first);
        for (const key of others) if (item) cloud.bucket.set(key, { ...item, releases: 0 });
      },
    ],
  ])('ours, if %s', async (_, after) => {
    const careless = broken((cloud, site) => {
      const model = atomicSite.create(cloud, site);
      const publish = model.publish.bind(model);
      model.publish = async function* (release) {
        const before = [...cloud.bucket.keys()];
        const green = yield* publish(release);
        after(cloud, before);
        return green;
      };
      return model;
    });
    const { tally } = await simulate(careless, scenario({ loads: 3_000 }));
    expect(tally.failed + tally.mixed).toBeGreaterThan(0);
  });
});

test('the tables of docs/proof.md are what the simulation gives', async () => {
  const page = readFileSync(new URL('../../docs/proof.md', import.meta.url), 'utf8');
  const [, seed, loads = ''] = /^Seed (\d+), ([\d,]+) page loads/m.exec(page) ?? [];
  const options = { seed: Number(seed), loads: Number(loads.replaceAll(',', '')) };
  expect(page).toContain(await compare('small', true, options));
  expect(page).toContain(await compare('small', false, options));
});
