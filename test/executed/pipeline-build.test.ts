import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BuildFailure, type BuildInput, runBuild } from '../../local/pipeline/codebuild.ts';
import { archiveCommit } from '../../local/pipeline/source.ts';
import { storedVariable } from '../../local/pipeline/stored-variables.ts';
import { unzip } from '../../local/pipeline/zip.ts';
import { commit, type Workbench, workbench } from '../support/pipeline.ts';

let bench: Workbench;
let lines: string[];

beforeEach(async () => {
  bench = await workbench();
  lines = [];
  // Builds leave nothing in the temporary folder, which is only seen in one that nobody else uses.
  vi.stubEnv('TMPDIR', temporary());
  mkdirSync(temporary());
});
afterEach(() => {
  vi.unstubAllEnvs();
  bench.remove();
});

const temporary = (): string => join(bench.folder, 'tmp');

/** Builds a commit with these files. */
async function build(
  buildspec: string,
  files: Record<string, string> = { 'a.txt': 'a' },
  given: Partial<Omit<BuildInput, 'project'>> & { project?: Partial<BuildInput['project']> } = {},
) {
  const id = commit(bench.checkout, files);
  const source = join(bench.folder, 'in.zip');
  await archiveCommit(bench.checkout, id, source);
  const artifact = join(bench.folder, 'out.zip');
  const { project, ...rest } = given;
  const result = await runBuild({
    project: {
      logicalId: 'BuildProject',
      name: 'site-build',
      buildspec,
      environment: {},
      stored: [],
      caches: false,
      timeoutMs: 60_000,
      ...project,
    },
    environment: {},
    source,
    sourceVersion: id,
    artifact,
    pipelineName: 'site-pipeline',
    accountId: '123456789012',
    region: 'eu-central-1',
    buildNumber: 7,
    npmCache: join(bench.folder, 'npm-cache'),
    cache: join(bench.folder, 'cache'),
    storedValues: join(bench.folder, 'build.env'),
    signal: new AbortController().signal,
    output: (line) => lines.push(line),
    ...rest,
  });
  const built = join(bench.folder, 'built');
  if (existsSync(artifact)) await unzip(artifact, built);
  return { ...result, built };
}

const failureOf = async (building: Promise<unknown>): Promise<BuildFailure> => {
  const error: unknown = await building.then(
    () => 'the build succeeded',
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(BuildFailure);
  return error as BuildFailure;
};

/** A buildspec with one list of commands per phase. */
const spec = (phases: Record<string, string[]>, rest = ''): string =>
  `version: 0.2\nphases:\n${Object.entries(phases)
    .map(([name, commands]) => `  ${name}:\n    commands: ${JSON.stringify(commands)}\n`)
    .join('')}${rest}`;
const ALL = "artifacts: { files: ['**/*'] }\n";

const printed = (): string[] => lines.filter((line) => !line.startsWith('[Container]'));

test('what a command changes into, exports, sets or defines is there for the next, in all phases', async () => {
  await build(
    spec(
      {
        install: ['mkdir sub && cd sub', 'export A=1', 'B=2', 'greet() { echo "hello $1"; }'],
        build: ['basename "$PWD"', 'echo "$A$B"', 'greet you', "node -p 'process.env.A'"],
      },
      ALL,
    ),
  );
  expect(printed()).toEqual(['sub', '12', 'hello you', '1']);
});

test('a command that leaves the shell with success does not end the build, nor what was exported', async () => {
  await build(spec({ build: ['export A=1; cd /tmp', 'exit 0', 'echo "$A $PWD"'] }, ALL));
  expect(printed()).toEqual(['1 /tmp']);
});

test('a build reads no commands meant for the shell from its standard input', async () => {
  await build(spec({ build: ['cat', '{ cat <&3; } 2>/dev/null || true', 'echo still here'] }, ALL));
  expect(printed()).toEqual(['still here']);
});

test('output without a final line break and from both streams comes in order and whole', async () => {
  await build(
    spec({ build: ['printf one', 'echo two >&2; echo three', 'printf "10%%\\r20%%\\n"'] }, ALL),
  );
  expect(printed()).toEqual(['one', 'two', 'three', '20%']);
});

describe('a failing command', () => {
  test('fails the build in the words of CodeBuild, with the end of its output', async () => {
    const failure = await failureOf(
      build(spec({ build: ['echo before', 'seq 1 40; exit 3', 'echo never'] }, ALL)),
    );
    expect(failure.message).toBe(
      'COMMAND_EXECUTION_ERROR: Error while executing command: seq 1 40; exit 3. Reason: exit status 3',
    );
    expect(failure.lastLines).toEqual(Array.from({ length: 30 }, (_, i) => String(i + 11)));
    expect(printed()).not.toContain('never');
    expect(lines).toContain('[Container] Phase complete: BUILD State: FAILED');
  });

  test('that does not exist has status 127', async () => {
    const failure = await failureOf(build(spec({ build: ['no-such-command'] }, ALL)));
    expect(failure.message).toMatch('no-such-command. Reason: exit status 127');
  });

  test('with a syntax error fails too', async () => {
    const failure = await failureOf(build(spec({ build: ['if then'] }, ALL)));
    expect(failure.message).toMatch(/^COMMAND_EXECUTION_ERROR: .*if then\. Reason: exit status/);
  });

  test.each([
    ['install', ['install']],
    ['pre_build', ['install', 'pre_build']],
    ['build', ['install', 'pre_build', 'build', 'post_build 0']],
    ['post_build', ['install', 'pre_build', 'build', 'post_build 1']],
  ])('in %s leads to these phases: %j', async (failing, phases) => {
    const commands = (name: string, text = name): string[] => [
      `echo "${text}"`,
      ...(name === failing ? ['false'] : []),
    ];
    await failureOf(
      build(
        spec(
          {
            install: commands('install'),
            pre_build: commands('pre_build'),
            build: commands('build'),
            post_build: commands('post_build', 'post_build $CODEBUILD_BUILD_SUCCEEDING'),
          },
          ALL,
        ),
      ),
    );
    expect(printed()).toEqual(phases);
  });

  test.each([
    ['CONTINUE', 'pre_build', ['build', 'post']],
    ['ABORT', 'build', []],
  ])('with on-failure: %s in %s', async (onFailure, phase, output) => {
    const phases = ['pre_build', 'build', 'post_build'].map((name) => {
      const command = name === phase ? 'false' : `echo ${name.replace('_build', '')}`;
      const rule = name === phase ? `    on-failure: ${onFailure}\n` : '';
      return `  ${name}:\n${rule}    commands: ['${command}']\n`;
    });
    await failureOf(build(`version: 0.2\nphases:\n${phases.join('')}${ALL}`));
    expect(printed().filter((line) => line !== 'pre')).toEqual(output);
  });

  test('is followed by the finally block', async () => {
    const text = `version: 0.2\nphases:\n  install:\n    commands: ['false', 'echo never']\n    finally: ['echo always']\n${ALL}`;
    const failure = await failureOf(build(text));
    expect(failure.message).toMatch('executing command: false.');
    expect(printed()).toEqual(['always']);
  });
});

test('the environment is CodeBuild’s and the project’s, and holds nothing of this process', async () => {
  for (const [name, value] of Object.entries({
    MARKER_SECRET: 'do not leak',
    AWS_ACCESS_KEY_ID: 'AKIA-MARKER',
    npm_config_omit: 'dev',
    npm_config_noproxy: 'localhost',
  })) {
    vi.stubEnv(name, value);
  }
  await build(
    `version: 0.2\nenv:\n  variables: { A: spec, B: spec, C: spec, CODEBUILD_X: spec }\nphases:\n  build:\n    commands: [env]\n${ALL}`,
    undefined,
    { environment: { C: 'action' }, project: { environment: { B: 'project', C: 'project' } } },
  );
  const env = Object.fromEntries(
    printed().map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]),
  );
  expect(env).toMatchObject({
    A: 'spec',
    B: 'project',
    C: 'action',
    AWS_REGION: 'eu-central-1',
    CODEBUILD_BUILD_NUMBER: '7',
    CODEBUILD_INITIATOR: 'codepipeline/site-pipeline',
    CODEBUILD_BUILD_SUCCEEDING: '1',
    npm_config_noproxy: 'localhost',
    npm_config_cache: join(bench.folder, 'npm-cache'),
  });
  expect(env.CODEBUILD_BUILD_ID).toMatch(/^site-build:[0-9a-f-]{36}$/);
  expect(env.CODEBUILD_RESOLVED_SOURCE_VERSION).toMatch(/^[0-9a-f]{40}$/);
  expect(env.HOME).not.toBe(process.env.HOME);
  expect(env.PATH?.split(':')[0]).toBe(join(process.execPath, '..'));
  expect(env.PATH).not.toMatch('node_modules/.bin');
  for (const name of Object.keys(env)) {
    expect(name).toMatch(
      /^(A|B|C|AWS_(DEFAULT_)?REGION|CODEBUILD_(?!X).*|GIT_CEILING_DIRECTORIES|HOME|LANG|PATH|PWD|OLDPWD|SHLVL|TMPDIR|_|(https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|npm_config_(?!omit$).*)$/i,
    );
  }
});

describe('a variable whose value AWS keeps', () => {
  const stored = [
    storedVariable('TOKEN', 'SECRETS_MANAGER', 'site/token'),
    storedVariable('ANALYTICS_ID', 'PARAMETER_STORE', '/site/id'),
  ];
  const show = spec({ build: ['echo "$TOKEN and $ANALYTICS_ID" >out.txt', 'cat out.txt'] }, ALL);

  test('has the value of this process or of the file, is no other, and is not shown', async () => {
    vi.stubEnv('TOKEN', 'from the process');
    vi.stubEnv('ANOTHER', 'not asked for');
    writeFileSync(join(bench.folder, 'build.env'), 'TOKEN=x\nANALYTICS_ID="from the file"\n');
    const { built } = await build(
      spec({ build: ['echo "$TOKEN and $ANALYTICS_ID$ANOTHER" >out.txt', 'cat out.txt'] }, ALL),
      undefined,
      { project: { stored } },
    );
    expect(readFileSync(join(built, 'out.txt'), 'utf8')).toBe(
      'from the process and from the file\n',
    );
    expect(printed()).toEqual(['*** and ***']);
  });

  test('is not shown in the end of the output of a command that failed', async () => {
    vi.stubEnv('TOKEN', 'secret');
    vi.stubEnv('ANALYTICS_ID', 'id');
    const failure = await failureOf(
      build(spec({ build: ['echo "<$TOKEN>"; false'] }, ALL), undefined, { project: { stored } }),
    );
    expect(failure.lastLines).toEqual(['<***>']);
  });

  test('without a value fails the build, which says all that is missing and where to write it', async () => {
    const failure = await failureOf(build(show, undefined, { project: { stored } }));
    expect(failure.message).toBe(
      `CLIENT_ERROR: no value on this machine for TOKEN, ANALYTICS_ID; write NAME=value in ${join(bench.folder, 'build.env')}, or start with it in the environment
  - TOKEN stands for the secret site/token of Secrets Manager
  - ANALYTICS_ID stands for the parameter /site/id of Parameter Store`,
    );
    expect(printed()).toEqual([]);
  });
});

describe('the cache of a project', () => {
  const paths = "cache: { paths: ['/root/.cache/tool/**/*', 'node_modules/**/*'] }\n";
  const count = spec(
    {
      build: [
        'mkdir -p "$HOME/.cache/tool" "$HOME/.cache/other"',
        'echo x >>"$HOME/.cache/tool/runs"; echo x >>"$HOME/.cache/other/runs"',
        'wc -l <"$HOME/.cache/tool/runs" | tr -d " "; wc -l <"$HOME/.cache/other/runs" | tr -d " "',
      ],
    },
    `${paths}${ALL}`,
  );

  test('keeps the folders that the buildspec names, and no other', async () => {
    for (const caches of [true, true]) await build(count, undefined, { project: { caches } });
    expect(printed()).toEqual(['1', '1', '2', '1']);
    expect(lines).toContain(
      '[Container] cache: node_modules/**/* is not kept here; the local run keeps folders below /root, as /root/x/**/*',
    );
  });

  test('keeps nothing where the project has none', async () => {
    for (const caches of [false, false]) await build(count, undefined, { project: { caches } });
    expect(printed()).toEqual(['1', '1', '1', '1']);
  });

  test.each(['/root/../etc/**/*', '/root/**/*', '/rooted/x/**/*', '/root/x'])(
    'never leads out of a folder of its own: %s',
    async (path) => {
      await build(spec({ build: ['true'] }, `cache: { paths: ['${path}'] }\n${ALL}`), undefined, {
        project: { caches: true },
      });
      expect(lines.join('\n')).toContain(`cache: ${path} is not kept here`);
    },
  );
});

test('a build does not find the modules or the repository of the folders above it', async () => {
  await build(
    spec(
      {
        build: [
          'git rev-parse --git-dir 2>/dev/null || echo no repository',
          'node -e "require(\'esbuild\')" 2>/dev/null || echo no modules',
        ],
      },
      ALL,
    ),
  );
  expect(printed()).toEqual(['no repository', 'no modules']);
});

test('the artifact holds the files of the base directory, dot files and modes included, sorted', async () => {
  const { built } = await build(
    spec(
      {
        build: [
          'mkdir -p out/x && cp run.sh out/ && echo 1 >out/.hidden && echo 2 >out/x/b.js && echo 3 >out/x/b.js.map',
        ],
      },
      "artifacts: { files: ['./**/*', nothing], base-directory: out, exclude-paths: ['**/*.map'] }\n",
    ),
    { 'run.sh': '#!/bin/sh\n' },
  );
  expect(readdirSync(built, { recursive: true }).map(String).toSorted()).toEqual([
    '.hidden',
    'run.sh',
    'x',
    'x/b.js',
  ]);
  expect(statSync(join(built, 'run.sh')).mode & 0o111).not.toBe(0);
  expect(statSync(join(built, '.hidden')).mode & 0o111).toBe(0);
  expect(lines).toContain('[Container] Skipping invalid file path nothing');
});

test('the same files give the same artifact, byte for byte', async () => {
  const files = { 'b.txt': 'b', 'a.txt': 'a' };
  await build(spec({ build: ['true'] }, ALL), files);
  const first = readFileSync(join(bench.folder, 'out.zip'));
  await build(spec({ build: ['touch -t 200101010000 a.txt'] }, ALL), files);
  expect(readFileSync(join(bench.folder, 'out.zip')).equals(first)).toBe(true);
});

test.each([
  [
    "files: ['*.html']",
    'CLIENT_ERROR: no matching artifact paths found (files: *.html; base-directory: .)',
  ],
  [
    "files: ['**/*'], base-directory: dist",
    'CLIENT_ERROR: no matching base directory path found for dist',
  ],
  [
    "files: ['**/*'], discard-paths: yes",
    'CLIENT_ERROR: two artifact files would both be a.txt: a.txt and sub/a.txt',
  ],
])('artifacts with { %s } fail the build', async (artifacts, message) => {
  const failure = await failureOf(
    build(spec({ build: ['true'] }, `artifacts: { ${artifacts} }\n`), {
      'a.txt': 'a',
      'sub/a.txt': 'b',
    }),
  );
  expect(failure.message).toBe(message);
});

test('a buildspec in the repository is found by its path', async () => {
  const { built } = await build('ci/build.yml', {
    'ci/build.yml': spec({ build: ['echo from file'] }, 'artifacts: { files: [a.txt] }\n'),
    'a.txt': 'a',
  });
  expect(printed()).toEqual(['from file']);
  expect(readdirSync(built)).toEqual(['a.txt']);
});

test.each([
  [
    'missing.yml',
    'YAML_FILE_ERROR: missing.yml: got no such file in the sources; add it or name another one',
  ],
  [
    '../x.yml',
    'YAML_FILE_ERROR: ../x.yml: got no such file in the sources; add it or name another one',
  ],
  [
    'version: 0.2\nphase: {}\n',
    'YAML_FILE_ERROR: BuildProject (AWS::CodeBuild::Project): Source.BuildSpec (inline):\n' +
      '  - 1:1 phases: is missing; CodeBuild requires it\n' +
      '  - 2:1 phase: unknown key; CodeBuild knows version, run-as, env, proxy, batch, phases, reports, artifacts, cache here',
  ],
])('a buildspec that cannot be used fails the build: %j', async (buildspec, message) => {
  expect((await failureOf(build(buildspec))).message).toBe(message);
});

test('exported variables come out as they are, whatever is in them', async () => {
  const text = `version: 0.2
env: { exported-variables: [A, B, UNSET] }
phases:
  build:
    commands:
      - export A="$(printf 'two\\nlines')"
      - B='$(echo "no") = \`no\`'
${ALL}`;
  const { variables } = await build(text);
  expect(variables).toEqual({ A: 'two\nlines', B: '$(echo "no") = `no`' });
});

test('another Node version than the buildspec asks for is said, not hidden', async () => {
  await build(
    `version: 0.2\nphases:\n  install: { runtime-versions: { nodejs: 99 } }\n  build: { commands: ['true'] }\n${ALL}`,
  );
  expect(lines[0]).toBe(
    `[Container] runtime-versions: AWS builds with Node 99, this machine with ${process.version}`,
  );
});

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // A zombie still answers; it has ended all the same.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const pids = (): number[] => printed().map(Number);

describe('nothing is left', () => {
  test('of a build that takes too long', async () => {
    const failure = await failureOf(
      build(
        spec({ build: ['sleep 600 & echo $!; (trap "" TERM; sh -c \'echo $$; sleep 600\')'] }, ALL),
        undefined,
        { project: { timeoutMs: 3_000 } },
      ),
    );
    expect(failure.message).toBe(
      `BUILD_TIMED_OUT: Build has timed out. BuildProject allows 0.05 min (TimeoutInMinutes)`,
    );
    expect(pids()).toHaveLength(2);
    expect(pids().filter(isRunning)).toEqual([]);
  });

  test('of a build that is stopped', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const building = build(spec({ build: ['echo $$; sleep 600'] }, ALL), undefined, {
      signal: stop.signal,
      output: (line) => {
        lines.push(line);
        if (/^\d+$/.test(line)) stop.abort(reason);
      },
    });
    await expect(building).rejects.toBe(reason);
    expect(pids()).toHaveLength(1);
    expect(pids().filter(isRunning)).toEqual([]);
    expect(readdirSync(temporary())).toEqual([]);
  });

  test('of what a good build leaves in the background', async () => {
    // Many, since the kernel takes its time to end them.
    const many = 'for i in $(seq 100); do sleep 600 >/dev/null 2>&1 & echo $!; done';
    await build(spec({ build: [many] }, ALL));
    expect(pids()).toHaveLength(100);
    expect(pids().filter(isRunning)).toEqual([]);
  });
});

test('symbolic links and executable files of the repository reach the build', async () => {
  symlinkSync('a.txt', join(bench.checkout, 'link.txt'));
  await build(spec({ build: ['./bin/run.sh', 'readlink link.txt', 'cat link.txt'] }, ALL), {
    'a.txt': 'through the link\n',
    'bin/run.sh': '#!/bin/sh\necho ran\n',
  });
  expect(printed()).toEqual(['ran', 'a.txt', 'through the link']);
});
