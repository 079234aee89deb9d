import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Assembly } from '../local/assembly/assembly.ts';
import { nodeFor } from '../local/lambda/functions.ts';
import type { BenchContext } from './context.ts';
import { compareInvalidate } from './invalidate.ts';
import { type Command, inTurn, untilFirstOutput } from './processes.ts';
import { findPython, loadedBytes, type Python, pythonCommand } from './python.ts';
import { ratioOf, spreadOf } from './statistics.ts';
import {
  against,
  cellsOf,
  kilobytes,
  milliseconds,
  type Ratio,
  type Section,
  times,
} from './table.ts';

/** A function that the pipeline invokes. */
export interface Handler {
  /** Its action's name in the pipeline. */
  readonly name: string;
  readonly functionName: string;
  /** The folder with its bundle. */
  readonly folder: string;
  /** Where `handler` is: the file without its ending, and the export's name. */
  readonly file: string;
  readonly export: string;
  readonly node: string;
  /** What its action hands it. */
  readonly userParameters: string | undefined;
}

const RUNS = 15;
const INVALIDATE = 'Invalidate';
/** Of Invalidate's bundle. */
const MOST_BYTES = 360 * 1024;
/** The share of Python's time that Invalidate may take to start, and to its first request. */
const MOST_OF_PYTHON = 0.25;

/** A ratio to the same job in Python, held against the most that it may be. */
export const ofPython = (ratio: number): string =>
  `${times(ratio)} of Python, ${against(ratio, MOST_OF_PYTHON, times)}`;

/** Size and start-up of the pipeline's functions, and Invalidate next to the same job in Python. */
export async function measureBundles(
  context: BenchContext,
  wantedPython: string | undefined,
): Promise<Section[]> {
  const handlers = handlersOf(context.assembly);
  const python = await findPython(wantedPython);
  return [
    await sizes(handlers, python),
    await startUp(handlers, python, context),
    await compareInvalidate(theInvalidate(handlers), python, context, context.runs ?? RUNS),
  ];
}

/**
 * Found by way of the pipeline, the way CodePipeline does.
 *
 * @throws Error where it invokes none, or one that cannot be run here
 */
export function handlersOf(assembly: Assembly): Handler[] {
  const functions = new Map(
    assembly.ofType('AWS::Lambda::Function').map(({ ref, properties }) => [ref, properties]),
  );
  const { Stages } = assembly.theOnly('AWS::CodePipeline::Pipeline').properties;
  const handlers: Handler[] = [];
  for (const action of Stages.flatMap((stage: { Actions: unknown[] }) => stage.Actions)) {
    if (action.ActionTypeId.Provider !== 'Lambda') continue;
    const { FunctionName, UserParameters } = action.Configuration;
    const properties = functions.get(FunctionName);
    const node = properties && nodeFor(properties.Runtime);
    if (!node) {
      throw new Error(`${action.Name}: got ${FunctionName}; the bench knows functions in Node.js`);
    }
    const [file, name] = properties.Handler.split('.');
    handlers.push({
      name: action.Name,
      functionName: FunctionName,
      folder: assembly.assetFolder(properties.Code.S3Key),
      file: `${file}.js`,
      export: name,
      node,
      userParameters: UserParameters,
    });
  }
  if (handlers.length === 0) throw new Error('the pipeline invokes no function');
  return handlers;
}

function theInvalidate(handlers: readonly Handler[]): Handler {
  const found = handlers.find(({ name }) => name === INVALIDATE);
  if (found) return found;
  const names = handlers.map(({ name }) => name).join(', ');
  throw new Error(`the pipeline's functions: got ${names}; the bench compares Invalidate`);
}

async function sizes(handlers: readonly Handler[], python: Python | undefined): Promise<Section> {
  const rows = handlers.map(async ({ name, folder }) => {
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const contents = await Promise.all(
      files
        .filter((file) => file.isFile())
        .map((file) => readFile(join(file.parentPath, file.name))),
    );
    const raw = contents.reduce((sum, { length }) => sum + length, 0);
    const zipped = contents.reduce((sum, content) => sum + gzipSync(content).length, 0);
    const verdict = name === INVALIDATE ? against(raw, MOST_BYTES, kilobytes) : '';
    return { name, raw, cells: [name, kilobytes(raw), kilobytes(zipped), verdict] };
  });
  const sized = await Promise.all(rows);
  const recipe = new URL('invalidate.py', import.meta.url);
  const [theirs, zipped] = [(await stat(recipe)).size, gzipSync(await readFile(recipe)).length];
  const theirsLoaded = python && theirs + (await loadedBytes(python));
  const ratio = (of: string, to: string, ours: number, than: number): Ratio => ({
    of,
    to,
    ours,
    theirs: than,
    format: kilobytes,
  });
  const ours = sized.find(({ name }) => name === INVALIDATE)?.raw ?? Number.NaN;
  return {
    heading: ['Handler bundles, KB of 1,024 bytes', 'raw', 'gzip'],
    rows: [
      ...sized.map(({ cells }) => cells),
      ['Invalidate in Python, its own file', kilobytes(theirs), kilobytes(zipped)],
      ...(theirsLoaded === undefined
        ? []
        : [['Invalidate in Python, all that it loads', kilobytes(theirsLoaded)]]),
    ],
    notes: [
      "Python's runtime on Lambda brings a boto3 of AWS's choice; ours bring the SDK that they were tested with",
    ],
    ratios: [
      ratio('Size of Invalidate, deployed', 'Python, boto3 from the runtime', ours, theirs),
      ...(theirsLoaded === undefined
        ? []
        : [
            ratio('Size of Invalidate, all that it loads', 'Python with boto3', ours, theirsLoaded),
          ]),
    ],
  };
}

/** What Lambda gives every function, as far as it matters for loading one. */
export const LAMBDA_ENVIRONMENT = {
  LANG: 'en_US.UTF-8',
  TZ: ':UTC',
  PATH: '/usr/local/bin:/usr/bin:/bin',
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'LOCAL-bench',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_SESSION_TOKEN: 'local',
  // Not this machine's settings, whoever is logged in.
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
} as const;

async function startUp(
  handlers: readonly Handler[],
  python: Python | undefined,
  { runs = RUNS, scratch, signal, progress }: BenchContext,
): Promise<Section> {
  progress(`Loading each handler ${runs} times`);
  const [{ node } = { node: process.execPath }] = handlers;
  const floor = "node -e ''";
  // One byte when all is loaded. `process.stdout` would be loaded for it and count.
  const say = "require('node:fs').writeSync(1, '.')";
  const commands: Record<string, Command> = {
    [floor]: { file: node, args: ['-e', say], env: LAMBDA_ENVIRONMENT },
  };
  for (const handler of handlers) {
    commands[handler.name] = {
      file: handler.node,
      args: ['-e', `require(process.argv[1]); ${say}`, join(handler.folder, handler.file)],
      env: LAMBDA_ENVIRONMENT,
    };
  }
  const inPython = 'Invalidate in Python';
  const pythonFloor = 'python -c pass';
  if (python) {
    const sayPython = "import os; os.write(1, b'.')";
    commands[pythonFloor] = pythonCommand(python, sayPython, scratch, LAMBDA_ENVIRONMENT);
    commands[inPython] = pythonCommand(
      python,
      `import invalidate; ${sayPython}`,
      scratch,
      LAMBDA_ENVIRONMENT,
    );
  }
  const measured = await inTurn(
    runs,
    Object.fromEntries(
      Object.entries(commands).map(([name, command]) => [
        name,
        () => untilFirstOutput(command, signal),
      ]),
    ),
  );
  // What the code adds to its bare runtime: the part that is ours. Run by run, so that a busy moment counts for both.
  const added = (name: string, over: string): number[] =>
    (measured[name] ?? []).map((value, run) => value - (measured[over]?.[run] ?? 0));
  const ours = added(INVALIDATE, floor);
  const theirs = added(inPython, pythonFloor);
  const remark = (name: string, values: readonly number[]): string => {
    const reference = measured[inPython];
    if (name === INVALIDATE && reference) {
      return `${times(ratioOf(values, reference))} of Python, both with their runtime`;
    }
    const least = measured[floor];
    const isHandler = handlers.some((handler) => handler.name === name);
    return isHandler && least ? `${times(ratioOf(values, least))} of ${floor}` : '';
  };
  return {
    heading: [`Start-up: process start → loaded, ${runs} runs`, 'median', 'middle half'],
    rows: [
      ...Object.entries(measured).map(([name, values]) => [
        name,
        ...cellsOf(spreadOf(values), milliseconds),
        remark(name, values),
      ]),
      ...(theirs.length === 0
        ? []
        : [
            [
              `${INVALIDATE}, over bare Node.js`,
              ...cellsOf(spreadOf(ours), milliseconds),
              ofPython(ratioOf(ours, theirs)),
            ],
            [`${inPython}, over bare Python`, ...cellsOf(spreadOf(theirs), milliseconds), ''],
          ]),
    ],
    ratios: Object.entries(measured).flatMap(([name, values]) => {
      const reference = measured[inPython];
      if (!reference || !handlers.some((handler) => handler.name === name)) return [];
      return [
        {
          of: `Start-up of ${name}`,
          to: 'Invalidate in Python',
          ours: spreadOf(values).median,
          theirs: spreadOf(reference).median,
          format: milliseconds,
        },
      ];
    }),
    notes: [
      `Node.js ${await nodeVersion(node)}, ${
        python
          ? `Python ${python.version} with boto3 ${python.boto3}`
          : 'no Python with boto3 found'
      }`,
    ],
  };
}

/** The version that runs, which is another than Lambda's where its package is not installed. */
async function nodeVersion(node: string): Promise<string> {
  const { stdout } = await promisify(execFile)(node, ['--version']);
  return stdout.trim().replace(/^v/, '');
}
