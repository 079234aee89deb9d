import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flip } from '../../lambda/shared/pointer.ts';
import { RULES_PREFIX } from '../../lib/release/contract.ts';
import { runs } from '../support/fuzz.ts';
import { aClock } from '../support/job.ts';
import { PointerStoreFake } from '../support/pointer-store.ts';
import { compiled, inSandbox, shown, type View } from '../support/rules.ts';

const FILES = ['index.html', 'about/index.html'];
const ADDRESSES = ['/', '/about', '/old', '/old/a', '/none', '/go/there/x'];

/** Rule sets of different numbers of values, and none. */
const RULES = [
  '',
  '/old /about\n',
  '/old / 302\n/* /index.html 200\n',
  '/old/* https://e.example/:splat\n',
  `/go/:p/* https://e.example/:p/${'x'.repeat(700)}/:splat\n/old/* https://f.example/${'y'.repeat(700)}\n`,
  '/* /about 200\n',
];

const idOf = (index: number) => `20261123T0615${String(index).padStart(2, '0')}Z-aaaaaaa`;

interface Release {
  readonly id: string;
  readonly rules: string | undefined;
  readonly values: ReadonlyMap<string, string>;
}

async function aRelease(index: number, text: string): Promise<Release> {
  const { program } = await compiled(text, FILES);
  const [hash] = program?.rules.split(' ') ?? [];
  return {
    id: idOf(index),
    rules: program?.rules,
    values: new Map(
      Object.entries(program?.values ?? {}).map(([end, value]) => [
        `${RULES_PREFIX}${hash}/${end}`,
        value,
      ]),
    ),
  };
}

/** What the store held after each flip, the shipped one. */
async function historyOf(releases: readonly Release[], order: readonly number[]) {
  const store = new PointerStoreFake();
  const states: View[] = [{}];
  for (const index of order) {
    const { id, rules, values } = releases[index % releases.length] as Release;
    const target = { id, base: id, delta: '', ...(rules && { rules }), values };
    const time = {
      clock: aClock(),
      endAt: Number.MAX_SAFE_INTEGER,
      signal: new AbortController().signal,
    };
    await flip(async () => target, store, time);
    states.push(store.contents());
  }
  return states;
}

/** What an edge shows that has seen one moment of the store, all of it. */
const answersOf = async (view: View, address: string) => {
  const answer = await inSandbox(address, view);
  return `${answer.uri?.split('/')[2] ?? ''} ${shown(answer)}`;
};

describe('an edge that learns of every key at another time', () => {
  test('answers as the release that it knows of, or as the one before, or asks for patience', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...RULES), { minLength: 2, maxLength: 4 }),
        fc.array(fc.nat(3), { minLength: 2, maxLength: 6 }),
        fc.infiniteStream(fc.nat(99)),
        fc.constantFrom(...ADDRESSES),
        async (texts, order, moments, address) => {
          const releases = await Promise.all(texts.map((text, index) => aRelease(index, text)));
          const states = await historyOf(releases, order);
          const keys = [...new Set(states.flatMap((state) => Object.keys(state)))].sort();
          const view: Record<string, string | undefined> = {};
          let at = 0;
          for (const key of keys) {
            const moment = (moments.next().value as number) % states.length;
            // What is read first is `live`: it says which release this edge knows of.
            if (key === 'live') at = moment;
            view[key] = states[moment]?.[key];
          }
          if (view.live === undefined) return;
          const got = await answersOf(view, address);
          const whole = states[at] as View;
          const { before } = JSON.parse(whole.live as string);
          // The moment before, whenever that release was live.
          const earlier = states.filter(
            ({ live }) => before && live && JSON.parse(live).id === before,
          );
          const allowed = await Promise.all(
            [whole, ...earlier].map((state) => answersOf(state, address)),
          );
          expect([...allowed, ' 503']).toContain(got);
        },
      ),
      runs(100),
    );
  });

  test('answers as the release before while a value is missing, and as the new one when it has come', async () => {
    const releases = await Promise.all(
      ['/old /about\n', '/old https://e.example/ 302\n'].map((text, i) => aRelease(i, text)),
    );
    const states = await historyOf(releases, [0, 1]);
    const all = states.at(-1) as View;
    const missing = [...(releases[1] as Release).values.keys()][0] as string;
    expect(await answersOf({ ...all, [missing]: undefined }, '/old')).toBe(' 301 /about');
    expect(await answersOf(all, '/old')).toBe(' 302 https://e.example/');
    // Nor is any page of the new release shown meanwhile.
    expect(await answersOf({ ...all, [missing]: undefined }, '/about')).toBe(
      `${idOf(0)} /about/index.html`,
    );
  });

  test.each<[string, View]>([
    ['the one before is not here either', { previous: undefined }],
    [
      'another one is here as the one before',
      { previous: JSON.stringify({ id: idOf(9), base: idOf(9), delta: '' }) },
    ],
  ])('asks for patience if %s', async (_, over) => {
    const releases = await Promise.all(
      ['/old /about\n', '/old / 302\n'].map((text, i) => aRelease(i, text)),
    );
    const all = (await historyOf(releases, [0, 1])).at(-1) as View;
    const gone = Object.fromEntries(
      [...(releases[1] as Release).values.keys()].map((key) => [key, undefined]),
    );
    const answer = await inSandbox('/old', { ...all, ...gone, ...over });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers?.['cache-control']).toEqual({ value: 'no-store' });
  });
});

/** Rules of which few have room in one value, and the files that a pattern would hide. */
const LONG_RULES = fc
  .record({
    rules: fc.integer({ min: 1, max: 40 }),
    length: fc.integer({ min: 1, max: 600 }),
    patterns: fc.integer({ min: 0, max: 3 }),
    files: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ rules, length, patterns, files }) => {
    const target = `https://forms.example.com/f?${'x'.repeat(length)}`;
    const exact = Array.from({ length: rules }, (_, n) => `/go-${n} ${target}\n`);
    const others = Array.from({ length: patterns }, (_, n) => `/p${n}/* ${target}\n`);
    const paths = Array.from({ length: files }, (_, n) => `p${n % 3}/f${n}.html`);
    return { text: [...exact, ...others].join(''), paths: [...FILES, ...paths] };
  });

describe('an edge that has all of a release', () => {
  test('answers every address as that release, however its rules fill the values', async () => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(LONG_RULES, async ({ text, paths }) => {
        const { program } = await compiled(text, paths);
        // What does not fit is refused.
        if (program === undefined) return;
        tried += 1;
        const release: Release = {
          id: idOf(1),
          rules: program.rules,
          values: new Map(
            Object.entries(program.values).map(([end, value]) => [
              `${RULES_PREFIX}${program.rules.split(' ')[0]}/${end}`,
              value,
            ]),
          ),
        };
        for (const value of release.values.values()) expect(value).not.toBe('');
        const view = (await historyOf([await aRelease(0, ''), release], [0, 1])).at(-1) as View;
        for (const address of [...ADDRESSES, '/p1/x', '/p0/f0.html']) {
          const answer = await inSandbox(address, view);
          expect([address, shown(answer)]).not.toEqual([address, '503']);
          if (answer.uri) expect(answer.uri.split('/')[2]).toBe(release.id);
        }
        expect(shown(await inSandbox('/go-0', view))).toMatch(/^301 https:\/\/forms\.example\.com/);
      }),
      runs(40),
    );
    expect(tried).toBeGreaterThan(0);
  });

  test('does not take what fails for something that has not come', async () => {
    const releases = await Promise.all(
      ['/a /about\n', '/go/* /about 302\n'].map((text, index) => aRelease(index, text)),
    );
    const all = (await historyOf(releases, [0, 1])).at(-1) as View;
    const [key = ''] = [...(releases[1] as Release).values.keys()].filter((one) =>
      one.endsWith('p0'),
    );
    // Damaged so that reading it throws.
    const view = { ...all, [key]: '0 /%E0%A4 /about 302! x' };
    const answer = await inSandbox('/about', { ...view, [key]: undefined });
    expect(answer.uri).toContain(idOf(0));
    expect((await inSandbox('/about', view)).uri ?? '').not.toContain(idOf(0));
  });
});

describe('what a request reads', () => {
  const read = async (text: string, address: string) => {
    const release = await aRelease(0, text);
    const view = (await historyOf([release], [0])).at(-1) as View;
    const reads: string[] = [];
    await inSandbox(address, view, { reads });
    return reads.map((key) => key.replace(/^rules\/[^/]+\//, ''));
  };

  test.each<[string, string, string, string[]]>([
    ['a release without rules: nothing more', '', '/old', ['live']],
    ['exact rules: one value', '/old /about\n', '/about', ['live', 'x0']],
    ['patterns: theirs', '/go/* /about\n', '/about', ['live', 'p0']],
    [
      'a single-page app: one for the rule, one for the files',
      '/* /index.html 200\n',
      '/none',
      ['live', 'p0', 'f0'],
    ],
    ['both kinds', '/old /about\n/* /index.html 200\n', '/none', ['live', 'x0', 'p0', 'f0']],
    [
      'an exact rule before all patterns',
      '/old /about\n/* /index.html 200\n',
      '/old',
      ['live', 'x0', 'p0'],
    ],
    ['the probe: nothing more', '/* /index.html 200\n', '/.well-known/release', ['live']],
  ])('%s', async (_, text, address, expected) => {
    expect(await read(text, address)).toEqual(expected);
  });
});
