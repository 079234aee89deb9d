import { describe, expect, test } from 'vitest';
import { needsConsent, type Request, readArguments } from '../../bin/releases/arguments.ts';
import { configFor, stateFolder } from '../../bin/releases/environments.ts';
import { UsageError } from '../../bin/releases/errors.ts';
import type { SiteConfig } from '../../lib/config.ts';

const ID = '20261123T071922Z-9b51740';

/** The command line as a person types it. */
function read(line: string | string[]) {
  const result = readArguments(typeof line === 'string' ? line.split(' ').filter(Boolean) : line);
  if ('help' in result) throw new Error('help');
  return result;
}

function mistakeIn(line: string | string[]): string {
  try {
    read(line);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('no mistake was found');
}

test.each<[string, Request]>([
  ['list', { command: 'list', all: false }],
  ['list --all', { command: 'list', all: true }],
  ['show live', { command: 'show', id: 'live' }],
  ['diff previous live', { command: 'diff', from: 'previous', to: 'live' }],
  [`promote ${ID}`, { command: 'promote', id: ID, evenFrozen: false }],
  ['promote 9b51740 --even-frozen', { command: 'promote', id: '9b51740', evenFrozen: true }],
  ['rollback', { command: 'rollback', id: undefined, freeze: undefined }],
  [`rollback ${ID} --freeze broken`, { command: 'rollback', id: ID, freeze: 'broken' }],
  ['freeze the shop is closed', { command: 'freeze', reason: 'the shop is closed' }],
  ['freeze -- -v is broken', { command: 'freeze', reason: '-v is broken' }],
  ['freeze --json why -- --json', { command: 'freeze', reason: 'why --json' }],
  ['unfreeze', { command: 'unfreeze', promote: false }],
  ['unfreeze --promote', { command: 'unfreeze', promote: true }],
  ['pin live', { command: 'pin', id: 'live' }],
  ['unpin live', { command: 'unpin', id: 'live' }],
  ['approve', { command: 'approve', comment: '' }],
  ['approve looks good', { command: 'approve', comment: 'looks good' }],
  ['reject wrong prices', { command: 'reject', reason: 'wrong prices' }],
  ['prune', { command: 'prune', dryRun: false }],
  ['prune --dry-run', { command: 'prune', dryRun: true }],
])('%s', (line, request) => {
  expect(read(line).request).toEqual(request);
});

test('what all commands take may stand before the command and behind it', () => {
  const place = {
    local: true,
    state: 'x',
    stack: 's',
    environment: undefined,
    region: undefined,
    profile: undefined,
  };
  const expected = { place, json: true, yes: true };
  const options = '--local --state x --stack s --json --yes';
  expect(read(`${options} rollback`)).toMatchObject(expected);
  expect(read(`rollback ${options}`)).toMatchObject(expected);
  expect(read('list')).toMatchObject({ place: { local: false }, json: false, yes: false });
});

test('what changes the live site or deletes is asked for, and nothing else', () => {
  const asked = (line: string) => needsConsent(read(line).request);
  for (const line of ['promote x', 'rollback', 'approve', 'unfreeze --promote', 'prune']) {
    expect(asked(line), line).toBe(true);
  }
  for (const line of [
    'list',
    'show x',
    'diff x y',
    'freeze x',
    'unfreeze',
    'pin x',
    'unpin x',
    'reject x',
  ]) {
    expect(asked(line), line).toBe(false);
  }
  expect(asked('prune --dry-run')).toBe(false);
});

describe('a mistake', () => {
  test('in several places is told at once: place, what was typed, what to write instead', () => {
    expect(mistakeIn('diff a_b --region eu --stack 1x --state y')).toBe(
      [
        'npm run releases -- diff:',
        '  - A: got "a_b"; write the id of a release, a part of it, live or previous',
        '  - B: got nothing; write the id of a release, a part of it, live or previous',
        '  - --stack: got "1x"; write the name of a stack: letters, digits and hyphens',
        '  - --region: got "eu"; write a Region, such as eu-central-1',
        '  - --state: got "y"; it belongs to --local: add that',
        'See npm run releases -- diff --help',
      ].join('\n'),
    );
  });

  test.each([
    ['--regio', 'did you mean --region?'],
    ['--dryrun', 'did you mean --dry-run?'],
    ['--force=yes', 'see --help'],
  ])('in the name of an option: %s', (option, hint) => {
    expect(mistakeIn(`prune ${option}`)).toBe(
      [
        'npm run releases -- prune:',
        `  - ${option.replace('=yes', '')}: no such option; ${hint}`,
        'See npm run releases -- prune --help',
      ].join('\n'),
    );
  });

  test.each<[string[], string]>([
    [
      ['list', '--local', '--region', 'eu-west-1'],
      '--region: got "eu-west-1"; leave it out: --local asks nobody on AWS',
    ],
    [
      ['list', '--local', '--profile', 'p'],
      '--profile: got "p"; leave it out: --local asks nobody on AWS',
    ],
    [['list', '--profile', ''], '--profile: got ""; write the name of a profile'],
    [['list', '--local', '--state', ''], '--state: got ""; write a folder, such as .local'],
    [['list', 'all'], 'too many words: got "all"; leave it out, it takes no word there'],
    [['show', 'a', 'b'], 'too many words: got "b"; leave it out, it takes ID'],
    [
      ['list', '--stack', 'a', '--environment', 'b'],
      '--environment: got "b"; leave it out: --stack names the stack already',
    ],
    [['reject'], 'REASON: got nothing; write why, for whoever pushes meanwhile'],
    [
      ['approve', 'x'.repeat(513)],
      `COMMENT: got "${'x'.repeat(20)}…"; write up to 512 characters, not 513`,
    ],
    [['freeze'], 'REASON: got nothing; write why, for whoever pushes meanwhile'],
    [['freeze', ' '], 'REASON: got " "; write why, for whoever pushes meanwhile'],
    [
      ['rollback', '--freeze', ''],
      '--freeze: got nothing; write why, for whoever pushes meanwhile',
    ],
  ])('%j', (words, problem) => {
    const [command] = words;
    expect(mistakeIn(words)).toBe(
      `npm run releases -- ${command}:\n  - ${problem}\nSee npm run releases -- ${command} --help`,
    );
  });

  test('in the name of a command comes with the nearest one', () => {
    expect(mistakeIn('rolback')).toBe(
      "unknown command 'rolback'\n(Did you mean rollback?)\nSee npm run releases -- --help",
    );
  });

  describe('in the place of the --: npm took the options', () => {
    const npm = {
      npm_lifecycle_event: 'releases',
      npm_config_local_prefix: '/',
      npm_config_all: '',
    };
    const readIn = (line: string, environment: Record<string, string>) =>
      readArguments(line.split(' '), { ...npm, ...environment });

    test('and the line that was meant is told', () => {
      const taken = { npm_config_dry_run: 'true', npm_config_stack: 'true' };
      expect(() => readIn('prune shop', taken)).toThrow(
        new UsageError(
          'npm run releases: --stack, --dry-run: npm took that for itself; write -- before the options: npm run releases -- prune … --stack <name> --dry-run\nNothing was done.',
        ),
      );
    });

    // Of each command's own and of those that all take, as the help has them.
    test.each([
      ...['local', 'state', 'stack', 'region', 'profile', 'all', 'even_frozen', 'freeze'],
      ...['promote', 'dry_run'],
    ])('%s', (name) => {
      expect(() => readIn('rollback', { [`npm_config_${name}`]: 'true' })).toThrow(UsageError);
    });

    test.each([
      [
        'what often is set for npm itself',
        'list',
        { npm_config_yes: 'true', npm_config_json: 'true' },
      ],
      ['what stands behind the --, too', 'list --all', { npm_config_all: 'true' }],
      ['what is switched off', 'prune', { npm_config_dry_run: 'false' }],
      [
        'another script of npm',
        'prune',
        { npm_config_dry_run: 'true', npm_lifecycle_event: 'test' },
      ],
    ])('but not %s', (_, line, environment: Record<string, string>) => {
      expect(readIn(line, environment)).toHaveProperty('request');
    });
  });

  test('no command at all is answered with the help', () => {
    expect(mistakeIn('')).toContain('Usage: npm run releases -- COMMAND [options]');
  });
});

test('the help names every command, every exit status and where the stack is looked for', () => {
  const result = readArguments(['--help']);
  const help = 'help' in result ? result.help : '';
  for (const command of [
    'list',
    'show ID',
    'diff A B',
    'promote ID',
    'rollback [ID]',
    'freeze REASON',
    'unfreeze',
    'pin ID',
    'unpin ID',
    'approve [COMMENT]',
    'reject REASON',
    'prune',
  ]) {
    expect(help).toContain(`\n  ${command} `);
  }
  expect(help).toMatch(/Exit status:\n {2}0 .*\n {2}1 .*\n {2}2 /);
  expect(help).toContain('--local');
  expect(help).toContain('error writes no document');
  const more = readArguments(['rollback', '--help']);
  expect('help' in more && more.help).toContain('--freeze <reason>');
});

describe('the config that a command goes by', () => {
  const config: SiteConfig = {
    name: 'shop',
    health: { path: '/up/' },
    environments: { staging: { health: { path: '/' } } },
  };
  const pathFor = (place: { environment?: string; stack?: string }) =>
    configFor({ environment: undefined, stack: undefined, ...place }, config).health.path;

  test("is production's, or that of the environment or stack that is named", () => {
    expect(pathFor({})).toBe('/up/');
    expect(pathFor({ environment: 'production' })).toBe('/up/');
    expect(pathFor({ environment: 'staging' })).toBe('/');
    expect(pathFor({ stack: 'shop-staging' })).toBe('/');
    expect(pathFor({ stack: 'another' })).toBe('/up/');
  });

  test('an environment that there is not is refused with those that there are', () => {
    expect(() => pathFor({ environment: 'stagin' })).toThrow(
      '--environment: got "stagin"; site.config.ts has production, staging',
    );
  });

  test('each environment runs on a folder of its own', () => {
    expect(stateFolder('/site', { environment: undefined })).toBe('/site/.local');
    expect(stateFolder('/site', { environment: 'qa' })).toBe('/site/.local/environments/qa');
  });
});
