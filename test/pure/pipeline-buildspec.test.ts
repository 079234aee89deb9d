import { describe, expect, test } from 'vitest';
import { parseBuildspec } from '../../local/pipeline/buildspec.ts';

const MINIMAL = 'version: 0.2\nphases:\n  build:\n    commands: [make]\n';

test('a full buildspec is understood', () => {
  const text = `
version: 0.2
env:
  shell: bash
  variables: { RELEASE: 1.10, DEBUG: yes, EMPTY: "" }
  exported-variables: [RELEASE]
phases:
  install:
    on-failure: ABORT
    runtime-versions: { nodejs: 24 }
    commands: [npm ci]
  build:
    on-failure: CONTINUE
    commands:
      - npm run build
      - 'echo "a: b"'
    finally: [ls]
artifacts:
  files: ['**/*']
  base-directory: site/dist
  exclude-paths: ['**/*.map']
  discard-paths: no
  name: ignored
cache:
  paths: ['node_modules/**/*']
`;
  expect(parseBuildspec(text, 'buildspec.yml')).toEqual({
    shell: 'bash',
    variables: { RELEASE: '1.10', DEBUG: 'yes', EMPTY: '' },
    exportedVariables: ['RELEASE'],
    runtimeVersions: { nodejs: '24' },
    phases: {
      install: { commands: ['npm ci'], finally: [], onFailure: 'ABORT' },
      build: {
        commands: ['npm run build', 'echo "a: b"'],
        finally: ['ls'],
        onFailure: 'CONTINUE',
      },
    },
    artifacts: {
      files: ['**/*'],
      excludePaths: ['**/*.map'],
      baseDirectory: 'site/dist',
      discardPaths: false,
    },
    cachePaths: ['node_modules/**/*'],
  });
});

test('the JSON that CDK puts into a template is a buildspec too', () => {
  const text = JSON.stringify(
    { version: '0.2', phases: { build: { commands: ['make'] } } },
    null,
    2,
  );
  expect(parseBuildspec(text, 'x')).toEqual(parseBuildspec(MINIMAL, 'x'));
});

describe('a mistake is told with its place, what was found and what to write', () => {
  test.each([
    ['another version', 'version: 0.1\nphases: {}', '1:1 version: got "0.1"; use 0.2'],
    ['no version', 'phases: {}', '1:1 version: is missing; CodeBuild requires it'],
    ['no phases', 'version: 0.2', '1:1 phases: is missing; CodeBuild requires it'],
    [
      'an empty file',
      '',
      '1:1 got nothing; write a mapping with version, run-as, env, proxy, batch, phases, reports, artifacts, cache',
    ],
    [
      'a misspelt phase',
      'version: 0.2\nphases:\n  biuld: {}',
      '3:3 phases.biuld: unknown key; CodeBuild knows install, pre_build, build, post_build here',
    ],
    [
      'a command with a colon, which YAML takes for a mapping',
      'version: 0.2\nphases:\n  build:\n    commands:\n      - echo ok\n      - echo note: done',
      '6:9 phases.build.commands[1]: got a mapping; write a command as text, in quotes if it holds ": " or starts with a sign',
    ],
    [
      'commands that are no list',
      'version: 0.2\nphases:\n  build:\n    commands: make',
      '4:5 phases.build.commands: got "make"; write a list of commands',
    ],
    [
      'no commands in the list',
      'version: 0.2\nphases:\n  build:\n    commands: []',
      '4:5 phases.build.commands: got an empty list; write at least one command',
    ],
    [
      'a wrong on-failure',
      `${MINIMAL}    on-failure: RETRY`,
      '5:5 phases.build.on-failure: got "RETRY"; use ABORT or CONTINUE',
    ],
    [
      'an unknown shell',
      `${MINIMAL}env:\n  shell: zsh`,
      '6:3 env.shell: got "zsh"; use bash or sh',
    ],
    [
      'a variable that no shell can hold',
      `${MINIMAL}env:\n  variables:\n    MY-VAR: x`,
      '7:5 env.variables.MY-VAR: got "MY-VAR"; use letters, digits and _ in the name of a variable',
    ],
    [
      'artifacts from outside the sources',
      `${MINIMAL}artifacts:\n  files: ['../**']`,
      '6:11 artifacts.files[0]: got "../**"; use a path inside the sources, without ".."',
    ],
    [
      'a feature of CodeBuild that only AWS has',
      `${MINIMAL}env:\n  parameter-store: { A: b }`,
      '6:3 env.parameter-store: is not supported locally (there is no parameter store on this machine)',
    ],
    [
      'broken YAML',
      'version: 0.2\nphases: [',
      '2:10 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ])('%s', (_, text, line) => {
    expect(messageOf(text)).toBe(`buildspec.yml:\n  - ${line}`);
  });
});

test('all mistakes are told together', () => {
  expect(messageOf('version: 1\nphases:\n  build:\n    comands: [x]\nbatch: {}\n')).toBe(
    [
      'buildspec.yml:',
      '  - 1:1 version: got "1"; use 0.2',
      '  - 4:5 phases.build.comands: unknown key; CodeBuild knows commands, finally, on-failure, run-as here',
      '  - 5:1 batch: is not supported locally (one build at a time)',
    ].join('\n'),
  );
});

function messageOf(text: string): string {
  try {
    parseBuildspec(text, 'buildspec.yml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}
