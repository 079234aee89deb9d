import * as v from 'valibot';
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';

export const PHASES = ['install', 'pre_build', 'build', 'post_build'] as const;
export type PhaseName = (typeof PHASES)[number];

export interface Phase {
  readonly commands: readonly string[];
  /** Run after the commands, also when one of them failed. */
  readonly finally: readonly string[];
  /** Absent: CodeBuild's own transition (see `codebuild.ts`). */
  readonly onFailure?: 'ABORT' | 'CONTINUE';
}

export interface Buildspec {
  readonly shell: 'bash' | 'sh';
  readonly variables: Readonly<Record<string, string>>;
  readonly exportedVariables: readonly string[];
  /** For example `{"nodejs": "24"}`; the local build compares and says so, it installs nothing. */
  readonly runtimeVersions: Readonly<Record<string, string>>;
  readonly phases: Readonly<Partial<Record<PhaseName, Phase>>>;
  readonly artifacts?: {
    readonly files: readonly string[];
    readonly excludePaths: readonly string[];
    readonly baseDirectory: string;
    readonly discardPaths: boolean;
  };
  /** Means something only for a project that has a cache. */
  readonly cachePaths: readonly string[];
}

/**
 * Reads a buildspec of version 0.2.
 *
 * @param text YAML, or JSON, which is YAML too.
 * @param place what the message calls it: the file, or the property that holds it inline.
 * @throws Error with every mistake, each with its line and column.
 */
export function parseBuildspec(text: string, place: string): Buildspec {
  const lines = new LineCounter();
  // Failsafe leaves every scalar the text that was written: `0.2`, `yes`, `1.10` and `true` all
  // mean something else to YAML's other schemas, and CodeBuild takes them as text too.
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines });
  const problems = document.errors.map((error) => ({
    offset: error.pos[0],
    message: `not valid YAML: ${error.message.split(/ at line |\n/)[0]}`,
  }));
  if (problems.length === 0) {
    const result = v.safeParse(BUILDSPEC, document.toJS());
    if (result.success) return toBuildspec(result.output);
    for (const issue of result.issues) {
      const path = (issue.path ?? []).map((item) => item.key as string | number);
      problems.push({
        offset: offsetOf(document.contents, path),
        message: `${pathText(path)}${issue.message}`,
      });
    }
  }
  const told = problems
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, message }) => {
      const { line, col } = lines.linePos(offset);
      return `  - ${line}:${col} ${message}`;
    });
  throw new Error(`${place}:\n${told.join('\n')}`);
}

const got = (input: unknown): string => {
  if (input === undefined || input === null || input === '') return 'got nothing';
  if (Array.isArray(input)) return 'got a list';
  return typeof input === 'object' ? 'got a mapping' : `got ${JSON.stringify(input)}`;
};

type Issue = { readonly input: unknown };
const expected = (remedy: string) => (issue: Issue) => `${got(issue.input)}; ${remedy}`;

const text = (remedy: string) =>
  v.pipe(v.string(expected(remedy)), v.minLength(1, expected(remedy)));
const list = <T extends v.GenericSchema>(item: T, remedy: string) =>
  v.array(item, expected(remedy));
const oneOf = <const T extends readonly string[]>(values: T) =>
  v.picklist(values, expected(`use ${values.join(' or ')}`));

/** A key that CodeBuild knows and this stand-in does not: refused, so that nothing is skipped. */
const unsupported = (what: string) =>
  v.optional(v.custom<never>(() => false, `is not supported locally (${what})`));

/** A mapping with these keys only. */
function mapping<T extends v.ObjectEntries>(entries: T) {
  const keys = Object.keys(entries);
  return v.strictObject(entries, (issue) => {
    if (issue.expected === 'never') return `unknown key; CodeBuild knows ${keys.join(', ')} here`;
    if (issue.input === undefined) return 'is missing; CodeBuild requires it';
    return `${got(issue.input)}; write a mapping with ${keys.join(', ')}`;
  });
}

const COMMAND = text('write a command as text, in quotes if it holds ": " or starts with a sign');
const COMMANDS = v.pipe(
  list(COMMAND, 'write a list of commands'),
  v.minLength(1, 'got an empty list; write at least one command'),
);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const variableName = (remedy: string) => v.pipe(text(remedy), v.regex(NAME, expected(remedy)));
const INSIDE = 'use a path inside the sources, without ".."';
const RELATIVE = v.pipe(
  text(INSIDE),
  v.check((path) => !path.startsWith('/') && !path.split('/').includes('..'), expected(INSIDE)),
);
const YES_NO = oneOf(['yes', 'no', 'true', 'false']);

const PHASE = {
  commands: v.optional(COMMANDS),
  finally: v.optional(COMMANDS),
  'on-failure': v.optional(oneOf(['ABORT', 'CONTINUE'])),
  'run-as': unsupported('the build runs as the user who started it'),
};

/** Keys as in CodeBuild's buildspec reference, in its order. */
const BUILDSPEC = mapping({
  version: v.literal('0.2', expected('use 0.2')),
  'run-as': unsupported('the build runs as the user who started it'),
  env: v.optional(
    mapping({
      shell: v.optional(oneOf(['bash', 'sh'])),
      variables: v.optional(
        v.record(
          variableName('use letters, digits and _ in the name of a variable'),
          v.string(expected('write the value as text')),
          expected('write a mapping of names to values'),
        ),
      ),
      'exported-variables': v.optional(
        list(variableName('write the name of a variable'), 'write a list of variable names'),
      ),
      'parameter-store': unsupported('there is no parameter store on this machine'),
      'secrets-manager': unsupported('there is no secrets manager on this machine'),
      'git-credential-helper': unsupported('the build gets its sources as an archive'),
    }),
  ),
  proxy: unsupported('the proxy settings of this machine are used'),
  batch: unsupported('one build at a time'),
  phases: mapping({
    install: v.optional(
      mapping({
        ...PHASE,
        'runtime-versions': v.optional(
          v.record(
            v.string(),
            text('write a version'),
            expected('write a mapping of runtimes to versions'),
          ),
        ),
      }),
    ),
    pre_build: v.optional(mapping(PHASE)),
    build: v.optional(mapping(PHASE)),
    post_build: v.optional(mapping(PHASE)),
  }),
  reports: unsupported('test reports stay in the build log'),
  artifacts: v.optional(
    mapping({
      files: v.pipe(
        list(RELATIVE, "write a list of files, for example '**/*'"),
        v.minLength(1, "got an empty list; write at least one pattern, for example '**/*'"),
      ),
      // CodePipeline names the artifact itself, so CodeBuild ignores this one there.
      name: v.optional(v.string()),
      'base-directory': v.optional(RELATIVE),
      'exclude-paths': v.optional(list(RELATIVE, 'write a list of patterns')),
      'discard-paths': v.optional(YES_NO),
      'enable-symlinks': unsupported('links are followed'),
      's3-prefix': unsupported('CodePipeline places the artifact'),
      'secondary-artifacts': unsupported('one artifact'),
    }),
  ),
  cache: v.optional(
    // Of a project without a cache, read and then left alone, as in CodeBuild.
    mapping({
      paths: v.optional(list(text('write a path'), 'write a list of paths')),
      key: v.optional(v.string()),
      'fallback-keys': v.optional(list(v.string(), 'write a list of keys')),
      action: v.optional(v.string()),
    }),
  ),
});

function toBuildspec(spec: v.InferOutput<typeof BUILDSPEC>): Buildspec {
  const phases: Partial<Record<PhaseName, Phase>> = {};
  for (const name of PHASES) {
    const phase = spec.phases[name];
    if (!phase) continue;
    phases[name] = {
      commands: phase.commands ?? [],
      finally: phase.finally ?? [],
      ...(phase['on-failure'] && { onFailure: phase['on-failure'] }),
    };
  }
  const { artifacts } = spec;
  return {
    shell: spec.env?.shell ?? 'sh',
    variables: spec.env?.variables ?? {},
    exportedVariables: spec.env?.['exported-variables'] ?? [],
    runtimeVersions: spec.phases.install?.['runtime-versions'] ?? {},
    phases,
    ...(artifacts && {
      artifacts: {
        files: artifacts.files,
        excludePaths: artifacts['exclude-paths'] ?? [],
        baseDirectory: artifacts['base-directory'] ?? '.',
        discardPaths: ['yes', 'true'].includes(artifacts['discard-paths'] ?? 'no'),
      },
    }),
    cachePaths: spec.cache?.paths ?? [],
  };
}

/** Where in the text a path stands: at its key, or at the innermost thing around it that exists. */
function offsetOf(root: unknown, path: readonly (string | number)[]): number {
  let node: unknown = root;
  let offset = rangeStart(root);
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key) as
        | Pair
        | undefined;
      if (!pair) break;
      offset = rangeStart(pair.key);
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = rangeStart(node) || offset;
    } else break;
  }
  return offset;
}

const rangeStart = (node: unknown): number =>
  (node as { range?: readonly number[] } | null)?.range?.[0] ?? 0;

const pathText = (path: readonly (string | number)[]): string =>
  path.length === 0
    ? ''
    : `${path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i ? `.${key}` : key)).join('')}: `;
