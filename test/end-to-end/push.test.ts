import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalStack } from '../../local/stack.ts';
import { synthesize } from '../../local/synth.ts';
import { aDirectory, aLocalStack, Clone, removeDirectories } from '../support/local-stack.ts';
import { hasSampleSite } from '../support/sample-site.ts';

let stack: LocalStack;
let clone: Clone;
let firstRelease: Map<string, Buffer>;

const get = (path: string) => fetch(`${stack.siteUrl}${path}`);
const bodyOf = async (path: string) => Buffer.from(await (await get(path)).arrayBuffer());

/** What the commit's build writes, made here and not by the pipeline. */
async function built(): Promise<Map<string, Buffer>> {
  await clone.shell('cd site && npm ci --no-audit --no-fund && npm run build');
  return clone.files('site/dist');
}

describe.runIf(hasSampleSite)('the sample site, pushed twice', () => {
  beforeAll(async () => {
    // The very output of `cdk synth`, by the command that `npm start` uses.
    const assembly = await aDirectory('assembly');
    await synthesize(assembly);
    // An edge sees a new pointer a little later than the write, and never the same little.
    ({ stack } = await aLocalStack(assembly, {
      propagation: { delay: () => Math.random() * 300 },
    }));
    clone = await Clone.of(stack);
    await clone.addSampleSite();
  });

  afterAll(async () => {
    await stack?.stop();
    await removeDirectories();
  });

  test('before the first release visitors are told to wait and the owner what to do', async () => {
    const answer = await get('/');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await answer.text()).toContain(`push to the branch ${stack.branch}`);
    expect(await stack.liveRelease()).toBeUndefined();
  });

  test('a push publishes its commit, byte for byte, and says so to the person who pushes', async () => {
    const commit = await clone.commit('First release');
    const said = await clone.push();

    const release = await stack.liveRelease();
    expect(release).toMatch(new RegExp(`^\\d{8}T\\d{6}Z-${commit.slice(0, 7)}$`));
    expect(said).toContain(`Publishing ${commit.slice(0, 7)} of ${stack.branch} (push)\n`);
    for (const action of [
      'Source · Source',
      'Build · Build',
      'Deploy · Upload',
      'Deploy · Promote',
      'Invalidate · Invalidate',
    ]) {
      expect(said).toMatch(new RegExp(`^${action} +succeeded +\\d+\\.\\d s$`, 'm'));
    }
    expect(said).toMatch(new RegExp(`^published ${release} in \\d+\\.\\d s$`, 'm'));

    firstRelease = await built();
    expect(firstRelease.size).toBeGreaterThan(10);
    for (const [path, bytes] of firstRelease) {
      expect((await bodyOf(`/${path}`)).equals(bytes), path).toBe(true);
    }
  });

  test('the second push goes live at once: no page that is loaded meanwhile mixes two releases', async () => {
    await clone.edit('site/src/main.ts', (code) => `${code}\nconsole.debug('second release');\n`);
    await clone.edit('site/src/pages/index.html', (page) => page.replace(/<\/h1>/, ' again</h1>'));
    await clone.edit('site/src/pages/404.html', (page) => page.replace(/<\/h1>/, ' again</h1>'));
    await clone.commit('Second release');

    const seen = new Map<string, number>();
    const mixed: string[] = [];
    let pushing = true;
    const visitor = async () => {
      // One more round after the push, so that the loop ends on the new release.
      for (let rest = 2; rest > 0; rest -= pushing ? 0 : 1) {
        const page = await (await get('/')).text();
        const build = /<meta name="build" content="(\w+)"/.exec(page)?.[1] ?? 'none';
        const script = /src="(\/assets\/main-\w+\.js)"/.exec(page)?.[1] ?? 'none';
        const answer = await get(script);
        const code = await answer.text();
        if (answer.status !== 200 || !code.includes(`dataset.build="${build}"`)) {
          mixed.push(`page of ${build} with ${script}: ${answer.status}`);
        }
        seen.set(build, (seen.get(build) ?? 0) + 1);
      }
    };
    const visitors = Promise.all([visitor(), visitor(), visitor(), visitor()]);
    const said = await clone.push().finally(() => {
      pushing = false;
    });
    await visitors;

    expect(said).toMatch(/^published /m);
    expect(mixed).toEqual([]);
    // Both releases were visited, or the loop has not seen the flip.
    expect(seen.size).toBe(2);
    for (const [build, pages] of seen) expect(pages, build).toBeGreaterThan(3);
  });

  test('then every file is the second one, the missing page too, and open tabs keep their assets', async () => {
    const secondRelease = await built();
    for (const [path, bytes] of secondRelease) {
      expect((await bodyOf(`/${path}`)).equals(bytes), path).toBe(true);
    }
    const missing = await get('/no/such/page');
    expect(missing.status).toBe(404);
    expect(
      Buffer.from(await missing.arrayBuffer()).equals(secondRelease.get('404.html') as Buffer),
    ).toBe(true);

    const changed = [...firstRelease].filter(([path]) => !secondRelease.has(path));
    expect(changed.length).toBeGreaterThan(0);
    for (const [path, bytes] of changed) {
      expect(path).toMatch(/^assets\//);
      expect((await bodyOf(`/${path}`)).equals(bytes), path).toBe(true);
    }
  });

  test('a page has one object whichever way its address is written', async () => {
    const page = await bodyOf('/about/index.html');
    expect((await bodyOf('/about')).equals(page)).toBe(true);
    expect((await bodyOf('/about/')).equals(page)).toBe(true);
    expect((await get('/')).headers.get('cache-control')).toBe(
      'public, max-age=0, must-revalidate',
    );
  });
});
