import { afterAll, describe, expect, test, vi } from 'vitest';
import type { SiteConfig } from '../../lib/config.ts';
import { excuses } from '../../local/assembly/no-local-meaning.ts';
import {
  aLocalStack,
  anAssembly,
  Clone,
  changed,
  removeDirectories,
} from '../support/local-stack.ts';

const CONFIGS: Readonly<Record<string, SiteConfig>> = {
  'a folder from CodeCommit': { name: 'a-site', build: { kind: 'folder', directory: 'public' } },
  'commands and a pool from a connection': {
    name: 'b-site',
    source: {
      kind: 'connection',
      connectionArn:
        'arn:aws:codeconnections:us-east-1:123456789012:connection/0f1e2d3c-0000-4000-8000-000000000000',
      repository: 'owner/name',
      branch: 'live',
    },
    build: {
      kind: 'commands',
      directory: 'web',
      commands: ['mkdir -p dist/assets', 'cp index.html dist', 'date > dist/assets/$RANDOM.txt'],
    },
    immutable: ['assets/*'],
    contentOnDestroy: 'delete',
    accessLogs: {},
  },
  notifications: {
    name: 'n-site',
    build: { kind: 'folder', directory: 'public' },
    notifications: { email: ['jo@example.com'] },
  },
  'names of its own': {
    name: 'c-site',
    build: { kind: 'folder', directory: 'public' },
    domain: {
      name: 'www.example.com',
      aliases: ['example.com'],
      hostedZoneId: 'Z0123456789ABCDEFGHIJ',
    },
  },
  'a window that is always open': {
    name: 'd-site',
    build: { kind: 'folder', directory: 'public' },
    deploymentWindow: { cron: '* * * ? * *' },
  },
  'variables that AWS keeps, a cache and packages': {
    name: 'e-site',
    build: {
      kind: 'commands',
      directory: 'web',
      install: 'auto',
      commands: ['mkdir dist && printf "$WORD $PLACE" >dist/index.html'],
      environment: { WORD: 'from', PLACE: { secret: 'site/place' } },
      cache: true,
    },
  },
};

afterAll(removeDirectories);

describe('the local run runs whatever the config says', () => {
  const used = new Set<string>();

  test.each(Object.entries(CONFIGS))('%s', async (_, config) => {
    const { stack } = await aLocalStack(await anAssembly(config));
    try {
      // What Secrets Manager would say.
      vi.stubEnv('PLACE', 'commands');
      for (const { excuse } of stack.assembly.unread()) used.add(String(excuse));
      const clone = await Clone.of(stack);
      await clone.write('public/index.html', 'from a folder');
      await clone.write('web/index.html', 'from commands');
      await clone.commit('A site');
      expect(await clone.push(stack.branch)).toMatch(/^published /m);
      expect(await (await fetch(stack.siteUrl)).text()).toMatch(/^from (a folder|commands)$/);
    } finally {
      vi.unstubAllEnvs();
      await stack.stop();
    }
  });

  test('and every excuse for what it does not honour is needed by one of them', () => {
    expect(excuses().filter((excuse) => !used.has(excuse))).toEqual([]);
  });
});

test('what it does not know stops it by name, all of it together', async () => {
  const assembly = await changed(await anAssembly({ name: 'a-site' }), (resources) => {
    const [distribution] = Object.entries(resources).find(
      ([, { Type }]) => Type === 'AWS::CloudFront::Distribution',
    ) ?? [''];
    resources[distribution].Properties.DistributionConfig.WebACLId = 'arn:acl';
    resources.Queue = { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } };
  });
  const start = aLocalStack(assembly);
  await expect(start).rejects.toThrow(
    /\(AWS::CloudFront::Distribution\): DistributionConfig\.WebACLId\n/,
  );
  await expect(start).rejects.toThrow('  - Queue (AWS::SQS::Queue): the whole resource\n');
});

test('a value that it knows no meaning of is named with what it knows', async () => {
  const assembly = await changed(await anAssembly({ name: 'a-site' }), (resources) => {
    for (const resource of Object.values(resources)) {
      if (resource.Type === 'AWS::CodePipeline::Pipeline')
        resource.Properties.ExecutionMode = 'PARALLEL';
    }
  });
  await expect(aLocalStack(assembly)).rejects.toThrow(
    /AWS::CodePipeline::Pipeline\): ExecutionMode: got "?PARALLEL"?; /,
  );
});
